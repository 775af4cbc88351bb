"""Variables that must stand before the framework is imported."""

import os

from loghi_contract.job import DeviceKind


def environment_for(device: DeviceKind) -> dict[str, str]:
    """The variables for a run on `device`; a backend named by the user stays."""
    settings = {
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        # neighbours on the card need their share of its memory
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if device is DeviceKind.CPU:
        settings |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    return settings
