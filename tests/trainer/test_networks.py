"""Real Keras on small networks: loss, LSTM, padding, output layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

from loghi_contract.job import CharsetPolicy, Part  # noqa: E402  # after the skip above
from loghi_contract.tokenizer import Tokenizer  # noqa: E402
from tests.trainer.made_jobs import SMALL_VGSL  # noqa: E402


@pytest.fixture(scope="module")
def base() -> Any:
    import keras

    from loghi_trainer.base_model import BaseModel
    from loghi_trainer.network import rebuilt
    from loghi_trainer.new_model import build_base_model

    keras.utils.set_random_seed(7)
    network = rebuilt(build_base_model(SMALL_VGSL).network, precision="float32", classes=7)
    _unsettle(network)
    return BaseModel(network, Tokenizer.of("abcde"))


def _unsettle(network: Any) -> None:
    """Give batch normalisation the statistics of a trained network, so that its bias matters."""
    rng = np.random.default_rng(3)
    for layer in network.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])


def _lines(widths: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.5, 0.5, (width, 32, 1)).astype(np.float32) for width in widths]


def test_loss_equals_the_slow_forward_algorithm_with_the_blank_last() -> None:
    from loghi_trainer.ctc import ctc_loss

    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), (3, 9)).astype(np.float32)
    labels = np.array([[1, 2, 2, -1], [0, 3, -1, -1], [3, 3, 3, 1]], np.int32)

    losses = np.asarray(ctc_loss(labels, probabilities))

    expected = [
        _slow_ctc(line, [label for label in row if label >= 0]) for line, row in zip(probabilities, labels, strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_loss_of_a_line_alone_stops_at_its_last_frame() -> None:
    from loghi_trainer.ctc import ctc_loss

    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), (2, 9)).astype(np.float32)
    labels = np.array([[1, 2, 2], [3, -1, -1]], np.int32)

    losses = np.asarray(ctc_loss(labels, probabilities, np.array([9, 4], np.int32)))

    expected = [_slow_ctc(probabilities[0], [1, 2, 2]), _slow_ctc(probabilities[1, :4], [3])]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_the_loss_is_never_left_to_cudnn_which_fails_beyond_255_labels() -> None:
    """On a card TensorFlow would choose between the two kernels by itself."""
    import tensorflow as tf

    from loghi_trainer.ctc import ctc_loss

    shapes = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None, 5), tf.float32))
    graph = tf.function(ctc_loss).get_concrete_function(*shapes).graph.as_graph_def()

    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert {node.op for node in nodes if node.op.startswith("CTCLoss")} == {"CTCLoss"}


def test_best_path_drops_repeats_and_blanks_and_what_is_beyond_the_line() -> None:
    from loghi_trainer.ctc import decode

    path = [1, 1, 3, 1, 2, 3, 2]
    probabilities = np.eye(4, dtype=np.float32)[path][None]

    assert [line.labels for line in decode(probabilities, np.array([7]))] == [[1, 1, 2, 2]]
    assert [line.labels for line in decode(probabilities, np.array([4]))] == [[1, 1]]


def test_fast_lstm_gives_the_same_results_and_gradients_as_keras() -> None:
    import keras
    import tensorflow as tf

    from loghi_trainer.recurrent import SideBySideLSTM

    def network(kind: Any) -> Any:
        inputs = keras.Input((None, 6))
        x = kind(keras.layers.LSTM(5, return_sequences=True))(inputs)
        return keras.Model(inputs, kind(keras.layers.LSTM(4, return_sequences=True))(x))

    slow, fast = network(keras.layers.Bidirectional), network(SideBySideLSTM)
    fast.set_weights(slow.get_weights())
    sequences = np.random.default_rng(0).normal(size=(3, 11, 6)).astype(np.float32)
    mask = np.arange(11)[None] < np.array([11, 4, 1])[:, None]

    np.testing.assert_allclose(slow(sequences), fast(sequences), atol=1e-6)
    np.testing.assert_allclose(
        np.asarray(slow.layers[1](sequences, mask=mask))[mask],
        np.asarray(fast.layers[1](sequences, mask=mask))[mask],
        atol=1e-6,
    )
    for ours, theirs in zip(*(_gradients(tf, model, sequences) for model in (fast, slow)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def _gradients(tf: Any, model: Any, sequences: np.ndarray) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(sequences) - 0.3))
    return [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]


@pytest.mark.parametrize(
    "vgsl",
    [
        SMALL_VGSL,
        "None,None,32,1 Cr5,5,8 Bn Mp2,2,1,2 Cr4,3,8 Mp2,2,2,2 Bn Cr2,2,2,2,8 Rc3 Gfs8 Fs7",
        "None,None,32,1 Cr3,3,8 Mp1,2,1,2 Cr3,3,8 Mp2,2,2,2 Rc3 Bg8 Fs7",
    ],
)
@pytest.mark.parametrize("for_processor", [True, False])
def test_what_is_read_does_not_depend_on_the_other_lines_of_the_batch(vgsl: str, for_processor: bool) -> None:
    from loghi_trainer import images
    from loghi_trainer.network import rebuilt
    from loghi_trainer.new_model import build_base_model
    from loghi_trainer.padding import PaddingHidden, can_hide_padding

    network = build_base_model(vgsl).network
    _unsettle(network)
    lines = _lines([61, 200, 64, 131, 62, 63, 199])
    widths = np.array([len(line) for line in lines], np.int32)
    together_network = PaddingHidden(rebuilt(network, precision="float32", for_processor=for_processor))
    assert can_hide_padding(network)

    together, frames = together_network.predict_on_batch([images.stack(lines), widths])

    for line, result, count in zip(lines, together, frames, strict=True):
        alone = network.predict_on_batch(line[None])[0]
        assert len(alone) == count
        np.testing.assert_allclose(result[:count], alone, atol=1e-5)


@pytest.mark.parametrize("pooling", ["Mp4,4,4,4", "Mp3,3,1,1", "Mp3,3,2,2"])
def test_network_that_shifts_lines_is_fed_one_line_at_a_time(pooling: str) -> None:
    from loghi_trainer.new_model import build_base_model
    from loghi_trainer.padding import can_hide_padding

    assert not can_hide_padding(build_base_model(f"None,None,32,1 Cr3,3,8 {pooling} Rc3 Bl8 Fs9").network)


def test_extended_output_layer_keeps_trained_rows_bit_for_bit(base: Any) -> None:
    from loghi_trainer.charset import plan_charset
    from loghi_trainer.network import output_layer
    from loghi_trainer.output_layer import fit_output_layer

    plan = plan_charset(base.tokenizer, CharsetPolicy.EXTEND, ["aðé"])

    network = fit_output_layer(base, plan, CharsetPolicy.EXTEND, precision="float32", for_processor=True)

    old_kernel, old_bias = output_layer(base.network).get_weights()
    new_kernel, new_bias = output_layer(network).get_weights()
    assert new_kernel.shape[1] == 9
    np.testing.assert_array_equal(new_kernel[:, :6], old_kernel[:, :6])
    np.testing.assert_array_equal(new_kernel[:, -1], old_kernel[:, -1])
    np.testing.assert_array_equal(new_bias[[0, 1, 2, 3, 4, 5, -1]], old_bias[[0, 1, 2, 3, 4, 5, -1]])
    np.testing.assert_array_equal(new_kernel[:, 7], old_kernel[:, base.tokenizer.encode("d")[0]])  # é, then ð
    np.testing.assert_array_equal(new_kernel[:, 6], old_kernel[:, base.tokenizer.encode("e")[0]])


def test_extended_network_reads_known_letters_as_before(base: Any) -> None:
    from loghi_trainer.charset import plan_charset
    from loghi_trainer.output_layer import fit_output_layer

    plan = plan_charset(base.tokenizer, CharsetPolicy.EXTEND, ["ð"])
    line = _lines([160])[0][None]

    extended = fit_output_layer(base, plan, CharsetPolicy.EXTEND, precision="float32", for_processor=False)

    old, new = base.network.predict_on_batch(line)[0], extended.predict_on_batch(line)[0]
    same_letters = np.delete(new, base.tokenizer.blank, axis=1)
    np.testing.assert_array_equal(old.argmax(axis=1), same_letters.argmax(axis=1))


def test_network_for_the_processor_reads_the_same_and_saves_in_loghis_order(base: Any) -> None:
    from loghi_trainer.network import rebuilt

    line = _lines([150])[0][None]
    fast = rebuilt(base.network, precision="float32", for_processor=True)
    again = rebuilt(fast, precision="float32")

    assert [layer.name for layer in fast.layers] != [layer.name for layer in base.network.layers]
    np.testing.assert_allclose(fast.predict_on_batch(line), base.network.predict_on_batch(line), atol=1e-6)
    assert [(type(layer).__name__, layer.name) for layer in again.layers] == [
        (type(layer).__name__, layer.name) for layer in base.network.layers
    ]
    np.testing.assert_array_equal(again.predict_on_batch(line), base.network.predict_on_batch(line))


def test_frozen_parts_are_not_trained(base: Any) -> None:
    from loghi_trainer.network import rebuilt
    from loghi_trainer.training import freeze

    network = rebuilt(base.network, precision="float32")
    freeze(network, (Part.CONV, Part.RECURRENT))

    assert {weight.path.split("/")[0] for weight in network.trainable_weights} == {"dense_out"} or all(
        "dense" in weight.path for weight in network.trainable_weights
    )


def test_unreadable_specification_is_refused_with_an_example() -> None:
    from loghi_trainer.errors import DataError
    from loghi_trainer.new_model import build_base_model

    with pytest.raises(DataError) as refused:
        build_base_model("recommendet")

    assert "recommended" in (refused.value.hint or "")


def test_dropout_in_the_older_spelling_is_refused_not_lost() -> None:
    from loghi_trainer.errors import DataError
    from loghi_trainer.new_model import build_base_model

    with pytest.raises(DataError) as refused:
        build_base_model("None,None,64,1 Cr3,3,8 Mp2,2,2,2 Rc3 Bl16,D50 Fs9")

    assert "Bl16 D50" in (refused.value.hint or "")


def test_every_loghi_library_name_builds() -> None:
    from loghi_contract.networks import LIBRARY
    from loghi_trainer.new_model import build_base_model

    for name in LIBRARY:
        assert build_base_model(name).height_px in (48, 64)


def test_models_of_keras_2_are_rebuilt_with_their_weights(real_data: Path) -> None:
    import io
    import zipfile

    import h5py

    from loghi_trainer.base_model import open_base_model

    folder = real_data / "legacy_models" / "charlist_v3"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    base = open_base_model(folder)

    assert base.is_keras2
    with (
        zipfile.ZipFile(folder / "model.keras") as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file,
    ):
        stored: list[np.ndarray] = []
        file.visititems(lambda _, item: stored.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    key = sorted(float(np.abs(array).sum()) for array in stored if array.size > 1 and array.dtype == np.float32)
    ours = sorted(float(np.abs(weight).sum()) for weight in base.network.get_weights())
    assert all(any(abs(value - there) < 1e-3 for there in key) for value in ours)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def _slow_ctc(probabilities: np.ndarray, labels: list[int]) -> float:
    """The forward algorithm over the label sequence with blanks between (Graves et al. 2006, section 4.1)."""
    blank = probabilities.shape[1] - 1
    sequence = [blank]
    for label in labels:
        sequence += [label, blank]
    alpha = np.zeros(len(sequence))
    alpha[0], alpha[1] = probabilities[0, blank], probabilities[0, sequence[1]]
    for frame in probabilities[1:]:
        new = np.zeros_like(alpha)
        for s, label in enumerate(sequence):
            total = alpha[s] + (alpha[s - 1] if s else 0)
            if s > 1 and label not in (blank, sequence[s - 2]):
                total += alpha[s - 2]
            new[s] = total * frame[label]
        alpha = new
    return float(-np.log(alpha[-1] + alpha[-2]))


def test_weight_of_a_line_scales_its_part_of_the_loss(base: Any, tmp_path: Path) -> None:
    import cv2

    from loghi_contract.job import Augmentation, Precision, TrainingSpec
    from loghi_contract.lines import LineSample
    from loghi_contract.places import Places
    from loghi_trainer.dataset import ImageStore, TrainingFeed, measure_lines
    from loghi_trainer.network import rebuilt
    from loghi_trainer.reporter import Reporter
    from loghi_trainer.training import Training

    cv2.imwrite(str(tmp_path / "line.png"), np.random.default_rng(0).integers(0, 255, (32, 90), np.uint8))
    store = ImageStore(Places(tmp_path), 32, 1)
    spec = TrainingSpec(1, 1, 1e-9, 0, 1, Augmentation.NONE, Precision.FLOAT32, (Part.CONV,))

    def loss_of(weight: float) -> float:
        lines = measure_lines("train", [LineSample("/line.png", "ab", weight, "list:1")], [], store).lines
        feed = TrainingFeed(lines, [[1, 2]], store, batch_size=1, seed=1, augment=None)
        network = rebuilt(base.network, precision="float32")
        reporter = Reporter(tmp_path / f"{weight}.jsonl", None, "run")
        loss = Training(network, feed, spec, reporter.emit, lambda: False).run_epoch(1).train_loss
        reporter.close()
        return loss

    assert loss_of(0.25) == pytest.approx(0.25 * loss_of(1.0), rel=1e-5)
