"""What a worker says to the process of an order."""

from pathlib import Path

import pytest

from loghi_runner.orders.config import Client, for_one_person, plain_service_config
from loghi_runner.orders.processes import Given

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
