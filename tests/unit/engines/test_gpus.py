"""Which card a run gets, and when it is none."""

from dataclasses import replace

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines.base import Setting, Wish
from loghi_runner.engines.gpus import Card, Cards, DeviceChoice, choose_device
from loghi_runner.engines.setting import EngineConfig, settle_again
from loghi_runner.errors import EngineError

BUSY = Card("GPU-busy-0000", "H0", 16000, 15500, 2)
SMALL = Card("GPU-small-000", "H0", 16000, 8000, 0)
LARGE = Card("GPU-large-000", "H0", 16000, 15000, 0)
NONE = Cards((), "this machine has no NVIDIA driver")


class EngineWith:
    """An engine that has these cards now."""

    def __init__(self, *cards: Card) -> None:
        self.cards = Cards(cards, "")

    def settle(self, wish: Wish) -> Setting:
        return Setting(wish, "an engine", choose_device(wish.gpus, self.cards))


def chosen_again(planned: DeviceChoice, *cards: Card) -> DeviceChoice:
    setting = Setting(EngineConfig(), "an engine", planned)
    return settle_again(EngineWith(*cards), setting).device  # type: ignore[arg-type]  # nothing else is asked


def test_auto_takes_the_free_card_with_most_memory() -> None:
    choice = choose_device("auto", Cards((BUSY, SMALL, LARGE), ""))
    assert (choice.kind, choice.uuids, choice.warning) == (DeviceKind.GPU, ("GPU-large-000",), False)
    assert choice.sentence == "GPU H0 (14 GB free, GPU-large-00), the freest of 3"


def test_auto_without_a_card_announces_the_cpu_and_why() -> None:
    choice = choose_device("auto", NONE)
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, True)
    assert choice.sentence == "CPU: this machine has no NVIDIA driver"


def test_auto_does_not_sit_down_on_a_card_in_use() -> None:
    choice = choose_device("auto", Cards((BUSY,), ""))
    assert (choice.kind, choice.uuids, choice.warning) == (DeviceKind.CPU, (), True)
    assert "the only card is in use" in choice.sentence


def test_none_is_the_cpu_without_a_warning() -> None:
    choice = choose_device("none", Cards((LARGE,), ""))
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, False)


def test_one_card_is_taken_busy_or_not_and_who_shares_it_is_told() -> None:
    choice = choose_device(1, Cards((BUSY,), ""))
    assert (choice.uuids, choice.warning) == (("GPU-busy-0000",), True)
    assert "2 other programs compute on it too" in choice.sentence


@pytest.mark.parametrize("request_", [3, ("GPU-busy-0000", "GPU-large-000", "GPU-small-000")])
def test_of_several_cards_one_is_taken_and_said_so(request_: int | tuple[str, ...]) -> None:
    choice = choose_device(request_, Cards((BUSY, SMALL, LARGE), ""))
    assert (choice.uuids, choice.warning) == (("GPU-large-000",), True)
    assert choice.sentence.endswith(
        "the freest of 3; 3 were asked for, but a run computes on one: the others stay free"
    )


def test_a_named_card_is_taken_as_named() -> None:
    assert choose_device(("GPU-busy-0000",), Cards((BUSY, LARGE), "")).uuids == ("GPU-busy-0000",)


@pytest.mark.parametrize("request_", [2, ("GPU-other",)])
def test_a_card_that_is_not_there_is_an_error_not_the_cpu(request_: int | tuple[str, ...]) -> None:
    with pytest.raises(EngineError) as caught:
        choose_device(request_, Cards((LARGE,), ""))
    assert caught.value.exit_code == 4
    assert "gpus: none" in (caught.value.hint or "")


def test_why_there_is_no_card_is_told_with_what_was_asked_for() -> None:
    with pytest.raises(EngineError) as caught:
        choose_device(1, Cards((), "the NVIDIA driver is installed but not loaded"))
    assert caught.value.message == "the config asks for a graphics card, this machine has none"
    assert (caught.value.hint or "").startswith("There is no card: the NVIDIA driver is installed but not loaded.")


def test_a_card_too_old_for_tensorflow_is_taken_last_and_never_by_auto() -> None:
    old = Card("GPU-old-00000", "Old H0", 24000, 24000, 0, capability=(5, 2))
    assert choose_device("auto", Cards((old, LARGE), "")).uuids == ("GPU-large-000",)
    assert choose_device(1, Cards((old, BUSY), "")).uuids == ("GPU-busy-0000",)
    choice = choose_device("auto", Cards((old,), ""))
    assert (choice.kind, choice.sentence) == (DeviceKind.CPU, "CPU: the Old H0 is too old for TensorFlow")


def test_a_card_that_is_lost_is_told_beside_the_one_that_is_taken() -> None:
    choice = choose_device("auto", Cards((LARGE,), "", lost=("card 0 does not answer (GPU is lost)",)))
    assert choice.sentence.endswith("; card 0 does not answer (GPU is lost)")


def test_a_card_taken_since_the_plan_is_exchanged_for_a_free_one() -> None:
    planned = choose_device("auto", Cards((LARGE, SMALL), ""))
    taken = replace(LARGE, processes=1)
    assert chosen_again(planned, taken, SMALL).uuids == ("GPU-small-000",)


def test_without_any_free_card_left_nothing_starts_and_nothing_changes_to_the_cpu() -> None:
    planned = choose_device("auto", Cards((LARGE,), ""))
    with pytest.raises(EngineError) as caught:
        chosen_again(planned, replace(LARGE, processes=1))
    assert (caught.value.code, caught.value.exit_code) == ("gpu.taken", 4)


WITHOUT = "the installed TensorFlow 2.21.0 (tensorflow-cpu) can use no graphics card"


def test_an_engine_that_can_use_no_card_goes_on_the_cpu_and_says_so() -> None:
    choice = choose_device("auto", Cards((LARGE,), ""), WITHOUT)
    assert (choice.kind, choice.uuids, choice.warning) == (DeviceKind.CPU, (), True)
    assert choice.sentence == f"CPU: {WITHOUT}, not even GPU H0 (14 GB free, GPU-large-00)"


@pytest.mark.parametrize("request_", [1, ("GPU-large-000",)])
def test_a_card_asked_for_and_not_usable_is_refused_before_the_start(request_: int | tuple[str, ...]) -> None:
    with pytest.raises(EngineError) as caught:
        choose_device(request_, Cards((LARGE,), ""), WITHOUT)
    assert (caught.value.code, caught.value.exit_code) == ("engine.local_without_cuda", 4)
    assert "[cuda]" in (caught.value.hint or "")


def test_a_run_planned_for_the_cpu_stays_there() -> None:
    planned = choose_device("auto", NONE)
    assert chosen_again(planned, LARGE) == planned
