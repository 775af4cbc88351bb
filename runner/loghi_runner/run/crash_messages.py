"""What the end of console.log says about a trainer that ended without a last event.

The one place where an error is recognised by its text: these are other programs' words, and no code comes with them.
"""

import errno
import re
from dataclasses import dataclass

from loghi_contract.exit_codes import ExitCode


@dataclass(frozen=True)
class CrashMessage:
    pattern: re.Pattern[str]
    code: str
    exit_code: ExitCode
    message: str
    hint: str


# Source: the messages of TensorFlow, CUDA, NVML, Python and the kernel, as users quote them in public threads.
CRASH_MESSAGES = (
    CrashMessage(
        re.compile(r"No space left on device|Errno 28"),
        "storage.disk_full",
        ExitCode.ENGINE,
        "the disk filled up during training",
        "Free space in the output folder, then start again. A best_val that is there is whole.",
    ),
    CrashMessage(
        re.compile(r"Disk quota exceeded|Errno 122"),
        "storage.quota",
        ExitCode.ENGINE,
        "your disk quota was used up during training",
        "Free space of your own, or name an `output` on another disk.",
    ),
    CrashMessage(
        re.compile(r"CUDA_ERROR_OUT_OF_MEMORY|OOM when allocating tensor|ResourceExhaustedError"),
        "gpu.out_of_memory",
        ExitCode.ENGINE,
        "the lines of one step did not fit in the graphics card's memory",
        "Halve training.batch_size, or choose a card that nobody else uses (`loghi-runner doctor`).",
    ),
    CrashMessage(
        re.compile(r"MemoryError|std::bad_alloc|Cannot allocate memory"),
        "memory.out_of_memory",
        ExitCode.ENGINE,
        "the machine ran out of memory (not the graphics card)",
        "Halve training.batch_size, or close other programs.",
    ),
    CrashMessage(
        re.compile(r"Driver/library version mismatch"),
        "gpu.driver_mismatch",
        ExitCode.ENGINE,
        "the NVIDIA driver was updated and the machine not restarted since",
        "Ask the administrator to restart the machine.",
    ),
    CrashMessage(
        re.compile(r"Failed to initialize NVML|CUDA_ERROR_NO_DEVICE|CUDA_ERROR_DEVICE_UNAVAILABLE"),
        "gpu.lost",
        ExitCode.ENGINE,
        "the graphics card was taken away from the run",
        "Start again; if it happens again, show `loghi-runner doctor` to the administrator.",
    ),
    CrashMessage(
        re.compile(r"CUDA driver version is insufficient|does not support target 'sm_|CUDA_ERROR_INVALID_PTX"),
        "gpu.driver_or_card",
        ExitCode.ENGINE,
        "this graphics card or its driver does not fit the image's CUDA version",
        "Update the NVIDIA driver, or train on the CPU with `gpus: none`.",
    ),
    CrashMessage(
        re.compile(r"Read-only file system|Permission denied: '?/?out|Errno 30"),
        "storage.not_writable",
        ExitCode.ENGINE,
        "the trainer could not write its output",
        "Check who owns the output folder and whether its disk is mounted read-only.",
    ),
    CrashMessage(
        re.compile(r"No module named '?(keras|tensorflow|cv2|loghi_trainer)"),
        "engine.local_packages",
        ExitCode.ENGINE,
        "the trainer's Python packages are not installed",
        "Install them, as `loghi-runner doctor` says; or use the engine docker.",
    ),
)


def recognise_crash(console_tail: str) -> CrashMessage | None:
    """The message that stands last in the log, None when none is known."""
    found = [(match.start(), crash) for crash in CRASH_MESSAGES for match in crash.pattern.finditer(console_tail)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


_DISK_FAULTS = {
    errno.ENOSPC: "storage.disk_full",
    errno.EDQUOT: "storage.quota",
    errno.EROFS: "storage.not_writable",
}


def disk_fault(error: OSError) -> CrashMessage | None:
    """What the host's own trouble with the run folder's disk says about the trainer's."""
    code = _DISK_FAULTS.get(error.errno or 0)
    return next((crash for crash in CRASH_MESSAGES if crash.code == code), None)
