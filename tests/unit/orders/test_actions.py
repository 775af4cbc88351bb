"""What a request may say, and what it may not."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from loghi_runner.config.schema import DataConfig, RunConfig
from loghi_runner.orders.actions import PARAMETERS, Action, FinetuneParameters

FOLDER = {"pages": "bonnevie/finetune"}
DOCUMENT = {"platform": "escriptorium", "document": "12", "layer": "1", "pages": ["3", "4"]}
FINETUNE: dict[str, Any] = {"name": "bonnevie", "base_model": "ibsen/best_val", "source": FOLDER}
REQUESTS: dict[Action, dict[str, Any]] = {
    Action.CHECK: FINETUNE,
    Action.FINETUNE: FINETUNE | {"source": DOCUMENT, "recognize_pages": ["5"], "write_back": True},
    Action.RECOGNIZE: {
        "name": "rest",
        "model": "20261122-090000-k3f9",
        "source": {"platform": "escriptorium", "document": "12"},
    },
    Action.EVALUATE: {"name": "score", "model": "ibsen/best_val", "source": FOLDER},
}


def problems(request: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        FinetuneParameters.model_validate(request)
    return [error["msg"] for error in caught.value.errors()]


@pytest.mark.parametrize("action", Action)
def test_the_schema_and_the_model_take_the_same_request(action: Action) -> None:
    schema = PARAMETERS[action].model_json_schema()
    Draft202012Validator.check_schema(schema)

    Draft202012Validator(schema).validate(REQUESTS[action])
    PARAMETERS[action].model_validate(REQUESTS[action])


@pytest.mark.parametrize("place", ["../x", "/etc", "a/../b", "a//b", ".hidden", "a/.git", "a\\b", "a\0", "a\n", ""])
@pytest.mark.parametrize("where", ["base_model", "source"])
def test_no_place_leaves_the_operators_folders(where: str, place: str) -> None:
    value = {"pages": place} if where == "source" else place

    assert problems(FINETUNE | {where: value})


@pytest.mark.parametrize("id", ["../3", "3/4", "", "3?x=1", "a" * 65])
@pytest.mark.parametrize("key", ["document", "layer"])
def test_no_id_changes_an_address_of_the_platform(key: str, id: str) -> None:
    assert problems(FINETUNE | {"source": DOCUMENT | {key: id}})


@pytest.mark.parametrize("key", ["engine", "image", "output", "mounts", "command"])
def test_what_belongs_to_the_operator_is_refused(key: str) -> None:
    assert problems(FINETUNE | {key: "x"}) == ["Extra inputs are not permitted"]


def test_a_source_is_a_folder_or_a_document() -> None:
    assert problems(FINETUNE | {"source": DOCUMENT | {"pages": "bonnevie/finetune"}})
    assert problems(FINETUNE | {"source": {}})


def test_results_are_written_back_only_where_there_are_some() -> None:
    assert "names none" in problems(FINETUNE | {"source": DOCUMENT, "write_back": True, "recognize_pages": []})[0]
    assert "source is a folder" in problems(FINETUNE | {"recognize_pages": ["5"]})[0]


def test_results_that_are_wanted_without_saying_of_which_pages_are_those_of_the_test_pages() -> None:
    asked = FinetuneParameters.model_validate(FINETUNE | {"source": DOCUMENT, "write_back": True})

    assert asked.recognize_pages == ("test",)
    assert FinetuneParameters.model_validate(FINETUNE | {"source": DOCUMENT}).recognize_pages == ()


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.CHECK])
def test_no_page_is_never_every_page(action: Action) -> None:
    empty = REQUESTS[action] | {"source": DOCUMENT | {"pages": []}}
    if action is Action.RECOGNIZE:
        empty["source"].pop("layer")

    with pytest.raises(ValidationError, match="names no page; name at least one"):
        PARAMETERS[action].model_validate(empty)
    assert not Draft202012Validator(PARAMETERS[action].model_json_schema()).is_valid(empty)


def test_defaults_are_those_of_a_config() -> None:
    asked = FinetuneParameters.model_validate(FINETUNE)
    data = DataConfig.model_construct()

    assert asked.training.model_dump() == RunConfig.model_fields["training"].default.model_dump()
    assert asked.text.normalization == RunConfig.model_fields["text"].default.normalization
    assert asked.charset == RunConfig.model_fields["charset"].default
    assert {key: getattr(data, key) for key in type(asked.data).model_fields} == dict(asked.data)


@pytest.mark.parametrize("unread", ["/etc", "bonnevie/more", ["bonnevie/more"], True])
def test_no_request_names_folders_of_pages_without_a_text(unread: object) -> None:
    assert FinetuneParameters.model_validate(FINETUNE | {"training": {"unread": "auto"}}).training.unread == "auto"
    assert problems(FINETUNE | {"training": {"unread": unread}}) == ["Input should be 'off' or 'auto'"]


@pytest.mark.parametrize("action", Action)
def test_every_field_tells_a_form_what_to_write_beside_it(action: Action) -> None:
    def fields(model: type[BaseModel]) -> dict[str, Any]:
        return {f"{model.__name__}.{key}": value for key, value in model.model_json_schema()["properties"].items()}

    silent = [name for name, field in fields(PARAMETERS[action]).items() if not {"title", "description"} <= set(field)]

    assert not silent
