"""A run that lost its card goes on by itself, once."""

import json

import pytest

from loghi_contract.exit_codes import ExitCode
from tests.integration.conftest import Workplace
from tests.integration.test_resume import TRAINER


@pytest.mark.parametrize(
    ("scenario", "state", "exit_code", "epochs"),
    [
        ("loses_its_card_once", "finished", ExitCode.OK, [0, 1, 2, 3]),
        ("loses_each_card", "failed", ExitCode.ENGINE, [0, 1]),
    ],
)
def test_a_run_that_lost_its_card_goes_on_from_its_checkpoint_once(
    workplace: Workplace, scenario: str, state: str, exit_code: ExitCode, epochs: list[int]
) -> None:
    workplace.trainer, workplace.scenario = TRAINER, scenario
    with workplace.config.open("a") as file:
        file.write("training: {epochs: 3}\n")

    answer = workplace.finetune()

    assert answer.returncode == exit_code, answer.stderr
    assert "it goes on from its last checkpoint, once" in " ".join(answer.stderr.split())
    look = json.loads(workplace.run("show", "last", "--json").stdout)
    assert look["state"] == state
    assert [row["epoch"] for row in look["epochs"]] == epochs
    assert len(look["resumptions"]) == 1
    if state == "failed":
        assert look["error"]["code"] == "gpu.lost"
