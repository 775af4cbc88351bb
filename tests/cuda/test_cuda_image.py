"""TensorFlow in the real CUDA image finds a card; the card is a stub that can be found and does nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines.gpus import NEWEST_CAPABILITY, OLDEST_CAPABILITY
from loghi_runner.engines.image import default_image
from tests.cuda.conftest import WRITE_JOB, RunInImage

pytestmark = pytest.mark.cuda

TRAINER = "from loghi_trainer.__main__ import main\nmain()\n"
WITHOUT_CUSOLVER = """
from loghi_trainer import cuda
cuda._LIBRARIES = tuple(name for name in cuda._LIBRARIES if name != "cusolver")
"""


def events_of(printed: str) -> dict[str, Any]:
    return {event["kind"]: event for event in map(json.loads, printed.splitlines())}


def test_the_trainer_finds_the_card(in_image: RunInImage) -> None:
    events = events_of(in_image(WRITE_JOB + TRAINER))
    assert events["started"]["device"] == {"kind": "gpu", "name": "Stub card", "memory_mb": None, "cards": 1}
    assert events["failed"]["code"].startswith("model.")


def test_without_the_remedy_it_finds_none_and_says_why(in_image: RunInImage) -> None:
    """As soon as this fails, TensorFlow's wheels find their libraries by themselves."""
    events = events_of(in_image(WRITE_JOB + WITHOUT_CUSOLVER + TRAINER))
    assert "started" not in events
    assert (events["failed"]["code"], events["failed"]["exit_code"]) == ("device.no_gpu", 4)


def test_without_a_driver_what_is_missing_is_named(in_image: RunInImage) -> None:
    events = events_of(in_image(WRITE_JOB + TRAINER, image=default_image(DeviceKind.GPU)))
    assert events["failed"]["code"] == "device.no_gpu"
    assert "libcuda.so.1: cannot open shared object file" in events["failed"]["message"]


def test_tensorflows_own_words_reach_console_log(in_image: RunInImage) -> None:
    """On a card newer than its kernels it warns of the half hour that the driver takes to compile them."""
    console = in_image(WRITE_JOB + TRAINER, errors=True, STUB_CAPABILITY="120")
    assert "CUDA kernels will be jit-compiled from PTX" in console


def test_tensorflows_own_kernels_are_those_that_the_host_counts_on(in_image: RunInImage) -> None:
    told = json.loads(
        in_image(
            "import json, tensorflow\n"
            "print(json.dumps(tensorflow.sysconfig.get_build_info()['cuda_compute_capabilities']))"
        )
    )
    capabilities = sorted(int(name.partition("_")[2]) for name in told)
    assert (divmod(capabilities[0], 10), divmod(capabilities[-1], 10)) == (OLDEST_CAPABILITY, NEWEST_CAPABILITY)


def test_cudnn_has_kernels_from_pascal_to_blackwell(in_image: RunInImage) -> None:
    """Also of Volta: newer cuDNN begins at 75, although TensorFlow's kernels begin at 60."""
    reader = (Path(__file__).parent / "kernels.py").read_text()
    libraries = json.loads(in_image(reader, *(f"{CUDNN}/{name}" for name in WITH_KERNELS)))
    assert libraries.keys() == set(WITH_KERNELS)
    for name, kernels in libraries.items():
        assert (min(kernels["sass"]) <= 60, max(kernels["sass"]) >= 120) == (True, True), (name, kernels)
        assert 70 in kernels["sass"], (name, kernels)


CUDNN = "/opt/venv/lib/python3.11/site-packages/nvidia/cudnn/lib"
WITH_KERNELS = tuple(
    f"libcudnn_{part}.so.9" for part in ("adv", "cnn", "ops", "engines_precompiled", "engines_runtime_compiled")
)
