"""Whole pages set aside for validation, so that no page is both learnt from and judged by."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.images import GroundTruthLine
from loghi_runner.line_pages import page_names

#: The share of the lines that becomes validation, about; never more than twice that.
_SHARE = 0.1


@dataclass(frozen=True)
class PagesAside:
    train: tuple[GroundTruthLine, ...]
    validation: tuple[GroundTruthLine, ...]
    finding: Finding


def set_pages_aside(lines: Sequence[GroundTruthLine], seed: int) -> PagesAside:
    """Split the lines by page; the same lines and seed always give the same pages."""
    page_of = page_names([line.image for line in lines], unknown_apart=True)
    sizes: dict[str, int] = {}
    for line in lines:
        page = page_of[line.image]
        sizes[page] = sizes.get(page, 0) + 1
    if len(sizes) < 2:
        finding = Finding(
            Severity.ERROR,
            "data.one_page",
            f"there is no validation list, and all {len(lines)} training lines come from one page",
            where="data.validation",
            hint="Give data.validation a list of other lines, or add lines of another page.",
        )
        return PagesAside(tuple(lines), (), finding)
    chosen = _choose(sizes, len(lines), seed)
    validation = tuple(line for line in lines if page_of[line.image] in chosen)
    names = ", ".join(Path(page).name for page in sorted(chosen)[:5]) + (", ..." if len(chosen) > 5 else "")
    pages = "1 page is" if len(chosen) == 1 else f"{len(chosen)} pages are"
    finding = Finding(
        Severity.INFO,
        "data.split_by_page",
        f"there is no validation list: {pages} set aside for it, {len(validation)} lines of {len(lines)}: {names} "
        f"(of {len(sizes)} pages, seed {seed})",
        where="data.validation",
        hint="Give data.validation a list to choose yourself.",
    )
    return PagesAside(tuple(line for line in lines if page_of[line.image] not in chosen), validation, finding)


def _choose(sizes: dict[str, int], total: int, seed: int) -> set[str]:
    pages = sorted(sizes)
    random.Random(seed).shuffle(pages)  # noqa: S311  # a split, not a secret
    chosen: set[str] = set()
    count = 0
    for page in pages:
        if count < _SHARE * total and count + sizes[page] <= 2 * _SHARE * total:
            chosen.add(page)
            count += sizes[page]
    return chosen or {min(pages, key=lambda page: sizes[page])}
