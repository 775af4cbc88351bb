"""`loghi-runner --help` on an ordinary terminal."""

import pytest
from typer.testing import CliRunner

from loghi_runner.cli.main import app


@pytest.mark.parametrize("group", [[], ["image"], ["manifest"], ["platform"]], ids=" ".join)
def test_every_command_is_told_in_one_whole_line_of_80_columns(group: list[str]) -> None:
    shown = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"}).output
    _, _, commands = shown.partition("Commands:")
    assert commands
    assert "..." not in commands
