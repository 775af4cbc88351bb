"""One page of a document into a folder: its image, and its lines with their texts as PAGE XML."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.lines import SkipReason
from loghi_runner.files import write_atomically
from loghi_runner.pages.find import IMAGE_SUFFIXES
from loghi_runner.platform.base import Document, Layer
from loghi_runner.platform.escriptorium.answers import BrokenData, Part, PartLine, read_line_text, read_part
from loghi_runner.platform.escriptorium.page_xml import line_ids, page_xml
from loghi_runner.platform.escriptorium.server import Server
from loghi_runner.platform.image_cache import ImageCache
from loghi_runner.platform.pulled import PulledPage


@dataclass(frozen=True)
class Wanted:
    """What is pulled. `on_baselines`: the document's lines are drawn below the letters, not above or through them."""

    document: Document
    layer: Layer
    pages: tuple[int, ...]
    on_baselines: bool
    only_transcribed: bool


@dataclass(frozen=True)
class PageFolder:
    """Where pages are put; `known` are those an earlier pull has put there."""

    path: Path
    cache: ImageCache
    known: dict[str, PulledPage]


def bring_page(server: Server, wanted: Wanted, page: int, folder: PageFolder) -> tuple[str, PulledPage] | None:
    """Fetch and write one page; None when nothing can be learnt from it and that was asked for.

    Raises:
        PlatformError: the page cannot be had, or is broken.
    """
    base = f"documents/{wanted.document.id}/parts/{page}/"
    part = read_part(server.get(base))
    texts, foreign = _texts(server.every(f"{base}transcriptions/?transcription={wanted.layer.id}"), part)
    if wanted.only_transcribed and not any(text.strip() for text in texts.values()):
        return None
    lines, skipped = _usable(part.lines, on_baselines=wanted.on_baselines)
    named = line_ids(lines)
    name, file = _file_name(part)
    without_text = sum(not texts.get(line.id, "").strip() for line in lines)
    if without_text:
        skipped[SkipReason.EMPTY_TEXT.value] = without_text
    brought = PulledPage(
        id=part.id,
        title=part.title,
        file=file,
        image=part.image.uri,
        image_bytes=part.image.bytes,
        lines={line_id: line.id for line_id, line in named.items()},
        skipped=dict(skipped),
        problems=(*part.problems, *foreign),
    )
    before = folder.known.get(name)
    is_same = before is not None and (before.image, before.image_bytes) == (part.image.uri, part.image.bytes or -1)
    if not (is_same and is_whole(folder.path, name, brought)):
        url = server.origin.own(part.image.uri)
        folder.cache.bring(url, part.image.bytes, folder.path / file, lambda target: server.download(url, target))
    write_atomically(folder.path / "page" / f"{name}.xml", page_xml(part, file, named, texts))
    return name, brought


def is_whole(folder: Path, name: str, page: PulledPage) -> bool:
    """Whether both files of a page are there."""
    try:
        size = (folder / page.file).stat().st_size
        return (folder / "page" / f"{name}.xml").stat().st_size > 0 and size > 0
    except OSError:
        return False


def _texts(answers: Iterator[Any], part: Part) -> tuple[dict[int, str], list[str]]:
    """Texts by line, and sentences about those that belong to no line of this page."""
    ours = {line.id for line in part.lines}
    texts: dict[int, str] = {}
    foreign = 0
    problems = []
    for answer in answers:
        try:
            text = read_line_text(answer)
        except BrokenData as error:
            problems.append(f"a text is left out: {error.fault}")
            continue
        if text.line in ours:
            texts[text.line] = text.content
        else:
            foreign += 1
    if foreign and not part.problems:
        problems.append(f"{foreign} texts belong to no line of the page")
    return texts, problems


def _usable(lines: Iterable[PartLine], *, on_baselines: bool) -> tuple[Sequence[PartLine], Counter[str]]:
    """Lines with a shape. A line drawn above or through the letters is no baseline: the outline alone says where."""
    usable = []
    skipped: Counter[str] = Counter()
    for line in lines:
        kept = line if on_baselines else replace(line, baseline=())
        if kept.outline or len(kept.baseline) > 1:
            usable.append(kept)
        else:
            skipped[SkipReason.NO_SHAPE.value] += 1
    return usable, skipped


def _file_name(part: Part) -> tuple[str, str]:
    """The page's name and its image's: the platform's number first, so that it stays the same whatever is renamed."""
    path = part.image.uri.partition("?")[0]
    suffix = Path(path).suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise BrokenData(f"its image has the form {suffix[:20] or 'of no suffix'}, which is not read")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(part.image.file_name).stem).strip("._-")[:60]
    name = f"{part.id}_{plain}" if plain else str(part.id)
    return name, name + suffix
