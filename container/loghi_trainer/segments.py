"""A network cut into segments, and the way of a batch's parts through each of them and back.

A batch normalisation that is trained needs the mean and variance of all lines of a batch, so it ties the parts of a
batch together. A chain of layers is cut before each of them: within a segment no part knows of another, and from one to
the next the parts share a few sums on the way forward, and a few on the way back. Nothing here changes a variable.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple  # backend tensors have no common type

import keras
from keras import ops

from loghi_trainer.ctc import ctc_loss

Tensors = Sequence[Any]


class Statistics(NamedTuple):
    """Of all values that a batch normalisation gets; float32 (channels,)."""

    mean: Any
    variance: Any


class Slopes(NamedTuple):
    """How the loss changes with what a segment takes: the parts, their statistics, its weights.

    The first segment has only weights: nobody asks for the slope of an image.
    """

    parts: list[Any]
    statistics: list[Any]
    weights: list[Any]


class Tie(NamedTuple):
    """How the loss changes with a part through the statistics of all parts; `values` of each channel made these."""

    mean: Any
    by_mean: Any
    by_variance: Any
    values: Any


@dataclass(frozen=True)
class Went:
    """What a segment made of parts, the seeds its dropout goes on with, and the way back from slopes to slopes."""

    parts: list[Any]
    seeds: list[Any]
    back: Callable[[Tensors, Tie | None], Slopes]


def segments_of(network: keras.Model, places: Sequence[str | None]) -> list["Segment"]:
    """The segments of a chain of layers.

    Args:
        places: a device's name for each part of a batch; None leaves the choice to the framework.
    """
    layers = network.layers[1:]
    cuts = [index for index, layer in enumerate(layers) if _is_shared(layer)]
    bounds = zip([0, *cuts], [*cuts, len(layers)], strict=True)
    following = [*(layers[cut] for cut in cuts), None]
    return [Segment(layers[start:end], after, places) for (start, end), after in zip(bounds, following, strict=True)]


class Segment:
    """Layers of a chain up to the next batch normalisation that is trained; all but the first begin with one."""

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer],
        after: keras.layers.BatchNormalization | None,
        places: Sequence[str | None],
    ) -> None:
        self.layers = tuple(layers)
        self.places = places
        self.normalization = layers[0] if layers and _is_shared(layers[0]) else None
        self.weights = [variable for layer in layers for variable in layer.trainable_variables]
        self.seeds = [seed for layer in layers for seed in _seeds_of(layer)]
        #: of what comes out, where a normalisation follows
        self.channels_after = None if after is None else after.moving_mean.shape[0]
        # counted from the right
        self._axis_after = None if after is None else after.axis % len(after.input.shape) - len(after.input.shape)

    def forward(self, parts: Tensors, statistics: Tensors, seeds: Tensors, *truth: Tensors) -> Went:
        """The parts, normalised by the `statistics` of all of them, through these layers.

        Args:
            truth: labels and weights of the lines of each part: then what comes out are the losses, each a part's sum.
        """
        outputs, recorded = [], []
        for place, part, *own in zip(self.places, parts, *truth, strict=False):
            with _at(place), import_module("tensorflow").GradientTape() as tape:
                shared = [] if self.normalization is None else [ops.cast(part, "float32"), *statistics]
                tape.watch(shared)
                with keras.StatelessScope(zip(self.seeds, seeds, strict=True)) as scope:
                    output = self._computed(part, shared, own)
            seeds = [scope.get_current_value(seed) for seed in self.seeds]
            outputs.append(output)
            recorded.append((place, tape, output, shared))

        def back(slopes: Tensors, tie: Tie | None) -> Slopes:
            found, weights = [], [weight.value for weight in self.weights]
            for (place, tape, output, shared), slope in zip(recorded, slopes, strict=True):
                with _at(place):
                    full = slope if tie is None else self._tied(slope, output, tie)
                    found.append(tape.gradient(output, [*shared, *weights], full, unconnected_gradients="zero"))
            if self.normalization is None:
                return Slopes([], [], added(found))
            rest = added([each[1:] for each in found])
            return Slopes([each[0] for each in found], rest[:2], rest[2:])

        return Went(outputs, list(seeds), back)

    def through_loss(
        self, parts: Tensors, statistics: Tensors, seeds: Tensors, labels: Tensors, weights: Tensors, slope: Any
    ) -> tuple[Any, list[Any], Slopes]:
        """Forward and back: the sum of the losses, the next seeds, and the slopes where the sum's is `slope`."""
        went = self.forward(parts, statistics, seeds, labels, weights)
        return sum(went.parts), went.seeds, went.back([slope] * len(went.parts), None)

    def sums(self, parts: Tensors) -> tuple[Any, Any]:
        """Of what came out of this segment: the sum of each channel, and of how many values."""
        values = sum(ops.cast(ops.size(part), "float32") for part in parts) / self.channels_after
        return self._over_channels(parts, lambda part: part), values

    def spread(self, parts: Tensors, mean: Any) -> Any:
        """The sum of each channel's squared distances from the mean of all."""
        return self._over_channels(parts, lambda part: ops.square(part - self._along_channels(mean, part)))

    def _computed(self, part: Any, shared: Tensors, truth: Tensors) -> Any:
        layers = self.layers
        if self.normalization is not None:
            # Source: keras.layers.BatchNormalization.call, which computes in float32 whatever comes in
            layer, layers = self.normalization, layers[1:]
            part = ops.batch_normalization(*shared, layer.axis, layer.beta, layer.gamma, layer.epsilon)
            part = ops.cast(part, layer.compute_dtype)
        for layer in layers:
            part = layer(part, training=True)
        if not truth:
            return part
        labels, weights = truth
        return ops.sum(ctc_loss(labels, part) * weights)

    def _tied(self, slope: Any, output: Any, tie: Tie) -> Any:
        """The slope of what came out, through the statistics too.

        Each value moves the mean by its share, and the variance by twice its distance from the mean.
        """
        mean, by_mean, by_variance = (self._along_channels(each, output) for each in tie[:3])
        around = ops.cast(output, "float32") - mean
        return ops.cast(slope + (by_mean + 2 * by_variance * around) / tie.values, output.dtype)

    def _over_channels(self, parts: Tensors, compute: Callable[[Any], Any]) -> Any:
        sums = []
        for place, part in zip(self.places, parts, strict=False):
            axes = [axis for axis in range(-len(part.shape), 0) if axis != self._axis_after]
            with _at(place):
                sums.append(ops.sum(compute(ops.cast(part, "float32")), axes))
        return sum(sums)

    def _along_channels(self, vector: Any, part: Any) -> Any:
        return ops.reshape(vector, [-1 if axis == self._axis_after else 1 for axis in range(-len(part.shape), 0)])


def added(lists: Sequence[Tensors]) -> list[Any]:
    """The sum of lists of tensors, place by place."""
    return [sum(each[1:], start=each[0]) for each in zip(*lists, strict=True)]


def _is_shared(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and bool(layer.trainable)


def _seeds_of(layer: keras.layers.Layer) -> list[Any]:
    """The states of a layer's random numbers: its variables that are no weights."""
    weights = {id(variable) for variable in layer.weights}
    return [variable for variable in layer.variables if id(variable) not in weights]


def _at(place: str | None) -> AbstractContextManager[Any]:
    if place is None:
        return nullcontext()
    named: AbstractContextManager[Any] = import_module("tensorflow").device(place)
    return named
