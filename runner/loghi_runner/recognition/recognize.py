"""Pages or line images, read by a model into a folder of their own.

Pages become the same XML with its texts, line images Loghi's results file: `image<TAB>confidence<TAB>text`.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_runner.aliases import OnProgress
from loghi_runner.clock import utc_now
from loghi_runner.errors import DataError
from loghi_runner.files import file_sha256, is_file, is_folder, real_path, write_atomically
from loghi_runner.ground_truth.cut_pages import CutPages
from loghi_runner.ground_truth.lists import ImageLines, read_image_folder, read_image_list
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.line_pages import page_names
from loghi_runner.models.find import choose_cut, find_model
from loghi_runner.pages.find import holds_xml
from loghi_runner.pages.texts import ANY_TEXT
from loghi_runner.pages.write import Reading, with_readings
from loghi_runner.recognition.line_reader import LineReader, ReaderOptions, open_reader
from loghi_runner.recognition.output_folder import claimed_output, work_folder, writing_output
from loghi_runner.recognition.recognized import (
    HTML_FILE,
    KIND,
    RECORD_FILE,
    RESULTS_FILE,
    TEXT_FILE,
    Recognized,
    RecognizedLine,
    recognized_json,
    write_results_files,
    write_side_by_side,
)
from loghi_runner.recognition.temporary_lines import cut_temporarily

_UNREAD = "image cannot be read, or is far too wide for a line"


@dataclass(frozen=True)
class RecognizeOptions:
    """`cut` is None for the way in which the model's own lines were cut."""

    reader: ReaderOptions
    cut: Cut | None = None
    root: Path | None = None
    plain_text: bool = False
    html: bool = False


def recognize(
    model: str, source: Path, out: Path, options: RecognizeOptions, on_progress: OnProgress, note: Callable[[str], None]
) -> Recognized:
    """Read what `source` is: a folder of pages with XML, a list of line images, or a folder of line images.

    Raises:
        RunnerError: nothing could be read.
    """
    if not is_file(source) and not is_folder(source):
        hint = "Name a folder of pages with XML, a list of line images, or a folder of them."
        raise DataError("recognize.no_input", f"there is no file or folder {source}", hint=hint)
    named = find_model(model)
    reader = open_reader(named.folder, options.reader)

    are_pages = is_folder(source) and holds_xml(source)
    cut = choose_cut(named, options.cut, note) if are_pages else None

    with ExitStack() as stack:
        stack.enter_context(claimed_output(out, RECORD_FILE, (KIND,), (source,) if is_folder(source) else ()))
        if cut is not None:
            # the lines' images are wanted until all is written
            work = stack.enter_context(work_folder(".recognize-", real_path(out)))
            recognized = _recognize_pages(reader, source, out, cut, work, on_progress, note)
        else:
            images = read_image_list(source, options.root) if is_file(source) else read_image_folder(source)
            recognized = _recognize_lines(reader, images, out, on_progress, note)
        _write_extras(recognized, reader, source, out, options, cut)
        if options.html:
            with writing_output(out / HTML_FILE):
                write_side_by_side(recognized, f"{source.name or source}, as {named.name} reads it", out)
    return recognized


def _recognize_pages(
    reader: LineReader,
    folder: Path,
    out: Path,
    cut: Cut,
    work: Path,
    on_progress: OnProgress,
    note: Callable[[str], None],
) -> Recognized:
    """Read all lines of the pages, cut into `work`, and write their XML with the model's texts into `out`."""
    survey, lines = cut_temporarily(folder, ANY_TEXT, cut, work, on_progress, every_line=True)
    images = [page.folder / line.file for page in lines.pages.values() for line in page.record.lines]
    read = reader.read(images, on_progress, note, work_in=work)
    found: list[RecognizedLine] = []
    files: dict[str, Path] = {}
    unwritten: dict[str, str] = {}
    for page in survey.pages:
        if page.file.name not in lines.pages:
            continue
        of_page = _lines_of(page, lines, read.by_image)
        found += of_page
        target = out / f"{page.file.name}.xml"
        try:
            write_atomically(target, with_readings(page.file.xml, {line.place: line.reading for line in of_page}))
        except OSError as error:
            unwritten[page.file.name] = f"{target} cannot be written: {error.strerror or error}"
        else:
            files[page.file.name] = target
    unread = lines.failed | _unread_lines(lines, read.by_image)
    return Recognized(files, tuple(found), read.seconds, unread, unwritten, survey.findings, reader.about_it)


def _recognize_lines(
    reader: LineReader, images: ImageLines, out: Path, on_progress: OnProgress, note: Callable[[str], None]
) -> Recognized:
    """Read all images and write the results file into `out`, one row a line, in the order of the list."""
    read = reader.read([line.image for line in images.lines], on_progress, note, work_in=out)
    pages = page_names([PurePosixPath(line.sample.image) for line in images.lines])
    lines = [
        RecognizedLine(name, pages[PurePosixPath(name)], place, line.image, read.by_image[line.image])
        for place, (name, line) in enumerate((line.sample.image, line) for line in images.lines)
        if line.image in read.by_image
    ]
    unread = {line.sample.image: f"the {_UNREAD}" for line in images.lines if line.image not in read.by_image}
    path = out / RESULTS_FILE
    with writing_output(path):
        write_results_files(out, [(line.name, line.reading) for line in lines])
    failed = images.failed | unread
    return Recognized({"results": path}, tuple(lines), read.seconds, failed, about_lm=reader.about_it)


def _write_extras(
    recognized: Recognized, reader: LineReader, source: Path, out: Path, options: RecognizeOptions, cut: Cut | None
) -> None:
    """The record, and what else was asked for; the record first: it tells whose folder this is."""
    record = recognized_json(recognized) | {
        "files": {name: path.name for name, path in recognized.files.items()},
        "source": str(source),
        "model": str(reader.folder),
        "model_sha256": file_sha256(reader.model.model_file),
        "beam": options.reader.beam_width,
        "language_model_sha256": reader.language_model.ngrams_sha256 if reader.language_model else None,
        "cut": cut,
        "straightened": reader.straighten,
        "made": utc_now(),
        "version": __version__,
    }
    with writing_output(out):
        write_atomically(out / RECORD_FILE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
        if options.plain_text:
            _write_text(recognized, out)


def _write_text(recognized: Recognized, out: Path) -> None:
    """One line a line: a file beside each page's XML, or one for all line images."""
    pages = recognized.by_page()
    for name, path in recognized.files.items():
        is_page = path.suffix == ".xml"
        lines = pages.get(name, []) if is_page else recognized.lines
        text = "".join(f"{line.reading.text}\n" for line in lines)
        write_atomically(path.with_suffix(".txt") if is_page else out / TEXT_FILE, text)


def _lines_of(page: SurveyedPage, lines: CutPages, readings: Mapping[Path, Reading]) -> list[RecognizedLine]:
    return [
        RecognizedLine(page.ids[line.place], page.file.name, line.place, line.image, readings[line.image])
        for line in lines.lines(page)
        if line.image in readings
    ]


def _unread_lines(lines: CutPages, readings: Mapping[Path, Reading]) -> dict[str, str]:
    """Lines that have no image, or one that the trainer could not read."""
    failed: dict[str, str] = {}
    for name, page in lines.pages.items():
        failed |= {f"{name} {line.id}": f"it cannot be cut: {line.detail}" for line in page.record.not_cut}
        failed |= {
            f"{name} {line.id}": f"its {_UNREAD}"
            for line in page.record.lines
            if page.folder / line.file not in readings
        }
    return failed
