"""Line samples and Loghi's line lists: `image<TAB>text` or `image<TAB>weight<TAB>text`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum


class SkipReason(str, Enum):
    """Why a line takes no part; counted in `data_summary`, listed in skipped_lines.tsv."""

    MALFORMED = "malformed"
    MISSING_IMAGE = "missing_image"
    UNREADABLE_IMAGE = "unreadable_image"
    EMPTY_TEXT = "empty_text"
    UNKNOWN_CHARACTERS = "unknown_characters"
    TEXT_TOO_LONG = "text_too_long"
    TAGGED = "tagged"
    MACHINE_READ = "machine_read"
    NO_SHAPE = "no_shape"
    CANNOT_CUT = "cannot_cut"
    TOO_WIDE = "too_wide"
    LEARNT = "learnt"


SKIP_SENTENCES: dict[SkipReason, str] = {
    SkipReason.MALFORMED: "there is no TAB between image and text, or the weight is not a number above zero",
    SkipReason.MISSING_IMAGE: "the image does not exist",
    SkipReason.UNREADABLE_IMAGE: "the image cannot be decoded",
    SkipReason.EMPTY_TEXT: "the text is empty",
    SkipReason.UNKNOWN_CHARACTERS: "the text has characters the model cannot write",
    SkipReason.TEXT_TOO_LONG: "the text has more characters than the image has room for",
    SkipReason.TAGGED: "the transcriber marked the text as doubtful",
    SkipReason.MACHINE_READ: "the line has a machine's reading only, no text with index 0",
    SkipReason.NO_SHAPE: "the line has neither a baseline nor an outline",
    SkipReason.CANNOT_CUT: "no image can be cut out of the page for the line",
    SkipReason.TOO_WIDE: "the image is far wider for its height than a line of text",
    SkipReason.LEARNT: "the model learnt from the line, or the line chose it",
}


SKIPPED_COLUMNS = ("split", "where", "image", "text", "reason", "detail")


@dataclass(frozen=True)
class LineSample:
    """One line image with its ground truth; `where` names the list and line it came from."""

    image: str
    text: str
    weight: float
    where: str


@dataclass(frozen=True)
class SkippedLine:
    image: str
    text: str
    where: str
    reason: SkipReason
    detail: str = ""


def format_skipped(skipped: Iterable[tuple[str, SkippedLine]]) -> str:
    """skipped_lines.tsv: every line that takes no part, with its split, and why; a header, then one row a line."""
    return "\t".join(SKIPPED_COLUMNS) + "\n" + skipped_rows(skipped)


def skipped_rows(skipped: Iterable[tuple[str, SkippedLine]]) -> str:
    """The rows without the header: in a run the host begins the table, and the trainer appends its own."""
    rows = ((split, line.where, line.image, line.text, line.reason.value, line.detail) for split, line in skipped)
    return "".join("\t".join(field.replace("\t", " ").replace("\n", " ") for field in row) + "\n" for row in rows)


def parse_line_list(text: str, name: str) -> Iterator[LineSample | SkippedLine]:
    """Read a line list as Loghi does: blank lines and `#` comments are no samples; the last field is the text.

    Unlike Loghi, a byte order mark is accepted and a bad weight is reported, not taken for 1.

    Args:
        name: what `where` begins with, usually the list's file name.

    Source: Loghi HTR 2.x, line list reader.
    """
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        where = f"{name}:{number}"
        # only the line's ends are trimmed of blanks: a TAB at the end of an empty text has to survive
        fields = raw.strip(" \r\n\ufeff").split("\t")
        image, sample_text = fields[0].strip(), fields[-1]
        if len(fields) < 2 or not image:
            yield SkippedLine(image=line, text="", where=where, reason=SkipReason.MALFORMED, detail="no TAB")
            continue
        weight = _weight(fields[1]) if len(fields) > 2 else 1.0
        if weight is None:
            yield SkippedLine(image, sample_text, where, SkipReason.MALFORMED, f"weight {fields[1]!r}")
        elif not sample_text.strip():
            yield SkippedLine(image, "", where, SkipReason.EMPTY_TEXT)
        else:
            yield LineSample(image, sample_text, weight, where)


def format_line_list(samples: Iterable[LineSample]) -> str:
    """A line list with weights, which Loghi reads too."""
    return "".join(f"{sample.image}\t{sample.weight:g}\t{sample.text}\n" for sample in samples)


def _weight(field: str) -> float | None:
    try:
        weight = float(field)
    except ValueError:
        return None
    return weight if 0 < weight < float("inf") else None
