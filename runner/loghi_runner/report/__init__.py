"""What lines, read and transcribed, tell a scholar: how a model errs, as pages and as JSON."""
