"""report.html and report.json of an evaluation or a comparison, on any lines.

A run's own report is written by `run_report`, of the same parts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.evaluation.comparison import ReadLine
from loghi_runner.files import write_atomically
from loghi_runner.report.build import Findings, find
from loghi_runner.report.difference import find_difference
from loghi_runner.report.html import render
from loghi_runner.wording import plural

HTML_FILE = "report.html"
JSON_FILE = "report.json"

#: Label and text of what a reader may want to know of how the result came about.
Made = Sequence[Row]


def write_evaluation_report(
    folder: Path,
    title: str,
    name: str,
    lines: Sequence[ReadLine],
    images: Mapping[str, Path],
    *,
    notes: Sequence[str] = (),
    made: Made = (),
) -> Path:
    """Write how well one model reads some lines, and return the HTML file.

    Args:
        name: of the model, as the report is to call it.
        lines: with one reading each; those without a transcription are left out.
        images: the line images that are there, by line id.
        notes: sentences on what was left out, and the like.
        made: shown at the end as a table.

    Raises:
        ValueError: no line has a transcription.
        OSError: the files cannot be written.
    """
    transcribed, notes = _transcribed(lines, notes)
    if not transcribed:
        raise ValueError("no line has a transcription")
    return _write_findings(folder, "evaluation", title, find(transcribed, (name,), "lines"), images, notes, made)


def write_comparison_report(
    folder: Path,
    title: str,
    names: tuple[str, str],
    lines: Sequence[ReadLine],
    images: Mapping[str, Path],
    *,
    notes: Sequence[str] = (),
    made: Made = (),
) -> Path:
    """Write which of two readings is better, or where no line is transcribed how they differ; return the HTML file.

    Arguments are those of `write_evaluation_report`, lines with two readings. The older model is the first.
    """
    transcribed, notes = _transcribed(lines, notes)
    if transcribed:
        return _write_findings(folder, "comparison", title, find(transcribed, names, "lines"), images, notes, made)
    difference = find_difference(lines)
    shown = {"title": title, "names": names, "notes": notes, "made": made}
    html = render("difference.html", difference.shown, images, found=difference, **shown)
    return write_files(folder, html, {"kind": "difference", **shown, "difference": to_json(difference)})


def write_files(folder: Path, html: str, value: Mapping[str, Any]) -> Path:
    """Write both files of a report, and return the HTML one. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / JSON_FILE, json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    write_atomically(folder / HTML_FILE, html)
    return folder / HTML_FILE


def _transcribed(lines: Sequence[ReadLine], notes: Sequence[str]) -> tuple[list[ReadLine], tuple[str, ...]]:
    """The lines with a transcription, and a note on the others."""
    found = [line for line in lines if line.reference.strip()]
    left_out = len(lines) - len(found)
    told = [f"{plural(left_out, 'line')} without a transcription left out"] if found and left_out else []
    return found, (*notes, *told)


def _write_findings(
    folder: Path,
    kind: str,
    title: str,
    findings: Findings,
    images: Mapping[str, Path],
    notes: Sequence[str],
    made: Made,
) -> Path:
    shown = {"title": title, "notes": notes, "made": made}
    html = render("findings.html", findings.shown, images, found=findings, **shown)
    value = {"kind": kind, "title": title, "verdict": findings.verdict, "notes": notes, "made": made}
    return write_files(folder, html, value | {"findings": to_json(findings)})
