"""Pages of a document into a folder: images, and lines with their texts as PAGE XML; many at a time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from loghi_runner.aliases import OnProgress
from loghi_runner.clock import utc_now
from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import PlatformError, UsageError
from loghi_runner.files import cannot_write
from loghi_runner.platform.base import Pulled, Source
from loghi_runner.platform.escriptorium.answers import BrokenData, lines_on_baselines, read_document
from loghi_runner.platform.escriptorium.page import PageFolder, Wanted, bring_page, is_whole
from loghi_runner.platform.escriptorium.server import Server
from loghi_runner.platform.image_cache import ImageCache
from loghi_runner.platform.pulled import PulledPage, PulledRecord, Unfinished, known_record, write_pulled
from loghi_runner.wording import plural

_DOING = "pulling pages"
_RIGHT_TO_LEFT = (
    "the document runs from right to left: its texts can be learnt only if the base model was made for that"
)
#: What is wrong with one page and leaves the others alone.
_ONE_PAGE = frozenset({"platform.not_found", "platform.broken_answer", "platform.other_host"})


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
            raise cannot_write(str(folder), error, folder, error.filename or folder) from error
        skipped: Counter[str] = Counter()
        for page in pages.values():
            skipped.update(page.skipped)
            problems += [f"page {page.title}: {problem}" for problem in page.problems]
        if wanted.document.direction == "rtl":
            problems.append(_RIGHT_TO_LEFT)
        lines = sum(len(page.lines) for page in pages.values())
        return Pulled(folder, len(pages), lines, dict(skipped), tuple(problems))

    def _wanted(self, source: Source) -> Wanted:
        answer = self._server.get(f"documents/{source.document}/")
        document = read_document(answer)
        layer = next((layer for layer in document.layers if layer.id == source.layer), None)
        if layer is None:
            message = f"the document {document.name!r} has no layer {source.layer} (any more)"
            raise UsageError("platform.unknown_layer", message, where="platform.layer")
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
        return Wanted(document, layer, tuple(chosen), lines_on_baselines(answer), source.only_transcribed)

    def _bring_all(
        self, wanted: Wanted, source: Source, folder: Path, on_progress: OnProgress
    ) -> tuple[dict[str, PulledPage], list[str]]:
        unfinished = Unfinished(folder, self._server.origin.base, source)
        pages = {
            name: page
            for name, page in unfinished.pages.items()
            if page.id in wanted.pages and is_whole(folder, name, page)
        }
        earlier = known_record(folder)
        into = PageFolder(folder, self._cache, dict(earlier.pages) if earlier is not None else {})
        done = {page.id for page in pages.values()}
        problems: list[str] = []
        empty = 0
        total = len(wanted.pages)
        on_progress(_DOING, len(done), total)
        pool = ThreadPoolExecutor(max_workers=self._parallel)
        try:
            jobs = {
                pool.submit(bring_page, self._server, wanted, page, into): page
                for page in wanted.pages
                if page not in done
            }
            for number, job in enumerate(as_completed(jobs), start=len(done) + 1):
                try:
                    brought = job.result()
                except BrokenData as error:
                    problems.append(f"page {jobs[job]} is left out: {error.fault}")
                except PlatformError as error:
                    if error.code not in _ONE_PAGE:
                        raise
                    problems.append(f"page {jobs[job]} is left out: {error.message}")
                else:
                    if brought is None:
                        empty += 1
                    else:
                        unfinished.add(*brought)
                        pages[brought[0]] = brought[1]
                on_progress(_DOING, number, total)
        finally:
            pool.shutdown(cancel_futures=True)
        if empty:
            problems.insert(0, f"{plural(empty, 'page')} without a text in {wanted.layer.name!r} left on the platform")
        places = {page: place for place, page in enumerate(wanted.pages)}
        return dict(sorted(pages.items(), key=lambda item: places[item[1].id])), problems

    def _finish(self, wanted: Wanted, folder: Path, pages: dict[str, PulledPage]) -> None:
        earlier = known_record(folder)
        for name, page in earlier.pages.items() if earlier is not None else ():
            if name not in pages:
                # it is no longer among the pages, and nobody but us has written it
                (folder / page.file).unlink(missing_ok=True)
                (folder / "page" / f"{name}.xml").unlink(missing_ok=True)
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
