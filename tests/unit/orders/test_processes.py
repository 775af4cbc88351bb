"""What a worker says to the process of an order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from loghi_runner.orders.config import Client, for_one_person, plain_service_config
from loghi_runner.orders.orders import CardWait, OrderState, Stage
from loghi_runner.orders.processes import Given, Processes
from loghi_runner.orders.state import Vault

TOKEN = "0123456789abcdef"


def test_a_process_finds_the_folders_that_its_worker_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the order's own folder; service.yaml may say `.` of where the worker stands."""
    here = Path()
    config = for_one_person(plain_service_config(here), Client(name="me", token_sha256="0" * 64), here)
    (tmp_path / "order").mkdir()
    monkeypatch.chdir(tmp_path)
    said = Given(config, TOKEN).dump()
    monkeypatch.chdir("order")
    given = Given.load(said)
    assert given.config.roots.pages == (tmp_path,)
    assert given.config.state == tmp_path / "loghi-service"
    assert given.config.clients == config.clients
    assert given.token == TOKEN
    assert TOKEN not in repr(given)


def test_waiting_for_a_card_is_no_part_of_a_stages_hours(tmp_path: Path) -> None:
    config = plain_service_config(tmp_path)
    processes = Processes(config, Vault(Fernet.generate_key()))
    since = (datetime.now(UTC) - timedelta(hours=config.limits.read_hours + 1)).isoformat()
    reading = OrderState(stage=Stage.RECOGNIZING, since=since)
    assert processes.too_long(reading) is not None
    assert processes.too_long(reading.model_copy(update={"waited_s": 2 * 3600.0})) is None
    waiting = CardWait(position=1, of=1, since=since, reason="the graphics card is in use")
    assert processes.too_long(reading.model_copy(update={"waiting": waiting})) is None
