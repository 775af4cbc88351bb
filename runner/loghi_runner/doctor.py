"""Is this machine ready for a run? Every finding says what is wrong and what to do about it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from loghi_runner.engines import ENGINES, load_engine
from loghi_runner.engines.gpus import Cards, check_driver, check_kernels
from loghi_runner.engines.leases import SHARED_FOLDER, lease_folder
from loghi_runner.engines.nvml import list_cards
from loghi_runner.errors import EngineError
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity, errors, finding_of

_GIB = 1024**3
_LITTLE_DISK_BYTES = 5 * _GIB
_LITTLE_MEMORY_BYTES = 4 * _GIB


def examine(folder: Path, cards: Callable[[], Cards] = list_cards) -> list[Finding]:
    """All findings, in the order a run would meet them. An error means that no run starts without more."""
    found = cards()
    return [*_engines(found), *_cards(found), _disk(folder), _memory()]


def _engines(found: Cards) -> list[Finding]:
    """What each engine says. One is enough: what the others lack is then no reason not to start."""
    there: dict[str, list[Finding]] = {}
    absent: dict[str, Finding] = {}
    for name in ENGINES:
        try:
            there[name] = load_engine(name).examine(found)
        except EngineError as error:
            absent[name] = finding_of(error)
    # the first that is there is what a run gets that names none
    used = next(iter(there), None)
    is_ready = used is not None and not errors(there[used])
    findings: list[Finding] = []
    for name in ENGINES:
        if name in there:
            findings += [finding for finding in there[name] if name == used or finding.severity is Severity.INFO]
        elif is_ready and findings:
            message = f"{absent[name].message}; the engine {used} needs none of it"
            findings.append(Finding(Severity.INFO, absent[name].code, message))
        else:
            findings.append(replace(absent[name], severity=Severity.WARNING if is_ready else Severity.ERROR))
    return findings


def _cards(found: Cards) -> Iterator[Finding]:
    for sentence in found.lost:
        hint = "The machine needs a restart, or the card a repair; show it to the administrator."
        yield Finding(Severity.WARNING, "gpu.card_lost", sentence, hint=hint)
    if not found.cards:
        hint = "Runs go on the CPU, which is slower. With an NVIDIA card, `nvidia-smi` must list it first."
        yield Finding(Severity.INFO, "gpu.none", f"no graphics card: {found.reason}", hint=hint)
        return
    for card in found.cards:
        yield Finding(
            Severity.INFO,
            "gpu.card",
            f"{card.name}, {card.free_memory_mb // 1024} of {card.memory_mb // 1024} GB free, "
            + (card.lack() or "nobody computes on it"),
            where=card.uuid,
        )
    for finding in (*check_driver(found.driver), *check_kernels(found.cards)):
        # another card, or the processor, does for a run what this one cannot
        yield replace(finding, severity=Severity.WARNING) if finding.severity is Severity.ERROR else finding
    yield _leases()
    if found.limit:
        hidden = "1 card of this machine is" if len(found.hidden) == 1 else f"{len(found.hidden)} cards are"
        yield Finding(Severity.INFO, "gpu.limit", f"{found.limit} is set: {hidden} left to others")


def _leases() -> Finding:
    """Whose runs wait for each other's cards here."""
    try:
        folder = lease_folder()
    except EngineError as error:
        return finding_of(error)
    if folder.is_shared:
        return Finding(Severity.INFO, "gpu.leases", "runs of all accounts wait for each other", str(folder.path))
    why = folder.remark or f"there is no {SHARED_FOLDER}"
    message = f"only runs of this account wait for each other: {why}"
    hint = (
        "On a shared machine its operator makes that folder, see docs/gpus.md. Of others, programs that compute count."
    )
    return Finding(Severity.INFO, "gpu.leases", message, hint=hint)


def _disk(folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if is_folder(path))
    free = shutil.disk_usage(existing).free
    if free >= _LITTLE_DISK_BYTES:
        return Finding(Severity.INFO, "disk.free", f"{free / _GIB:.0f} GB free", where=str(existing))
    hint = "A run keeps some hundred MB. Free space first."
    return Finding(Severity.WARNING, "disk.little", f"only {free / _GIB:.1f} GB free", where=str(existing), hint=hint)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    sentence = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GB memory available"
    if memory.available >= _LITTLE_MEMORY_BYTES:
        return Finding(Severity.INFO, "memory.free", sentence)
    hint = "Close other programs or lower training.batch_size; in WSL, raise `memory` in .wslconfig."
    return Finding(Severity.WARNING, "memory.little", sentence, hint=hint)
