"""A run goes on in its own folder: after an interruption, or, with more epochs, after its end."""

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

from loghi_contract import CONTRACT
from loghi_contract.checkpoint import UNFINISHED_FILE, Checkpoint, NoCheckpoint, can_go_on, find_checkpoint
from loghi_contract.job import JobSpec, dump_job
from loghi_runner.clock import utc_now
from loghi_runner.config.choices import MOST_EPOCHS
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.engines import load_engine
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.engines.mounts import moved_mounts
from loghi_runner.engines.processes import machine_name
from loghi_runner.engines.setting import settle, settle_again
from loghi_runner.errors import ERROR_CLASSES, ContractError, DataError, EngineError, RunnerError, UsageError
from loghi_runner.files import file_sha256, is_file, is_folder, is_there, real_path, write_atomically
from loghi_runner.finetuning.from_run import find_again, plan_from_run, require_same
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.finetuning.take_turn import (
    give_back,
    is_out_of_sight,
    next_turn,
    require_silence,
    take_turn,
    under_way,
)
from loghi_runner.locks import Locked, NoLocks, locked
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import Resumption, RunFolder, RunRecord, RunState, cannot_write_run, require_ours
from loghi_runner.runs.look import Look, look_at
from loghi_runner.runs.made_of import made_of
from loghi_runner.runs.progress import Progress, read_events
from loghi_runner.runs.run_trainer import RunView, new_record, run_trainer
from loghi_runner.runs.signals import StopWishes
from loghi_runner.wording import shown, typed

_EPOCHS = re.compile(r"\+?[0-9]{1,30}")
#: So many of the newest runs are compared with one that is about to start.
_COMPARED = 50


@dataclass(frozen=True)
class ResumeWish:
    """How a run is to go on, as somebody wrote it.

    `epochs` is a number, or one with a plus for so many more. `overrides` are keys of the section `engine`; `moved`
    names pairs OLD=NEW of places that are elsewhere now: base model, line images. `with_less_memory` lets the trainer
    take half of what it took before.
    """

    epochs: str | None = None
    overrides: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    with_less_memory: bool = False


def resume(folder: RunFolder, wish: ResumeWish, view: RunView) -> RunRecord:
    """Let a run that is over go on, and return how it ended then.

    Raises:
        RunnerError: it cannot go on; the run is as it was.
    """
    require_ours(folder, "resume")
    with _alone(folder):
        turn = next_turn(folder)
        look = look_at(folder)
        record = look.record
        if is_out_of_sight(folder, record, turn):
            require_silence(folder, record, turn, view.note)
        else:
            _require_over(look)
        _require_contract(folder, record)
        checkpoint = _checkpoint(folder)
        engine, setting, plan = _found_again(folder, look, wish)
        training = replace(plan.job.training, epochs=_epochs(wish, look, plan.job, checkpoint))
        memory_kills = plan.job.memory_kills + wish.with_less_memory
        job = replace(plan.job, resume=True, training=training, memory_kills=memory_kills)
        for sentence in _sentences(record, job, checkpoint, setting):
            view.note(sentence)
        setting = settle_again(engine, setting)
        job = replace(job, device=setting.device.kind)
        take_turn(folder, turn)
        with _restored_unless_started(folder, record, turn):
            _remove_kept(folder, record, engine, view.note)
            record = _as_resumed(folder, record, job, engine, setting)
            launch = setting.launch(record.run_id, real_path(folder.path), plan.mounts)
            with StopWishes() as wishes:
                return run_trainer(engine, launch, record, view, wishes)[0]


def find_resumable(output: Path, record: RunRecord) -> RunFolder | None:
    """An earlier run of the same config, lines and base model that was interrupted, and can go on."""
    for folder in reversed(list_runs(output)[-_COMPARED:] if is_folder(output) else []):
        with contextlib.suppress(RunnerError, OSError):
            other = folder.read()
            if other.run_id == record.run_id or _made_of(other) != _made_of(record):
                continue
            if look_at(folder).record.state in (RunState.LOST, RunState.FAILED, RunState.CANCELLED):
                return folder if can_go_on(folder.out) else None
    return None


def _made_of(record: RunRecord) -> tuple[object, ...]:
    return record.config_sha256, record.overrides, record.base_model_sha256, record.data_sha256


@contextmanager
def _alone(folder: RunFolder) -> Iterator[None]:
    """Be the only one who resumes the run.

    Raises:
        UsageError: somebody else is.
    """
    with contextlib.ExitStack() as held:
        try:
            # a share without locks has the state in run.json alone
            with contextlib.suppress(NoLocks):
                held.enter_context(locked(folder.path))
        except Locked as error:
            raise under_way(folder) from error
        yield


def _require_over(look: Look) -> None:
    if not look.record.state.is_over:
        message = f"the run is not over: {look.remark or look.record.state.word}"
        run = typed(look.folder.path)
        hint = f"`loghi-runner logs -f {run}` follows it, `loghi-runner stop {run}` ends it."
        raise UsageError("resume.not_over", message, where=str(look.folder.path), hint=hint)


def _require_contract(folder: RunFolder, record: RunRecord) -> None:
    contract = record.versions.get("contract")
    if contract != str(CONTRACT):
        message = f"the run was begun by a loghi-runner of contract {contract}, this one speaks {CONTRACT}"
        hint = "Resume it with that version, or begin a new run with `loghi-runner finetune`."
        raise ContractError("resume.contract", message, where=str(folder.path), hint=hint)


def _checkpoint(folder: RunFolder) -> Checkpoint | None:
    """What the run goes on from; None where it was interrupted while it tried ways to come by line images."""
    try:
        return find_checkpoint(folder.out)
    except NoCheckpoint as error:
        if error.damaged:
            message = f"no checkpoint of the run is whole: {shown(str(error))}"
            raise DataError("resume.damaged", message, where=str(folder.last), hint=_anew(folder)) from error
        if can_go_on(folder.out):
            return None
        message = "there is no checkpoint that the run could go on from"
        raise UsageError("resume.none", message, where=str(folder.last), hint=_anew(folder)) from error


def _anew(folder: RunFolder) -> str:
    return (
        f"Begin a new run: `loghi-runner finetune` with the config of this one, of which {folder.config_file.name} in "
        "its folder is a copy. A best_val that is there is kept."
    )


def _epochs(wish: ResumeWish, look: Look, job: JobSpec, checkpoint: Checkpoint | None) -> int:
    """How many epochs the run is to have now."""
    done, planned = checkpoint.state.epoch if checkpoint else 0, job.training.epochs
    is_finished = look.record.state is RunState.FINISHED
    if wish.epochs is None:
        if is_finished:
            message = f"the run is finished: it has trained for {done} epochs"
            hint = f"For ten epochs more: `loghi-runner resume {typed(look.folder.path)} --epochs +10`."
            raise UsageError("resume.finished", message, where=str(look.folder.path), hint=hint)
        return planned
    if job.folds:
        message = "a run of folds has no more epochs: they have found how many are best"
        raise UsageError(
            "resume.folds", message, hint="For another number begin a new run with `loghi-runner finetune`."
        )
    if not _EPOCHS.fullmatch(wish.epochs):
        message = f"--epochs {wish.epochs} is no number of epochs"
        raise UsageError("resume.epochs", message, hint="Write 30 for thirty in all, or +10 for ten more.")
    # early stopping may have ended it before: more are more than there were
    epochs = int(wish.epochs)
    if wish.epochs.startswith("+"):
        epochs += done if is_finished else planned
    if epochs > MOST_EPOCHS:
        message = f"--epochs {wish.epochs} is more than the {MOST_EPOCHS} epochs that a run can have"
        raise UsageError("resume.epochs", message, hint="Write a smaller number, or +10 for ten more.")
    if epochs <= done:
        message = f"--epochs {wish.epochs} leaves nothing to train: {done} epochs are done"
        raise UsageError("resume.epochs", message, hint=f"Write more than {done}, or +10 for ten more.")
    return epochs


def _found_again(folder: RunFolder, look: Look, wish: ResumeWish) -> tuple[Engine, Setting, RunPlan]:
    """Where the run goes on, and what it was made of, compared with what is here.

    Raises:
        RunnerError: no engine can be used, or it would be another run.
    """
    config = _config(folder, look.record, wish)
    engine, setting = settle(config.config.engine)
    setting.require_usable()
    record = look.record
    plan = plan_from_run(folder, record, config, run_id=record.run_id, device=setting.device.kind, moved=wish.moved)
    # a copied folder may have another name
    plan = replace(plan, mounts=moved_mounts(plan.mounts, real_path(folder.path)))
    for finding in plan.errors:
        raise ERROR_CLASSES[finding.exit_code](finding.code, finding.message, where=finding.where, hint=finding.hint)
    then = made_of(record, look.progress, plan.job)
    require_same(find_again(folder, record, then, plan, setting), folder.path)
    return engine, setting, plan


def _config(folder: RunFolder, record: RunRecord, wish: ResumeWish) -> LoadedConfig:
    """The run's own, with what was wished of the engine."""
    for override in wish.overrides:
        if not override.startswith("engine."):
            message = f"--set {override} is no key of the section engine; all else is the run's own"
            hint = "Write for example --set engine.kind=local. To change more, begin a new run."
            raise UsageError("resume.set", message, hint=hint)
    if not is_file(folder.config_file) or file_sha256(folder.config_file) != record.config_sha256:
        message = "the copy of the config is not the one that the run began with"
        raise DataError("resume.other_config", message, where=str(folder.config_file), hint=_anew(folder))
    return load_config(folder.config_file, (*record.overrides, *wish.overrides))


def _sentences(record: RunRecord, job: JobSpec, checkpoint: Checkpoint | None, setting: Setting) -> Iterator[str]:
    """What will be done, in sentences."""
    if checkpoint is None:
        yield f"{record.run_id} goes on with what it has tried: {setting.engine}; {setting.device.sentence}"
        return
    state = checkpoint.state
    step = f", step {state.step} of epoch {state.epoch + 1}" if state.step else ""
    yield f"{record.run_id} goes on after epoch {state.epoch}{step}: {setting.engine}; {setting.device.sentence}"
    for damaged in checkpoint.damaged:
        yield f"the newest checkpoint is damaged, the one before it is taken: {shown(damaged)}"
    if job.training.epochs != state.epochs:
        yield (
            f"{job.training.epochs} epochs in place of {state.epochs}: the learning rate goes on along the curve of "
            f"{job.training.epochs} epochs, so it rises again and ends as low; early stopping counts from here"
        )


def _remove_kept(folder: RunFolder, record: RunRecord, next_engine: Engine, note: Callable[[str], None]) -> None:
    """Take away what is left of ended trainers, which would be in the way of the next.

    Raises:
        UsageError: one is not over.
    """
    # of a trainer that another machine took the run from, run.json knows nothing any more
    left = [(record.engine, record.handle), (next_engine.name, None)]
    for name, named in left:
        try:
            engine = load_engine(name)
            handle = engine.find(record.run_id, folder.path, named)
            if handle is not None:
                if engine.poll(handle) is None:
                    raise UsageError("resume.not_over", "its trainer still works", where=str(folder.path))
                engine.clean_up(handle, folder.console_log, keep=False)
        except EngineError as error:
            note(f"what the interrupted run left with its engine is left alone: {error.message}")
    for half_written in (folder.places, folder.saving):
        rmtree(half_written, ignore_errors=True)
    for file in (folder.last / UNFINISHED_FILE, folder.beat_file):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _as_resumed(folder: RunFolder, record: RunRecord, job: JobSpec, engine: Engine, setting: Setting) -> RunRecord:
    """The record of the run that goes on; it and all that the trainer is told are on disk then.

    Raises:
        EngineError: the disk does not take it.
    """
    new = new_record(record.run_id, record.name, engine, setting)
    last_seq = Progress.of(read_events(folder.events_file)).last_seq
    resumption = Resumption(utc_now(), machine_name(), engine.name, last_seq)
    resumed = replace(
        record,
        **{name: getattr(new, name) for name in _FROM_NEW},
        epochs=job.epochs,
        ended=None,
        exit_code=None,
        status=None,
        verdict=None,
        still_improving=None,
        error=None,
        kept=False,
        resumptions=(*record.resumptions, resumption),
    )
    try:
        if is_there(folder.console_log):
            # what explains the end of the run must not be read in what an earlier trainer said
            folder.console_log.replace(folder.path / f"console.{len(resumed.resumptions)}.log")
        folder.kill_mark.unlink(missing_ok=True)
        write_atomically(folder.job_file, dump_job(job))
        folder.write(resumed)
    except OSError as error:
        raise cannot_write_run(error, folder.path) from error
    return resumed


#: What a run has of the engine and the machine that it runs on now.
_FROM_NEW = (
    "state", "versions", "engine", "device", "gpus", "cards", "driver", "image", "image_digest", "base_image_digest",
    "handle", "host",
)  # fmt: skip


@contextmanager
def _restored_unless_started(folder: RunFolder, record: RunRecord, turn: int) -> Iterator[None]:
    """Bring back what the run was, its good end perhaps, where no trainer could be started."""
    told = folder.job_file.read_bytes()
    try:
        yield
    except BaseException:
        with contextlib.suppress(RunnerError, OSError):
            now = folder.read()
            went_on = len(now.resumptions) - len(record.resumptions)
            if went_on == 0 or (went_on == 1 and now.handle is None):  # else it is another's by now
                write_atomically(folder.job_file, told)
                folder.restore(record)
                give_back(folder, turn)
        raise
