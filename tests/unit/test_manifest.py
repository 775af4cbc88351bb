"""plugin_manifest.yaml says what is true of this version."""

import json
from pathlib import Path

import yaml
from typer.testing import CliRunner

from loghi_contract import CONTRACT, __version__
from loghi_runner.cli.main import app
from loghi_runner.config import RunConfig

REPOSITORY = Path(__file__).parents[2]
MANIFEST = yaml.safe_load((REPOSITORY / "plugin_manifest.yaml").read_text(encoding="utf-8"))


def test_manifest_names_this_version_and_contract() -> None:
    assert MANIFEST["version"] == __version__
    assert MANIFEST["contract"] == CONTRACT


def test_every_command_of_the_manifest_exists_with_its_options() -> None:
    for arguments in MANIFEST["command"].values():
        _, command, *rest = arguments
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert shown.exit_code == 0, arguments
        for option in (argument for argument in rest if argument.startswith("--")):
            assert option in shown.output


def test_files_that_the_manifest_names_are_there() -> None:
    for key in ("config_schema", "events", "exit_codes"):
        assert (REPOSITORY / MANIFEST[key]).is_file()


def test_config_schema_is_that_of_the_code() -> None:
    written = json.loads((REPOSITORY / MANIFEST["config_schema"]).read_text(encoding="utf-8"))

    assert written == RunConfig.model_json_schema()
