"""Is this machine ready for a run? Every finding says what is wrong and what to do about it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import psutil

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON, load_engine
from loghi_runner.engines.gpus import Cards
from loghi_runner.engines.image import ImageStore, default_image, require_image
from loghi_runner.engines.nvml import list_cards
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity

_GIB = 1024**3
_LITTLE_DISK_BYTES = 5 * _GIB
_LITTLE_MEMORY_BYTES = 4 * _GIB


def examine(folder: Path, cards: Callable[[], Cards] = list_cards) -> list[Finding]:
    """All findings, in the order a run would meet them. An error means that no run can start."""
    found = cards()
    docker = _docker(found)
    local = _local(can_do_without=all(finding.severity is Severity.INFO for finding in docker))
    if local.severity is Severity.INFO:
        # one engine is enough: what docker lacks is then no reason not to start, unless it only lacks permission
        docker = [_softened(finding) if finding.code == NO_DAEMON else finding for finding in docker]
    return [*docker, local, *_gpus(found), *_disk(folder), _memory()]


def _docker(found: Cards) -> list[Finding]:
    engine = load_engine("docker")
    try:
        sentence = engine.check()
    except RunnerError as error:
        return [_of(error)]
    findings = [Finding(Severity.INFO, "engine.docker", sentence)]
    kinds = [DeviceKind.CPU, *([DeviceKind.GPU] if found.cards else [])]
    for kind in kinds:
        name = default_image(kind)
        try:
            image = require_image(cast(ImageStore, engine), name)
        except RunnerError as error:
            findings.append(_of(error))
        else:
            size = f"{image.size_bytes / _GIB:.1f} GB"
            findings.append(Finding(Severity.INFO, "engine.image", f"image {name}, {size}, fits this version"))
    return findings


def _local(*, can_do_without: bool) -> Finding:
    try:
        return Finding(Severity.INFO, "engine.local", f"engine {load_engine('local').check()}")
    except RunnerError as error:
        finding = _of(error)
        if can_do_without:
            return Finding(Severity.INFO, finding.code, f"{finding.message}; the engine docker needs none of it")
        return finding


def _gpus(found: Cards) -> list[Finding]:
    if not found.cards:
        return [
            Finding(
                Severity.INFO,
                "gpu.none",
                f"no graphics card: {found.reason}",
                hint="Runs go on the CPU, which is slower. With an NVIDIA card, `nvidia-smi` must list it first.",
            )
        ]
    findings = [
        Finding(
            Severity.INFO,
            "gpu.card",
            f"{card.name}, {card.free_memory_mb // 1024} of {card.memory_mb // 1024} GB free, "
            + ("nobody computes on it" if card.is_free else f"{card.processes} program(s) compute on it"),
            where=card.uuid,
        )
        for card in found.cards
    ]
    if shutil.which("nvidia-container-cli") is None and shutil.which("nvidia-ctk") is None:
        findings.append(
            Finding(
                Severity.WARNING,
                "gpu.no_toolkit",
                "the NVIDIA Container Toolkit was not found: containers may get no graphics card",
                hint="The administrator installs it and runs `nvidia-ctk runtime configure --runtime=docker`.",
            )
        )
    return findings


def _disk(folder: Path) -> list[Finding]:
    existing = next(path for path in (folder, *folder.parents) if is_folder(path))
    free = shutil.disk_usage(existing).free
    if free >= _LITTLE_DISK_BYTES:
        return [Finding(Severity.INFO, "disk.free", f"{free / _GIB:.0f} GB free", where=str(existing))]
    return [
        Finding(
            Severity.WARNING,
            "disk.little",
            f"only {free / _GIB:.1f} GB free",
            where=str(existing),
            hint="A run keeps some hundred MB; building the image takes some GB more. Free space first.",
        )
    ]


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    sentence = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GB memory available"
    if memory.available >= _LITTLE_MEMORY_BYTES:
        return Finding(Severity.INFO, "memory.free", sentence)
    return Finding(
        Severity.WARNING,
        "memory.little",
        sentence,
        hint="Close other programs or lower training.batch_size; in WSL, raise `memory` in .wslconfig.",
    )


def _of(error: RunnerError) -> Finding:
    return Finding(Severity.ERROR, error.code, error.message, error.where, error.hint)


def _softened(finding: Finding) -> Finding:
    return Finding(Severity.WARNING, finding.code, finding.message, finding.where, finding.hint)
