"""`python -m benchmarks.step [--rounds 3]`: a training step in parts, beside the undivided one and Keras's own.

Each is a new process on the processor, in turn: the same network and the same made batches of 8 lines, whose widths
differ as those of real lines do. Told are the seconds of the first two steps, and the lines a second of those after.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from functools import partial

import numpy as np

from benchmarks.measure import in_turn, ratios, told

KERAS, UNDIVIDED, PARTS, ROUNDS = "Keras's own step", "undivided", "in parts, as it ships", "in parts, in 4 rounds"
_NETWORK = (
    "None,None,64,1 Cr3,3,24 Mp2,2,2,2 Bn Cr3,3,48 Mp2,2,2,2 Bn Cr3,3,64 Bn Cr3,3,64 Mp2,2,2,2 Bn Rc3 "
    "Bl128 D50 Bl128 D50 Fs92"
)
_LINES, _FIRST, _MORE, _ROUNDS = 8, 2, 24, 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[KERAS, UNDIVIDED, PARTS, ROUNDS], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(_measure(arguments.only)))
        return

    found = in_turn(arguments.rounds, {name: partial(_run, name) for name in (KERAS, UNDIVIDED, PARTS, ROUNDS)})
    speeds = {name: [speed for _, speed in each] for name, each in found.items()}
    for name, each in found.items():
        firsts = told([first_s for first_s, _ in each], 2)
        print(f"{name}: first {_FIRST} steps {firsts} s, then {told(speeds[name])} lines a second")
    for name in (KERAS, UNDIVIDED, ROUNDS):
        print(f"{PARTS}, times as fast as {name}: {told(ratios(speeds[PARTS], speeds[name]), 2)}")


def _run(variant: str, _turn: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.step", "--only", variant]
    first_s, speed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return float(first_s), float(speed)


def _measure(variant: str) -> tuple[float, float]:
    """Seconds of the first steps, and lines a second of those after them."""
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    # the environment first, as in the trainer
    import keras

    from loghi_contract.job import DeviceKind
    from loghi_trainer import device
    from loghi_trainer.dataset import TrainingBatch
    from loghi_trainer.environment import keep_freed_memory
    from loghi_trainer.network import rebuilt
    from loghi_trainer.new_model import build_base_model
    from loghi_trainer.step import make_step

    keep_freed_memory()
    shares = device.share_out(device.claim_device(DeviceKind.CPU))
    device.make_reproducible(1)
    network = rebuilt(build_base_model(_NETWORK).network, precision="float32", for_processor=True)
    optimizer = keras.optimizers.AdamW(0.001, weight_decay=0.004)
    # compiles the network for Keras's own, too
    step = make_step(network, optimizer, [None] if variant == UNDIVIDED else shares.places)

    rng = np.random.default_rng(1)
    batches = []
    for width_px in rng.integers(500, 1400, _FIRST + _MORE):
        images = rng.normal(size=(_LINES, int(width_px), 64, 1)).astype(np.float32)
        labels = rng.integers(1, 91, (_LINES, 40)).astype(np.int32)
        batches.append(TrainingBatch(images, labels, np.ones(_LINES, np.float32)))
    times = [time.monotonic()]
    for batch in batches:
        if variant == KERAS:
            network.train_on_batch(batch.images, batch.labels, batch.weights)
        else:
            step.apply(step.learn(batch, _ROUNDS if variant == ROUNDS else 1))
        times.append(time.monotonic())
    return times[_FIRST] - times[0], _LINES * _MORE / (times[-1] - times[_FIRST])


if __name__ == "__main__":
    main()
