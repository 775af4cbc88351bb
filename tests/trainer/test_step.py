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

keras.utils.set_random_seed(1)
BASE = build_base_model("None,None,64,1 Cr3,3,8 Mp2,2,2,2 Bn Cr3,3,8 Mp4,4,4,4 Bn Rc3 Bl8 Fs12").network
WITH_DROPOUT = build_base_model(
    "None,None,64,1 Cr3,3,4 Mp4,4,4,4 D50 Bn Cr3,3,4 D50 Bn Mp4,4,4,4 Rc3 Bl8 D50 Fs12"
).network


def batch(lines: int, width_px: int) -> TrainingBatch:
    rng = np.random.default_rng((lines, width_px))
    labels = rng.integers(1, 11, (lines, 6)).astype(np.int32)
    labels[0, 3:] = LABEL_PADDING
    images = rng.normal(size=(lines, width_px, 64, 1)).astype(np.float32)
    return TrainingBatch(images, labels, rng.uniform(0.5, 2, lines).astype(np.float32))


def network(base: keras.Model = BASE, precision: str = "float32") -> keras.Model:
    made = rebuilt(base, precision=precision, for_processor=True)
    made.set_weights(base.get_weights())
    return made


def gradient_descent() -> keras.optimizers.Optimizer:
    """Moves weights by their gradients alone; AdamW would make much of rounding where these are small."""
    return keras.optimizers.SGD(learning_rate=0.01)


def take(step: Step, each: TrainingBatch, rounds: int = 1) -> float:
    return step.apply(step.learn(each, min(rounds, len(each.images))))


def kerass_own(made: keras.Model, each: TrainingBatch) -> float:
    if not made.compiled:
        made.compile(optimizer=gradient_descent(), loss=ctc_loss, jit_compile=False)
    made.reset_metrics()
    return float(np.asarray(made.train_on_batch(each.images, each.labels, each.weights)))


@pytest.mark.parametrize("rounds", [1, 2, 7])
@pytest.mark.parametrize("frozen", [(), (Part.CONV,)], ids=["all layers", "convolutions frozen"])
def test_parts_of_a_batch_learn_what_the_whole_batch_learns(frozen: tuple[Part, ...], rounds: int) -> None:
    divided, whole = network(), network()
    freeze(divided, frozen)
    freeze(whole, frozen)
    step = make_step(divided, gradient_descent(), [None] * 3)
    # of the last batches one has a line for two parts only, and one for none to share
    for each in (batch(7, 120), batch(2, 96), batch(1, 64)):
        assert take(step, each, rounds) == pytest.approx(kerass_own(whole, each), rel=1e-5)
    # the statistics of batch normalisation, too
    for ours, theirs in zip(divided.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("rounds", [1, 2])
def test_what_layers_add_to_the_loss_for_their_weights_counts_once(rounds: int) -> None:
    divided, whole = network(), network()
    for each in (divided, whole):
        each.layers[1].kernel.regularizer = keras.regularizers.L2(0.1)
    step = make_step(divided, gradient_descent(), [None, None])
    assert take(step, batch(4, 96), rounds) == pytest.approx(kerass_own(whole, batch(4, 96)), rel=1e-5)
    np.testing.assert_allclose(divided.layers[1].kernel, whole.layers[1].kernel, atol=1e-5)
    assert np.abs(np.asarray(divided.layers[1].kernel) - BASE.get_weights()[0]).max() > 1e-3


def test_what_is_computed_twice_drops_out_the_same_twice() -> None:
    at_once, in_rounds = network(WITH_DROPOUT), network(WITH_DROPOUT)
    _same_seeds(at_once, in_rounds)
    step, other = make_step(at_once, gradient_descent(), [None, None]), make_step(in_rounds, gradient_descent(), [None])
    for each in (batch(4, 160), batch(4, 192)):
        assert take(step, each) == pytest.approx(take(other, each, rounds=2), rel=1e-5)
    for ours, theirs in zip(at_once.variables, in_rounds.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_half_precision_scales_its_losses_in_rounds_too() -> None:
    at_once, in_rounds = network(precision="mixed_float16"), network(precision="mixed_float16")
    step, other = make_step(at_once, gradient_descent(), [None, None]), make_step(in_rounds, gradient_descent(), [None])
    assert take(step, batch(4, 96)) == pytest.approx(take(other, batch(4, 96), rounds=2), rel=1e-3)
    for ours, theirs, before in zip(at_once.get_weights(), in_rounds.get_weights(), BASE.get_weights(), strict=True):
        np.testing.assert_allclose(ours - before, theirs - before, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("rounds", [1, 2])
def test_nothing_changes_until_what_was_learnt_is_taken_over(rounds: int) -> None:
    made, optimizer = network(WITH_DROPOUT), keras.optimizers.AdamW()
    step = make_step(made, optimizer, [None, None])
    before = [np.array(variable) for variable in (*made.variables, *optimizer.variables)]
    learned = step.learn(batch(4, 160), rounds)
    for variable, value in zip((*made.variables, *optimizer.variables), before, strict=True):
        np.testing.assert_array_equal(variable, value)
    step.apply(learned)
    after = [np.array(variable) for variable in made.variables]
    changed = {
        variable.name for variable, now, old in zip(made.variables, after, before, strict=False) if (now != old).any()
    }
    assert changed >= {"kernel", "gamma", "moving_mean", "moving_variance", "seed_generator_state"}


def test_a_step_is_made_ready_once_for_lines_of_any_number_and_width() -> None:
    traced: list[int] = []

    @keras.saving.register_keras_serializable()
    class Counted(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
        def call(self, x: object) -> object:
            traced.append(1)
            return x

    inputs = keras.Input((None, 64, 1))
    made = keras.Model(inputs, BASE(Counted()(inputs)))
    for rounds, times in ((1, 1), (2, 2)):  # forward, and both ways
        step = make_step(made, gradient_descent(), [None])
        traced.clear()
        for each in (batch(4, 120), batch(3, 96), batch(5, 200)):
            take(step, each, rounds)
        assert len(traced) <= times


def _same_seeds(one: keras.Model, other: keras.Model) -> None:
    for ours, theirs in zip(one.variables, other.variables, strict=True):
        ours.assign(theirs)
