"""Orders become runs: whole ways through the service and its worker, with the stand-in trainer."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.fake_daemon import FakeDaemon
from tests.made_service import MadeService, finetuning, use_fake_trainer


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeService]:
    use_fake_trainer(monkeypatch, "success")
    service = MadeService(tmp_path)
    yield service
    service.close()


@contextmanager
def one_order(folder: Path, scenario: str, **changes: Any) -> Iterator[tuple[MadeService, list[httpx.Response]]]:
    """A service whose only order, of ada, is over; the answers to placing it, which was done twice."""
    with pytest.MonkeyPatch.context() as patch:
        use_fake_trainer(patch, scenario)
        made = MadeService(folder)
        answers = [made.post("/api/v1/orders", finetuning("job-7", **changes)) for _ in range(2)]
        made.until_over(answers[0].json()["id"])
        yield made, answers
        made.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MadeService, list[httpx.Response]]]:
    with one_order(tmp_path_factory.mktemp("finished"), "success") as finished:
        yield finished


@pytest.fixture(scope="module")
def with_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MadeService, str]]:
    """An order whose model can read, and its id; the tests order more."""
    with one_order(tmp_path_factory.mktemp("model"), "usable_model", data={"cut": "polygon"}) as (made, answers):
        yield made, answers[0].json()["id"]


def test_an_order_becomes_a_run_with_a_model_and_a_report(finished: tuple[MadeService, list[httpx.Response]]) -> None:
    made, (placed, _) = finished
    order_id = placed.json()["id"]
    view = made.run_view(order_id)
    assert (view["stage"], view["error"]) == ("finished", None)
    assert view["run"]["best_val_cer"] == pytest.approx(0.098)
    assert [epoch["epoch"] for epoch in view["run"]["epochs"]] == [0, 1, 2, 3]
    archive = zipfile.ZipFile(io.BytesIO(made.get(f"/api/v1/orders/{order_id}/model").content))
    assert "bonnevie/model.keras" in archive.namelist()
    assert "CER" in made.get(f"/api/v1/orders/{order_id}/report").text
    assert made.get(f"/api/v1/orders/{order_id}/report.json").json()["kind"] == "report"


def test_what_is_told_names_no_place_of_the_machine(finished: tuple[MadeService, list[httpx.Response]]) -> None:
    made, (placed, _) = finished
    for path in ("", "/report.json", "/events"):
        assert str(made.folder) not in made.get(f"/api/v1/orders/{placed.json()['id']}{path}").text


def test_an_order_that_comes_twice_is_one_run(finished: tuple[MadeService, list[httpx.Response]]) -> None:
    made, (first, second) = finished
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    again = made.post("/api/v1/orders", finetuning("job-7"))
    assert (again.status_code, again.json()["stage"]) == (200, "finished")
    assert len(made.get("/api/v1/orders").json()["orders"]) == 1


def test_a_run_survives_the_end_of_service_and_worker(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "waits_for_go")
    order_id = made.order()
    made.until(order_id, lambda view: bool(view["run"] and view["run"]["epochs"]))
    made.restart()
    assert made.run_view(order_id)["stage"] == "training"
    made.let_go(order_id)
    view = made.until_over(order_id)
    assert view["stage"] == "finished"
    assert len(list(made.order_folder(order_id).runs.glob("*/run.json"))) == 1


def test_a_run_whose_command_was_killed_is_followed_to_its_end(
    made: MadeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "waits_for_go")
    order_id = made.order()
    made.until(order_id, lambda view: bool(view["run"] and view["run"]["epochs"]))
    _kill(made, order_id)
    made.restart()
    made.worker.look()
    assert made.run_view(order_id)["stage"] == "training"
    made.let_go(order_id)
    assert made.until_over(order_id)["stage"] == "finished"
    assert made.get(f"/api/v1/orders/{order_id}/report").status_code == 200


def test_a_command_that_vanished_twice_fails_with_a_reason(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loghi_runner.orders.processes.COMMAND", ("/bin/false",))
    view = made.until_over(made.order())
    assert (view["stage"], view["error"]["code"]) == ("failed", "order.command_ended")


def test_a_process_that_ends_well_and_says_nothing_is_no_success(
    made: MadeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loghi_runner.orders.processes.COMMAND", ("/bin/true",))
    view = made.until_over(made.order())
    assert (view["stage"], view["error"]["code"]) == ("failed", "order.command_ended")


def test_pages_that_cannot_be_learnt_from_are_told_with_all_findings(made: MadeService) -> None:
    for xml in (made.folder / "pages" / "bonnevie" / "page").iterdir():
        xml.write_text("<TEI/>", encoding="utf-8")
    view = made.until_over(made.order())
    assert (view["stage"], view["run"]) == ("failed", None)
    assert [finding for finding in view["answer"]["findings"] if finding["severity"] == "error"]
    assert str(made.folder) not in str(view)


def test_a_run_that_fails_says_why(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "failed")
    view = made.until_over(made.order())
    assert (view["stage"], view["error"]["code"]) == ("failed", "data.no_lines")


def test_a_killed_trainer_is_a_failed_order(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "killed")
    view = made.until_over(made.order())
    assert view["stage"] == "failed"
    assert view["error"]["message"]


def test_cancelling_keeps_the_best_model(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "stops_when_asked")
    order_id = made.order()
    made.until(order_id, lambda view: bool(view["run"] and view["run"]["step"]))
    assert made.post(f"/api/v1/orders/{order_id}/cancel").json()["is_cancelling"]
    view = made.until_over(order_id)
    assert (view["stage"], view["run"]["best_epoch"]) == ("cancelled", 1)
    assert made.get(f"/api/v1/orders/{order_id}/model").status_code == 200


def test_an_order_can_be_cancelled_while_it_waits(made: MadeService) -> None:
    order_id = made.order()
    made.post(f"/api/v1/orders/{order_id}/cancel")
    made.worker.look()
    view = made.run_view(order_id)
    assert (view["stage"], view["run"]) == ("cancelled", None)


def test_one_order_runs_and_the_others_know_their_place(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "waits_for_go")
    first, second, third = (made.order(user) for user in ("ada", "bob", "ada"))
    made.until(first, lambda view: bool(view["run"] and view["run"]["epochs"]))
    assert [made.run_view(order, "boss")["position"] for order in (first, second, third)] == [None, 1, 2]
    made.let_go(first)
    made.until_over(first)
    made.until(second, lambda view: bool(view["run"] and view["run"]["epochs"]))
    assert made.run_view(third)["position"] == 1
    for order in (second, third):
        made.post(f"/api/v1/orders/{order}/cancel", user="boss")
    made.let_go(second)
    made.until_over(second)


def test_a_check_answers_with_findings(made: MadeService) -> None:
    asked = finetuning() | {"action": "check"}
    order_id = made.post("/api/v1/orders", asked).json()["id"]
    view = made.until_over(order_id)
    assert (view["stage"], view["error"]) == ("finished", None)
    assert isinstance(view["answer"]["findings"], list)


def test_a_model_of_an_order_reads_pages_and_is_evaluated(with_model: tuple[MadeService, str]) -> None:
    made, model = with_model
    asked = {"name": "again", "model": model, "source": {"pages": "bonnevie"}}
    evaluation, recognition = (
        made.post("/api/v1/orders", {"action": action, "parameters": asked}).json()["id"]
        for action in ("evaluate", "recognize")
    )
    view = made.until_over(evaluation)
    # the four lines of the test page: the model learnt from the others, or they chose it
    assert (view["stage"], view["error"], view["answer"]["lines"]) == ("finished", None, 4)
    assert view["answer"]["skipped"] == {"learnt": 28}
    assert view["answer"]["cut"] == "polygon"
    assert "CER" in made.get(f"/api/v1/orders/{evaluation}/report").text
    view = made.until_over(recognition)
    assert (view["stage"], view["error"], view["answer"]["lines"]) == ("finished", None, 32)
    assert str(made.folder) not in str(view)
    assert json.loads((made.order_folder(recognition).recognized / "recognized.json").read_text())["cut"] == "polygon"
    texts = zipfile.ZipFile(io.BytesIO(made.get(f"/api/v1/orders/{recognition}/texts").content))
    assert len([name for name in texts.namelist() if name.endswith(".xml")]) == 8


def test_somebody_elses_model_cannot_be_named(with_model: tuple[MadeService, str]) -> None:
    made, model = with_model
    asked = {"name": "again", "model": model, "source": {"pages": "bonnevie"}}
    answer = made.post("/api/v1/orders", {"action": "recognize", "parameters": asked}, "bob")
    assert (answer.status_code, answer.json()["code"]) == (400, "request.no_such_place")


def _kill(made: MadeService, order_id: str) -> None:
    process = made.order_folder(order_id).read_state().process
    assert process is not None
    pid = int(process.partition(":")[0])
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)


@pytest.mark.parametrize("action", ["recognize", "evaluate"])
def test_pages_are_read_and_scored_in_the_operators_image(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    daemon: FakeDaemon,
    action: str,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    daemon.answers["GET /images/operators:1/json"] = (404, {"message": "No such image"})
    service = MadeService(tmp_path, engine={"kind": "docker", "gpus": "none", "image": "operators:1"})
    parameters = {"name": "read", "model": "base", "source": {"pages": "bonnevie"}}
    answer = service.post("/api/v1/orders", {"action": action, "parameters": parameters})
    view = service.until_over(answer.json()["id"])
    service.close()
    assert view["stage"] == "failed"
    assert "the image operators:1 is not on this machine" in view["error"]["message"]
