"""What a Docker daemon says when it cannot start a run, in plain words: the one place that reads its texts."""

import re
from dataclasses import dataclass

from loghi_runner.errors import EngineError


@dataclass(frozen=True)
class Explanation:
    """One row: daemon messages that match `pattern` mean `message`; `hint` says what to do about it."""

    code: str
    pattern: str
    message: str
    hint: str


_WITHOUT_GPU = "Without a graphics card: set engine.gpus: none."

#: The first row that matches counts, so the narrow ones come first.
EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "engine.gpu_no_toolkit",
        r"could not select device driver|unknown or invalid runtime name: nvidia|(no known|discover) GPU vendor",
        "Docker on this machine cannot hand out graphics cards",
        "The administrator installs the NVIDIA Container Toolkit, runs `nvidia-ctk runtime configure` and restarts "
        f"Docker (Docker from snap cannot do it at all). {_WITHOUT_GPU}",
    ),
    Explanation(
        "engine.gpu_cdi",
        r"unresolvable CDI devices|CDI device injection failed",
        "the machine's list of graphics cards for containers (CDI) is missing, unreadable or out of date",
        f"The administrator runs `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`. {_WITHOUT_GPU}",
    ),
    Explanation(
        "engine.gpu_unknown",
        r"nvidia-container-cli: device error: .*unknown device",
        "the graphics card that was asked for is not in this machine",
        "`nvidia-smi -L` lists the cards and their UUIDs; engine.gpus: auto takes a free one.",
    ),
    Explanation(
        "engine.gpu_driver_restart",
        r"driver/library version mismatch",
        "the graphics driver was updated but the old one is still loaded",
        f"The machine needs a restart; ask the administrator. {_WITHOUT_GPU}",
    ),
    Explanation(
        "engine.gpu_driver_old",
        r"requirement error: unsatisfied condition: cuda",
        "the graphics driver is older than the image needs",
        f"The administrator updates the NVIDIA driver. {_WITHOUT_GPU}",
    ),
    Explanation(
        "engine.gpu_driver_missing",
        r"nvidia-container-cli: (initialization error|.*libnvidia-ml\.so\.1: cannot open)",
        "the graphics driver is not installed where Docker looks for it",
        f"Does `nvidia-smi` work on this machine? If so, ask the administrator about Docker's part. {_WITHOUT_GPU}",
    ),
    Explanation(
        "engine.disk_full",
        r"no space left on device",
        "the disk that Docker keeps containers and images on is full",
        "`docker system df` shows what takes the space, `docker system prune` frees some; `loghi-runner clean` removes "
        "the containers of old runs.",
    ),
    Explanation(
        "engine.container_name",
        r"conflict\. the container name .* is already in use",
        "there is a container of this run already",
        "`loghi-runner runs` shows it; a new `loghi-runner finetune` makes a run of its own.",
    ),
    Explanation(
        "engine.image_name",
        r"invalid reference format",
        "this cannot be the name of an image",
        "Correct engine.image, or leave it out of the config to use loghi-runner's own image.",
    ),
    Explanation(
        "engine.image_missing",
        r"no such image|repository does not exist|manifest( for .*)? (not found|unknown)",
        "the image is not on this machine",
        "Build it: `loghi-runner image build` (in a checkout also `make image`).",
    ),
    Explanation(
        "engine.mount_missing",
        r"bind source path does not exist|mounts denied|is not shared from the host",
        "Docker cannot see a folder of this run",
        "With Docker Desktop or a remote daemon, share the folder with it (Settings, Resources, File sharing).",
    ),
    Explanation(
        "engine.mount_permission",
        r"(error mounting|error while creating mount source path|bind source path).*permission denied",
        "Docker may not enter a folder of this run",
        "On a network home the daemon often has no right to: put data and output on a disk of this machine.",
    ),
    Explanation(
        "engine.image_platform",
        r"exec format error|no matching manifest for",
        "the image was built for another kind of processor",
        "Build it on this machine: `loghi-runner image build`.",
    ),
    Explanation(
        "engine.docker_init",
        r'exec: "docker-init": executable file not found',
        "this Docker was installed without its small init program",
        "The administrator installs `docker-init` (Debian: package `tini`), then restarts Docker.",
    ),
    Explanation(
        "engine.image_not_ours",
        r"executable file not found|stat .*: no such file or directory: unknown",
        "the image holds no trainer",
        "Build it from container/Dockerfile: `loghi-runner image build`, and leave engine.image out of the config.",
    ),
)


def explain(daemon_message: str, *, doing: str, where: str | None = None) -> EngineError:
    """The error for what the daemon said; its own words are kept, and stand alone when no row knows them.

    Args:
        doing: what was tried, such as "start the container".
    """
    raw = " ".join(daemon_message.split())
    for row in EXPLANATIONS:
        if re.search(row.pattern, raw, re.IGNORECASE | re.DOTALL):
            return EngineError(row.code, f"{row.message} (Docker: {raw})", where=where, hint=row.hint)
    message = f"Docker could not {doing}: {raw}"
    hint = "These are Docker's own words; the administrator may know them. `docker info` shows the daemon's state."
    return EngineError("engine.docker", message, where=where, hint=hint)
