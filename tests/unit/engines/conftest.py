"""What several tests of the engines begin with."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines.base import Launch


@pytest.fixture(autouse=True, scope="module")
def collect_dropped_sockets() -> Iterator[None]:
    """The docker package drops a socket that it could not connect."""
    yield
    gc.collect()


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    return Launch("20261122-090000-k3f9", tmp_path, "loghi-runner:test", DeviceKind.CPU, (), ())
