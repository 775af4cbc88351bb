"""The judgement of a run, from the two models' readings of the test lines that the trainer wrote down."""

from pathlib import Path, PurePosixPath

from loghi_contract.places import REPORT_DIR
from loghi_runner.scoring.counts import count
from loghi_runner.scoring.judge import Judgement, judge

_TABLE = "test_lines.tsv"
_COLUMNS = ("image", "text", "base_model_text", "best_val_text")


def judge_run(out: Path) -> Judgement | None:
    """Compare the two models on the test lines; None where the run has no such table.

    Args:
        out: the run's out folder.
    """
    try:
        rows = (out / REPORT_DIR / _TABLE).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    header = rows[0].split("\t") if rows else []
    if not set(_COLUMNS) <= set(header):
        return None
    places = [header.index(column) for column in _COLUMNS]
    lines = [[fields[place] for place in places] for row in rows[1:] if len(fields := row.split("\t")) == len(header)]
    if not lines:
        return None
    images, texts, before, after = zip(*lines, strict=True)
    pages = [str(PurePosixPath(image).parent) for image in images]
    return judge(
        [count(text, reading) for text, reading in zip(texts, before, strict=True)],
        [count(text, reading) for text, reading in zip(texts, after, strict=True)],
        pages,
        "test lines",
    )
