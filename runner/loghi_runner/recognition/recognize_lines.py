"""Line images of a list or a folder, read by a model, into Loghi's results file: `image<TAB>confidence<TAB>text`."""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from loghi_runner.aliases import OnProgress
from loghi_runner.files import write_atomically
from loghi_runner.ground_truth.lists import ImageLines
from loghi_runner.line_pages import page_names
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.line_reader import LineReader
from loghi_runner.recognition.output_folder import cannot_write_output
from loghi_runner.recognition.recognized import Recognized, RecognizedLine

RESULTS_FILE = "results.txt"

_UNREAD = "the image cannot be read, or is far too wide for a line"


def recognize_lines(
    reader: LineReader, images: ImageLines, out: Path, on_progress: OnProgress, note: Callable[[str], None]
) -> Recognized:
    """Read all images and write the results file into `out`, one row a line, in the order of the list.

    Raises:
        RunnerError: nothing could be read or written.
    """
    read = reader.read([line.image for line in images.lines], on_progress, note, work_in=out)
    pages = page_names([PurePosixPath(line.sample.image) for line in images.lines])
    lines = [
        RecognizedLine(name, pages[PurePosixPath(name)], place, line.image, read.by_image[line.image])
        for place, (name, line) in enumerate((line.sample.image, line) for line in images.lines)
        if line.image in read.by_image
    ]
    unread = {line.sample.image: _UNREAD for line in images.lines if line.image not in read.by_image}
    path = out / RESULTS_FILE
    try:
        write_atomically(path, format_results((line.name, line.reading) for line in lines))
    except OSError as error:
        raise cannot_write_output(error, path) from error
    return Recognized({"results": path}, tuple(lines), read.seconds, images.failed | unread)


def format_results(rows: Iterable[tuple[str, Reading]]) -> str:
    """Loghi's results file. Source: Loghi HTR 2.x, result writer."""
    return "".join(f"{name}\t{reading.confidence:.6f}\t{reading.text}\n" for name, reading in rows)
