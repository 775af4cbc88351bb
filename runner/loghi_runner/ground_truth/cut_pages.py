"""Lines cut out of many pages, on all cores; a page that fails does not stop the rest."""

import hashlib
import json
import math
import multiprocessing
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_contract.lines import SkippedLine, SkipReason
from loghi_contract.records import to_json
from loghi_runner.cutting.cut import CutLine, cut_lines
from loghi_runner.cutting.image import PageImageError, write_png
from loghi_runner.cutting.pictures import read_page_image
from loghi_runner.files import is_full
from loghi_runner.ground_truth import line_store
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.survey import SurveyedPage

#: Pages handed to each worker ahead of time: enough that none waits, few enough that memory does not grow.
_AHEAD = 2
#: Of all pages together: until they are cut here, no worker of ours has even begun.
_FEW_PX = 7_000_000


@dataclass(frozen=True)
class CutPage:
    """A page whose line images are in `folder`; `reused` when they were there already."""

    folder: Path
    record: line_store.PageRecord
    reused: bool


@dataclass(frozen=True)
class CutPages:
    """Pages by name: those that are cut, and why the others are not."""

    pages: dict[str, CutPage]
    failed: dict[str, str]

    def lines(self, page: SurveyedPage) -> tuple[GroundTruthLine, ...]:
        """The page's lines that have an image now, with its path and size."""
        cut = self.pages.get(page.file.name)
        if cut is None:
            return ()
        made = {line.id: line for line in cut.record.lines}
        found = ((line, made.get(page.ids[line.place])) for line in page.lines)
        return tuple(
            replace(line, image=cut.folder / of.file, width_px=of.width_px, height_px=of.height_px, is_cut=True)
            for line, of in found
            if of is not None
        )

    def not_cut(self, page: SurveyedPage) -> tuple[SkippedLine, ...]:
        """The page's lines that were to be cut and have no image, and why."""
        cut, failed = self.pages.get(page.file.name), self.failed.get(page.file.name)
        why = {line.id: line.detail for line in cut.record.not_cut} if cut is not None else {}
        found = ((line.sample, why.get(page.ids[line.place], failed)) for line in page.lines)
        return tuple(
            SkippedLine(sample.image, sample.text, sample.where, SkipReason.CANNOT_CUT, detail)
            for sample, detail in found
            if detail is not None
        )


@dataclass(frozen=True)
class _Task:
    page: SurveyedPage
    folder: Path
    cut: Cut
    channels: int
    made_from: str

    @property
    def name(self) -> str:
        return self.page.file.name


def cut_pages(
    pages: Sequence[SurveyedPage],
    folder_of: Callable[[SurveyedPage], Path],
    *,
    cut: Cut,
    channels: int,
    workers: int | None = None,
    on_page: Callable[[int, int], None] = lambda _done, _total: None,
) -> CutPages:
    """Cut all surveyed lines of the pages; what is there already and unchanged is left as it is.

    Args:
        folder_of: where a page's line images go; written whole or not at all.
        workers: processes; by default one a core, and none beside this one for a few small pages.
        on_page: told how many pages are done, and of how many.

    Raises:
        OSError: there is no more room on the disk; what was there before is as it was.
    """
    done: dict[str, CutPage] = {}
    failed: dict[str, str] = {}
    tasks = []
    for page in pages:
        task = _task(page, folder_of(page), cut, channels)
        try:
            record = line_store.read_record(task.folder)
        except (line_store.ForeignFolder, OSError) as error:
            failed[task.name] = str(error)
            continue
        if record is not None and record.made_from == task.made_from:
            done[task.name] = CutPage(task.folder, record, reused=True)
        else:
            tasks.append(task)
    on_page(len(done) + len(failed), len(pages))
    for task, outcome in _outcomes(tasks, workers or _workers_for(tasks)):
        if isinstance(outcome, str):
            failed[task.name] = outcome
        else:
            done[task.name] = CutPage(task.folder, outcome, reused=False)
        on_page(len(done) + len(failed), len(pages))
    return CutPages({page.file.name: done[page.file.name] for page in pages if page.file.name in done}, failed)


def _task(page: SurveyedPage, folder: Path, cut: Cut, channels: int) -> _Task:
    texts = [(page.ids[line.place], line.sample.text) for line in page.lines]
    made_from = json.dumps(
        [page.sha256, to_json(page.picture), to_json(page.shapes), texts, cut.value, channels, __version__]
    )
    return _Task(page, folder, cut, channels, hashlib.sha256(made_from.encode()).hexdigest())


def _workers_for(tasks: Sequence[_Task]) -> int:
    pixels = sum(math.prod(task.page.picture.size) for task in tasks)
    return 1 if pixels <= _FEW_PX else os.cpu_count() or 1


def _outcomes(tasks: Sequence[_Task], workers: int) -> Iterator[tuple[_Task, line_store.PageRecord | str]]:
    if len(tasks) == 1 or workers == 1:
        for task in tasks:
            yield task, _cut_page(task)
        return
    waiting = list(reversed(tasks))
    suspects: list[_Task] = []
    while waiting:
        suspects += yield from _in_pool(waiting, workers, workers * _AHEAD)
    # a worker died, and with it the pool; which page it was is only seen one by one
    for task in suspects:
        broken = yield from _in_pool([task], 1, 1)
        if broken:
            yield task, "the process that cut it was ended from outside, most often because memory ran out"


def _in_pool(
    waiting: list[_Task], workers: int, ahead: int
) -> Generator[tuple[_Task, line_store.PageRecord | str], None, list[_Task]]:
    """Cut pages until none waits or a worker dies; returns those that were under way then."""
    # not by fork: a copy of a process with threads can hang
    context = multiprocessing.get_context("spawn")
    running: dict[Future[line_store.PageRecord | str], _Task] = {}
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
    try:
        while waiting or running:
            while waiting and len(running) < ahead:
                task = waiting.pop()
                running[pool.submit(_cut_page, task)] = task
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                outcome = future.result()
                yield running.pop(future), outcome
    except BrokenProcessPool:
        return list(running.values())
    finally:
        pool.shutdown(cancel_futures=True)
    return []


def _begin_worker() -> None:
    # Ctrl+C goes to all processes of a terminal; the page under way is finished, and the parent decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # image libraries write there about broken files; these are told in our own words
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    cv2.setNumThreads(1)


def _cut_page(task: _Task) -> line_store.PageRecord | str:
    """Cut one page into its folder; the text is why it cannot be done.

    Raises:
        OSError: there is no more room on the disk, for this page or any other.
    """
    page, name = task.page, task.page.file.image.name
    try:
        image = read_page_image(page.file.image, page.picture)
    except PageImageError as error:
        return f"{name}: {error}"
    try:
        task.folder.parent.mkdir(parents=True, exist_ok=True)
        # as the umask says, and not for the owner alone: others may train on these lines
        made = task.folder.with_name(f".{secrets.token_hex(8)}.new")
        made.mkdir()
    except OSError as error:
        if is_full(error):
            raise
        return f"{task.folder} cannot be written: {error.strerror or error}"
    try:
        wanted = {line.place: line.sample for line in page.lines}
        lines, not_cut = [], []
        for place, outcome in cut_lines(image, page.shapes, wanted.keys(), task.cut, task.channels):
            line_id, sample = page.ids[place], wanted[place]
            if not isinstance(outcome, CutLine):
                not_cut.append(line_store.UncutLine(line_id, outcome.detail))
                continue
            try:
                write_png(outcome.pixels, made / sample.image)
            except (cv2.error, MemoryError, ValueError) as error:
                not_cut.append(line_store.UncutLine(line_id, str(error) or "memory ran out"))
                continue
            (made / line_store.text_file(sample.image)).write_text(sample.text, encoding="utf-8", newline="")
            height_px, width_px = outcome.pixels.shape[:2]
            lines.append(line_store.CutLineFile(line_id, sample.image, width_px, height_px, outcome.way))
        record = line_store.PageRecord(task.made_from, tuple(lines), tuple(not_cut), task.cut)
        line_store.install(made, record, task.folder)
    except OSError as error:
        if is_full(error):
            raise
        return f"{error.filename or task.folder} cannot be written: {error.strerror or error}"
    except MemoryError:
        return f"{name} cannot be cut: memory ran out"
    except Exception as error:  # noqa: BLE001  # the top of a process: one odd page never ends the others' cutting
        return f"{name} cannot be cut: {type(error).__name__}: {error}"
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return record
