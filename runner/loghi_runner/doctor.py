"""Is this machine ready for a run? Every finding says what is wrong and what to do about it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import psutil

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON, load_engine
from loghi_runner.engines.base import Engine
from loghi_runner.engines.check_card import check_card
from loghi_runner.engines.gpus import Cards, choose_device, with_cuda
from loghi_runner.engines.image import ImageStore, default_image, require_image
from loghi_runner.engines.local import LocalEngine
from loghi_runner.engines.nvml import list_cards
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity

_GIB = 1024**3
_LITTLE_DISK_BYTES = 5 * _GIB
_LITTLE_MEMORY_BYTES = 4 * _GIB
#: What a build takes of Docker's disk until it is done: the packages, the image, and the layers between.
_BUILD_BYTES = {DeviceKind.CPU: 5 * _GIB, DeviceKind.GPU: 14 * _GIB}


def examine(folder: Path, cards: Callable[[], Cards] = list_cards) -> list[Finding]:
    """All findings, in the order a run would meet them. An error means that no run starts without more."""
    found = cards()
    docker = _docker(found)
    local = _local(can_do_without=all(finding.severity is not Severity.ERROR for finding in docker))
    without_docker = any(finding.code == NO_DAEMON for finding in docker)
    if local.severity is Severity.INFO:
        # one engine is enough: what docker lacks is then no reason not to start, unless it only lacks permission
        docker = [
            _with_severity(finding, Severity.WARNING) if finding.code == NO_DAEMON else finding for finding in docker
        ]
    findings = [*docker, local]
    if found.cards and without_docker and local.code == "engine.local":
        findings += _local_cards()
    return [*findings, *_cards(found, for_docker=not without_docker), *_disk(folder), _memory()]


class _Docker(Engine, ImageStore, Protocol):
    """The engine docker, which knows its images too."""


def _docker(found: Cards) -> list[Finding]:
    engine = cast(_Docker, load_engine("docker"))
    try:
        sentence = engine.check()
    except RunnerError as error:
        return [_of(error)]
    findings = [Finding(Severity.INFO, "engine.docker", sentence)]
    # what a run gets that asks for a free card; on a machine with cards the other image serves `gpus: none`
    needed = choose_device("auto", found).kind
    kinds = [needed, *(kind for kind in DeviceKind if found.cards and kind is not needed)]
    for kind in kinds:
        name = default_image(kind)
        try:
            image = require_image(engine, name)
        except RunnerError as error:
            findings += [
                _of(error) if kind is needed else _spare_image(error, kind),
                *_build_space(engine.data_folder(), kind),
            ]
        else:
            size = f"{image.size_bytes / _GIB:.1f} GB"
            findings.append(Finding(Severity.INFO, "engine.image", f"image {name}, {size}, fits this version"))
    return findings


def _spare_image(error: RunnerError, kind: DeviceKind) -> Finding:
    use = "with engine.gpus: none, or when all cards are in use" if kind is DeviceKind.CPU else "on a graphics card"
    return Finding(Severity.WARNING, error.code, f"{error.message}; it is for runs {use}", error.where, error.hint)


def _build_space(data_folder: Path | None, kind: DeviceKind) -> list[Finding]:
    """Whether the image could be built; its layers lie where Docker keeps them, which may be another disk."""
    if data_folder is None or not is_folder(data_folder):
        return []  # the daemon of another machine
    free = shutil.disk_usage(data_folder).free
    if free >= _BUILD_BYTES[kind]:
        return []
    return [
        Finding(
            Severity.WARNING,
            "disk.little_for_image",
            f"only {free / _GIB:.1f} GB free where Docker keeps images; "
            f"building {default_image(kind)} takes {_BUILD_BYTES[kind] // _GIB} GB",
            where=str(data_folder),
            hint="`docker system df` shows what takes the space, `docker system prune` frees some.",
        )
    ]


def _local(*, can_do_without: bool) -> Finding:
    try:
        return Finding(Severity.INFO, "engine.local", f"engine {load_engine('local').check()}")
    except RunnerError as error:
        finding = _of(error)
        if can_do_without:
            return Finding(Severity.INFO, finding.code, f"{finding.message}; the engine docker needs none of it")
        return finding


def _local_cards() -> list[Finding]:
    lack = cast(LocalEngine, load_engine("local")).why_no_card()
    if not lack:
        return []
    message = f"{lack}: runs go on the CPU"
    return [Finding(Severity.WARNING, "engine.local_without_cuda", message, hint=with_cuda())]


def _cards(found: Cards, *, for_docker: bool) -> list[Finding]:
    lost = [
        Finding(
            Severity.WARNING,
            "gpu.card_lost",
            sentence,
            hint="The machine needs a restart, or the card a repair; show it to the administrator.",
        )
        for sentence in found.lost
    ]
    if not found.cards:
        return [
            *lost,
            Finding(
                Severity.INFO,
                "gpu.none",
                f"no graphics card: {found.reason}",
                hint="Runs go on the CPU, which is slower. With an NVIDIA card, `nvidia-smi` must list it first.",
            ),
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
    for card in found.cards:
        # another card, or the processor, does for a run what this one cannot
        findings += [
            _with_severity(finding, Severity.WARNING) if finding.severity is Severity.ERROR else finding
            for finding in check_card(card, own_image=True)
        ]
    if found.limit:
        hidden = "1 card of this machine is" if len(found.hidden) == 1 else f"{len(found.hidden)} cards are"
        findings.append(Finding(Severity.INFO, "gpu.limit", f"{found.limit} is set: {hidden} left to others"))
    if for_docker and shutil.which("nvidia-container-cli") is None and shutil.which("nvidia-ctk") is None:
        findings.append(
            Finding(
                Severity.WARNING,
                "gpu.no_toolkit",
                "the NVIDIA Container Toolkit was not found: containers may get no graphics card",
                hint="The administrator installs it and runs `nvidia-ctk runtime configure --runtime=docker`.",
            )
        )
    return [*lost, *findings]


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
            hint="A run keeps some hundred MB. Free space first.",
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


def _with_severity(finding: Finding, severity: Severity) -> Finding:
    return replace(finding, severity=severity)
