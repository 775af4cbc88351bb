"""Steps that fit in memory: one that does not is taken in rounds, and what it comes to stays the same."""

import gc
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from loghi_contract.events import Notice
from loghi_trainer import memory
from loghi_trainer.dataset import TrainingBatch, TrainingFeed
from loghi_trainer.errors import TrainingFailed, is_out_of_memory
from loghi_trainer.step import Step

#: Of the memory that is free before the first step; later steps find it less tidy than the first ones.
_SHARE: Final = 0.75
#: So many times as wide as the next is far wider.
_FAR_WIDER: Final = 2


class FittedStep:
    """Takes a step in as few rounds as fit in memory.

    How much fits is learnt where something did not, and remembered as lines times pixels: one very wide line puts its
    own step into rounds, not those of all others.
    """

    def __init__(self, step: Step, feed: TrainingFeed, tell: Callable[[Notice], None], memory_kills: int = 0) -> None:
        """Of the free memory take half as much for each time that the run was ended for it."""
        self._step = step
        self._share = _SHARE / 2**memory_kills
        #: of which lines a step is, for what is told of them
        self.feed = feed
        self._tell = tell
        #: lines times pixels that are computed at once; None for as many as a step has
        self.most_px: int | None = None

    def __call__(self, batch: TrainingBatch, indices: Sequence[int]) -> float:
        """Train on the batch, which holds the lines of these indices; the loss before that.

        Raises:
            TrainingFailed: not even one line fits.
        """
        learned = self._learned(batch, indices)
        try:
            return self._step.apply(learned)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise self._does_not_fit(batch, indices) from error

    def try_widest(self, at_least: int, *, on_processor: bool) -> None:
        """Compute the step that needs most memory and forget what it taught, so that a lack of memory shows at once.

        On a processor a part of it is measured first: who takes more of a machine's memory than there is, is ended
        without a word, while a card says no.

        Args:
            at_least: lines of the smallest part that is measured.

        Raises:
            TrainingFailed: not even one line fits.
        """
        if not self._step.can_divide:
            return
        indices = self.feed.widest_batch()
        batch = self.feed.batch(indices, epoch=1)
        if on_processor:
            self._leave_room(batch, indices, at_least)
        self._learned(batch, indices)

    def _learned(self, batch: TrainingBatch, indices: Sequence[int]) -> Any:
        while True:
            lines, width_px = batch.images.shape[:2]
            rounds = self._rounds(lines, width_px)
            at_once = -(-lines // rounds)
            try:
                return self._step.learn(batch, rounds)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if at_once == 1 or not self._step.can_divide:
                    raise self._does_not_fit(batch, indices) from error
            # not within `except`: there the error's traceback holds on to all that was computed so far
            gc.collect()
            self._divide(
                batch, indices, (at_once + 1) // 2, f"{at_once} lines of {width_px} pixels did not fit in memory"
            )

    def _leave_room(self, batch: TrainingBatch, indices: Sequence[int], measured: int) -> None:
        """Measure what a few lines take, then twice as many, until it is known how many at once fit."""
        free = memory.free_bytes()
        if free is None:
            return
        lines, width_px = batch.images.shape[:2]
        before = memory.held_bytes()
        kept = self._step.kept_bytes(width_px) * lines
        fewer, took_fewer = 0, 0
        measured = min(measured, lines)
        while True:
            self._learned(_first(batch, measured), indices[:measured])
            took = memory.held_bytes() - before
            a_line = max(took - took_fewer, 0) / (measured - fewer)
            if took + a_line * (lines - measured) <= self._share * free:
                return
            if took + a_line * measured + kept > self._share * free:
                break
            fewer, took_fewer, measured = measured, took, 2 * measured
        why = f"{free / 1e9:.1f} GB of memory are free, too little for {lines} lines of {width_px} pixels at once"
        self._divide(batch, indices, measured, why)

    def _rounds(self, lines: int, width_px: int) -> int:
        rounds = 1
        while self.most_px is not None and rounds < lines and -(-lines // rounds) * width_px > self.most_px:
            rounds = min(2 * rounds, lines)
        return rounds

    def _divide(self, batch: TrainingBatch, indices: Sequence[int], at_once: int, why: str) -> None:
        """From now on take so many lines of this width at once, and say so."""
        lines, width_px = batch.images.shape[:2]
        self.most_px = min(at_once * width_px, self.most_px or at_once * width_px)
        self._tell(
            Notice(
                "memory.in_rounds",
                f"{why}: such a step takes its {lines} lines in {self._rounds(lines, width_px)} rounds, one after the "
                "other, and learns the same",
                self._blamed(indices) or "It takes about half as long again; steps that fit are taken as before.",
            )
        )

    def _blamed(self, indices: Sequence[int]) -> str | None:
        """The widest line of a batch by name, where it is far wider than the others: all are filled up to its width."""
        widest, *others = sorted(indices, key=self.feed.width_px, reverse=True)
        if not others or self.feed.width_px(widest) < _FAR_WIDER * self.feed.width_px(others[0]):
            return None
        name = PurePosixPath(self.feed.image(widest)).name
        return (
            f"One line alone asks for so much: {name} is {self.feed.width_px(widest)} pixels wide, the next of its "
            f"step {self.feed.width_px(others[0])}. Is it two lines, or a rule? Cut it again, or leave it out."
        )

    def _does_not_fit(self, batch: TrainingBatch, indices: Sequence[int]) -> TrainingFailed:
        lines, width_px = batch.images.shape[:2]
        at_once = -(-lines // self._rounds(lines, width_px))
        if at_once > 1:
            return TrainingFailed(
                "training.out_of_memory",
                f"memory ran out on {at_once} lines of {width_px} pixels in one step",
                hint=f"Set training.batch_size to {max(1, lines // 2)}, or give the run a card with more free memory.",
            )
        name = PurePosixPath(self.feed.image(max(indices, key=self.feed.width_px))).name
        return TrainingFailed(
            "training.out_of_memory",
            f"memory ran out on a single line of {width_px} pixels; the widest of its step is {name}",
            hint="Leave that line out, or give the run more memory, or a card with more that is free.",
        )


def _first(batch: TrainingBatch, lines: int) -> TrainingBatch:
    return TrainingBatch(batch.images[:lines], batch.labels[:lines], batch.weights[:lines])
