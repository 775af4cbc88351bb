"""A run on several cards uses them all, and what it learns is what one would.

Two logical devices of the processor stand for two cards, in a process of their own: what is placed where, TensorFlow
tells itself.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.made_jobs import JobFolder

pytestmark = pytest.mark.tf

ROOT = Path(__file__).parents[2]
_TWO_CARDS = """
import json, sys
from pathlib import Path
import tensorflow

processor = tensorflow.config.list_physical_devices("CPU")[0]
two = [tensorflow.config.LogicalDeviceConfiguration()] * 2
tensorflow.config.set_logical_device_configuration(processor, two)

from loghi_trainer import device

# stand-ins for two cards
device._CARD = "CPU"
device._visible_gpus = lambda: ["made card", "made card"]
device.peak_gpu_memory_mb = lambda cards: cards
"""
_STEPS = """
import numpy as np
from loghi_contract.job import DeviceKind
from loghi_trainer.step import make_step
from tests.trainer.test_step import batch, gradient_descent, network, take

def learnt(places, rounds):
    made = network()
    step = make_step(made, gradient_descent(), places)
    losses = [take(step, each, rounds) for each in (batch(5, 120), batch(1, 64))]
    return [np.array(losses) / 30, *made.get_weights()]

places = device.share_out(device.claim_device(DeviceKind.GPU)).places
one = learnt([None], 1)
apart = [float(np.abs(ours - theirs).max()) for rounds in (1, 2) for ours, theirs in zip(learnt(places, rounds), one)]
print(json.dumps({"places": places, "apart": max(apart)}))
"""
_RUN = """
tensorflow.debugging.set_log_device_placement(True)
from loghi_contract.job import load_job
from loghi_contract.places import Places
from loghi_trainer.reporter import Reporter
from loghi_trainer.train import train

places = Places(Path(sys.argv[1]))
job = load_job((places.root / "in/job/job.json").read_text())
with open(places.root / "stdout", "wb") as stdout:
    reporter = Reporter(places.out / "events.jsonl", stdout, "run")
    reporter.emit(train(job, places, reporter, lambda: False))
"""


def _with_two_cards(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", _TWO_CARDS + script, *arguments]
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "0"}
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    return child.stdout


def test_two_cards_learn_what_one_would() -> None:
    told = json.loads(_with_two_cards(_STEPS).splitlines()[-1])
    assert told["places"] == ["CPU:0", "CPU:1"]
    assert told["apart"] <= 1e-5


def test_a_run_on_two_cards_computes_on_both(make_job: Callable[..., JobFolder]) -> None:
    job = make_job(train=["abcde"] * 8, val=["abcde"] * 8, device="gpu", training={"epochs": 1, "precision": "float32"})
    told = _with_two_cards(_RUN, str(job.root))
    assert job.of_kind("started")[0].device.cards == 2
    assert job.of_kind("finished")[0].peak_gpu_memory_mb == 2
    # forward and back
    for operation in ("Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"):
        placed = re.findall(rf"\({operation}\): \S*device:CPU:(\d)", told)
        assert set(placed) == {"0", "1"}, operation


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_backends_refuse_several_cards(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from loghi_contract.job import DeviceKind
    from loghi_trainer import device
    from loghi_trainer.errors import DeviceError

    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(device, "_visible_gpus", lambda: ["made card", "made card"])
    with pytest.raises(DeviceError, match=f"2 graphics cards were taken, but with Keras on {backend}"):
        device.claim_device(DeviceKind.GPU)
    monkeypatch.setattr(device, "_visible_gpus", lambda: ["made card"])
    assert device.claim_device(DeviceKind.GPU).cards == 1
