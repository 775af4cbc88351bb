"""loghi-runner, the host side: check, start, follow and conclude a fine-tuning run."""
