"""How much of the machine's memory this process holds, and how much more it may take before it is ended for it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: Source: cgroup v2 and v1 of the kernel's documentation: folder, limit, use, and the line of memory.stat that tells
#: what of the use is only a file's copy, taken away where memory is short.
_CGROUPS: Final = {
    "": ("", "memory.max", "memory.current", "inactive_file"),
    "memory": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def held_bytes() -> int:
    """What this process holds of the machine's memory now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def free_bytes(root: Path = Path("/")) -> int | None:
    """What this process may still take of the machine, its container, a scheduler's share; None where unknown."""
    left = [*_left_of_machine(root), *_left_of_cgroups(root)]
    return max(0, min(left)) if left else None


def _left_of_machine(root: Path) -> Iterator[int]:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    yield from (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _left_of_cgroups(root: Path) -> Iterator[int]:
    """Of each group that has a limit; a group's members share it with those of all groups within."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in _CGROUPS:
                folder, *files = _CGROUPS[controller]
                mounted = root / "sys/fs/cgroup" / folder
                # within a container its own group may be all there is, whatever it is called outside
                for group in (mounted / path.lstrip("/"), *(mounted / path.lstrip("/")).parents):
                    if group == mounted or mounted in group.parents:
                        yield from _left_of(group, *files)


def _left_of(group: Path, limit: str, use: str, reclaimable: str) -> Iterator[int]:
    try:
        most = (group / limit).read_text(encoding="ascii").strip()
        used = int((group / use).read_text(encoding="ascii"))
        facts = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return
    if most.isdigit():
        yield int(most) - used + int(facts.get(reclaimable, 0))
