"""Pages of a document into a folder: images, and lines with their texts as PAGE XML; many at a time.

Source of the XML: PAGE content schema 2019-07-15.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from lxml import etree

from loghi_contract import __version__
from loghi_contract.lines import SkipReason
from loghi_runner.aliases import OnProgress
from loghi_runner.clock import utc_now
from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import PlatformError, UsageError
from loghi_runner.files import cannot_write, write_atomically
from loghi_runner.pages.find import IMAGE_SUFFIXES
from loghi_runner.platform import pulled
from loghi_runner.platform.base import Pulled, Source
from loghi_runner.platform.escriptorium import answers
from loghi_runner.platform.escriptorium.server import Server
from loghi_runner.wording import plural

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
#: What an id may be in XML, and is short enough for a file's name.
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
#: Characters that XML cannot hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_DOING = "pulling pages"
_RIGHT_TO_LEFT = (
    "the document runs from right to left: its texts can be learnt only if the base model was made for that"
)
#: What is wrong with one page and leaves the others alone.
_ONE_PAGE = frozenset({"platform.not_found", "platform.broken_answer", "platform.other_host"})


class Puller:
    """One pull of a source into a folder."""

    def __init__(self, server: Server, source: Source, folder: Path, cache: pulled.ImageCache) -> None:
        """Ask for the document. Raises UsageError: it has no such layer."""
        self._server, self._source, self._folder, self._cache = server, source, folder, cache
        answer = server.get(f"documents/{source.document}/")
        self._document = answers.read_document(answer)
        # else they are drawn above the letters, or through them
        self._on_baselines = answers.lines_on_baselines(answer)
        layer = next((layer for layer in self._document.layers if layer.id == source.layer), None)
        if layer is None:
            message = f"the document {self._document.name!r} has no layer {source.layer} (any more)"
            raise UsageError("platform.unknown_layer", message, where="platform.layer")
        self._layer = layer

    def pull(self, on_progress: OnProgress) -> Pulled:
        """Bring the pages; an interrupted pull goes on where it was, a finished one reads all texts again.

        Raises:
            PlatformError: the platform failed; what came until then is kept in the folder.
            UsageError: the document has no such page.
        """
        folder, wanted = self._folder, self._wanted_pages()
        try:
            (folder / "page").mkdir(parents=True, exist_ok=True)
            record = pulled.known_record(folder)
            earlier = record.pages if record is not None else {}
            pages, problems = self._bring_all(wanted, earlier, on_progress)
            if wanted and not pages:
                raise PlatformError("platform.no_page", f"none of the pages could be pulled: {problems[0]}")
            self._finish(pages, earlier)
        except OSError as error:
            raise cannot_write(str(folder), error, folder, error.filename or folder) from error
        skipped: Counter[str] = Counter()
        for page in pages.values():
            skipped.update(page.skipped)
            problems += [f"page {page.title}: {problem}" for problem in page.problems]
        if self._document.direction == "rtl":
            problems.append(_RIGHT_TO_LEFT)
        lines = sum(len(page.lines) for page in pages.values())
        return Pulled(folder, len(pages), lines, dict(skipped), tuple(problems))

    def _wanted_pages(self) -> list[int]:
        there = [item["pk"] for item in self._server.every(f"documents/{self._document.id}/parts/")]
        asked = set(there if self._source.pages is None else self._source.pages)
        unknown = sorted(asked - set(there))
        if unknown:
            message = f"the document {self._document.name!r} has no page {', '.join(map(str, unknown[:10]))}"
            hint = f"`loghi-runner platform documents CONFIG --document {self._document.id}` lists its pages."
            raise UsageError("platform.unknown_page", message, where="platform.pages", hint=hint)
        return [page for page in there if page in asked]

    def _bring_all(
        self, wanted: Sequence[int], earlier: Mapping[str, pulled.PulledPage], on_progress: OnProgress
    ) -> tuple[dict[str, pulled.PulledPage], list[str]]:
        unfinished = pulled.Unfinished(self._folder, self._server.origin.base, self._source)
        pages = {
            name: page
            for name, page in unfinished.pages.items()
            if page.id in wanted and _is_whole(self._folder, name, page)
        }
        done = {page.id for page in pages.values()}
        problems: list[str] = []
        empty = 0
        on_progress(_DOING, len(done), len(wanted))
        pool = ThreadPoolExecutor(max_workers=self._server.parallel)
        try:
            jobs = {pool.submit(self._bring_page, page, earlier): page for page in wanted if page not in done}
            for number, job in enumerate(as_completed(jobs), start=len(done) + 1):
                try:
                    brought = job.result()
                except PlatformError as error:
                    if error.code not in _ONE_PAGE:
                        raise
                    fault = error.fault if isinstance(error, answers.BrokenData) else error.message
                    problems.append(f"page {jobs[job]} is left out: {fault}")
                else:
                    if brought is None:
                        empty += 1
                    else:
                        unfinished.add(*brought)
                        pages[brought[0]] = brought[1]
                on_progress(_DOING, number, len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
        if empty:
            problems.insert(0, f"{plural(empty, 'page')} without a text in {self._layer.name!r} left on the platform")
        places = {page: place for place, page in enumerate(wanted)}
        return dict(sorted(pages.items(), key=lambda item: places[item[1].id])), problems

    def _finish(self, pages: dict[str, pulled.PulledPage], earlier: Mapping[str, pulled.PulledPage]) -> None:
        for name in earlier.keys() - pages.keys():
            # it is no longer among the pages, and nobody but us has written it
            (self._folder / earlier[name].file).unlink(missing_ok=True)
            (self._folder / "page" / f"{name}.xml").unlink(missing_ok=True)
        record = pulled.PulledRecord(
            kind=PlatformKind.ESCRIPTORIUM,
            url=self._server.origin.base,
            document=self._document.id,
            document_name=self._document.name,
            layer=self._layer,
            direction=self._document.direction,
            pulled=utc_now(),
            pages=pages,
        )
        pulled.write_pulled(self._folder, record)
        self._cache.tidy()

    def _bring_page(self, page: int, earlier: Mapping[str, pulled.PulledPage]) -> tuple[str, pulled.PulledPage] | None:
        """Fetch and write one page; None when nothing can be learnt from it and that was asked for.

        Raises:
            PlatformError: the page cannot be had, or is broken.
        """
        base = f"documents/{self._document.id}/parts/{page}/"
        part = answers.read_part(self._server.get(base))
        texts, foreign = _texts(self._server.every(f"{base}transcriptions/?transcription={self._layer.id}"), part)
        if self._source.only_transcribed and not any(text.strip() for text in texts.values()):
            return None
        # a line drawn above or through the letters is no baseline: the outline alone says where it is
        lines = part.lines if self._on_baselines else [replace(line, baseline=()) for line in part.lines]
        named = _line_ids([line for line in lines if line.outline or len(line.baseline) > 1])
        name, file = _file_name(part)
        skipped = {
            SkipReason.NO_SHAPE.value: len(lines) - len(named),
            SkipReason.EMPTY_TEXT.value: sum(not texts.get(line.id, "").strip() for line in named.values()),
        }
        brought = pulled.PulledPage(
            id=part.id,
            title=part.title,
            file=file,
            image=part.image.uri,
            image_bytes=part.image.bytes,
            lines={line_id: line.id for line_id, line in named.items()},
            skipped={reason: count for reason, count in skipped.items() if count},
            problems=(*part.problems, *foreign),
        )
        before = earlier.get(name)
        is_same = before is not None and (before.image, before.image_bytes) == (part.image.uri, part.image.bytes or -1)
        if not (is_same and _is_whole(self._folder, name, brought)):
            url = self._server.origin.own(part.image.uri)
            target = self._folder / file
            self._cache.bring(url, part.image.bytes, target, lambda beside: self._server.download(url, beside))
        write_atomically(self._folder / "page" / f"{name}.xml", _page_xml(part, file, named, texts))
        return name, brought


def _is_whole(folder: Path, name: str, page: pulled.PulledPage) -> bool:
    """Whether both files of a page are there."""
    return bool(pulled.size_of(folder / page.file) and pulled.size_of(folder / "page" / f"{name}.xml"))


def _texts(given: Iterator[Any], part: answers.Part) -> tuple[dict[int, str], list[str]]:
    """Texts by line, and sentences about those that belong to no line of this page."""
    ours = {line.id for line in part.lines}
    texts: dict[int, str] = {}
    foreign = 0
    problems = []
    for answer in given:
        try:
            text = answers.read_line_text(answer)
        except answers.BrokenData as error:
            problems.append(f"a text is left out: {error.fault}")
            continue
        if text.line in ours:
            texts[text.line] = text.content
        else:
            foreign += 1
    if foreign and not part.problems:
        problems.append(f"{foreign} texts belong to no line of the page")
    return texts, problems


def _file_name(part: answers.Part) -> tuple[str, str]:
    """The page's name and its image's: the platform's number first, so that it stays the same whatever is renamed."""
    path = part.image.uri.partition("?")[0]
    suffix = Path(path).suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise answers.BrokenData(f"its image has the form {suffix[:20] or 'of no suffix'}, which is not read")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(part.image.file_name).stem).strip("._-")[:60]
    name = f"{part.id}_{plain}" if plain else str(part.id)
    return name, name + suffix


def _line_ids(lines: Sequence[answers.PartLine]) -> dict[str, answers.PartLine]:
    """Lines by an id that is unique on the page: the one they came into the platform with, or the platform's number."""
    found: dict[str, answers.PartLine] = {}
    for line in lines:
        name = line.name if _ID.fullmatch(line.name) and line.name not in found else f"line_{line.id}"
        while name in found:
            name += "_"
        found[name] = line
    return found


def _page_xml(
    part: answers.Part, image_name: str, lines: Mapping[str, answers.PartLine], texts: Mapping[int, str]
) -> bytes:
    """The XML. Lines keep the platform's order; those without a region come last.

    Args:
        lines: by the id each gets.
        texts: by the platform's number of the line.
    """
    root = etree.Element(f"{{{_NAMESPACE}}}PcGts", nsmap={None: _NAMESPACE})  # type: ignore[dict-item]  # None is the default namespace
    metadata = _add(root, "Metadata")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for name, value in (("Creator", f"loghi-runner {__version__}"), ("Created", now), ("LastChange", now)):
        _add(metadata, name).text = value
    size = {"imageWidth": str(part.image.width_px), "imageHeight": str(part.image.height_px)}
    page = _add(root, "Page", imageFilename=image_name, **size)
    whole = ((0, 0), (part.image.width_px, 0), (part.image.width_px, part.image.height_px), (0, part.image.height_px))
    boxes = part.regions
    for region in [*boxes, None]:
        inside = {
            name: line for name, line in lines.items() if (line.region if line.region in boxes else None) == region
        }
        if not inside:
            continue
        element = _add(page, "TextRegion", id=f"region_{region or 0}")
        outline = boxes[region] if region is not None else ()
        _add(element, "Coords", points=_written(outline if len(outline) > 2 else whole))
        for name, line in inside.items():
            _add_line(element, name, line, texts.get(line.id, ""))
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def _add_line(region: etree._Element, name: str, line: answers.PartLine, text: str) -> None:
    element = _add(region, "TextLine", id=name)
    if line.outline:
        _add(element, "Coords", points=_written(line.outline))
    if line.baseline:
        _add(element, "Baseline", points=_written(line.baseline))
    text = _NOT_XML.sub("", text)
    if text.strip():
        _add(_add(element, "TextEquiv"), "Unicode").text = text


def _written(points: answers.Points) -> str:
    # PAGE knows no negative numbers; what lies outside the image has no pixels anyway
    return " ".join(f"{max(round(x), 0)},{max(round(y), 0)}" for x, y in points)


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}", attributes)
