"""A run as `runs`, `show` and `logs` tell it, and what comes out of one: the last lines of `finetune`."""

import codecs
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.checkpoint import NoCheckpoint, can_go_on, find_checkpoint, has_checkpoint
from loghi_contract.events import Payload, Step, Trial
from loghi_contract.files import open_plain
from loghi_contract.records import to_json
from loghi_runner import wording
from loghi_runner.aliases import Row
from loghi_runner.files import is_file, is_folder
from loghi_runner.json_answer import print_json
from loghi_runner.runs.find import Unreadable
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState, skipped_counts
from loghi_runner.runs.look import Look, fetch_console, follow_run, look_at
from loghi_runner.runs.progress import told_once
from loghi_runner.terminal.console import make_console, print_error, print_rows, reader_may_leave

#: A container's log is fetched whole each time: a long one is fetched seldom.
_TAIL_PAUSE_S = 2.0
_TAIL_PAUSES = 40
_PIECE_BYTES = 1 << 20


def print_answer(folder: RunFolder, record: RunRecord, *, as_json: bool = False) -> None:
    """How a run ended that was followed, what came out, where it is, and what to type next."""
    if not record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    with reader_may_leave():
        if as_json:
            print_json(record_json(folder, record))
            return
        print_run_error(folder, record)
        answer = make_console(stderr=False)
        answer.print(summary_line(record, sum(skipped_counts(folder).values())))
        print_rows(answer, answer_rows(folder, record))


def print_run_error(folder: RunFolder, record: RunRecord) -> None:
    """What kept a run from a good end, if anything did; a command to type names the run where it lies now."""
    if record.error is not None:
        hint = re.sub(r"\bRUN\b", lambda _found: wording.typed(folder.path), record.error.hint or "")
        print_error(make_console(stderr=True), replace(record.error, hint=hint))


def loghi_model_line(model: Path) -> str:
    """The line for upstream's inference script; it wants an absolute path."""
    return f"HTRLOGHIMODEL={shlex.quote(str(model.absolute()))}"


def summary_line(record: RunRecord, skipped: int = 0) -> str:
    """One line on how a run ended: its best epoch and how many lines were skipped. Errors are told apart from it."""
    if record.status is not None:
        ended = wording.status_word(record.status)
    else:
        ended = "stopped at once" if record.state is RunState.CANCELLED else record.state.word
    parts = []
    if record.best_val_cer is not None:
        of = f" of {record.epochs}" if record.epochs else ""
        parts.append(f"best CER {wording.percent(record.best_val_cer)} (epoch {record.best_epoch}{of})")
    if skipped:
        parts.append(f"{wording.plural(skipped, 'line')} skipped")
    return f"{ended}: {', '.join(parts)}" if parts else ended


def answer_rows(folder: RunFolder, record: RunRecord) -> list[Row]:
    """Verdict, model, skipped lines and the next command, each only where there is one."""
    rows: list[Row] = []
    if not is_folder(folder.path):
        return rows  # it was removed while it ran: there is nothing to look at any more
    if record.verdict:
        rows.append(("verdict", record.verdict))
    has_model = is_file(folder.model_file)
    if has_model:
        rows.append(("model", wording.short_path(folder.best_val)))
    if is_file(folder.report_file):
        rows.append(("report", wording.short_path(folder.report_file)))
    skipped = skipped_counts(folder)
    if skipped:
        rows.append(("skipped", f"{wording.short_path(folder.skipped_file)} ({wording.counted(skipped)})"))
    if not record.state.is_over:
        return rows
    name = wording.typed(folder.path)
    if record.still_improving and record.epochs and has_checkpoint(folder.out):
        more = max(record.epochs // 2, 1)
        rows.append(("longer", f"{record.still_improving}: `loghi-runner resume {name} --epochs +{more}` goes on"))
    if record.status is not None and not is_file(folder.report_file):
        rows.append(("report", f"none yet: `loghi-runner report {name}` makes it"))
    if record.state is not RunState.FINISHED and can_go_on(folder.out):
        rows += _resume_rows(folder)
    if has_model:
        rows.append(("next", f"loghi-runner export {name} DIR"))
        rows.append(("", loghi_model_line(folder.best_val)))
    else:
        rows.append(("next", f"loghi-runner logs {name} --console"))
    return rows


def _resume_rows(folder: RunFolder) -> list[Row]:
    """How an interrupted run goes on; its checkpoints are read whole, as a damaged one is worth nothing."""
    told = []
    try:
        if damaged := find_checkpoint(folder.out).damaged:
            told = [("checkpoint", f"the newest is damaged, the one before it is whole: {'; '.join(damaged)}")]
    except NoCheckpoint as error:
        if error.damaged:
            return [("checkpoint", f"no checkpoint of it is whole: {error}")]
    return [*told, ("resume", f"loghi-runner resume {wording.typed(folder.path)}")]


def record_json(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    """run.json with the places a program asks for next."""
    model = folder.best_val if is_file(folder.model_file) else None
    return {
        "kind": "run_record",
        "run_dir": str(folder.path),
        **to_json(record),
        "model": None if model is None else str(model),
        "skipped": skipped_counts(folder),
    }


def run_table(looks: list[Look], broken: list[Unreadable]) -> list[str]:
    """A header, then one line a run; a run that cannot be read is there too."""
    header = f"{'run':<20}  {'state':<9}  {'CER':>15}  {'started':<16}  name"
    damaged = [f"{wording.shown(run.folder.path.name):<20}  unreadable ({wording.shown(run.why)})" for run in broken]
    return [header, *damaged, *(_columns(look) for look in looks)]


def runs_json(looks: list[Look], broken: list[Unreadable]) -> dict[str, Any]:
    return {
        "kind": "runs",
        "runs": [record_json(look.folder, look.record) for look in looks],
        "unreadable": [str(run.folder.path) for run in broken],
    }


def _columns(look: Look) -> str:
    record = look.record
    epoch, val_cer, base_cer = record.best_epoch, record.best_val_cer, record.base_val_cer
    if not look.is_concluded:
        # the record knows the model on disk; the events are all there is before
        best, base = look.progress.best, look.progress.base
        epoch, val_cer = (best.epoch, best.val_cer) if best is not None else (None, None)
        base_cer = base.val_cer if base is not None else None
    cer = "" if val_cer is None else wording.percent(val_cer)
    if cer and base_cer is not None and epoch != 0:
        cer = f"{wording.percent(base_cer)} > {cer}"
    state = record.state.word
    if record.waiting is not None:
        state = f"{state} {record.waiting.position}"
    row = f"{record.run_id:<20}  {state:<9}  {cer:>15}  {wording.local_time(record.created):<16}  {record.name}"
    return wording.shown(row.rstrip())


def show_rows(look: Look) -> list[Row]:
    """Label and text of everything worth knowing, the epoch table included."""
    record, progress = look.record, look.progress
    image = f", image {record.image}" if record.image else ""
    device = progress.started.device.name if progress.started else record.device.upper()
    rows = [
        ("run", f"{record.run_id}  {record.name}"),
        ("state", _state(look)),
        ("started", wording.local_time(record.created)),
        ("engine", f"{record.engine}{image}, on {device}"),
    ]
    rows += [("resumed", f"{wording.local_time(it.at)} on {it.machine}") for it in record.resumptions]
    job = look.folder.read_job()
    planned = job.training.epochs if job is not None else record.epochs
    plans = [*progress.plans, planned]
    if planned is not None and plans[0] != planned:
        rows.append(("planned", f"{planned} epochs in place of {plans[0]}"))
    if look.remark:
        rows.append(("remark", look.remark))
    if record.overrides:
        rows.append(("set", " ".join(record.overrides)))
    if progress.chosen is not None:
        rows.append(("tried", wording.chosen_line(progress.chosen)))
    rows += [("" if index else "epochs", wording.epoch_line(epoch)) for index, epoch in enumerate(progress.epochs)]
    rows += [("" if index else "scores", wording.event_line(score)) for index, score in enumerate(progress.evaluations)]
    if (told := progress.language_model) is not None:
        rows.append(("language model", wording.language_model_line(told.sources, told.validation)))
    if (read := progress.self_training) is not None:
        rows.append(("self-training", wording.self_training_line(read)))
        gain = wording.self_training_gain(read, progress.epochs, progress.language_model)
        rows += [("", gain)] if gain else []
    rows += [("warning", notice.message) for notice in progress.notices]
    return rows


def show_json(look: Look) -> dict[str, Any]:
    progress = look.progress
    return {
        **record_json(look.folder, look.record),
        "remark": look.remark,
        "phase": progress.phase,
        "step": to_json(progress.step),
        "epochs": to_json(progress.epochs),
        "evaluations": to_json(progress.evaluations),
        "language_model": to_json(progress.language_model),
        "self_training": to_json(progress.self_training),
        "warnings": to_json(progress.notices),
        "remaining_s": progress.remaining_s,
    }


def event_lines(folder: RunFolder, *, follow: bool, as_json: bool, steps: bool) -> Iterator[str]:
    """A run's events, one a line, as they are or in words with the local time."""
    found = follow_run(folder, steps=steps) if follow else told_once(folder.events_file, steps=steps)
    for line, event in found:
        if as_json:
            yield line.decode("utf-8", "replace")
        elif steps or not _is_step(event.payload):
            yield f"{time.strftime('%H:%M:%S', time.localtime(event.t))}  {wording.event_line(event.payload)}"


def _is_step(payload: Payload) -> bool:
    return isinstance(payload, Step) or (isinstance(payload, Trial) and payload.val_cer is None)


def console_lines(folder: RunFolder, *, follow: bool) -> Iterator[str]:
    """What the trainer printed, line by line."""
    offset, half, decoder = 0, "", codecs.getincrementaldecoder("utf-8")("replace")
    while True:
        began_s = time.process_time()
        # looked before reading, or the last lines are lost
        look = look_at(folder)
        fetch_console(look)
        took_s = time.process_time() - began_s
        is_over = not follow or look.record.state.is_over
        while fresh := _read_from(folder.console_log, offset):
            offset += len(fresh)
            *lines, half = (half + decoder.decode(fresh)).split("\n")
            yield from lines
        if is_over:
            if half:
                yield half
            return
        time.sleep(max(_TAIL_PAUSE_S, _TAIL_PAUSES * took_s))


def _state(look: Look) -> str:
    record, progress = look.record, look.progress
    if record.state.is_over:
        return summary_line(record)
    if record.waiting is not None:
        return f"{record.state.word}: {record.waiting.sentence()}"
    if record.state is RunState.RUNNING and progress.trial is not None:
        trial = progress.trial
        return f"{record.state.word}: {wording.trial_words(trial)}, step {trial.step} of {trial.steps}"
    if record.state is RunState.RUNNING and progress.step is not None:
        step = progress.step
        left = "" if progress.remaining_s is None else f", at most {wording.duration(progress.remaining_s)} left"
        return f"running: epoch {step.epoch} of {progress.planned_epochs}, step {step.step} of {step.steps}{left}"
    return f"{record.state.word}: {wording.phase_word(progress.phase)}" if progress.phase else record.state.word


def _read_from(path: Path, offset: int) -> bytes:
    """A piece of the file: it may have grown for weeks."""
    try:
        with open_plain(path) as file:
            file.seek(offset)
            return file.read(_PIECE_BYTES)
    except OSError:
        return b""
