"""Where moved line images probably are: `data.root` proposed from the ends of their paths."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.files import is_file, is_folder
from loghi_runner.ground_truth.lists import ListedLine

_MAX_TRIED = 40
_MAX_CHILDREN = 100


@dataclass(frozen=True)
class RootProposal:
    """`found` of `tried` missing images are below `root`; `example` is one of them."""

    root: Path
    found: int
    tried: int
    example: Path


def propose_root(missing: Sequence[ListedLine], config_folder: Path) -> RootProposal | None:
    """The folder near the lists or the config below which most of the missing images are."""
    step = max(1, len(missing) // _MAX_TRIED)
    tried = missing[::step][:_MAX_TRIED]
    best: RootProposal | None = None
    for root in dict.fromkeys(_candidates(tried, config_folder)):
        found = [path for path in (_below(root, line.sample.image) for line in tried) if path is not None]
        # two images that end in the same file are not found, they are confused
        distinct = len(set(found))
        if distinct and (best is None or distinct > best.found):
            best = RootProposal(root, distinct, len(tried), found[0])
            if distinct == len(tried):
                break
    return best


def _candidates(lines: Sequence[ListedLine], config_folder: Path) -> Iterator[Path]:
    near = list(dict.fromkeys([*(line.folder for line in lines), config_folder]))
    yield from near
    for folder in near:
        yield from _children(folder)
    for folder in near:
        yield from folder.parents[:2]
    for folder in near:
        yield from _children(folder.parent)


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if is_folder(entry) and not entry.name.startswith("."))
    except OSError:
        return []
    return [folder / name for name in names[:_MAX_CHILDREN]]


def _below(root: Path, image: str) -> Path | None:
    """The image below `root`: a relative path as it is, an absolute one by its end, longest first."""
    parts = [part for part in image.split("/") if part]
    ends = range(len(parts)) if image.startswith("/") else range(1)
    for skipped in ends:
        path = root.joinpath(*parts[skipped:])
        if is_file(path):
            return path
    return None
