"""The machine under the framework: which device a run really uses, and how the run is kept reproducible.

One of the two files that speak to a backend directly; the other is `ctc`.
"""

import os
import platform
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any  # the backends are imported by name and untyped

import keras
import numpy as np
from numpy.typing import NDArray

from loghi_contract import __version__
from loghi_contract.events import Device, Machine, Versions
from loghi_contract.job import DeviceKind, Precision
from loghi_contract.processor import processor_name
from loghi_trainer.cuda import why_no_card
from loghi_trainer.errors import DeviceError

_MIB = 1 << 20

# a batch in work takes some 200 MB
_FEW_CORES = 4

# cards from compute capability 7.0 on have fast float16 arithmetic; Loghi draws the line there too
_HALF_CAPABILITY = (7, 0)


def claim_device(asked: DeviceKind) -> Device:
    """The device the run will use.

    Raises:
        DeviceError: a GPU was asked for and the framework sees none; never a silent run on the processor.
    """
    gpus = _visible_gpus()
    if asked is DeviceKind.CPU:
        return Device(DeviceKind.CPU.value, "processor", None)
    if not gpus:
        reason = why_no_card()
        raise DeviceError(
            "device.no_gpu",
            f"a GPU was asked for, but {_package_name()} sees none" + (f": {reason}" if reason else ""),
            hint=f"`loghi-runner logs RUN --console` has {_package_name()}'s own reasons, `loghi-runner doctor` those "
            "of this machine. To train on the processor, set `engine: {gpus: none}`.",
        )
    return Device(DeviceKind.GPU.value, gpus[0], None)


@dataclass(frozen=True)
class Shares:
    """How many batches are read at once, and into how many parts a batch is divided to train on it."""

    at_once: int
    parts: int


def share_out_cores(kind: DeviceKind) -> Shares:
    """Share the cores out among batches and their parts, before the framework computes anything.

    On a few cores each gets one of its own: then no core ever waits for another within a layer. On many cores and
    on a card, a second batch that is read takes what the loop of an LSTM leaves idle.
    """
    cores = _cores()
    if kind is not DeviceKind.CPU or cores > _FEW_CORES or keras.backend.backend() != "tensorflow":
        return Shares(at_once=2, parts=1)
    _tensorflow().config.threading.set_intra_op_parallelism_threads(1)
    return Shares(at_once=cores, parts=cores)


def versions() -> Versions:
    backend = f"{_package_name()} {_package_version()}"
    return Versions(__version__, keras.__version__, backend, _cuda_version(), platform.python_version())


def machine(shares: Shares) -> Machine:
    return Machine(processor_name(), _cores(), shares.parts)


def make_reproducible(seed: int) -> None:
    """One seed, one result, on one machine: Python, NumPy, the framework, and its order of additions."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        _tensorflow().config.experimental.enable_op_determinism()


def policy_for(precision: Precision, device: Device) -> str:
    """The Keras dtype policy: float16 arithmetic on cards that are fast at it, float32 elsewhere."""
    if precision is Precision.FLOAT32 or device.kind != DeviceKind.GPU.value:
        return "float32"
    return "mixed_float16" if _capability() >= _HALF_CAPABILITY else "float32"


def out_of_memory_errors() -> tuple[type[BaseException], ...]:
    """The exceptions this backend raises when the card (or the machine) has no memory left."""
    if keras.backend.backend() == "tensorflow":
        return (MemoryError, _tensorflow().errors.ResourceExhaustedError)
    if keras.backend.backend() == "torch":
        return (MemoryError, import_module("torch").OutOfMemoryError)
    return (MemoryError,)


def for_any_width(network: keras.Model) -> Callable[[Sequence[Any]], list[NDArray[Any]]]:
    """The network as a function of arrays: for any number of lines of any width, from any thread.

    TensorFlow makes it ready once, here; Keras's own `predict_on_batch` would make it ready for the first batch's size
    and then again for any. Variables are read at each call, so that a network in training is seen as it is.
    """
    if keras.backend.backend() != "tensorflow":
        return lambda arrays: _listed(network.predict_on_batch(list(arrays)))
    tensorflow = _tensorflow()
    signature = [tensorflow.TensorSpec(tensor.shape, tensor.dtype) for tensor in network.inputs]
    function = tensorflow.function(
        lambda *tensors: network(list(tensors), training=False), input_signature=signature, autograph=False
    )
    function.get_concrete_function()
    return lambda arrays: [np.asarray(output) for output in _listed(function(*arrays))]


def peak_memory_mb() -> int:
    """The most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def peak_gpu_memory_mb() -> int | None:
    """The most memory held on the first card so far; None where the backend does not tell."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return int(_tensorflow().config.experimental.get_memory_info("GPU:0")["peak"]) // _MIB
    if backend == "torch":
        return int(import_module("torch").cuda.max_memory_allocated(0)) // _MIB
    return None


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _visible_gpus() -> list[str]:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        experimental = _tensorflow().config.experimental
        devices = _tensorflow().config.list_physical_devices("GPU")
        return [experimental.get_device_details(device).get("device_name", device.name) for device in devices]
    if backend == "torch":
        cuda = import_module("torch").cuda
        return [cuda.get_device_name(index) for index in range(cuda.device_count())]
    return [device.device_kind for device in import_module("jax").devices() if device.platform == "gpu"]


def _capability() -> tuple[int, int]:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        card = _tensorflow().config.list_physical_devices("GPU")[0]
        details = _tensorflow().config.experimental.get_device_details(card)
        return tuple(details.get("compute_capability", (0, 0)))
    if backend == "torch":
        return tuple(import_module("torch").cuda.get_device_capability(0))
    return (0, 0)  # JAX does not tell; float32 is safe


def _cuda_version() -> str | None:
    if keras.backend.backend() != "tensorflow":
        return None
    cuda = _tensorflow().sysconfig.get_build_info().get("cuda_version")
    return str(cuda) if cuda else None


def _package_name() -> str:
    return str(keras.backend.backend())


def _package_version() -> str:
    for package in (_package_name(), f"{_package_name()}-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "unknown"


def _tensorflow() -> Any:
    return import_module("tensorflow")
