"""A run on several cards uses them all, and what it learns is what one would.

Two logical devices of the processor stand for two cards, in a process of their own: what is placed where, TensorFlow
tells itself.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.made_jobs import JobFolder

pytestmark = pytest.mark.tf

ROOT = Path(__file__).parents[2]
_CHILD = """
import json, sys
from pathlib import Path
import keras, numpy as np, tensorflow

processor = tensorflow.config.list_physical_devices("CPU")[0]
two = [tensorflow.config.LogicalDeviceConfiguration()] * 2
tensorflow.config.set_logical_device_configuration(processor, two)

from loghi_contract.job import load_job
from loghi_contract.places import Places
from loghi_trainer import device
from loghi_trainer.reporter import Reporter
from loghi_trainer.step import make_step
from loghi_trainer.train import train
from tests.trainer.test_step import batch, gradient_descent, network, take

# stand-ins for two cards
device._CARD = "CPU"
device._visible_gpus = lambda: ["made card", "made card"]
device.peak_gpu_memory_mb = lambda cards: cards

places = Places(Path(sys.argv[1]))
job = load_job((places.root / "in/job/job.json").read_text())
shares = device.share_out(device.claim_device(job.device))
models = {}
for where in (shares.places, (None,)):
    for rounds in (1, 2):
        made = models[where, rounds] = network()
        step = make_step(made, gradient_descent(), where)
        losses = [take(step, each, rounds) for each in (batch(5, 120), batch(1, 64))]
        made.losses_seen = losses
expected = models[(None,), 1]
apart = [
    float(np.abs(ours - theirs).max())
    for made in models.values()
    for ours, theirs in zip([np.array(made.losses_seen) / 30, *made.get_weights()],
                            [np.array(expected.losses_seen) / 30, *expected.get_weights()])
]
tensorflow.debugging.set_log_device_placement(True)
with open(sys.argv[2], "wb") as stdout:
    finished = train(job, places, Reporter(places.out / "events.jsonl", stdout, "run"), lambda: False)
print(json.dumps({"places": shares.places, "apart": max(apart), "cards": finished.peak_gpu_memory_mb}))
"""


def test_two_cards_compute_what_one_would(make_job: Callable[..., JobFolder], tmp_path: Path) -> None:
    training = {"epochs": 1, "precision": "float32"}
    job = make_job(train=["abcde"] * 8, val=["abcde"] * 4, device="gpu", training=training)
    command = [sys.executable, "-c", _CHILD, str(job.root), str(tmp_path / "events")]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    told = json.loads(child.stdout.splitlines()[-1])
    assert told["places"] == ["CPU:0", "CPU:1"]
    assert told["apart"] <= 1e-5
    assert told["cards"] == 2
    assert job.of_kind("started")[0].device.cards == 2
    # both go forward and back
    for operation in ("Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"):
        placed = re.findall(rf"\({operation}\): \S*device:CPU:(\d)", child.stdout)
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
