"""A segment whose inner values are not kept for the way back but computed again: a third more work, far less memory.

Of a batch that goes through in rounds only what went into each segment is kept meanwhile, in the machine's memory.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any  # backend tensors have no common type

from loghi_trainer.segments import Segment, Slopes, Tensors, Tie, Went


class Recomputing:
    """Does what its segment does, each call for itself; made ready once for each number of parts."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._ready: dict[tuple[str, int], Any] = {}

    def forward(self, parts: Tensors, statistics: Tensors, seeds: Tensors) -> Went:
        taken = (list(parts), list(statistics), list(seeds))

        def forward(*taken: Tensors) -> tuple[list[Any], list[Any]]:
            went = self._segment.forward(*taken)
            return went.parts, went.seeds

        def forward_and_back(parts: Tensors, statistics: Tensors, seeds: Tensors, slopes: Tensors, tie: Tie) -> Slopes:
            return self._segment.forward(parts, statistics, seeds).back(slopes, tie)

        def back(slopes: Tensors, tie: Tie | None) -> Slopes:
            mean, by_mean, by_variance = self._vectors(3)
            tied = Tie(mean, by_mean, by_variance, _number())
            specs = [*self._taken(len(parts)), self._made(len(parts), "float32"), tied]
            found: Slopes = self._run(forward_and_back, specs, *taken, list(slopes), tie)
            return found._replace(parts=_set_aside(found.parts))

        outputs, seeds_after = self._run(forward, self._taken(len(parts)), *taken)
        return Went(_set_aside(outputs), seeds_after, back)

    def through_loss(
        self, parts: Tensors, statistics: Tensors, seeds: Tensors, labels: Tensors, weights: Tensors, slope: Any
    ) -> tuple[Any, list[Any], Slopes]:
        count = len(parts)
        specs = [*self._taken(count), [_spec((None, None), "int32")] * count, [_spec((None,))] * count, _number()]
        taken = (list(parts), list(statistics), list(seeds), list(labels), list(weights), slope)
        loss, seeds_after, slopes = self._run(self._segment.through_loss, specs, *taken)
        return loss, seeds_after, slopes._replace(parts=_set_aside(slopes.parts))

    def sums(self, parts: Tensors) -> tuple[Any, Any]:
        found: tuple[Any, Any] = self._run(self._segment.sums, [self._made(len(parts))], list(parts))
        return found

    def spread(self, parts: Tensors, mean: Any) -> Any:
        return self._run(self._segment.spread, [self._made(len(parts)), *self._vectors(1)], list(parts), mean)

    def _run(self, compute: Callable[..., Any], specs: list[Any], parts: list[Any], *more: Any) -> Any:
        key = (compute.__name__, len(parts))
        if key not in self._ready:
            function = import_module("tensorflow").function(compute, input_signature=specs, autograph=False)
            self._ready[key] = function.get_concrete_function()
        return self._ready[key](parts, *more)

    def _taken(self, count: int) -> list[Any]:
        """What `forward` takes: so many parts, their statistics, seeds."""
        entry = self._segment.layers[0].input
        channels = [] if self._segment.normalization is None else [_spec(self._segment.normalization.moving_mean.shape)]
        seeds = [_spec((2,), seed.dtype) for seed in self._segment.seeds]
        return [[_spec(entry.shape, entry.dtype)] * count, channels * 2, seeds]

    def _made(self, count: int, dtype: str | None = None) -> list[Any]:
        """What `forward` gives of so many parts."""
        output = self._segment.layers[-1].output
        return [_spec(output.shape, dtype or output.dtype)] * count

    def _vectors(self, count: int) -> list[Any]:
        """So many times a number for each channel of what `forward` gives."""
        return [_spec((self._segment.channels_after,))] * count


def _spec(shape: Any, dtype: str = "float32") -> Any:
    return import_module("tensorflow").TensorSpec(shape, dtype)


def _number() -> Any:
    return _spec(())


def _set_aside(tensors: Tensors) -> list[Any]:
    """In the machine's memory; there they are already without a card."""
    tensorflow = import_module("tensorflow")
    with tensorflow.device("CPU:0"):
        return [tensorflow.identity(tensor) for tensor in tensors]
