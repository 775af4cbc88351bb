"""The one table of exit codes, for the host's commands and for the trainer."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a process ended; a promise to scripts, schedulers and platforms."""

    OK = 0
    BUG = 1
    USAGE = 2
    DATA = 3
    ENGINE = 4
    TRAINING = 5
    CONTRACT = 6
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "The run finished.",
    ExitCode.BUG: "A fault in loghi-runner itself; please report it with the traceback file.",
    ExitCode.USAGE: "The command or the config is not right; nothing was started.",
    ExitCode.DATA: "The base model, a line list or the images cannot be used.",
    ExitCode.ENGINE: "Docker, the GPU, the disk or the machine did not give what the run needs.",
    ExitCode.TRAINING: "The training itself failed; what was already won is kept.",
    ExitCode.CONTRACT: "The image and loghi-runner speak different versions of the contract.",
    ExitCode.INTERRUPTED: "Stopped by Ctrl+C or `loghi-runner stop`; best_val is kept.",
    ExitCode.TERMINATED: "Stopped by the system (SIGTERM); best_val is kept.",
}
