"""report.html and report.json in a run's out/report: is the new model better, and where does it err?"""

from pathlib import Path
from typing import Any  # JSON values have no narrower type

from markupsafe import Markup

from loghi_contract.events import Model
from loghi_contract.lines import SKIP_SENTENCES, SkipReason
from loghi_contract.places import REPORT_DIR
from loghi_contract.records import to_json
from loghi_runner.errors import UsageError
from loghi_runner.files import cannot_write
from loghi_runner.report.charts import draw_curve
from loghi_runner.report.html import render
from loghi_runner.report.shown import ShownErrors, choose_errors
from loghi_runner.report.write import results_json, write_files, write_loghi_csv
from loghi_runner.runs.folder import RunFolder, RunRecord
from loghi_runner.runs.owner import require_ours
from loghi_runner.runs.run_facts import RunFacts, made_rows, read_run
from loghi_runner.wording import status_word


def write_run_report(folder: RunFolder, record: RunRecord) -> Path:
    """Write all files from what the run left behind, and return the HTML one. Raises OSError."""
    facts = read_run(folder, record)
    charset = facts.progress.charset
    errors = choose_errors(facts.test, charset.added if charset else ()) if facts.test else None
    report = folder.out / REPORT_DIR
    for name, row in facts.loghi.items():
        write_loghi_csv(report / name, row)
    return write_files(report, _as_html(facts, errors), _as_json(facts, errors))


def make_run_report(folder: RunFolder, record: RunRecord) -> Path:
    """As `write_run_report`, when somebody asks for it.

    Raises:
        UsageError: the run has not read a line yet, or belongs to another account.
        EngineError: the disk does not take it.
    """
    require_ours(folder, "report on")
    if not read_run(folder, record).progress.epochs:
        raise UsageError(
            "report.nothing_yet",
            "there is nothing to report: the run has not read its validation lines yet",
            where=str(folder.path),
            hint="`loghi-runner show RUN` says how it stands.",
        )
    try:
        return write_run_report(folder, record)
    except OSError as error:
        hint = "Free space there; of a run that may only be read, make the report in a copy."
        raise cannot_write("the report", error, folder.out, error.filename or folder.report_file, hint) from error


def _as_json(facts: RunFacts, errors: ShownErrors | None) -> dict[str, Any]:
    return {
        "kind": "report",
        "verdict": facts.record.verdict,
        "run": to_json(facts.record),
        "epochs": to_json(facts.progress.epochs),
        "evaluations": to_json(facts.progress.evaluations),
        "skipped": facts.skipped,
        "phase_seconds": facts.phase_s,
        "loghi": facts.loghi,
        "job": to_json(facts.job),
        "test": results_json(facts.test, errors) if facts.test and errors else None,
        "forgetting": to_json(facts.forgetting),
    }


def _as_html(facts: RunFacts, errors: ShownErrors | None) -> str:
    epochs = facts.progress.epochs
    return render(
        "run.html",
        errors.lines if errors else (),
        facts.images,
        record=facts.record,
        status=status_word(facts.record.status) if facts.record.status else facts.record.state.value,
        remarks=_remarks(facts),
        progress=facts.progress,
        best_epoch=facts.record.best_epoch,
        has_val_loss=any(epoch.val_loss is not None for epoch in epochs),
        results=facts.test,
        errors=errors,
        forgetting=facts.forgetting,
        loghi=facts.loghi,
        curve=Markup(draw_curve(epochs)) if len(epochs) > 1 else "",  # noqa: S704  # drawn by us, from numbers only
        skipped={_skip_words(reason): count for reason, count in facts.skipped.items()},
        made=made_rows(facts),
    )


def _remarks(facts: RunFacts) -> list[str]:
    """What a reader must know before the numbers."""
    told = []
    if not facts.record.state.is_over:
        told.append("The run goes on: this is how it stood when the report was written.")
    elif facts.record.error is not None:
        told.append(f"The run has no good end: {facts.record.error.message}.")
    elif not facts.test:
        told.append(
            "The run was stopped before the new model had read the test lines."
            if "test" in facts.progress.data
            else "There were no test lines: nothing here was measured on lines that chose nothing."
        )
    elif len(facts.models) == 1:
        told.append(
            "The model was trained from scratch: there is no base model to compare it with."
            if facts.models == (Model.BEST,)
            else "No epoch was better than the base model, so what is shown here is the base model."
        )
    if facts.test and not any(path.is_file() for path in facts.images.values()):
        told.append("The line images are not where they were during the run, so lines are shown without them.")
    told += [f"{notice.message}. {notice.hint or ''}".rstrip() for notice in facts.progress.notices]
    return told


def _skip_words(reason: str) -> str:
    try:
        return SKIP_SENTENCES[SkipReason(reason)]
    except ValueError:
        return reason
