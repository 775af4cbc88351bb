"""`loghi-runner --help` on an ordinary terminal."""

import re
import subprocess
import sys

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from loghi_runner.cli.main import app


@pytest.mark.parametrize("group", [[], ["image"], ["manifest"], ["platform"]], ids=" ".join)
def test_every_command_is_told_in_one_whole_line_of_80_columns(group: list[str]) -> None:
    shown = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"}).output
    _, _, commands = shown.partition("Commands:")
    assert commands
    assert "..." not in commands


def help_of(words: list[str]) -> str:
    return CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"}).output


def test_no_default_is_told_twice() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for words in every_command(group):
        options = " ".join(help_of(words).split())
        assert re.search(r"\(default: ([^()]+)\)\. +\[default: \1\]", options) is None, words


@pytest.mark.parametrize("words", [["diff"], ["resume"], ["gpus"], ["reproduce"]], ids=" ".join)
def test_what_a_run_goes_on_by_is_told_in_one_line_an_option(words: list[str]) -> None:
    _, _, options = help_of(words).partition("Options:\n")
    assert [row for row in options.splitlines() if not row.startswith("  -")] == []


#: What takes a noticeable moment to load: a command imports it when it runs.
SLOW_TO_LOAD = (
    *("cv2", "docker", "fastapi", "jinja2", "keras", "lxml", "matplotlib", "numpy", "PIL", "psutil", "pynvml"),
    *("rapidfuzz", "requests", "scipy", "tensorflow", "uvicorn", "yaml"),
)


def every_command(group: TyperGroup, *before: str) -> list[list[str]]:
    """The words of the group and of all that is in it."""
    found = [list(before)]
    for name, command in group.commands.items():
        found += every_command(command, *before, name) if isinstance(command, TyperGroup) else [[*before, name]]
    return found


def test_help_and_version_load_nothing_that_is_slow_to_load() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    asked = [[*words, "--help"] for words in every_command(group)] + [["version"]]
    program = f"""
import sys
from loghi_runner.cli.main import run
for words in {asked}:
    assert run(words) == 0
    for module in {SLOW_TO_LOAD}:
        assert module not in sys.modules, f"{{' '.join(words)}} loads {{module}}"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
