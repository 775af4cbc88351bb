"""Reads a Loghi training script (finetune.sh, htr-train-pipeline.sh) as a config; the script is never run."""
