"""The last lines of a run: what came out, where it is, and what to type next."""

import shlex
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.model_folder import MODEL_FILE
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.files import is_file, is_folder
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState, skipped_counts
from loghi_runner.wording import counted, percent, plural, short_path, status_word


def loghi_model_line(model: Path) -> str:
    """The line for upstream's inference script; it wants an absolute path."""
    return f"HTRLOGHIMODEL={shlex.quote(str(model.absolute()))}"


def summary_line(record: RunRecord, skipped: int = 0) -> str:
    """One line on how a run ended: its best epoch and how many lines were skipped. Errors are told apart from it."""
    if record.status is not None:
        ended = status_word(record.status)
    else:
        ended = "ended at once" if record.state is RunState.CANCELLED else record.state.value
    parts = []
    if record.best_val_cer is not None:
        of = f" of {record.epochs}" if record.epochs else ""
        parts.append(f"best CER {percent(record.best_val_cer)} (epoch {record.best_epoch}{of})")
    if skipped:
        parts.append(f"{plural(skipped, 'line')} skipped")
    return f"{ended}: {', '.join(parts)}" if parts else ended


def answer_rows(folder: RunFolder, record: RunRecord, *, ask_for: str | None = None) -> list[Row]:
    """Verdict, model, skipped lines and the next command, each only where there is one.

    Args:
        ask_for: how the run is named in the next command; the shortest that works from here.
    """
    rows: list[Row] = []
    if not is_folder(folder.path):
        return rows  # it was removed while it ran: there is nothing to look at any more
    if record.verdict:
        rows.append(("verdict", record.verdict))
    has_model = is_file(folder.best_val / MODEL_FILE)
    if has_model:
        rows.append(("model", short_path(folder.best_val)))
    if is_file(folder.report_file):
        rows.append(("report", short_path(folder.report_file)))
    skipped = skipped_counts(folder)
    if skipped:
        rows.append(("skipped", f"{short_path(folder.skipped_file)} ({counted(skipped)})"))
    if not record.state.is_over:
        return rows
    name = ask_for or shlex.quote(short_path(folder.path))
    if record.status is not None and not is_file(folder.report_file):
        rows.append(("report", f"none yet: `loghi-runner report {name}` makes it"))
    if has_model:
        rows.append(("next", f"loghi-runner export {name} DIR"))
        rows.append(("", loghi_model_line(folder.best_val)))
    else:
        rows.append(("next", f"loghi-runner logs {name} --console"))
    return rows


def record_json(folder: RunFolder, record: RunRecord, kind: str = "run_record") -> dict[str, Any]:
    """run.json with the places a program asks for next."""
    model = folder.best_val if is_file(folder.best_val / MODEL_FILE) else None
    return {
        "kind": kind,
        "run_dir": str(folder.path),
        **to_json(record),
        "model": None if model is None else str(model),
        "skipped": skipped_counts(folder),
    }
