"""A run keeps to the cards that a scheduler gave it."""

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines.gpus import Card, Cards, choose_device
from loghi_runner.engines.nvml import given_cards
from loghi_runner.errors import EngineError

ZERO = Card("GPU-aaaa-0", "H0", 16000, 15000, 0, "0")
ONE = Card("GPU-bbbb-1", "H0", 16000, 14000, 0, "1")
PART_0 = Card("MIG-cccc-0", "H0 MIG 1g", 5000, 4900, 0, "2:0")
PART_1 = Card("MIG-dddd-1", "H0 MIG 1g", 5000, 4800, 0, "2:1")
ALL = Cards((ZERO, ONE, PART_0, PART_1), "")


@pytest.mark.parametrize(
    ("environment", "given"),
    [
        ({}, ALL.cards),
        ({"CUDA_VISIBLE_DEVICES": "1"}, (ONE,)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bbbb"}, (ONE,)),
        ({"CUDA_VISIBLE_DEVICES": "MIG-dddd-1"}, (PART_1,)),
        ({"CUDA_VISIBLE_DEVICES": "0, 2:1"}, (ZERO, PART_1)),
        ({"CUDA_VISIBLE_DEVICES": "2"}, (PART_0, PART_1)),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ()),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, ALL.cards),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, ()),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-aaaa-0"}, (ZERO,)),
        ({"SLURM_JOB_GPUS": "1"}, (ONE,)),
        ({"SLURM_JOB_GPUS": "0", "CUDA_VISIBLE_DEVICES": "1"}, (ONE,)),
    ],
)
def test_only_the_cards_that_were_given_are_left(environment: dict[str, str], given: tuple[Card, ...]) -> None:
    assert given_cards(ALL, environment).cards == given


@pytest.mark.parametrize("variable", ["SLURM_JOB_GPUS", "NVIDIA_VISIBLE_DEVICES"])
def test_where_the_others_are_hidden_already_the_machines_numbers_are_no_longer_true(variable: str) -> None:
    """Slurm with control groups, and containers: card 5 of the machine is the only one, and has number 0 here."""
    assert given_cards(Cards((ZERO,), ""), {variable: "5"}).cards == (ZERO,)


def test_who_gave_it_is_told() -> None:
    limited = given_cards(ALL, {"CUDA_VISIBLE_DEVICES": "1"})
    assert choose_device("auto", limited).sentence.endswith("(of those that CUDA_VISIBLE_DEVICES=1 gives)")
    none = given_cards(ALL, {"CUDA_VISIBLE_DEVICES": "-1"})
    choice = choose_device("auto", none)
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, True)
    assert choice.sentence == "CPU: CUDA_VISIBLE_DEVICES=-1 leaves out all 4 cards of this machine"


def test_a_card_that_was_given_to_others_is_refused_even_when_named() -> None:
    with pytest.raises(EngineError) as caught:
        choose_device(("GPU-aaaa-0",), given_cards(ALL, {"SLURM_JOB_GPUS": "1"}))
    assert caught.value.message == (
        "the card GPU-aaaa-0 is not left to this run (of those that SLURM_JOB_GPUS=1 gives)"
    )
