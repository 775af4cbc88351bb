"""A step that does not fit in memory is taken in rounds: what it comes to is the same, and nothing is lost."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loghi_contract.events import Notice
from loghi_contract.lines import LineSample
from loghi_trainer import memory
from loghi_trainer.dataset import TrainingBatch, TrainingFeed
from loghi_trainer.errors import TrainingFailed
from loghi_trainer.fitting import FittedStep
from loghi_trainer.lines import Line
from loghi_trainer.memory import free_bytes

_MIB = 1 << 20


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


class SmallCard:
    """A stand-in for a step on a card: out of memory for more than so many lines times pixels at once."""

    can_divide = True

    def __init__(self, most_px: int, error: Callable[[], Exception] = lambda: ResourceExhaustedError("OOM")) -> None:
        self._most_px = most_px
        self._error = error
        self.asked: list[tuple[int, int]] = []
        self.applied: list[int] = []

    def learn(self, batch: TrainingBatch, rounds: int = 1) -> int:
        lines, width_px = batch.images.shape[:2]
        self.asked.append((lines, rounds))
        if -(-lines // rounds) * width_px > self._most_px:
            raise self._error()
        return lines

    def apply(self, learned: int) -> float:
        self.applied.append(learned)
        return float(learned)

    def kept_bytes(self, width_px: int) -> int:
        return 0


def feed(widths_px: Sequence[int], batch_size: int = 8) -> TrainingFeed:
    lines = [
        Line(LineSample(f"/in/data/0/line {index}.png", "a", 1.0, ""), "a", width)
        for index, width in enumerate(widths_px)
    ]
    store: Any = None  # no image is asked for
    return TrainingFeed(lines, [[1]] * len(lines), store, batch_size=batch_size, seed=1, augment=None)


def batch(lines: int, width_px: int) -> TrainingBatch:
    return TrainingBatch(
        np.zeros((lines, width_px, 1, 1), np.float32), np.zeros((lines, 1), np.int32), np.ones(lines, np.float32)
    )


def fitted(step: SmallCard, widths_px: Sequence[int]) -> tuple[FittedStep, list[Notice]]:
    told: list[Notice] = []
    return FittedStep(step, feed(widths_px), told.append), told


@pytest.mark.parametrize(
    "error",
    [
        lambda: ResourceExhaustedError("OOM when allocating tensor"),
        MemoryError,
        lambda: RuntimeError("CUDNN_STATUS_ALLOC_FAILED"),
        lambda: RuntimeError("Dst tensor is not initialized."),
    ],
)
def test_a_step_goes_on_from_where_it_was_in_as_many_rounds_as_it_needs(error: Callable[[], Exception]) -> None:
    card = SmallCard(3 * 1000, error)
    step, told = fitted(card, [1000] * 8)
    assert step(batch(8, 1000), range(8)) == 8.0
    assert card.asked == [(8, 1), (8, 2), (8, 4)]
    assert card.applied == [8]
    assert [notice.code for notice in told] == ["memory.in_rounds"] * 2
    assert "8 lines in 4 rounds" in told[-1].message

    step(batch(8, 1000), range(8))
    assert card.asked[3:] == [(8, 4)]
    assert len(told) == 2


def test_whoever_goes_on_from_a_checkpoint_divides_as_before() -> None:
    before, _told = fitted(SmallCard(3 * 1000), [1000] * 8)
    before(batch(8, 1000), range(8))

    card = SmallCard(8 * 1000)
    step, told = fitted(card, [1000] * 8)
    step.most_px = before.most_px
    step(batch(8, 1000), range(8))

    assert card.asked == [(8, 4)]
    assert told == []


def test_narrow_steps_are_taken_as_before() -> None:
    card = SmallCard(8 * 1000)
    step, _told = fitted(card, [3000] * 8 + [900] * 8)
    step(batch(8, 3000), range(8))
    step(batch(8, 700), range(8, 16))
    assert card.asked == [(8, 1), (8, 2), (8, 4), (8, 1)]


def test_a_line_that_alone_asks_for_rounds_is_named() -> None:
    step, told = fitted(SmallCard(8 * 1000), [7000, *[900] * 7])
    step(batch(8, 7000), range(8))
    assert "line 0.png is 7000 pixels wide, the next of its step 900" in (told[-1].hint or "")


def test_only_a_single_line_that_does_not_fit_ends_the_run() -> None:
    card = SmallCard(999)
    step, _told = fitted(card, [800, 1000, 900])
    with pytest.raises(TrainingFailed) as failure:
        step(batch(3, 1000), range(3))
    assert card.asked == [(3, 1), (3, 2), (3, 3)]
    assert card.applied == []
    assert failure.value.code == "training.out_of_memory"
    assert "single line of 1000 pixels" in failure.value.message and "line 1.png" in failure.value.message


def test_another_error_stays_what_it_is() -> None:
    step, _ = fitted(SmallCard(1, lambda: ValueError("what")), [1000] * 2)
    with pytest.raises(ValueError, match="what"):
        step(batch(2, 1000), range(2))


def test_a_step_that_cannot_be_divided_fails_with_what_to_do() -> None:
    card = SmallCard(1000)
    card.can_divide = False
    step, _ = fitted(card, [1000] * 4)
    with pytest.raises(TrainingFailed, match="4 lines of 1000 pixels") as failure:
        step(batch(4, 1000), range(4))
    assert "batch_size to 2" in (failure.value.hint or "")


def test_nothing_of_a_failed_attempt_is_held_while_the_next_is_made() -> None:
    class Held:
        alive = 0

        def __init__(self) -> None:
            Held.alive += 1

        def __del__(self) -> None:
            Held.alive -= 1

    class Card(SmallCard):
        def learn(self, batch: TrainingBatch, rounds: int = 1) -> int:
            assert Held.alive == 0
            held = Held()
            found = super().learn(batch, rounds)
            del held
            return found

    step, _ = fitted(Card(1000), [1000] * 4)
    assert step(batch(4, 1000), range(4)) == 4.0


def test_the_widest_step_is_that_of_most_pixels() -> None:
    assert sorted(feed([300, 100, 200, 400], batch_size=2).widest_batch()) == [0, 3]
    # a line beyond all others is alone in its batch, and a batch of usual ones needs more
    assert sorted(feed([6000, 4000, 4000], batch_size=2).widest_batch()) == [1, 2]


class _Growing(SmallCard):
    """A stand-in for a step on a processor: a line takes so much, and memory once held stays held."""

    def __init__(self, line_mib: int) -> None:
        super().__init__(1 << 40)
        self._line_mib = line_mib
        self.held_mib = 100

    def learn(self, batch: TrainingBatch, rounds: int = 1) -> int:
        lines = super().learn(batch, rounds)
        self.held_mib = max(self.held_mib, 100 + -(-lines // rounds) * self._line_mib)
        return lines


@pytest.mark.parametrize(("line_mib", "rounds"), [(10, 1), (90, 1), (150, 2), (300, 4), (2000, 8)])
def test_on_a_processor_a_part_is_measured_before_the_whole_is_tried(
    line_mib: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = _Growing(line_mib)
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000 * _MIB)
    monkeypatch.setattr(memory, "held_bytes", lambda: step.held_mib * _MIB)
    monkeypatch.setattr(TrainingFeed, "batch", lambda _self, indices, epoch: batch(len(indices), 500))
    told: list[Notice] = []
    FittedStep(step, feed([500] * 8), told.append).try_widest(1, on_processor=True)
    assert step.asked[-1] == (8, rounds)
    assert step.applied == []
    assert len(told) == (rounds > 1)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("path", ["/job/7", "/"])
def test_what_is_free_is_the_least_of_machine_and_groups(tmp_path: Path, path: str) -> None:
    _write(tmp_path, {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 5000 kB\n", "proc/self/cgroup": f"0::{path}\n"})
    assert free_bytes(tmp_path) == 5000 * 1024
    group = "sys/fs/cgroup/job" if path == "/job/7" else "sys/fs/cgroup"
    files = {"memory.max": "2000000\n", "memory.current": "900000\n", "memory.stat": "anon 5\ninactive_file 300000\n"}
    _write(tmp_path, {f"{group}/{name}": text for name, text in files.items()})
    assert free_bytes(tmp_path) == 2000000 - 900000 + 300000


def test_a_container_of_the_older_kind_of_groups_is_known_by_its_own(tmp_path: Path) -> None:
    files = {"limit_in_bytes": "700000", "usage_in_bytes": "200000", "stat": "total_inactive_file 1000"}
    _write(tmp_path, {f"sys/fs/cgroup/memory/memory.{name}": text for name, text in files.items()})
    _write(tmp_path, {"proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n"})
    assert free_bytes(tmp_path) == 501000
    assert free_bytes(tmp_path / "nothing here") is None
