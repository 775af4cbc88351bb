"""CUDA's libraries, where Python packages brought them: opened before the framework asks for them by name.

TensorFlow 2.21 looks for each in its package's folder, but for cuSOLVER, which it misses; and without one of them it
registers no card at all. A library that is open is found by its name wherever it lies, so this serves the image and
an environment of the user's alike, and follows what is installed.

Source: RUNPATH of `libtensorflow_framework.so.2` in tensorflow 2.21.0; dlopen(3) on names that are loaded already.
"""

import ctypes
from importlib.util import find_spec
from pathlib import Path

#: What TensorFlow opens before it registers a card. Source: `dso_loader.cc` of XLA.
_LIBRARIES = ("cudart", "cublas", "cublasLt", "cufft", "cusolver", "cusparse", "cudnn", "cupti", "nccl")
#: What the driver brings; a container gets it from the host.
_OF_THE_DRIVER = ("libcuda.so.1", "libnvidia-ml.so.1")


def open_cuda_libraries() -> list[str]:
    """Open those that are installed as packages; one sentence for each that cannot be opened."""
    return [fault for path in _installed() if (fault := _fault(str(path)))]


def why_no_card() -> str:
    """What of CUDA cannot be opened, in words; "" when all of it can."""
    installed = [path.name for path in _installed()]
    missing = [name for name in _LIBRARIES if not any(found.startswith(f"lib{name}.so") for found in installed)]
    faults = [fault for name in _OF_THE_DRIVER if (fault := _fault(name))]
    if _packages():
        faults += [f"lib{name}.so: it is not among the installed packages" for name in missing]
    return "; ".join(faults + open_cuda_libraries())


def _installed() -> list[Path]:
    return [
        path for name in _LIBRARIES for folder in _packages() for path in sorted(folder.glob(f"*/lib/lib{name}.so.*"))
    ]


def _packages() -> list[Path]:
    spec = find_spec("nvidia")
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []


def _fault(library: str) -> str:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return ""
