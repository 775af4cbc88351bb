"""plugin_manifest.yaml says what is true of this version, and a platform can rely on every part of it."""

import json
from pathlib import Path
from typing import Any  # JSON Schemas have no narrower type

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from loghi_contract import CONTRACT, __version__
from loghi_contract.events import KINDS
from loghi_runner.cli.main import app, run
from loghi_runner.config.file import ConfigError
from loghi_runner.config.schema import RunConfig
from loghi_runner.orders.actions import PARAMETERS, Action
from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.state import open_state
from loghi_runner.web.app import create_app
from loghi_runner.web.manifest import make_manifest, read_manifest

REPOSITORY = Path(__file__).parents[3]
FILE = REPOSITORY / "plugin_manifest.yaml"
MANIFEST: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
GOLDEN_EVENTS = Path(__file__).parents[1] / "golden_events.jsonl"


def schema_of(action: Action) -> dict[str, Any]:
    schema: dict[str, Any] = MANIFEST["actions"][action.value]["parameters"]
    return schema


def filled_in(schema: dict[str, Any]) -> dict[str, Any]:
    """What a form sends when nobody touches the fields that have a default."""
    values = {}
    for name, field in schema["properties"].items():
        if "default" in field:
            values[name] = field["default"]
        elif "properties" in field and name not in schema.get("required", []):
            values[name] = filled_in(field)
    return values


def test_the_file_is_the_manifest_of_this_version() -> None:
    assert read_manifest(FILE) == make_manifest()
    assert (MANIFEST["version"], MANIFEST["contract"]) == (__version__, CONTRACT)


@pytest.mark.parametrize("action", Action)
def test_an_example_of_each_action_fits_its_schema_and_the_service(action: Action) -> None:
    example = MANIFEST["actions"][action.value]["example"]
    Draft202012Validator.check_schema(schema_of(action))

    Draft202012Validator(schema_of(action)).validate(example)
    PARAMETERS[action].model_validate(example)


@pytest.mark.parametrize("action", Action)
def test_the_defaults_a_form_shows_are_the_services_own(action: Action) -> None:
    example = MANIFEST["actions"][action.value]["example"]
    needed = {key: example[key] for key in schema_of(action)["required"]}

    untouched = PARAMETERS[action].model_validate(filled_in(schema_of(action)) | needed)

    assert untouched == PARAMETERS[action].model_validate(needed)


@pytest.mark.parametrize("action", Action)
def test_a_form_needs_to_follow_no_references_and_has_words_for_every_field(action: Action) -> None:
    def silent(schema: dict[str, Any], path: str) -> list[str]:
        found = [] if {"title", "description"} <= set(schema) else [path]
        for name, field in schema.get("properties", {}).items():
            found += silent(field, f"{path}.{name}")
        for alternative in schema.get("oneOf", []):
            found += silent(alternative, path)
        return found

    assert "$ref" not in json.dumps(schema_of(action))
    assert not silent(schema_of(action), action.value)


@pytest.mark.parametrize(
    ("key", "value"), [("base_model", "../x"), ("engine", "local"), ("training", {"epochs": 0}), ("source", {})]
)
def test_the_schema_refuses_what_the_service_refuses(key: str, value: object) -> None:
    example = MANIFEST["actions"]["finetune"]["example"]

    assert not Draft202012Validator(schema_of(Action.FINETUNE)).is_valid(example | {key: value})


def test_the_event_schema_fits_every_kind_of_event_and_no_broken_one() -> None:
    schema = Draft202012Validator(MANIFEST["events"]["schema"])
    events = [json.loads(line) for line in GOLDEN_EVENTS.read_text(encoding="utf-8").splitlines()]

    for event in events:
        schema.validate(event)
        assert not schema.is_valid({key: value for key, value in event.items() if key != "run"})
        assert schema.is_valid(event | {"a_later_key": 1})
    assert {event["kind"] for event in events} == set(KINDS)
    epoch = next(event for event in events if event["kind"] == "epoch")
    assert not schema.is_valid(epoch | {"val_cer": "low"})


def test_every_command_of_the_manifest_exists_with_its_options() -> None:
    for arguments in MANIFEST["commands"].values():
        _, command, *rest = arguments
        shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert shown.exit_code == 0, arguments
        for option in (argument for argument in rest if argument.startswith("--")):
            assert option in shown.output


def test_the_memory_it_needs_was_measured() -> None:
    assert f"{MANIFEST['needs']['memory_mb']} MB" in (REPOSITORY / MANIFEST["needs"]["measured"]).read_text("utf-8")


def test_config_schema_is_that_of_the_code() -> None:
    written = json.loads((REPOSITORY / "docs" / "config.schema.json").read_text(encoding="utf-8"))

    assert written == RunConfig.model_json_schema()


def test_show_prints_the_file_and_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["manifest", "show"]) == 0
    assert capsys.readouterr().out == FILE.read_text(encoding="utf-8")

    assert run(["manifest", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == MANIFEST


def test_validate_tells_every_problem_with_its_line(tmp_path: Path) -> None:
    broken = MANIFEST | {"manifest_version": 1, "licence": "MIT"}
    broken["needs"] = MANIFEST["needs"] | {"gpu": "maybe"}
    del broken["license"]
    path = tmp_path / "plugin_manifest.yaml"
    path.write_text(yaml.safe_dump(broken, sort_keys=False), encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_manifest(path)

    assert [problem.key for problem in caught.value.problems] == ["license", "manifest_version", "needs.gpu", "licence"]
    assert "plugin_manifest.yaml:1: manifest_version is of a form" in str(caught.value.message)


def test_validate_sees_parameters_that_a_form_cannot_show(tmp_path: Path) -> None:
    broken = json.loads(json.dumps(MANIFEST))
    del broken["actions"]["check"]["parameters"]["properties"]["name"]["title"]
    broken["actions"]["check"]["parameters"]["required"].append("colour")
    path = tmp_path / "plugin_manifest.yaml"
    path.write_text(yaml.safe_dump(broken, sort_keys=False), encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_manifest(path)

    assert "has no title" in caught.value.message
    assert "names colour, which is no parameter" in caught.value.message


def test_every_address_of_the_manifest_is_served_and_no_other_of_the_api_is_missing(tmp_path: Path) -> None:
    config = ServiceConfig.model_validate({"state": "state"}, context={"folder": tmp_path})
    served = create_app(config, open_state(config.state)).openapi()["paths"]

    told = {(each["method"], each["path"]) for each in MANIFEST["endpoints"].values()}
    known = {
        (method.upper(), path.replace("{order_id}", "{id}")) for path, methods in served.items() for method in methods
    }

    assert told - {("GET", "/openapi.json")} <= known
    assert {each for each in known if each[1].startswith("/api/")} - told == {
        ("GET", "/api/v1/orders/{id}/report.json")
    }
