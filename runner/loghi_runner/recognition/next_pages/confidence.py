"""How a model's confidence relates to its errors, measured on the test lines of the run that made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.counts import pool
from loghi_runner.engines.mounts import host_image
from loghi_runner.errors import UsageError
from loghi_runner.evaluation.counts import count
from loghi_runner.files import is_file
from loghi_runner.models.find import run_of
from loghi_runner.pages.write import Reading
from loghi_runner.runs.line_tables import read_line_table
from loghi_runner.wording import percent

#: Fewer lines make no quarters worth telling.
_FEWEST = 20
#: A quarter of lines with so many times the errors of another is told apart by confidence.
_TELLING = 1.5


@dataclass(frozen=True)
class Confidence:
    """CER of the quarter of lines with the least confidence, and of the quarter with the most."""

    lines: int
    least_cer: float
    most_cer: float
    sentence: str


def judged_lines(model: Path) -> dict[Path, str]:
    """Image and transcription of the test lines of the model's run; none where the model comes from elsewhere."""
    run = run_of(model)
    if run is None:
        return {}
    try:
        data_folders = run.read().data_folders
    except UsageError:
        return {}
    found = {host_image(line.image, data_folders): line.text for line in read_line_table(run.out, "test")}
    return {image: text for image, text in found.items() if image is not None and is_file(image)}


def measure_confidence(judged: Sequence[tuple[str, Reading]]) -> Confidence | None:
    """The two quarters' CER; None for too few lines."""
    if len(judged) < _FEWEST:
        return None
    ranked = sorted(judged, key=lambda pair: pair[1].confidence)
    quarter = len(ranked) // 4
    parts = (ranked[:quarter], ranked[-quarter:])
    least, most = (pool(count(text, reading.text) for text, reading in part) for part in parts)
    tells = least.cer > _TELLING * most.cer
    told = "Confidence tells where the errors are" if tells else "Confidence tells little here"
    sentence = (
        f"{told}: of {len(judged)} test lines, the least confident quarter has {percent(least.cer)} CER, "
        f"the most confident {percent(most.cer)}."
    )
    return Confidence(len(judged), least.cer, most.cer, sentence)
