"""Which card a run gets, and when it is none."""

from dataclasses import replace

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines.base import Setting, Wish
from loghi_runner.engines.gpus import LEAST_FREE_MB, Card, Cards, DeviceChoice, choose_device
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


def test_auto_waits_for_a_card_in_use_and_never_falls_to_the_cpu() -> None:
    choice = choose_device("auto", Cards((BUSY,), ""))
    assert (choice.kind, choice.uuids, choice.warning) == (DeviceKind.GPU, (), True)
    assert (choice.candidates, choice.count) == ((BUSY,), 1)
    assert choice.sentence == "GPU H0, for which the run waits: the only card is in use by others"


def test_auto_or_cpu_takes_the_cpu_instead_of_waiting() -> None:
    choice = choose_device("auto-or-cpu", Cards((BUSY,), ""))
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, True)
    assert choice.sentence == "CPU: the only card is in use by others (gpus: auto would wait for one)"
    assert choose_device("auto-or-cpu", Cards((BUSY, LARGE), "")).uuids == ("GPU-large-000",)


def test_a_card_that_another_run_has_is_in_use_though_nothing_computes_on_it_yet() -> None:
    choice = choose_device("auto", Cards((LARGE, SMALL), ""), leased={"GPU-large-000"})
    assert choice.uuids == ("GPU-small-000",)


def test_whoever_does_not_wait_is_refused_with_words() -> None:
    with pytest.raises(EngineError) as caught:
        choose_device("auto", Cards((BUSY,), ""), wait=False)
    assert (caught.value.code, caught.value.exit_code) == ("gpu.in_use", 4)
    assert caught.value.message == "the only card is in use by others, and this run does not wait"
    assert "loghi-runner gpus" in (caught.value.hint or "")


def test_none_is_the_cpu_without_a_warning() -> None:
    choice = choose_device("none", Cards((LARGE,), ""))
    assert (choice.kind, choice.warning) == (DeviceKind.CPU, False)


def test_one_card_is_a_free_one_or_waited_for() -> None:
    assert choose_device(1, Cards((BUSY, SMALL), "")).uuids == ("GPU-small-000",)
    assert choose_device(1, Cards((BUSY,), "")).uuids == ()


def test_several_cards_are_taken_at_once_or_waited_for_with_none() -> None:
    choice = choose_device(2, Cards((BUSY, SMALL, LARGE), ""))
    assert choice.uuids == ("GPU-large-000", "GPU-small-000")
    choice = choose_device(2, Cards((BUSY, LARGE), ""))
    assert (choice.kind, choice.uuids, choice.count) == (DeviceKind.GPU, (), 2)
    assert choice.sentence.startswith("2 graphics cards, for which the run waits: fewer than 2 of 2 cards are free")


def test_of_named_cards_all_are_wanted() -> None:
    named = ("GPU-small-000", "GPU-large-000")
    assert set(choose_device(named, Cards((BUSY, SMALL, LARGE), "")).uuids) == set(named)


@pytest.mark.parametrize(
    ("free_mb", "measured_mb", "lack"),
    [
        (LEAST_FREE_MB, None, ""),
        (LEAST_FREE_MB - 1, None, "only 2.0 GB of its memory are free, and 2.0 GB are needed"),
        (9000, 8000, ""),
        (8500, 8000, "only 8.3 GB of its memory are free, and 8.5 GB are needed"),
        # what this card can never have free beside a desktop's picture is not waited for
        (8500, 15000, ""),
    ],
)
def test_a_card_without_the_memory_that_is_needed_is_not_free(free_mb: int, measured_mb: int | None, lack: str) -> None:
    assert Card("GPU-1", "H0", 16000, free_mb, 0).lack(measured_mb) == lack


def test_a_named_card_is_taken_as_named() -> None:
    assert choose_device(("GPU-small-000",), Cards((SMALL, LARGE), "")).uuids == ("GPU-small-000",)
    waits = choose_device(("GPU-busy-0000",), Cards((BUSY, LARGE), ""))
    assert (waits.kind, waits.uuids, waits.candidates) == (DeviceKind.GPU, (), (BUSY,))


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
    assert choose_device(1, Cards((old, BUSY), "")).candidates == (BUSY,)
    choice = choose_device("auto", Cards((old,), ""))
    assert (choice.kind, choice.sentence) == (DeviceKind.CPU, "CPU: the Old H0 is too old for TensorFlow")


def test_a_card_that_is_lost_is_told_beside_the_one_that_is_taken() -> None:
    choice = choose_device("auto", Cards((LARGE,), "", lost=("card 0 does not answer (GPU is lost)",)))
    assert choice.sentence.endswith("; card 0 does not answer (GPU is lost)")


def test_a_card_taken_since_the_plan_is_exchanged_for_a_free_one() -> None:
    planned = choose_device("auto", Cards((LARGE, SMALL), ""))
    taken = replace(LARGE, processes=1)
    assert chosen_again(planned, taken, SMALL).uuids == ("GPU-small-000",)


def test_a_card_taken_since_the_plan_is_waited_for() -> None:
    planned = choose_device("auto", Cards((LARGE,), ""))
    now = chosen_again(planned, replace(LARGE, processes=1))
    assert (now.kind, now.uuids) == (DeviceKind.GPU, ())


def test_without_any_card_left_nothing_starts_and_nothing_changes_to_the_cpu() -> None:
    planned = choose_device("auto", Cards((LARGE,), ""))
    with pytest.raises(EngineError) as caught:
        chosen_again(planned)
    assert (caught.value.code, caught.value.exit_code) == ("gpu.lost", 4)


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
