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

READ = """
import json, sys
import numpy as np
import keras
model = keras.saving.load_model(sys.argv[1])
line = np.linspace(-0.5, 0.5, 256 * 32, dtype="float32").reshape(1, 256, 32, 1)
print(json.dumps([keras.__version__, model.predict(line, verbose=0).tolist()]))
"""


@pytest.fixture(scope="module")
def best_val(tmp_path_factory: pytest.TempPathFactory) -> Path:
    job = write_job(tmp_path_factory.mktemp("saved") / "run", train=made_texts(8, 1), training={"epochs": 1})
    assert run(job) == 0
    return job.out / "model/best_val/model.keras"


@pytest.fixture(scope="module")
def read_here(best_val: Path) -> object:
    return _read(best_val, None)[1]


@pytest.mark.parametrize("version", ["3.9.2", "3.13.2"])
def test_best_val_opens_in_older_keras_and_reads_the_same(best_val: Path, read_here: object, version: str) -> None:
    packages = Path(sys.prefix) / f"keras-{version}"
    if not packages.is_dir():
        pytest.skip(f"Keras {version} is not installed beside the environment; `make setup` does it")
    there_version, there = _read(best_val, packages)

    assert there_version == version
    assert there == read_here


def _read(model: Path, packages: Path | None) -> tuple[str, object]:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    if packages is not None:
        environment["PYTHONPATH"] = str(packages)
    ended = subprocess.run(
        [sys.executable, "-c", READ, str(model)], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    version, read = json.loads(ended.stdout.splitlines()[-1])
    return version, read
