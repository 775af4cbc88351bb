"""`loghi-runner recognize`: pages or line images, read by a model into a folder of their own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_runner.aliases import OnProgress
from loghi_runner.clock import utc_now
from loghi_runner.errors import DataError
from loghi_runner.files import file_sha256, is_file, is_folder, write_atomically
from loghi_runner.ground_truth.lists import read_image_folder, read_image_list
from loghi_runner.models.find import choose_cut, find_model
from loghi_runner.pages.find import holds_xml
from loghi_runner.recognition.line_reader import LineReader, ReaderOptions, open_reader
from loghi_runner.recognition.output_folder import cannot_write_output, claimed_output
from loghi_runner.recognition.recognize_lines import recognize_lines
from loghi_runner.recognition.recognize_pages import recognize_pages
from loghi_runner.recognition.recognized import Recognized
from loghi_runner.report.side_by_side import ReadImage, write_side_by_side

RECORD_FILE = "recognized.json"
TEXT_FILE = "text.txt"
HTML_FILE = "recognized.html"

_KIND = "recognized"


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

    def finish(recognized: Recognized) -> None:
        _write_extras(recognized, reader, source, out, options, cut)
        if options.html:
            _write_html(recognized, f"{source.name or source}, as {named.name} reads it", out)

    with claimed_output(out, RECORD_FILE, (_KIND,), (source,) if is_folder(source) else ()):
        if cut is not None:
            return recognize_pages(reader, source, out, cut, on_progress, note, finish)
        images = read_image_list(source, options.root) if is_file(source) else read_image_folder(source)
        recognized = recognize_lines(reader, images, out, on_progress, note)
        finish(recognized)
        return recognized


def recognized_json(recognized: Recognized) -> dict[str, Any]:
    """What `recognize --json` says."""
    return {
        "kind": _KIND,
        "files": {name: str(path) for name, path in recognized.files.items()},
        "lines": len(recognized.lines),
        "seconds": recognized.seconds,
        "failed": recognized.failed,
    }


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
        "cut": cut,
        "made": utc_now(),
        "version": __version__,
    }
    try:
        write_atomically(out / RECORD_FILE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
        if options.plain_text:
            _write_text(recognized, out)
    except OSError as error:
        raise cannot_write_output(error, out) from error


def _write_text(recognized: Recognized, out: Path) -> None:
    """One line a line: a file beside each page's XML, or one for all line images."""
    pages = recognized.by_page()
    for name, path in recognized.files.items():
        is_page = path.suffix == ".xml"
        lines = pages.get(name, []) if is_page else recognized.lines
        text = "".join(f"{line.reading.text}\n" for line in lines)
        write_atomically(path.with_suffix(".txt") if is_page else out / TEXT_FILE, text)


def _write_html(recognized: Recognized, title: str, out: Path) -> None:
    lines = [
        ReadImage(line.name, line.page, line.image, line.reading.text, line.reading.confidence)
        for line in recognized.lines
    ]
    notes = [f"{name} was not read: {why}." for name, why in recognized.failed.items()]
    try:
        write_side_by_side(out / HTML_FILE, title, lines, notes)
    except OSError as error:
        raise cannot_write_output(error, out / HTML_FILE) from error
