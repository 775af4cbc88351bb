"""An order whose process is killed with -9 at any stage, its worker too: it goes on; one run, one layer."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import pytest

from loghi_runner.engines import load_engine
from tests.fake_trainer import READING_HOLD_VARIABLE
from tests.made_service import MadeService, finetuning, use_fake_trainer, wait_for
from tests.platform.escriptorium_stand_in import LOGHI, Document, Hold, StandIn
from tests.platform.stand_in_server import running

PAGES, LINES = 8, 4
RESUMING_TRAINER = Path(__file__).parents[1] / "resuming_trainer.py"


@pytest.fixture
def platform() -> Iterator[StandIn]:
    with running() as stand_in:
        yield stand_in


@pytest.fixture
def document(platform: StandIn) -> Document:
    return platform.add_document(PAGES, LINES, owner="loghi")


@pytest.fixture
def made(tmp_path: Path, platform: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeService]:
    use_fake_trainer(monkeypatch, "usable_model_on_go")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(READING_HOLD_VARIABLE, str(tmp_path / "reading.hold"))
    (tmp_path / "token").write_text(LOGHI, encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    service = MadeService(tmp_path, platforms={"escriptorium": {"url": platform.url, "token_file": "token"}})
    yield service
    service.close()


def placed(made: MadeService, document: Document) -> str:
    source = {"platform": "escriptorium", "document": str(document.pk), "layer": str(document.layers[0].pk)}
    asked = finetuning(source=source, recognize_pages=["all"], write_back=True)
    return str(made.post("/api/v1/orders", asked, "boss").json()["id"])


def kill(made: MadeService, order_id: str) -> None:
    """The order's process, in this moment; and the worker that has started it."""
    killed(made, order_id)
    made.restart()


def killed(made: MadeService, order_id: str) -> None:
    process = made.order_folder(order_id).read_state().process
    assert process is not None
    pid = int(process.partition(":")[0])
    (child,) = (child for _order_id, child in made.worker.processes.children if child.pid == pid)
    os.kill(pid, signal.SIGKILL)
    child.wait()


def is_training(view: dict[str, Any]) -> bool:
    return bool(view["run"] and view["run"]["epochs"])


def train(made: MadeService, order_id: str) -> None:
    made.until(order_id, is_training)
    made.let_go(order_id)


def until(made: MadeService, order_id: str, is_there: Callable[[], bool]) -> None:
    made.until(order_id, lambda _view: is_there())


def killed_at(made: MadeService, order_id: str, hold: Hold) -> None:
    """Killed while the platform has a request of it; that is then carried out, and nobody hears the answer."""
    until(made, order_id, hold.came.is_set)
    kill(made, order_id)
    hold.may_go_on.set()


def assert_one_run_and_one_layer(made: MadeService, order_id: str, platform: StandIn, document: Document) -> None:
    view = made.until_over(order_id)
    assert (view["stage"], view["pushed"], view["error"]) == ("finished", "done", None)
    assert len(list(made.order_folder(order_id).runs.glob("*/run.json"))) == 1
    _manual, layer = document.layers
    assert len(platform.layer_texts(layer.name)) == PAGES * LINES
    assert len(platform.tasks) == 1


def test_killed_while_it_pulls_it_pulls_on(made: MadeService, platform: StandIn, document: Document) -> None:
    platform.hold = hold = Hold("GET", f"/parts/{document.pages[-1].pk}/$")
    order_id = placed(made, document)
    killed_at(made, order_id, hold)
    train(made, order_id)
    assert_one_run_and_one_layer(made, order_id, platform, document)


def test_killed_while_it_trains_it_follows_the_same_run(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    order_id = placed(made, document)
    for _ in range(3):
        made.until(order_id, is_training)
        run = made.order_folder(order_id).run()
        wait_for(lambda: made.worker.look() or made.order_folder(order_id).read_state().process)
        kill(made, order_id)
    train(made, order_id)
    assert_one_run_and_one_layer(made, order_id, platform, document)
    after = made.order_folder(order_id).run()
    assert run is not None
    assert after is not None
    assert after.path == run.path
    assert (after.path / "out" / "report" / "report.html").is_file()


def test_when_its_trainer_dies_with_it_the_run_goes_on_from_its_checkpoint_once(
    made: MadeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a restart of the machine."""
    monkeypatch.setenv("LOGHI_RUNNER_TEST_TRAINER", str(RESUMING_TRAINER))
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "dies_on_go")
    order_id = made.order("ada")
    made.until(order_id, lambda view: bool(view["run"] and len(view["run"]["epochs"]) == 2))
    run = made.order_folder(order_id).run()
    assert run is not None
    handle = run.read().handle
    assert handle is not None
    killed(made, order_id)
    made.let_go(order_id)
    wait_for(lambda: load_engine("local").poll(handle) is not None)
    made.restart()

    view = made.until_over(order_id)

    assert view["stage"] == "finished"
    assert [row["epoch"] for row in view["run"]["epochs"]] == list(range(view["run"]["epochs_planned"] + 1))
    assert len(run.read().resumptions) == 1


def test_killed_while_it_reads_it_reads_again(made: MadeService, platform: StandIn, document: Document) -> None:
    hold = made.folder / "reading.hold"
    hold.touch()
    order_id = placed(made, document)
    train(made, order_id)
    until(made, order_id, hold.with_suffix(".reached").exists)
    kill(made, order_id)
    hold.unlink()
    assert_one_run_and_one_layer(made, order_id, platform, document)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", r"/documents/1/transcriptions/$"), ("POST", r"/bulk_create/$"), ("PATCH", r"/transcriptions/\d+/$")],
)
def test_killed_while_it_pushes_it_pushes_on_into_the_same_layer(
    made: MadeService, platform: StandIn, document: Document, method: str, path: str
) -> None:
    platform.hold = hold = Hold(method, path)
    order_id = placed(made, document)
    train(made, order_id)
    killed_at(made, order_id, hold)
    assert_one_run_and_one_layer(made, order_id, platform, document)


def test_killed_while_it_is_cancelled_it_keeps_its_best_model_and_stops(
    made: MadeService, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "stops_when_asked")
    order_id = placed(made, document)
    made.until(order_id, lambda view: bool(view["run"] and view["run"]["step"]))
    made.post(f"/api/v1/orders/{order_id}/cancel", user="boss")
    kill(made, order_id)
    view = made.until_over(order_id)
    assert (view["stage"], view["run"]["best_epoch"]) == ("cancelled", 1)
    assert made.get(f"/api/v1/orders/{order_id}/model", "boss").status_code == 200


def test_a_process_that_is_killed_touches_no_other_order(
    tmp_path: Path, platform: StandIn, made: MadeService, document: Document
) -> None:
    made.config = made.config.model_copy(update={"limits": made.config.limits.model_copy(update={"running": 2})})
    made.restart()
    first, second = placed(made, document), made.order("ada")
    for order_id in (first, second):
        made.until(order_id, is_training)
    kill(made, first)
    made.let_go(second)
    assert made.until_over(second)["stage"] == "finished"
    made.let_go(first)
    assert_one_run_and_one_layer(made, first, platform, document)


def test_who_cancels_on_the_platform_ends_the_order(
    made: MadeService, platform: StandIn, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "stops_when_asked")
    platform.cancelled_at = "epoch 1"
    order_id = placed(made, document)
    view = made.until_over(order_id)
    assert (view["stage"], view["run"]["best_epoch"]) == ("cancelled", 1)
    assert [layer.name for layer in document.layers] == ["manual"]
