"""Results as files: report.html, report.json, and Loghi's own table of numbers.

A run's report is written by `runs.run_report`, of the same parts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.evaluation.counts import Variant
from loghi_runner.evaluation.results import Results
from loghi_runner.evaluation.word_kinds import WordRow
from loghi_runner.files import write_atomically
from loghi_runner.report.html import render
from loghi_runner.report.shown import ShownErrors, choose_differing, choose_errors
from loghi_runner.report.words import verdict_sentence
from loghi_runner.wording import short_path

HTML_FILE = "report.html"
JSON_FILE = "report.json"
#: What `report.json` says it is of, in a folder that results are written into again.
KINDS = ("evaluation", "comparison", "difference")
#: The file that Loghi writes of each split. Source: Loghi HTR 2.x; each has a header and one row.
LOGHI_FILES = {"val": "validation.csv", "test": "test.csv"}

#: Label and text of what a reader may want to know of how the result came about.
Made = Sequence[Row]


def write_results(
    folder: Path,
    title: str,
    results: Results,
    images: Mapping[str, Path],
    notes: Sequence[str] = (),
    made: Made = (),
    words: Sequence[WordRow] = (),
) -> Path:
    """Write how well one model reads, or which of two is better, and return the HTML file.

    Args:
        images: the line images that are there, by line id.
        notes: sentences on what was left out, and the like.
        made: shown at the end as a table.
        words: which words were read right, by kinds.

    Raises:
        OSError: the files cannot be written.
    """
    errors = choose_errors(results)
    verdict = verdict_sentence(results)
    shown = {"title": title, "verdict": verdict, "notes": notes, "made": made}
    html = render("findings.html", errors.lines, images, results=results, errors=errors, words=words, **shown)
    kind = "comparison" if results.comparison else "evaluation"
    findings = results_json(results, errors) | {"words": to_json(words)}
    return write_files(folder, html, {"kind": kind, **shown, "findings": findings})


def write_difference(
    folder: Path, title: str, names: tuple[str, str], difference: Results, notes: Sequence[str] = (), made: Made = ()
) -> Path:
    """Write how two readings of pages differ where no line is transcribed; the rest is as for `write_results`.

    Args:
        difference: as `evaluation.results.difference` gives it.
    """
    counts = difference.models[0].counts[Variant.DIPLOMATIC]
    differing = choose_differing(difference)
    found = {
        "lines": counts.lines,
        "pages": difference.pages,
        "equal": counts.lines - counts.wrong,
        "counts": counts,
        "confusions": difference.confusions,
        "differing": differing,
    }
    shown: dict[str, Any] = {"title": title, "names": names, "notes": notes, "made": made}
    html = render("difference.html", differing.lines, found=found, **shown)
    return write_files(folder, html, {"kind": "difference", **shown, "difference": to_json(found)})


def write_files(folder: Path, html: str, value: Mapping[str, Any]) -> Path:
    """Write both files of a report, and return the HTML one. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / JSON_FILE, json.dumps(value, ensure_ascii=False, indent=1) + "\n")
    write_atomically(folder / HTML_FILE, html)
    return folder / HTML_FILE


def write_loghi_csv(file: Path, row: Mapping[str, float]) -> None:
    """Write Loghi's own file of one model and split, so that old results and new ones compare. Raises OSError."""
    write_atomically(file, f"{','.join(row)}\n{','.join(map(repr, row.values()))}\n")


def report_rows(out: Path | None) -> list[Row]:
    """Where the files are, or how to have some."""
    if out is None:
        return [("next", "--output DIR writes a report with the images of these lines")]
    return [("report", short_path(out / HTML_FILE))]


def results_json(results: Results, errors: ShownErrors) -> dict[str, Any]:
    """Results for programs, with the lines that the report shows."""
    return {
        **_scores(results),
        "comparison": comparison_json(results),
        "page_scores": to_json(results.page_scores),
        **to_json(errors),
        "loghi": results.loghi,
    }


def comparison_json(results: Results) -> dict[str, Any] | None:
    """Two models side by side for programs; None of one model."""
    return {**_scores(results), **to_json(results.comparison)} if results.comparison else None


def _scores(results: Results) -> dict[str, Any]:
    return {"lines": len(results.lines), "pages": results.pages, "models": to_json(results.models)}
