"""Why a trainer has no good end: in its own words, from how its process ended, or from what others printed.

`CRASH_MESSAGES` is the one place where an error is recognised by its text: these are other programs' words, and no
code comes with them.
"""

import errno
import re
import signal
from dataclasses import dataclass, replace

from loghi_contract.events import Notice
from loghi_contract.exit_codes import ExitCode
from loghi_contract.memory_words import ON_CARD, ON_MACHINE
from loghi_runner.engines.base import ProcessEnd
from loghi_runner.runs.folder import RunFailure
from loghi_runner.runs.progress import Progress

#: Failures that only say that the trainer left no last word.
WITHOUT_CAUSE = ("trainer.ended", "trainer.no_last_event", "run.lost")

#: Failures behind which may be that the run's card is gone.
AT_THE_CARD = (
    *WITHOUT_CAUSE, "trainer.bug", "trainer.crashed", "gpu.lost", "gpu.fault", "gpu.memory_fault", "gpu.busy",
    "gpu.library", "device.no_gpu",
)  # fmt: skip

#: The machine's or the container's, not a card's.
OUT_OF_MEMORY = "memory.out_of_memory"

_SEE_LOG = "`loghi-runner logs RUN --console` shows what the trainer printed."
#: The trainer's word on a limit of its memory, and how a library ends that meets it.
_LIMITED = "memory.limited"
_FAILED_ALLOCATION = (signal.SIGSEGV, signal.SIGABRT)
#: The trainer's own code of an exception that it does not know.
_UNEXPECTED = "trainer.bug"
_INTERRUPTED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@dataclass(frozen=True)
class CrashMessage:
    """What a log that matches `pattern` tells: the machine had a fault, and what to do about it."""

    code: str
    pattern: str
    message: str
    hint: str

    @property
    def failure(self) -> RunFailure:
        return RunFailure(self.code, self.message, int(ExitCode.ENGINE), self.hint)


# Source: the messages of TensorFlow, CUDA, NVML, Python and the kernel, as users quote them in public threads.
CRASH_MESSAGES = (
    CrashMessage(
        "storage.disk_full",
        r"No space left on device|Errno 28",
        "the disk filled up during training",
        "Free space in the output folder, then start again. A best_val that is there is whole.",
    ),
    CrashMessage(
        "storage.quota",
        r"Disk quota exceeded|Errno 122",
        "your disk quota was used up during training",
        "Free space of your own, or name an `output` on another disk.",
    ),
    CrashMessage(
        "gpu.out_of_memory",
        ON_CARD,
        "the lines of one step did not fit in the graphics card's memory",
        "Choose a card that nobody else uses (`loghi-runner doctor`), or halve training.batch_size.",
    ),
    CrashMessage(
        "memory.out_of_memory",
        ON_MACHINE,
        "the machine ran out of memory (not the graphics card)",
        "Close other programs, or halve training.batch_size.",
    ),
    CrashMessage(
        "gpu.driver_mismatch",
        r"Driver/library version mismatch|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "the NVIDIA driver was updated and the machine not restarted since",
        "Ask the administrator to restart the machine.",
    ),
    CrashMessage(
        "gpu.lost",
        r"Failed to initialize NVML|CUDA_ERROR_NO_DEVICE|no CUDA-capable device is detected|GPU is lost"
        r"|fallen off the bus|Unable to determine the device handle",
        "the graphics card was taken away from the run",
        "Start again; if it happens again, show `loghi-runner gpus` to the administrator.",
    ),
    CrashMessage(
        "gpu.busy",
        r"CUDA_ERROR_DEVICES?_UNAVAILABLE|devices?(\(s\))? (is/)?are busy or unavailable",
        "the graphics card takes no further program: one that computes on it has it for itself",
        "Choose a free card (`loghi-runner doctor`), or start again when it is free.",
    ),
    CrashMessage(
        "gpu.driver_old",
        r"CUDA driver version is insufficient|CUDA_ERROR_(UNSUPPORTED_PTX_VERSION|COMPAT_NOT_SUPPORTED_ON_DEVICE)"
        r"|unsupported toolchain|forward compatibility was attempted|CUDNN_STATUS_RUNTIME_PREREQUISITE_MISSING",
        "the NVIDIA driver is older than TensorFlow's CUDA needs",
        "The administrator updates the NVIDIA driver (525 or later). On the CPU: `gpus: none`.",
    ),
    CrashMessage(
        "gpu.driver_or_card",
        r"does not support target 'sm_|CUDA_ERROR_(INVALID_PTX|NO_BINARY_FOR_GPU)|no kernel image is available"
        r"|CUDNN_STATUS_ARCH_MISMATCH|CUBLAS_STATUS_ARCH_MISMATCH",
        "TensorFlow or a library of its CUDA has no code that this graphics card can run",
        "Update loghi-runner and its image (`loghi-runner image build --variant cuda`), or train on the CPU with "
        "`gpus: none`.",
    ),
    CrashMessage(
        "gpu.memory_fault",
        r"CUDA_ERROR_ECC_UNCORRECTABLE|uncorrectable ECC error",
        "the graphics card's memory is faulty",
        "Show it to the administrator: the card needs a reset or a repair. Meanwhile choose another card.",
    ),
    CrashMessage(
        "gpu.fault",
        r"CUDA_ERROR_(ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|HARDWARE_STACK_ERROR|UNKNOWN|NOT_INITIALIZED)"
        r"|illegal memory access|unspecified launch failure|launch timed out|cudaGetDevice\(\) failed"
        r"|CUDNN_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)|CUBLAS_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)",
        "the graphics card, or its driver, failed while it computed",
        "Start again. If it happens again on this card only, show `loghi-runner logs RUN --console` to the "
        "administrator: it may need a restart or a repair.",
    ),
    CrashMessage(
        "gpu.library",
        r"CU(DNN|BLAS)_STATUS_NOT_INITIALIZED|Could not create cudnn handle|[Ff]ailed to create cublas handle"
        r"|DNN library (is not found|initialization failed)|No DNN in stream executor",
        "cuDNN or cuBLAS could not be started on the graphics card, most often because its memory is in use",
        "Choose a card that nobody else uses (`loghi-runner doctor`). If that does not help, build the image again, "
        "or install TensorFlow with CUDA in a fresh environment, as `loghi-runner doctor` says.",
    ),
    CrashMessage(
        "gpu.compiler",
        r"libdevice not found|[Cc]ouldn't invoke ptxas|Failed to launch ptxas|ptxas fatal",
        "CUDA's compiler for the graphics card (ptxas, libdevice) is missing or does not fit",
        "Build the image again: `loghi-runner image build --variant cuda`; without Docker, install "
        "TensorFlow with CUDA in a fresh environment, as `loghi-runner doctor` says.",
    ),
    CrashMessage(
        "storage.not_writable",
        r"Read-only file system|Permission denied: '?/?out|Errno 30",
        "the trainer could not write its output",
        "Check who owns the output folder and whether its disk is mounted read-only.",
    ),
    CrashMessage(
        "engine.local_packages",
        r"No module named '?(keras|tensorflow|cv2|loghi_trainer)",
        "the trainer's Python packages are not installed",
        "Install them, as `loghi-runner doctor` says; or use the engine docker.",
    ),
)


def recognise_crash(console_tail: str) -> CrashMessage | None:
    """The message that stands last in the log, None when none is known."""
    found = [(match.start(), crash) for crash in CRASH_MESSAGES for match in re.finditer(crash.pattern, console_tail)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


_DISK_FAULTS = {errno.ENOSPC: "storage.disk_full", errno.EDQUOT: "storage.quota", errno.EROFS: "storage.not_writable"}


def disk_fault(error: OSError) -> RunFailure | None:
    """What the host's own trouble with the run folder's disk says about the trainer's."""
    code = _DISK_FAULTS.get(error.errno or 0)
    return next((crash.failure for crash in CRASH_MESSAGES if crash.code == code), None)


def explain_end(progress: Progress, end: ProcessEnd, console_tail: str) -> RunFailure:
    """Why a trainer has no good end: in its own words where it left any, else from how its process ended."""
    failed = progress.failed
    if failed is None:
        limit = next((notice for notice in progress.notices if notice.code == _LIMITED), None)
        return _without_last_word(end, console_tail, limit)
    failure = RunFailure(failed.code, failed.message, failed.exit_code, failed.hint, failed.where)
    known = recognise_crash(failed.message) if failed.code == _UNEXPECTED else None
    if known is not None:
        # the framework raises the same few exceptions for all that can happen to a card: only the words tell
        failure = replace(known.failure, where=failed.where)
    traceback = f"The details are in out/{failed.traceback_file}." if failed.traceback_file else None
    return replace(failure, hint=" ".join(part for part in (failure.hint, traceback) if part) or _SEE_LOG)


def lost_card(failure: RunFailure, said: str) -> RunFailure:
    """The failure of a run whose card the driver no longer knows, in the driver's words."""
    message = f"the graphics card was lost while the run computed on it ({said})"
    hint = "The machine needs a restart, or the card a repair: show `loghi-runner gpus` to the administrator."
    return RunFailure("gpu.lost", message, int(ExitCode.ENGINE), hint, failure.where)


def _without_last_word(end: ProcessEnd, console_tail: str, limit: Notice | None) -> RunFailure:
    code = end.exit_code
    if end.out_of_memory:
        return _out_of_memory("the trainer was ended because memory ran out", end.memory_bytes)
    known = recognise_crash(console_tail)
    if known is not None:
        return known.failure
    if code is None:
        message = "the trainer is gone and nobody saw it end (was the machine restarted?)"
        return RunFailure("run.lost", message, int(ExitCode.ENGINE), _SEE_LOG)
    number = _signal_of(code)
    if number == signal.SIGKILL:
        return _out_of_memory("the trainer was ended from outside (SIGKILL), most often because memory ran out")
    if number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        ended_by = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
        return RunFailure("run.terminated", f"the trainer was ended from outside ({_name(number)})", int(ended_by))
    if number == signal.SIGBUS:
        message = "the trainer crashed (bus error): shared memory or the disk ran out"
        hint = "Free space on the disk. In a container, /dev/shm may be too small."
        return RunFailure("engine.shared_memory", message, int(ExitCode.ENGINE), hint)
    if number in _FAILED_ALLOCATION and limit is not None:
        message = f"the trainer crashed ({_name(number)}); {limit.message}, which may be too little"
        return RunFailure("trainer.crashed", message, int(ExitCode.TRAINING), limit.hint)
    if number is not None:
        return RunFailure("trainer.crashed", f"the trainer crashed ({_name(number)})", int(ExitCode.TRAINING), _SEE_LOG)
    if code == ExitCode.OK:
        return RunFailure("trainer.no_last_event", "the trainer ended without saying how", int(ExitCode.BUG), _SEE_LOG)
    exit_code = code if code in set(ExitCode) and code not in _INTERRUPTED else ExitCode.TRAINING
    message = f"the trainer ended with exit code {code} and no explanation"
    return RunFailure("trainer.ended", message, int(exit_code), _SEE_LOG)


def _out_of_memory(message: str, limit_bytes: int | None = None) -> RunFailure:
    fitted = "a training fits its steps to what is free when it begins, but not to what others take later"
    more = "give the container or virtual machine more memory"
    hint = f"Close other programs, {more}, or halve training.batch_size; {fitted}."
    if limit_bytes is not None:
        message = f"{message}: it may take {limit_bytes / 1e9:.1f} GB"
        hint = f"Let it take more with engine.memory, if the machine has more, or halve training.batch_size; {fitted}."
    return RunFailure(OUT_OF_MEMORY, message, int(ExitCode.ENGINE), hint)


def _signal_of(exit_code: int) -> int | None:
    """Negative as subprocess counts, 128 + n as shells and containers count."""
    if exit_code < 0:
        return -exit_code
    return exit_code - 128 if 128 < exit_code <= 128 + 64 else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
