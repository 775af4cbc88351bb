"""Reads a Loghi training script (finetune.sh, htr-train-pipeline.sh) as a config; the script is never run."""

from loghi_runner.upstream_script.carry import PATHS, CarriedOver, ConfigValue, Note, Severity, read_upstream_script

__all__ = ["PATHS", "CarriedOver", "ConfigValue", "Note", "Severity", "read_upstream_script"]
