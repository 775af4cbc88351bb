"""What an exception that the trainer does not know, or the end of its console.log, says about why it ended.

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
        re.compile(
            r"CUDA_ERROR_OUT_OF_MEMORY|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED|CUDA out of memory"
            r"|OOM when allocating tensor|ResourceExhaustedError|Dst tensor is not initialized"
        ),
        "gpu.out_of_memory",
        ExitCode.ENGINE,
        "the lines of one step did not fit in the graphics card's memory",
        "Halve training.batch_size, or choose a card that nobody else uses (`loghi-runner doctor`).",
    ),
    CrashMessage(
        re.compile(r"MemoryError|std::bad_alloc|Cannot allocate memory|can't start new thread"),
        "memory.out_of_memory",
        ExitCode.ENGINE,
        "the machine ran out of memory (not the graphics card)",
        "Halve training.batch_size, or close other programs.",
    ),
    CrashMessage(
        re.compile(r"Driver/library version mismatch|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        "gpu.driver_mismatch",
        ExitCode.ENGINE,
        "the NVIDIA driver was updated and the machine not restarted since",
        "Ask the administrator to restart the machine.",
    ),
    CrashMessage(
        re.compile(r"Failed to initialize NVML|CUDA_ERROR_NO_DEVICE|no CUDA-capable device is detected|GPU is lost"),
        "gpu.lost",
        ExitCode.ENGINE,
        "the graphics card was taken away from the run",
        "Start again; if it happens again, show `loghi-runner doctor` to the administrator.",
    ),
    CrashMessage(
        re.compile(r"CUDA_ERROR_DEVICES?_UNAVAILABLE|devices?(\(s\))? (is/)?are busy or unavailable"),
        "gpu.busy",
        ExitCode.ENGINE,
        "the graphics card takes no further program: one that computes on it has it for itself",
        "Choose a free card (`loghi-runner doctor`), or start again when it is free.",
    ),
    CrashMessage(
        re.compile(
            r"CUDA driver version is insufficient|CUDA_ERROR_(UNSUPPORTED_PTX_VERSION|COMPAT_NOT_SUPPORTED_ON_DEVICE)"
            r"|unsupported toolchain|forward compatibility was attempted|CUDNN_STATUS_RUNTIME_PREREQUISITE_MISSING"
        ),
        "gpu.driver_old",
        ExitCode.ENGINE,
        "the NVIDIA driver is older than TensorFlow's CUDA needs",
        "The administrator updates the NVIDIA driver (525 or later). On the CPU: `gpus: none`.",
    ),
    CrashMessage(
        re.compile(
            r"does not support target 'sm_|CUDA_ERROR_(INVALID_PTX|NO_BINARY_FOR_GPU)|no kernel image is available"
            r"|CUDNN_STATUS_ARCH_MISMATCH|CUBLAS_STATUS_ARCH_MISMATCH"
        ),
        "gpu.driver_or_card",
        ExitCode.ENGINE,
        "TensorFlow or a library of its CUDA has no code that this graphics card can run",
        "Update loghi-runner and its image (`loghi-runner image build --variant cuda`), or train on the CPU with "
        "`gpus: none`.",
    ),
    CrashMessage(
        re.compile(r"CUDA_ERROR_ECC_UNCORRECTABLE|uncorrectable ECC error"),
        "gpu.memory_fault",
        ExitCode.ENGINE,
        "the graphics card's memory is faulty",
        "Show it to the administrator: the card needs a reset or a repair. Meanwhile choose another card.",
    ),
    CrashMessage(
        re.compile(
            r"CUDA_ERROR_(ILLEGAL_ADDRESS|LAUNCH_FAILED|LAUNCH_TIMEOUT|HARDWARE_STACK_ERROR|UNKNOWN|NOT_INITIALIZED)"
            r"|illegal memory access|unspecified launch failure|launch timed out|cudaGetDevice\(\) failed"
            r"|CUDNN_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)|CUBLAS_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR)"
        ),
        "gpu.fault",
        ExitCode.ENGINE,
        "the graphics card, or its driver, failed while it computed",
        "Start again. If it happens again on this card only, show `loghi-runner logs RUN --console` to the "
        "administrator: it may need a restart or a repair.",
    ),
    CrashMessage(
        re.compile(
            r"CU(DNN|BLAS)_STATUS_NOT_INITIALIZED|Could not create cudnn handle|[Ff]ailed to create cublas handle"
            r"|DNN library (is not found|initialization failed)|No DNN in stream executor"
        ),
        "gpu.library",
        ExitCode.ENGINE,
        "cuDNN or cuBLAS could not be started on the graphics card, most often because its memory is in use",
        "Choose a card that nobody else uses (`loghi-runner doctor`). If that does not help, build the image again, "
        "or install TensorFlow with CUDA in a fresh environment, as `loghi-runner doctor` says.",
    ),
    CrashMessage(
        re.compile(r"libdevice not found|[Cc]ouldn't invoke ptxas|Failed to launch ptxas|ptxas fatal"),
        "gpu.compiler",
        ExitCode.ENGINE,
        "CUDA's compiler for the graphics card (ptxas, libdevice) is missing or does not fit",
        "Build the image again: `loghi-runner image build --variant cuda`; without Docker, install "
        "TensorFlow with CUDA in a fresh environment, as `loghi-runner doctor` says.",
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
