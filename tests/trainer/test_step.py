"""A batch in parts is one batch: the same loss, gradient and statistics; and a step is made ready once."""

import keras
import numpy as np
import pytest

from loghi_contract.job import Part
from loghi_trainer.ctc import ctc_loss
from loghi_trainer.dataset import LABEL_PADDING, TrainingBatch
from loghi_trainer.network import rebuilt
from loghi_trainer.new_model import build_base_model
from loghi_trainer.step import Step, make_step
from loghi_trainer.training import freeze

pytestmark = pytest.mark.tf

BASE = build_base_model("None,None,64,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,8 Mp4,4,4,4 Bn Rc3 Bl8 Fs12").network


def batch(lines: int, width_px: int) -> TrainingBatch:
    rng = np.random.default_rng((lines, width_px))
    labels = rng.integers(1, 11, (lines, 6)).astype(np.int32)
    labels[0, 3:] = LABEL_PADDING
    images = rng.normal(size=(lines, width_px, 64, 1)).astype(np.float32)
    return TrainingBatch(images, labels, rng.uniform(0.5, 2, lines).astype(np.float32))


def network() -> keras.Model:
    made = rebuilt(BASE, precision="float32", for_processor=True)
    made.set_weights(BASE.get_weights())
    return made


def gradient_descent() -> keras.optimizers.Optimizer:
    """Moves weights by their gradients alone; AdamW would make much of rounding where these are small."""
    return keras.optimizers.SGD(learning_rate=0.01)


def kerass_own_step(made: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
    made.compile(optimizer=optimizer, loss=ctc_loss, jit_compile=False)

    def step(each: TrainingBatch) -> float:
        made.reset_metrics()
        return float(np.asarray(made.train_on_batch(each.images, each.labels, each.weights)))

    return step


@pytest.mark.parametrize("frozen", [(), (Part.CONV,)], ids=["all layers", "convolutions frozen"])
def test_parts_of_a_batch_learn_what_the_whole_batch_learns(frozen: tuple[Part, ...]) -> None:
    in_parts, whole = network(), network()
    freeze(in_parts, frozen)
    freeze(whole, frozen)
    step, expected = make_step(in_parts, gradient_descent(), [None] * 3), kerass_own_step(whole, gradient_descent())
    # of the last batches one has a line for two parts only, and one for none to share
    for each in (batch(7, 120), batch(2, 96), batch(1, 64)):
        assert step(each) == pytest.approx(expected(each), rel=1e-5)
    # the statistics of batch normalisation, too
    for ours, theirs in zip(in_parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_step_is_made_ready_once_for_lines_of_any_number_and_width() -> None:
    traced: list[int] = []

    class Counted(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
        def call(self, x: object) -> object:
            traced.append(1)
            return x

    inputs = keras.Input((None, 64, 1))
    made = keras.Model(inputs, BASE(Counted()(inputs)))
    step = make_step(made, gradient_descent(), [None])
    traced.clear()
    for each in (batch(4, 120), batch(3, 96), batch(5, 200)):
        step(each)
    assert len(traced) == 1


def test_what_layers_add_to_the_loss_for_their_weights_counts_once() -> None:
    in_parts, whole = network(), network()
    for each in (in_parts, whole):
        each.layers[1].kernel_regularizer = keras.regularizers.L2(0.1)
    step, expected = make_step(in_parts, gradient_descent(), [None, None]), kerass_own_step(whole, gradient_descent())
    assert step(batch(4, 96)) == pytest.approx(expected(batch(4, 96)), rel=1e-5)
    np.testing.assert_allclose(in_parts.layers[1].kernel, whole.layers[1].kernel, atol=1e-5)
