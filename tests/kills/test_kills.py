"""The short form of `make test-kill`: a real run killed at the points of a save where the most can go wrong."""

import pytest

from tests.kills.harness import Harness
from tests.kills.plan import EXACT, Kill
from tests.kills.promises import Undisturbed

pytestmark = pytest.mark.tf

#: Half a file; a whole one that is not in place; one in place that nobody was told of; one announced and not scored.
_CHOSEN = ("writing 1", "placed 1", "announced 1", "reopened 2", "placed 2", "announced 2", "last_moved 2")
#: The moment in which there is only the checkpoint before the newest.
_RESUMED = "last_moved 2"


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(tmp_path_factory.mktemp("kills"), epochs=1)


@pytest.fixture(scope="module")
def undisturbed(harness: Harness) -> Undisturbed:
    return harness.run_undisturbed()


@pytest.mark.parametrize("kill", [kill for kill in EXACT if kill.at in _CHOSEN], ids=lambda kill: kill.at)
def test_a_kill_at_a_point_of_a_save_breaks_no_promise(harness: Harness, undisturbed: Undisturbed, kill: Kill) -> None:
    outcome = harness.carry_out(kill, undisturbed, resumes=kill.at == _RESUMED)
    assert outcome.broken == []
    assert outcome.state == "failed memory.out_of_memory"
    assert bool(outcome.resumed) == (kill.at == _RESUMED)
