"""One fine-tuning from its config to its verdict: checked, measured, run."""
