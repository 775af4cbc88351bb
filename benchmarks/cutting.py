"""`python -m benchmarks.cutting DATA`: lines cut out of 40 pages, beside decoding each page once for every line.

DATA holds `target/` with page images and `page/*.xml`; its pages are copied under other names.
"""

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from pathlib import Path

import cv2

from loghi_contract.cut import Cut
from loghi_contract.text import Normalization
from loghi_runner.config.choices import SkipTag, TextEquivChoice
from loghi_runner.cutting.cut import CutLine, cut_lines
from loghi_runner.cutting.image import write_png
from loghi_runner.cutting.pictures import read_page_image
from loghi_runner.ground_truth.cut_pages import cut_pages
from loghi_runner.ground_truth.survey import SurveyedPage, survey_pages
from loghi_runner.pages.texts import TextOptions

_PAGES = 40
_FEW_PAGES = 10
#: The naive way is measured on so many pages: it takes long.
_NAIVE_PAGES = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cutting", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cut", type=Cut, choices=list(Cut), default=Cut.LOGHI)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loghi-runner-bench-") as folder:
        work = Path(folder)
        pages = _copied(arguments.data / "target", work / "pages")
        lines = sum(len(page.lines) for page in pages)
        print(f"{len(pages)} pages, {lines} lines, cut: {arguments.cut.value}", flush=True)
        few_mb = _peak_mb(pages[:_FEW_PAGES], work / "few", arguments.cut)
        began = time.perf_counter()
        many_mb = _peak_mb(pages, work / "all", arguments.cut)
        ours_s = (time.perf_counter() - began) / lines
        began = time.perf_counter()
        cut_pages(pages, lambda page: work / "all" / page.file.name, cut=arguments.cut, channels=4)
        again_s = time.perf_counter() - began
        naive_pages = pages[:_NAIVE_PAGES]
        began = time.perf_counter()
        _cut_line_by_line(naive_pages, work / "naive", arguments.cut)
        naive_s = (time.perf_counter() - began) / sum(len(page.lines) for page in naive_pages)
    print(f"ours: {1 / ours_s:.1f} lines/s; one by one: {1 / naive_s:.1f} lines/s; ratio {naive_s / ours_s:.1f}")
    print(f"peak memory of a process: {few_mb} MB for {_FEW_PAGES} pages, {many_mb} MB for {len(pages)}")
    print(f"again, all unchanged: {again_s:.2f} s")


def _copied(source: Path, target: Path) -> list[SurveyedPage]:
    (target / "page").mkdir(parents=True)
    images = sorted(source.glob("*.jpg"))
    for number in range(_PAGES):
        image = images[number % len(images)]
        shutil.copy(image, target / f"p{number:02}.jpg")
        shutil.copy(source / "page" / f"{image.stem}.xml", target / "page" / f"p{number:02}.xml")
    text = TextOptions(TextEquivChoice.LOWEST, (SkipTag.UNCLEAR,), False, Normalization.NFC)
    return list(survey_pages([target], text, Cut.LOGHI, target, lambda _done, _total: None).pages)


def _peak_mb(pages: list[SurveyedPage], out: Path, cut: Cut) -> int:
    """Cut in a process of its own, and return the most memory that any of its workers held."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[int] = context.Queue()
    process = context.Process(target=_cut_and_tell, args=(pages, out, cut, queue))
    process.start()
    peak = queue.get()
    process.join()
    return peak


def _cut_and_tell(pages: list[SurveyedPage], out: Path, cut: Cut, queue: "multiprocessing.Queue[int]") -> None:
    result = cut_pages(pages, lambda page: out / page.file.name, cut=cut, channels=4)
    if result.failed:
        raise SystemExit(str(result.failed))
    queue.put(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)


def _cut_line_by_line(pages: list[SurveyedPage], out: Path, cut: Cut) -> None:
    """The page decoded for every line, one line after the other."""
    cv2.setNumThreads(1)
    out.mkdir()
    for page in pages:
        for line in page.lines:
            image = read_page_image(page.file.image)
            for _, outcome in cut_lines(image, page.shapes, [line.place], cut, 4):
                if isinstance(outcome, CutLine):
                    write_png(outcome.pixels, out / line.sample.image)


if __name__ == "__main__":
    main()
