"""What `evaluate` and `compare` answer: of models that read lines, or of pages that were read before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract import __version__
from loghi_contract.model_folder import ModelFolderError, inspect_model_folder
from loghi_runner.aliases import OnProgress, Row
from loghi_runner.clock import utc_now
from loghi_runner.compare.match_pages import MatchedPages, match_pages
from loghi_runner.compare.model_results import ModelResults
from loghi_runner.compare.score_models import ScoreOptions, score_models
from loghi_runner.errors import UsageError
from loghi_runner.evaluation.results import Results, difference
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding
from loghi_runner.models.find import find_model
from loghi_runner.recognition.output_folder import claim_output, writing_output
from loghi_runner.report.words import difference_rows, result_rows
from loghi_runner.report.write import JSON_FILE, KINDS, comparison_json, report_rows, write_difference, write_results
from loghi_runner.wording import plural


@dataclass(frozen=True)
class Answer:
    """Rows for a person, after findings and remarks; `json` is the same for programs."""

    rows: list[Row]
    json: dict[str, Any]
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()


def evaluate(
    model: str, data: Sequence[str], options: ScoreOptions, on_progress: OnProgress, note: Callable[[str], None]
) -> Answer:
    """How well a model reads lines, and where it errs. Raises RunnerError: nothing could be scored."""
    return _of_models(score_models([model], data, options, on_progress, note), options.output)


def compare(
    first: str,
    second: str,
    data: Sequence[str],
    truth: Path | None,
    options: ScoreOptions,
    on_progress: OnProgress,
    note: Callable[[str], None],
) -> Answer:
    """Which of two models, or of two readings of pages, is better.

    Args:
        data: for models, the lines that they are to read.
        truth: for pages, the same, transcribed; without it the answer is how they differ.

    Raises:
        RunnerError: nothing could be compared.
    """
    if _are_models(first, second, data, truth):
        return _of_models(score_models([first, second], data, options, on_progress, note), options.output)
    return _of_pages(Path(first), Path(second), truth, options.output)


def _of_models(found: ModelResults, out: Path | None) -> Answer:
    rows = [*found.rows(), *result_rows(found.results), *found.read_with(), *report_rows(out)]
    return Answer(rows, found.json(), found.truth.findings)


def _of_pages(first: Path, second: Path, truth: Path | None, out: Path | None) -> Answer:
    matched = match_pages(first, second, truth)
    names = (first.name or "A", second.name or "B") if first.name != second.name else ("A", "B")
    differing = difference(matched.lines, names)
    results = None
    if truth is None:
        matched.require_texts(first, second)
    else:
        results = Results(matched.transcribed(truth), names)
    remarks = tuple(matched.remarks(truth))
    if out is not None:
        claim_output(out, JSON_FILE, KINDS, tuple(folder for folder in (first, second, truth) if folder))
        made = [(names[0], str(first)), (names[1], str(second)), ("transcription", str(truth or "none"))]
        made += [("made", utc_now()), ("loghi-runner", __version__)]
        title = f"{names[0]} and {names[1]} on {plural(matched.pages, 'page')}"
        with writing_output(out):
            if results:
                write_results(out, title, results, {}, remarks, made)
            else:
                write_difference(out, title, names, differing, remarks, made)
    rows = result_rows(results) if results else difference_rows(differing, names)
    return Answer([*rows, *report_rows(out)], _pages_json(matched, differing, results), remarks=remarks)


def _pages_json(matched: MatchedPages, differing: Results, results: Results | None) -> dict[str, Any]:
    """With `loghi` are the columns of Loghi's own validation.csv."""
    return {
        "kind": "comparison",
        "lines": len(matched.lines),
        "pages": matched.pages,
        "unmatched_pages": list(matched.unmatched_pages),
        "unmatched_lines": matched.unmatched_lines,
        "paired_by_place": matched.by_place,
        "scaled_pages": matched.scaled,
        "failed": matched.failed,
        "equal": sum(not counts.wrong for counts in differing.counts()[0]),
        "comparison": comparison_json(results) if results else None,
        "loghi": results.loghi if results else None,
    }


def _are_models(first: str, second: str, data: Sequence[str], truth: Path | None) -> bool:
    """Whether both are models; otherwise both are folders of pages."""
    models = [name for name in (first, second) if _is_model(name)]
    if len(models) == 1:
        other = second if models[0] == first else first
        raise UsageError(
            "compare.model",
            f"{models[0]} is a model, and {other} is none",
            hint="Compare two models (and name lines for them to read), or two folders of recognized pages.",
        )
    if not models and data:
        raise UsageError(
            "compare.too_many",
            f"{first} and {second} are compared as folders of pages; what is {data[0]} for?",
            hint="The folder of transcriptions is named with --truth.",
        )
    if models and not data:
        raise UsageError(
            "compare.no_data",
            f"{first} and {second} are models, and no lines are named for them to read",
            hint="Add a line list, a folder of transcribed pages, or a run (its test lines).",
        )
    if models and truth is not None:
        raise UsageError(
            "compare.truth_of_models",
            "--truth is for folders of pages that were read already",
            hint=f"Name {truth} without --truth: the models read its lines.",
        )
    return bool(models)


def _is_model(name: str) -> bool:
    folder = Path(name)
    if not is_folder(folder):
        return _is_run(name)
    try:
        inspect_model_folder(folder)
    except (ModelFolderError, OSError):
        # what is in it may be broken: what it was meant to be is told by its XML, or else by the reader of models
        return not any(folder.glob("*.xml")) and (_is_run(name) or any(folder.glob("*.keras")))
    return True


def _is_run(name: str) -> bool:
    try:
        return find_model(name).folder != Path(name)
    except UsageError:
        return False
