"""`loghi-runner platform`: a document is pulled, learnt from, read and written back, or parked until it can be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import pytest

from loghi_runner.orders import platform_progress
from loghi_runner.platform.access import TOKEN_VARIABLE
from tests.platform.escriptorium_stand_in import ALICE, Document, Fault, StandIn
from tests.platform.stand_in_server import running

READ = ("--engine", "local", "--gpus", "none")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def document(stand_in: StandIn, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> Document:
    """Eight pages, and a config that names them."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    workplace.scenario = "gives_a_model"
    made = stand_in.add_document(8)
    token = workplace.folder / "token.txt"
    token.write_text(ALICE)
    token.chmod(0o600)
    workplace.config.write_text(
        "name: deeds\nbase_model: base\noutput: runs\nengine: {kind: local, gpus: none}\n"
        f"charset: extend\nplatform: {{url: '{stand_in.url}', token_file: token.txt, document: {made.pk}}}\n"
    )
    return made


def run_dir(workplace: Any) -> Path:
    return Path(workplace.run_dir)


def layers(document: Document) -> list[str]:
    return [layer.name for layer in document.layers]


def test_documents_and_pages_are_listed(workplace: Any, document: Document) -> None:
    listed = workplace.run("platform", "documents", "config.yaml")
    assert (listed.returncode, listed.stdout) == (0, "1  Deeds: 8 pages; manual\n")
    pages = workplace.run("platform", "documents", "config.yaml", "--document", "1").stdout
    assert f"{document.pages[0].pk}  Element 1, 100.0 % transcribed" in pages


def test_a_document_is_learnt_from_and_gets_a_new_layer(workplace: Any, document: Document, stand_in: StandIn) -> None:
    result = workplace.run("platform", "finetune", "config.yaml")
    assert result.returncode == 0, result.stderr
    assert len(document.layers) == 2
    name = document.layers[1].name
    assert name == f"deeds {json.loads((run_dir(workplace) / 'run.json').read_text())['created'][:10]} " + (
        run_dir(workplace).name
    )
    assert len(stand_in.layer_texts(name)) == 24
    assert document.layers[1].comments is not None and "CER" in document.layers[1].comments
    assert f"layer    {name}" in result.stdout.replace("  layer", "layer")
    (task,) = stand_in.tasks.values()
    assert task["workflow_state"] == 3
    assert "epoch 1" in task["messages"]
    assert not any(
        ALICE.encode() in file.read_bytes() for file in (workplace.folder / "runs").rglob("*") if file.is_file()
    )


def test_pulled_pages_can_be_learnt_from_without_the_platform(
    workplace: Any, document: Document, stand_in: StandIn
) -> None:
    early = workplace.run("finetune", "config.yaml")
    assert early.returncode == 3
    assert "loghi-runner platform pull CONFIG" in early.stderr
    pulled = workplace.run("platform", "pull", "config.yaml")
    assert pulled.returncode == 0, pulled.stderr
    assert "8 pages, 24 lines" in pulled.stdout
    asked = len(stand_in.requests)
    assert workplace.run("finetune", "config.yaml").returncode == 0
    assert len(stand_in.requests) == asked


def test_readings_the_platform_does_not_take_wait_for_a_later_push(
    workplace: Any, document: Document, stand_in: StandIn
) -> None:
    stand_in.faults.append(Fault("POST", "/documents/1/transcriptions/", 503, times=9))
    result = workplace.run("platform", "finetune", "config.yaml")
    assert result.returncode == 4
    assert "has a fault of its own" in result.stderr
    run = run_dir(workplace)
    assert f"loghi-runner platform push runs/{run.name}" in result.stdout
    assert json.loads((run / "run.json").read_text())["state"] == "finished"
    stand_in.faults.clear()
    later = workplace.run("platform", "push", "last", *READ)
    assert later.returncode == 0, later.stderr
    assert len(stand_in.layer_texts(document.layers[1].name)) == 24


def test_other_pages_can_be_read_than_those_learnt_from(workplace: Any, document: Document, stand_in: StandIn) -> None:
    blank = {line["pk"] for line in document.pages[7].lines}
    stand_in.texts = {pk: text for pk, text in stand_in.texts.items() if text["line"] not in blank}
    settings = ("--set", f"platform.write_back=[{document.pages[7].pk}]", "--set", "data.cut=polygon")
    result = workplace.run("platform", "finetune", "config.yaml", *settings)
    assert result.returncode == 0, result.stderr
    assert json.loads((run_dir(workplace) / "recognized/recognized.json").read_text())["cut"] == "polygon"
    assert set(stand_in.layer_texts(document.layers[1].name)) == blank


def test_cancel_on_the_platform_ends_the_run_and_keeps_the_model(
    workplace: Any, document: Document, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_progress, "_ASK_EVERY_S", 0.05)
    workplace.scenario = "stops_when_asked"
    stand_in.cancelled_at = "epoch 1"
    result = workplace.run("platform", "finetune", "config.yaml")
    assert result.returncode == 130, result.stderr
    assert "stopped on the platform" in result.stderr
    assert json.loads((run_dir(workplace) / "run.json").read_text())["state"] == "cancelled"
    assert layers(document) == ["manual"]


def test_a_run_that_fails_is_told_to_the_platform(workplace: Any, document: Document, stand_in: StandIn) -> None:
    workplace.scenario = "failed"
    assert workplace.run("platform", "finetune", "config.yaml").returncode == 3
    (task,) = stand_in.tasks.values()
    assert (task["workflow_state"], task["messages"].splitlines()[-1]) == (2, "no line is left")


def test_a_platform_that_tells_nothing_of_tasks_is_used_all_the_same(
    workplace: Any, document: Document, stand_in: StandIn
) -> None:
    stand_in.takes_tasks = False
    assert workplace.run("platform", "finetune", "config.yaml").returncode == 0
    assert len(document.layers) == 2


@pytest.mark.parametrize(
    ("setting", "code", "sentence"),
    [
        ("platform.document=99", 4, "has no such thing"),
        ("platform.layer=gone", 2, "Its layers are: manual"),
        ("platform.pages=[5]", 2, "has no page 5"),
        ("platform.token=abc", 2, "must not stand in a config"),
        ("platform.write_back=some", 2, "must be none, pulled, all, or a list of page numbers"),
        ("data.pages=p", 2, "cannot stand beside platform"),
        ("platform.url=example", 2, "must begin with https://"),
        ("platform.token_file=none.txt", 2, "the token cannot be read"),
    ],
)
def test_what_cannot_be_pulled_is_said_in_a_sentence(
    workplace: Any, document: Document, setting: str, code: int, sentence: str
) -> None:
    result = workplace.run("platform", "pull", "config.yaml", "--set", setting)
    assert result.returncode == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_for_no_platform_has_nothing_to_push(workplace: Any) -> None:
    workplace.finetune()
    result = workplace.run("platform", "push", "last")
    assert result.returncode == 2
    assert "not started for a platform" in result.stderr
