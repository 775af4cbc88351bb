"""Pages whose lines are marked, read by a model, into the same XML with its texts."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_runner.aliases import OnProgress
from loghi_runner.files import real_path, write_atomically
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.pages.texts import ANY_TEXT
from loghi_runner.pages.write import Reading, with_readings
from loghi_runner.recognition.line_reader import LineReader
from loghi_runner.recognition.output_folder import cannot_write_output
from loghi_runner.recognition.recognized import Recognized, RecognizedLine
from loghi_runner.recognition.temporary_lines import TemporaryLines, cut_temporarily


def recognize_pages(
    reader: LineReader,
    folder: Path,
    out: Path,
    cut: Cut,
    on_progress: OnProgress,
    note: Callable[[str], None],
    finish: Callable[[Recognized], None],
) -> Recognized:
    """Read all lines of the pages and write their XML with the model's texts into `out`.

    Args:
        finish: told the result while the lines' images are still there.

    Raises:
        RunnerError: nothing could be read.
    """
    try:
        work = Path(tempfile.mkdtemp(prefix=".recognize-", dir=real_path(out)))
    except OSError as error:
        raise cannot_write_output(error, out) from error
    try:
        lines = cut_temporarily(folder, ANY_TEXT, cut, work, on_progress, every_line=True)
        images = [page.folder / line.file for page in lines.cut.pages.values() for line in page.record.lines]
        read = reader.read(images, on_progress, note, work_in=work)
        found = [line for page in lines.survey.pages for line in _read_lines(page, lines, read.by_image)]
        files, unwritten = _write_pages(lines, read.by_image, out)
        unread = lines.cut.failed | _unread(lines, read.by_image)
        recognized = Recognized(files, tuple(found), read.seconds, unread, unwritten, lines.survey.findings)
        finish(recognized)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return recognized


def _read_lines(page: SurveyedPage, lines: TemporaryLines, readings: Mapping[Path, Reading]) -> list[RecognizedLine]:
    return [
        RecognizedLine(page.ids[line.place], page.file.name, line.place, line.image, readings[line.image])
        for line in lines.cut.lines(page)
        if line.image in readings
    ]


def _unread(lines: TemporaryLines, readings: Mapping[Path, Reading]) -> dict[str, str]:
    """Lines that have no image, or one that the trainer could not read."""
    failed: dict[str, str] = {}
    for name, page in lines.cut.pages.items():
        failed |= {f"{name} {line.id}": f"it cannot be cut: {line.detail}" for line in page.record.not_cut}
        failed |= {
            f"{name} {line.id}": "its image cannot be read, or is far too wide for a line"
            for line in page.record.lines
            if page.folder / line.file not in readings
        }
    return failed


def _write_pages(
    lines: TemporaryLines, readings: Mapping[Path, Reading], out: Path
) -> tuple[dict[str, Path], dict[str, str]]:
    files: dict[str, Path] = {}
    unwritten: dict[str, str] = {}
    for page in lines.survey.pages:
        if page.file.name not in lines.cut.pages:
            continue
        texts = {line.place: line.reading for line in _read_lines(page, lines, readings)}
        target = out / f"{page.file.name}.xml"
        try:
            write_atomically(target, with_readings(page.file.xml, texts))
        except OSError as error:
            unwritten[page.file.name] = f"{target} cannot be written: {error.strerror or error}"
        else:
            files[page.file.name] = target
    return files, unwritten
