"""Orders of a service on a machine with stand-in cards: they wait in the same queue as everybody's runs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import nvml
from loghi_runner.engines.base import Launch
from loghi_runner.engines.card_queue import CardQueue
from loghi_runner.engines.leases import Lease, lease_folder
from tests import fake_nvml
from tests.integration.conftest import ROOT
from tests.made_service import MadeService, use_fake_trainer


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeService]:
    use_fake_trainer(monkeypatch, "on_cards")
    monkeypatch.setenv("LOGHI_RUNNER_TEST_TRAINER", str(ROOT / "tests" / "card_trainer.py"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(fake_nvml.SITE), str(ROOT), os.environ["PYTHONPATH"]]))
    monkeypatch.setenv(fake_nvml.CARDS_VARIABLE, str(tmp_path / "cards"))
    monkeypatch.setattr(nvml, "pynvml", fake_nvml.FolderNvml())
    for card in ("GPU-a", "GPU-b"):
        (tmp_path / "cards" / card).mkdir(parents=True)
    service = MadeService(tmp_path, engine={"kind": "local", "gpus": "auto"})
    yield service
    service.close()


def take(*uuids: str) -> Lease:
    """As a run of somebody at a terminal."""
    launch = Launch(
        "by-hand", Path("/runs/by-hand"), "", DeviceKind.GPU, (), candidates=uuids, count=len(uuids), mounts=()
    )
    lease = CardQueue(launch).look()
    assert lease is not None
    return lease


def test_as_many_orders_are_begun_as_there_are_cards(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loghi_runner.orders.processes.COMMAND", ("/bin/sh", "-c", "exec sleep 60"))
    orders = [made.order(user) for user in ("ada", "bob", "ada")]
    made.worker.look()
    begun = made.worker.processes.children
    assert [order_id for order_id, _process in begun] == orders[:2]
    waiting = made.run_view(orders[2])
    assert (waiting["stage"], waiting["position"]) == ("queued", 1)
    for _order_id, process in begun:
        process.kill()
        process.wait()


def test_an_order_that_waits_for_a_card_tells_its_place_and_goes_on(made: MadeService) -> None:
    lease = take("GPU-a", "GPU-b")
    order_id = made.order()
    view = made.until(order_id, lambda view: view["waiting"] is not None)
    assert (view["waiting"]["position"], view["waiting"]["of"]) == (1, 1)
    assert view["waiting"]["reason"] == "all 2 graphics cards are in use"
    assert "by-hand" not in str(view)  # whose run it waits for is none of whoever ordered
    assert view["run"]["state"] == "queued"
    (listed,) = made.get("/api/v1/orders").json()["orders"]
    assert listed["waiting"] == view["waiting"]
    # killed, it waits again; the run that it had made is none
    killed = made.order_folder(order_id).read_state().process
    os.kill(int((killed or "").partition(":")[0]), signal.SIGKILL)
    made.until(order_id, lambda _view: made.order_folder(order_id).read_state().process not in (None, killed))
    lease.end()
    view = made.until_over(order_id)
    assert (view["stage"], view["waiting"]) == ("finished", None)
    assert len(list(made.order_folder(order_id).runs.glob("*/run.json"))) == 1


def test_a_waiting_order_that_is_cancelled_leaves_nothing_in_the_queue(made: MadeService) -> None:
    lease = take("GPU-a", "GPU-b")
    order_id = made.order()
    made.until(order_id, lambda view: view["waiting"] is not None)
    assert made.post(f"/api/v1/orders/{order_id}/cancel").status_code in (200, 202)
    view = made.until_over(order_id)
    assert (view["stage"], view["run"], view["waiting"]) == ("cancelled", None, None)
    lease.end()
    assert not list(lease_folder().path.glob("run-*"))
