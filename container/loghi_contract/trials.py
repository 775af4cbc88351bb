"""Ways to come by line images that a run has tried: what each read, and which is kept; out/trials.json.

Each way is written down when its trial is over, so that a run that is interrupted tries none again.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json

TRIALS_FILE: Final = "trials.json"
_MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class TriedWay:
    """What a way came to on `lines` validation lines, those that all ways have.

    `gain` is the CER of the first way less this one's, and lies between `low` and `high`; all None of the first way,
    and where the lines are too few to tell. Fractions.
    """

    name: str
    lines: int
    val_cer: float
    gain: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LineErrors:
    """A validation line as one way read it; `line` is the same for all ways, as is `page`."""

    line: str
    page: str
    edits: int
    characters: int


@dataclass(frozen=True)
class WayErrors:
    """What one way read."""

    name: str
    lines: tuple[LineErrors, ...]


@dataclass(frozen=True)
class TrialsRecord:
    """The file. `chosen` is None until all are tried."""

    ways: tuple[WayErrors, ...] = ()
    chosen: str | None = None


def read_trials(out: Path) -> TrialsRecord | None:
    """What a run has tried so far; None where it tries nothing, or the file is damaged."""
    try:
        return from_json(TrialsRecord, parse_json(read_plain(out / TRIALS_FILE, _MAX_BYTES)), allow_unknown=True)
    except (OSError, RecordError):
        return None


def format_trials(record: TrialsRecord) -> str:
    return json.dumps(to_json(record), ensure_ascii=False) + "\n"
