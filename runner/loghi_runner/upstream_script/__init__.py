"""Turns a Loghi training script (finetune.sh, htr-train-pipeline.sh) into a config; the script is read, never run."""

from loghi_runner.upstream_script.carry import CarriedOver, Note, Severity, read_upstream_script
from loghi_runner.upstream_script.render import render_config

__all__ = ["CarriedOver", "Note", "Severity", "read_upstream_script", "render_config"]
