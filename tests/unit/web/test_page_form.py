"""The web form: drawn from the schema of an action, and read back as its parameters."""

from typing import Any

import pytest
from starlette.datastructures import FormData

from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import Action, FinetuneParameters
from loghi_runner.web.pages.form import (
    FieldKind,
    FormField,
    FormSection,
    check_request,
    draw_form,
    read_form,
    read_request,
)

SCHEMA = parameters_schema(Action.FINETUNE)
BASICS = [("name", "bonnevie"), ("base_model", "ibsen/best_val"), ("pages", "bonnevie")]


def fields(section: FormSection) -> list[FormField]:
    return [*section.fields, *(field for inner in section.sections for field in fields(inner))]


def sent(values: dict[str, Any]) -> FormData:
    """What a browser sends of a drawn form that nobody has touched."""
    pairs = []
    for field in fields(draw_form(SCHEMA, values, {})):
        if field.kind is FieldKind.YES_NO:
            pairs += [(field.key, "yes")] if field.value else []
        elif field.kind in (FieldKind.CHOICES, FieldKind.TEXTS):
            pairs += [(field.key, value) for value in field.value]
        else:
            pairs.append((field.key, str(field.value if field.value is not None else "")))
    return FormData(pairs)


def test_a_form_that_nobody_touches_means_the_defaults() -> None:
    known = {"name": "bonnevie", "base_model": "ibsen/best_val"}
    source = {"source": {"pages": "bonnevie"}}

    read = read_form(SCHEMA, sent(known))

    assert FinetuneParameters.model_validate(read | source) == FinetuneParameters.model_validate(known | source)


def test_what_was_filled_in_is_drawn_again() -> None:
    values = {"training": {"epochs": 3, "batch_size": "auto", "freeze": ["conv"]}, "data": {"split": {"test": 0.2}}}

    read = read_form(SCHEMA, sent(values))

    assert (read["training"]["epochs"], read["training"]["batch_size"]) == (3, "auto")
    assert read["training"]["freeze"] == ["conv"]
    assert read["data"]["split"]["test"] == 0.2


def test_every_field_of_the_schema_is_in_the_form_but_the_source() -> None:
    keys = {field.key for field in fields(draw_form(SCHEMA, {}, {}))}

    assert {"training.epochs", "data.split.seed", "charset", "recognize_pages", "write_back"} <= keys
    assert not any(key.startswith("source") for key in keys)


@pytest.mark.parametrize(("typed", "value"), [("0,002", 0.002), ("0.002", 0.002), ("2e-3", 0.002)])
def test_a_number_may_have_a_decimal_comma(typed: str, value: float) -> None:
    assert read_form(SCHEMA, FormData([("training.learning_rate", typed)]))["training"]["learning_rate"] == value


@pytest.mark.parametrize(
    ("key", "typed", "words"),
    [
        ("training.epochs", "0", "must be a whole number from 1 to 10000, or auto, or quick, not 0"),
        ("training.epochs", "many", "or auto, or quick, not 'many'"),
        ("training.learning_rate", "nan", "must be a number"),
        ("name", "å model", "is not of the form it must have"),
        ("base_model", "../secret", "is not of the form it must have"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(key: str, typed: str, words: str) -> None:
    filled = FormData([*[pair for pair in BASICS if pair[0] != key], (key, typed)])

    parameters, errors = check_request(Action.FINETUNE, read_request(Action.FINETUNE, filled))

    assert parameters is None
    assert list(errors) == [key]
    assert words in errors[key]


def test_pages_of_a_document_are_read_from_their_boxes() -> None:
    boxes = [("source.platform", "escriptorium"), ("source.document", "12"), ("source.layer", "1")]
    boxes += [("source.pages", "3"), ("source.pages", "4"), ("recognize_pages", "5"), ("write_back", "yes")]

    parameters, errors = check_request(Action.FINETUNE, read_request(Action.FINETUNE, FormData(BASICS[:2] + boxes)))

    assert errors == {}
    assert parameters is not None
    assert parameters.model_dump(mode="json", include={"source", "recognize_pages", "write_back"}) == {
        "source": {"platform": "escriptorium", "document": "12", "pages": ["3", "4"], "layer": "1"},
        "recognize_pages": ["5"],
        "write_back": True,
    }


def test_writing_back_means_nothing_without_pages_to_read() -> None:
    read = read_request(Action.FINETUNE, FormData([*BASICS, ("write_back", "yes")]))

    assert read["write_back"] is False


def test_a_choice_left_open_lets_the_model_decide() -> None:
    schema = parameters_schema(Action.RECOGNIZE)
    field = draw_form(schema, {}, {}).field("cut")
    assert (field.value, field.choices) == (None, ("", "loghi", "polygon", "straight"))
    assert "cut" not in read_form(schema, FormData([("cut", "")]))
    assert read_form(schema, FormData([("cut", "polygon")]))["cut"] == "polygon"
