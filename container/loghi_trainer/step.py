"""One training step of a logical batch in parts: side by side on cores or cards, or one after the other.

The parts share what makes a batch one: the statistics of batch normalisation, one loss, one summed gradient, one
step of the optimizer. What comes out is the undivided batch's, but for the order of additions; dropout draws for each
part anew. What a batch teaches is computed first and taken over afterwards: whoever runs out of memory on the way has
changed nothing.
"""

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol  # backend tensors have no common type

import keras
import numpy as np
from keras import ops

from loghi_trainer.ctc import ctc_loss
from loghi_trainer.dataset import TrainingBatch
from loghi_trainer.network import frames_after
from loghi_trainer.recomputing import Recomputing
from loghi_trainer.segments import Segment, Slopes, Statistics, Tensors, Tie, added, segments_of


class Learned(NamedTuple):
    """What a batch teaches, not taken over yet.

    `loss` is the mean of the lines' weighted losses, with what layers add for their weights; `statistics` are those of
    each batch normalisation that is trained, `seeds` the ones that each segment's dropout goes on with.
    """

    loss: Any
    slopes: list[Any]
    statistics: list[Statistics]
    seeds: list[list[Any]]


class Step(Protocol):
    """A training step: `apply(learn(batch))`."""

    #: whether a batch can be taken in rounds, and learnt from without anything being changed
    can_divide: bool

    def learn(self, batch: TrainingBatch, rounds: int = 1) -> Any:
        """What the batch teaches, computed in so many rounds one after the other."""
        ...

    def apply(self, learned: Any) -> float:
        """Take it over in the network; the loss before that."""
        ...

    def kept_bytes(self, width_px: int) -> int:
        """What is kept of a line of this width while the rounds of its batch are computed."""
        ...


def make_step(network: keras.Model, optimizer: keras.optimizers.Optimizer, places: Sequence[str | None]) -> Step:
    """The step that trains `network`, a chain of layers, with `optimizer`.

    Args:
        places: a device's name for each part of a batch; None leaves the choice to the framework. Backends other
            than TensorFlow take a batch undivided.
    """
    network.compile(optimizer=optimizer, loss=ctc_loss, jit_compile=False)
    if keras.backend.backend() != "tensorflow":
        return _KerassStep(network)
    # wrapped by now, where half precision needs its losses scaled
    return _TensorFlowStep(network, network.optimizer, places)


class _KerassStep:
    """Keras's own, where the framework has none of ours."""

    can_divide = False

    def __init__(self, network: keras.Model) -> None:
        self._network = network

    def learn(self, batch: TrainingBatch, rounds: int = 1) -> TrainingBatch:
        return batch

    def apply(self, learned: TrainingBatch) -> float:
        return float(np.asarray(self._network.train_on_batch(learned.images, learned.labels, learned.weights)))

    def kept_bytes(self, width_px: int) -> int:
        return 0


class _Round(NamedTuple):
    """Lines that are computed at the same time, in parts."""

    images: list[Any]
    labels: list[Any]
    weights: list[Any]


class _TensorFlowStep:
    """Made ready once for each number of parts: for any number of lines of any width.

    Keras's own `train_on_batch` makes itself ready for the first batch's size and then again for any, and
    `jit_compile` would for every width.
    """

    can_divide = True

    def __init__(self, network: keras.Model, optimizer: Any, places: Sequence[str | None]) -> None:
        self._network = network
        self._optimizer = optimizer
        self._places = places
        self._segments = segments_of(network, places)
        self._recomputing = [Recomputing(segment) for segment in self._segments]
        self._ready: dict[int, Any] = {}
        optimizer.build(network.trainable_variables)
        function = import_module("tensorflow").function
        self._apply = function(self._taken_over, autograph=False)
        self._penalty = function(self._penalty_and_slopes, input_signature=[], autograph=False)

    def learn(self, batch: TrainingBatch, rounds: int = 1) -> Learned:
        tensors = (batch.images, batch.labels, batch.weights)
        seeds = [[seed.value for seed in segment.seeds] for segment in self._segments]
        if rounds == 1:
            # the odd batch of an epoch may have fewer lines than there are places
            parts = min(len(self._places), len(batch.images))
            if parts not in self._ready:
                self._ready[parts] = self._made_ready(parts)
            found: Learned = self._ready[parts](*tensors, seeds)
            return found
        divided = zip(*(_parts(tensor, rounds) for tensor in tensors), strict=True)
        return self._learned(self._recomputing, [self._round(*own) for own in divided], seeds, self._penalty())

    def apply(self, learned: Learned) -> float:
        self._apply(learned)
        return float(learned.loss)

    def kept_bytes(self, width_px: int) -> int:
        cuts = {id(segment.layers[0]) for segment in self._segments[1:]}
        frames, kept = width_px, 0
        for layer in self._network.layers:
            if id(layer) in cuts:
                _, _, *rest = layer.input.shape
                kept += frames * math.prod(rest) * np.dtype(layer.input.dtype).itemsize
            frames = frames_after(layer, frames)
        return kept

    def _made_ready(self, parts: int) -> Any:
        tensorflow = import_module("tensorflow")
        signature = [
            tensorflow.TensorSpec(self._network.inputs[0].shape, tensorflow.float32),
            tensorflow.TensorSpec((None, None), tensorflow.int32),
            tensorflow.TensorSpec((None,), tensorflow.float32),
            [[tensorflow.TensorSpec((2,), seed.dtype) for seed in segment.seeds] for segment in self._segments],
        ]

        def learned(images: Any, labels: Any, weights: Any, seeds: list[list[Any]]) -> Learned:
            whole = _Round(*(_parts(tensor, parts) for tensor in (images, labels, weights)))
            return self._learned(self._segments, [whole], seeds, self._penalty_and_slopes())

        return tensorflow.function(learned, input_signature=signature, autograph=False).get_concrete_function()

    def _round(self, images: Any, labels: Any, weights: Any) -> _Round:
        parts = min(len(self._places), len(images))
        return _Round(*(_parts(tensor, parts) for tensor in (images, labels, weights)))

    def _learned(
        self,
        segments: Sequence[Segment | Recomputing],
        rounds: Sequence[_Round],
        seeds: list[list[Any]],
        penalty: tuple[Any, list[Any]],
    ) -> Learned:
        """Segment by segment, all rounds through each, and back again."""
        lines = sum(ops.cast(ops.shape(labels)[0], "float32") for each in rounds for labels in each.labels)
        slope = self._optimizer.scale_loss(1.0) / lines
        *inner, last = segments
        new_seeds = list(seeds)
        inputs: list[Tensors] = [each.images for each in rounds]
        shared: list[Statistics] = []
        gone = []
        for index, segment in enumerate(inner):
            went = []
            for parts in inputs:
                went.append(segment.forward(parts, shared[-1] if shared else (), new_seeds[index]))
                new_seeds[index] = went[-1].seeds
            inputs = [each.parts for each in went]
            total, values = added([segment.sums(parts) for parts in inputs])
            mean = total / values
            variance = sum(segment.spread(parts, mean) for parts in inputs) / values
            shared.append(Statistics(mean, variance))
            gone.append(([each.back for each in went], mean, values))

        loss, slopes = 0.0, []
        weights: list[Any] = []
        for parts, each in zip(inputs, rounds, strict=True):
            lost, new_seeds[-1], found = last.through_loss(
                parts, shared[-1] if shared else (), new_seeds[-1], each.labels, each.weights, slope
            )
            loss += lost
            slopes.append(_without_weights(found, weights))
        learnt = [weights]
        while gone:
            backs, mean, values = gone.pop()
            by_mean, by_variance = added([each.statistics for each in slopes])
            tie = Tie(mean, by_mean, by_variance, values)
            weights = []
            slopes = [
                _without_weights(back(each.parts, tie), weights) for back, each in zip(backs, slopes, strict=True)
            ]
            learnt.append(weights)

        more, own = penalty
        all_weights = [each for segment in reversed(learnt) for each in segment]
        return Learned(loss / lines + more, added([all_weights, own]) if own else all_weights, shared, new_seeds)

    def _penalty_and_slopes(self) -> tuple[Any, list[Any]]:
        """What layers add to the loss for their weights, and its slopes; none where no layer does."""
        if not self._network.losses:
            return ops.zeros(()), []
        variables = [variable.value for variable in self._network.trainable_variables]
        with import_module("tensorflow").GradientTape() as tape:
            penalty = sum(self._network.losses)
            scaled = self._optimizer.scale_loss(penalty)
        return penalty, tape.gradient(scaled, variables, unconnected_gradients="zero")

    def _taken_over(self, learned: Learned) -> None:
        self._optimizer.apply(learned.slopes, self._network.trainable_variables)
        tied = [segment.normalization for segment in self._segments if segment.normalization is not None]
        for layer, (mean, variance) in zip(tied, learned.statistics, strict=True):
            for moving, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
                moving.assign(moving * layer.momentum + now * (1.0 - layer.momentum))
        for segment, states in zip(self._segments, learned.seeds, strict=True):
            for seed, state in zip(segment.seeds, states, strict=True):
                seed.assign(state)


def _without_weights(slopes: Slopes, sums: list[Any]) -> Slopes:
    """The same without the weights' slopes, which are added to `sums`: so only one round's are held at a time."""
    sums[:] = added([sums, slopes.weights]) if sums else slopes.weights
    return slopes._replace(weights=[])


def _parts(tensor: Any, count: int) -> list[Any]:
    """The lines of a tensor in so many parts; none is empty while there are as many lines."""
    lines = ops.shape(tensor)[0]
    return [tensor[lines * part // count : lines * (part + 1) // count] for part in range(count)]
