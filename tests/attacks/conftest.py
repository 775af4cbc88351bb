"""Attacks that were tried on the service and its commands, also those that were held from the start.

The letter in a module's name is the group: A who may what, B pages and texts, C models, D a platform that lies,
E requests, connections and load, F keys and folders, G run folders of others; `files` in a name stands for B, C, D and
G. What is an ordinary promise as well is tested beside the code it is about: tests/unit/web/test_requests.py and
test_launch.py (A), tests/platform/test_security.py (D). docs/security.md lists all with what came of them.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.made_service import MadeService
from tests.programs import Programs, programs_in


@pytest.fixture
def made(tmp_path: Path) -> MadeService:
    return MadeService(tmp_path)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """A real `loghi-runner serve` at a real address; nobody carries its orders out."""
    with programs_in(tmp_path_factory.mktemp("service")) as programs:
        programs.serve("--queue-only")
        for path in ("/sign-in", "/openapi.json", "/manifest"):
            httpx.get(programs.url + path)  # what is drawn up once, for the first who asks
        yield programs
