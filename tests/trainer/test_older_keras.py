"""best_val opens in the Keras that users' Loghi installations have, and reads the same there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.made_jobs import made_texts
from tests.trainer.made_jobs import make_job as write_job
from tests.trainer.test_training_runs import run

pytest.importorskip("keras", reason="the trainer's packages are not installed")

pytestmark = pytest.mark.tf

VERSIONS = {"3.9.2": Path(sys.prefix) / "keras-3.9.2", "3.13.2": Path(sys.prefix) / "keras-3.13.2"}

#: TensorFlow, which takes longest, is loaded once; each Keras is in a process forked from it, `-` the installed one.
READ = """
import json, os, sys
import numpy as np
sys.modules["keras"] = None  # it would be imported along
import tensorflow
del sys.modules["keras"]
for packages in sys.argv[2:]:
    if os.fork() == 0:
        if packages != "-":
            sys.path.insert(0, packages)
        import keras
        model = keras.saving.load_model(sys.argv[1])
        line = np.linspace(-0.5, 0.5, 256 * 32, dtype="float32").reshape(1, 256, 32, 1)
        print(json.dumps([keras.__version__, model.predict(line, verbose=0).tolist()]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
"""


@pytest.fixture(scope="module")
def best_val(tmp_path_factory: pytest.TempPathFactory) -> Path:
    job = write_job(tmp_path_factory.mktemp("saved") / "run", train=made_texts(8, 1), training={"epochs": 1})
    assert run(job) == 0
    return job.out / "model/best_val/model.keras"


@pytest.fixture(scope="module")
def readings(best_val: Path) -> list[tuple[str, object]]:
    """Version and reading of the Keras that is installed, then of the older ones that are there."""
    there = [str(packages) for packages in VERSIONS.values() if packages.is_dir()]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", READ, str(best_val), "-", *there]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[")]


@pytest.mark.parametrize("version", VERSIONS)
def test_best_val_opens_in_older_keras_and_reads_the_same(readings: list[tuple[str, object]], version: str) -> None:
    if not VERSIONS[version].is_dir():
        pytest.skip(f"Keras {version} is not installed beside the environment; `make setup` does it")
    (_, read_here), *older = readings

    assert [there for there_version, there in older if there_version == version] == [read_here]
