"""Where the graphics driver keeps kernels that it compiled, so that the next run need not wait for them again.

For a card newer than TensorFlow's own kernels that is half an hour at each start.
Source: CUDA C++ Programming Guide, "CUDA Environment Variables" (CUDA_CACHE_PATH, CUDA_CACHE_MAXSIZE).
"""

from pathlib import Path

from loghi_runner.files import cache_folder

# TensorFlow's kernels take more than the 256 MB or 1 GB that CUDA keeps by itself
_MOST_BYTES = 4 << 30


def kernel_cache() -> Path | None:
    """The account's folder for it, made if need be; None where none can be made, and the run goes without."""
    try:
        folder = cache_folder() / "cuda"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a closed home, or none at all
        return None
    return folder


def kernel_cache_variables(place: str) -> dict[str, str]:
    """What tells CUDA to use it; `place` is the folder as the trainer sees it."""
    return {"CUDA_CACHE_PATH": place, "CUDA_CACHE_MAXSIZE": str(_MOST_BYTES)}
