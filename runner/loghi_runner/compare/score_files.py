"""What `evaluate` and `compare` leave in their output folder: the report, and tables for Loghi and for spreadsheets."""

from pathlib import Path

from loghi_contract import __version__
from loghi_contract.counts import pool
from loghi_runner.aliases import Row
from loghi_runner.clock import utc_now
from loghi_runner.compare.compare_pages import MatchedPages
from loghi_runner.compare.compare_text import remarks
from loghi_runner.compare.scored import ModelReadings, Scored
from loghi_runner.evaluation.counts import LOGHI_COLUMNS, count
from loghi_runner.files import file_sha256, write_atomically
from loghi_runner.line_pages import page_name
from loghi_runner.recognition.output_folder import cannot_write_output, claim_output
from loghi_runner.recognition.recognize_lines import RESULTS_FILE, format_results
from loghi_runner.report.write import JSON_FILE, write_comparison_report, write_evaluation_report
from loghi_runner.skipped_table import format_skipped
from loghi_runner.wording import plural

#: What a folder may hold that results are written into again. Source: `report.write`.
REPORT_KINDS = ("evaluation", "comparison", "difference")

VALIDATION_FILE = "validation.csv"
LINES_FILE = "lines.tsv"
SKIPPED_FILE = "skipped_lines.tsv"


def write_score_files(out: Path, scored: Scored) -> None:
    """Write all files; with two models, those that are of one model lie in a folder of its name.

    Raises:
        EngineError: the disk does not take them.
    """
    try:
        # the report first: it tells whose folder this is
        _write_report(out, scored)
        write_atomically(out / LINES_FILE, _lines_table(scored))
        if scored.truth.skipped:
            write_atomically(out / SKIPPED_FILE, format_skipped(("", line) for line in scored.truth.skipped))
        for number, each in enumerate(scored.models):
            place = out if len(scored.models) == 1 else out / each.model.name
            place.mkdir(exist_ok=True)
            write_atomically(place / VALIDATION_FILE, validation_csv(scored, number))
            rows = ((line.name, each.readings[line.image]) for line in scored.truth.lines)
            write_atomically(place / RESULTS_FILE, format_results(rows))
    except OSError as error:
        raise cannot_write_output(error, out) from error


def write_page_comparison(
    out: Path, matched: MatchedPages, names: tuple[str, str], folders: tuple[Path, Path, Path | None]
) -> None:
    """Write the report of two recognitions of the same pages.

    Args:
        folders: of both, and of the transcription.

    Raises:
        UsageError: the folder holds somebody else's files.
        EngineError: the disk does not take them.
    """
    claim_output(out, JSON_FILE, REPORT_KINDS, tuple(folder for folder in folders if folder))
    rows = [*zip(names, map(str, folders[:2]), strict=True), ("transcription", str(folders[2] or "none"))]
    made = [*rows, ("made", utc_now()), ("loghi-runner", __version__)]
    title = f"{names[0]} and {names[1]} on {plural(matched.pages, 'page')}"
    try:
        write_comparison_report(out, title, names, matched.lines, {}, notes=remarks(matched, None), made=made)
    except OSError as error:
        raise cannot_write_output(error, out) from error


def loghi_columns(scored: Scored, number: int) -> dict[str, float]:
    """What Loghi's own validation.csv says of the model, by column. Source: Loghi HTR 2.x, final statistics."""
    return {
        column: pool(count(line.reference, line.readings[number], variant) for line in scored.lines).cer
        for variant, column in LOGHI_COLUMNS.items()
    }


def validation_csv(scored: Scored, number: int) -> str:
    """Loghi's own file, so that old results and new ones compare."""
    columns = loghi_columns(scored, number)
    return f"{','.join(columns)}\n{','.join(map(repr, columns.values()))}\n"


def _write_report(out: Path, scored: Scored) -> None:
    skipped = len(scored.truth.skipped)
    notes = [f"{plural(skipped, 'line')} left out: {SKIPPED_FILE} says why."] if skipped else []
    made = [row for each in scored.models for row in _made(each)]
    made += [("lines", scored.truth.source), ("normalisation", scored.normalization.value.upper())]
    made += [("made", utc_now()), ("loghi-runner", __version__)]
    names = scored.names
    if len(names) == 1:
        title = f"How {names[0]} reads {scored.truth.source}"
        write_evaluation_report(out, title, names[0], scored.lines, scored.images, notes=notes, made=made)
    else:
        title = f"{names[0]} and {names[1]} on {scored.truth.source}"
        pair = (names[0], names[1])
        write_comparison_report(out, title, pair, scored.lines, scored.images, notes=notes, made=made)


def _made(each: ModelReadings) -> list[Row]:
    reader = each.reader
    device, options = reader.setting.device, reader.options
    beam = "greedy" if options.beam_width == 1 else f"beam of {options.beam_width}"
    speed = f"{len(each.readings) / each.seconds:.1f} lines a second" if each.seconds > 0 else "in no time"
    cut = [(f"{each.model.name}, lines cut as", each.cut.value)] if each.cut else []
    return [
        (each.model.name, str(reader.folder)),
        (f"{each.model.name}, SHA-256", file_sha256(reader.model.model_file)),
        (f"{each.model.name}, read", f"{reader.engine.name}, {device.kind.value.upper()}, {beam}, {speed}"),
        *cut,
    ]


def _lines_table(scored: Scored) -> str:
    """One row a line: what stands there, and what each model read."""
    header = ["image", "page", "text"]
    for name in scored.names:
        header += [f"{name}_text", f"{name}_edits", f"{name}_confidence"]
    rows = [header]
    for truth, line in zip(scored.truth.lines, scored.lines, strict=True):
        row = [truth.name, page_name(truth.page), line.reference]
        for each, reading in zip(scored.models, line.readings, strict=True):
            edits = count(line.reference, reading).edits
            row += [reading, str(edits), f"{each.readings[truth.image].confidence:.4f}"]
        rows.append(row)
    return "".join("\t".join(cell.replace("\t", " ") for cell in row) + "\n" for row in rows)
