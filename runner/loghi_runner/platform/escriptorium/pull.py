"""Pages of a document into a folder: images, and lines with their texts as PAGE XML; many at a time."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.lines import SkipReason
from loghi_runner.errors import EngineError, PlatformError, UsageError
from loghi_runner.pages.find import IMAGE_SUFFIXES
from loghi_runner.platform.base import Document, Layer, OnProgress, PlatformKind, Pulled, Source
from loghi_runner.platform.escriptorium.answers import (
    BrokenData,
    Part,
    PartLine,
    lines_on_baselines,
    read_document,
    read_line_text,
    read_part,
)
from loghi_runner.platform.escriptorium.page_xml import line_ids, page_xml
from loghi_runner.platform.escriptorium.server import Server
from loghi_runner.platform.image_cache import ImageCache
from loghi_runner.platform.pulled import PulledPage, PulledRecord, Unfinished, known_record, write_pulled
from loghi_runner.rundir import utc_now

_DOING = "pulling pages"
_RIGHT_TO_LEFT = (
    "the document runs from right to left: its texts can be learnt only if the base model was made for that"
)
#: What is wrong with one page and leaves the others alone.
_ONE_PAGE = frozenset({"platform.not_found", "platform.broken_answer", "platform.other_host"})


@dataclass(frozen=True)
class _Wanted:
    document: Document
    layer: Layer
    pages: tuple[int, ...]
    on_baselines: bool


class Puller:
    """One pull, or more into the same folder."""

    def __init__(self, server: Server, parallel: int, cache: ImageCache) -> None:
        self._server = server
        self._parallel = parallel
        self._cache = cache

    def pull(self, source: Source, folder: Path, on_progress: OnProgress) -> Pulled:
        """Bring the pages; an interrupted pull goes on where it was, a finished one reads all texts again.

        Raises:
            PlatformError: the platform failed; what came until then is kept in the folder.
        """
        wanted = self._wanted(source)
        try:
            (folder / "page").mkdir(parents=True, exist_ok=True)
            pages, problems = self._bring_all(wanted, source, folder, on_progress)
            if wanted.pages and not pages:
                raise PlatformError("platform.no_page", f"none of the pages could be pulled: {problems[0]}")
            self._finish(wanted, folder, pages)
        except OSError as error:
            message = f"{folder} cannot be written: {error.strerror or error}"
            raise EngineError("output.cannot_write", message, where=str(error.filename or folder)) from error
        skipped: Counter[str] = Counter()
        for page in pages.values():
            skipped.update(page.skipped)
            problems += [f"page {page.title}: {problem}" for problem in page.problems]
        if wanted.document.direction == "rtl":
            problems.append(_RIGHT_TO_LEFT)
        lines = sum(len(page.lines) for page in pages.values())
        return Pulled(folder, len(pages), lines, dict(skipped), tuple(problems))

    def _wanted(self, source: Source) -> _Wanted:
        answer = self._server.get(f"documents/{source.document}/")
        document = read_document(answer)
        layer = next((layer for layer in document.layers if layer.id == source.layer), None)
        if layer is None:
            raise unknown_layer(document, str(source.layer))
        there = [item["pk"] for item in self._server.every(f"documents/{document.id}/parts/")]
        unknown = sorted(set(source.pages or ()) - set(there))
        if unknown:
            raise UsageError(
                "platform.unknown_page",
                f"the document {document.name!r} has no page {', '.join(map(str, unknown[:10]))}",
                where="platform.pages",
                hint=f"`loghi-runner platform documents CONFIG --document {document.id}` lists its pages.",
            )
        chosen = [page for page in there if source.pages is None or page in set(source.pages)]
        return _Wanted(document, layer, tuple(chosen), lines_on_baselines(answer))

    def _bring_all(
        self, wanted: _Wanted, source: Source, folder: Path, on_progress: OnProgress
    ) -> tuple[dict[str, PulledPage], list[str]]:
        unfinished = Unfinished(folder, self._server.origin.base, source)
        pages = {
            name: page
            for name, page in unfinished.pages.items()
            if page.id in wanted.pages and _is_whole(folder, name, page)
        }
        earlier = known_record(folder)
        known = dict(earlier.pages) if earlier is not None else {}
        done = {page.id for page in pages.values()}
        problems: list[str] = []
        total = len(wanted.pages)
        on_progress(_DOING, len(done), total)
        pool = ThreadPoolExecutor(max_workers=self._parallel)
        try:
            jobs = {
                pool.submit(self._bring, wanted, page, folder, known): page for page in wanted.pages if page not in done
            }
            for number, job in enumerate(as_completed(jobs), start=len(done) + 1):
                try:
                    name, brought = job.result()
                except BrokenData as error:
                    problems.append(f"page {jobs[job]} is left out: {error.fault}")
                except PlatformError as error:
                    if error.code not in _ONE_PAGE:
                        raise
                    problems.append(f"page {jobs[job]} is left out: {error.message}")
                else:
                    unfinished.add(name, brought)
                    pages[name] = brought
                on_progress(_DOING, number, total)
        finally:
            pool.shutdown(cancel_futures=True)
        places = {page: place for place, page in enumerate(wanted.pages)}
        return dict(sorted(pages.items(), key=lambda item: places[item[1].id])), problems

    def _bring(self, wanted: _Wanted, page: int, folder: Path, known: dict[str, PulledPage]) -> tuple[str, PulledPage]:
        base = f"documents/{wanted.document.id}/parts/{page}/"
        part = read_part(self._server.get(base))
        texts, foreign = _texts(self._server.every(f"{base}transcriptions/?transcription={wanted.layer.id}"), part)
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
        before = known.get(name)
        same = before is not None and (before.image, before.image_bytes) == (brought.image, brought.image_bytes)
        if not (same and _is_whole(folder, name, brought)):
            url = self._server.origin.own(part.image.uri)
            self._cache.bring(
                url, part.image.bytes, folder / file, lambda target: self._server.download(part.image.uri, target)
            )
        _write(folder / "page" / f"{name}.xml", page_xml(part, file, named, texts))
        return name, brought

    def _finish(self, wanted: _Wanted, folder: Path, pages: dict[str, PulledPage]) -> None:
        earlier = known_record(folder)
        for name in set(earlier.pages) - set(pages) if earlier is not None else ():
            # it is no longer among the pages, and nobody but us has written it
            for file in (folder / earlier.pages[name].file, folder / "page" / f"{name}.xml"):  # type: ignore[union-attr]
                file.unlink(missing_ok=True)
        record = PulledRecord(
            kind=PlatformKind.ESCRIPTORIUM,
            url=self._server.origin.base,
            document=wanted.document.id,
            document_name=wanted.document.name,
            layer=wanted.layer,
            direction=wanted.document.direction,
            pulled=utc_now(),
            pages=pages,
        )
        write_pulled(folder, record)
        self._cache.tidy()


def unknown_layer(document: Document, wanted: str) -> UsageError:
    names = ", ".join(f"{layer.name} ({layer.id})" for layer in document.layers) or "none"
    message = f"the document {document.name!r} has no layer {wanted}"
    return UsageError("platform.unknown_layer", message, where="platform.layer", hint=f"Its layers are: {names}.")


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


def _is_whole(folder: Path, name: str, page: PulledPage) -> bool:
    try:
        size = (folder / page.file).stat().st_size
        return (folder / "page" / f"{name}.xml").stat().st_size > 0 and size > 0
    except OSError:
        return False


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)
