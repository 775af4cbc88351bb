"""A stand-in for eScriptorium, and a client of it."""

from collections.abc import Iterator

import pytest

from loghi_runner.config.choices import PlatformKind
from loghi_runner.platform.base import Platform, PlatformConnection, open_platform
from tests.platform.escriptorium_stand_in import ALICE, StandIn
from tests.platform.stand_in_server import running


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def connection(stand_in: StandIn) -> PlatformConnection:
    return PlatformConnection(PlatformKind.ESCRIPTORIUM, stand_in.url, timeout_s=5)


@pytest.fixture
def platform(connection: PlatformConnection) -> Platform:
    return open_platform(connection, ALICE)
