"""Whose turn it is in a run's folder that several machines see: never two trainers in one folder.

A lock would say it where disks had locks: many network disks have none, or give up those of a machine that is cut off.
So a trainer gives a sign of life every ten seconds, and whoever resumes the run of a machine that cannot be seen from
here watches for a minute, by the own clock alone. Of two who then resume it, one makes the file of the turn. A trainer
that was only asleep sees that its job is another's by then, and ends (`loghi_trainer/turn`).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from loghi_contract.files import open_plain
from loghi_runner.engines.processes import is_of_this_boot, machine_name
from loghi_runner.errors import UsageError
from loghi_runner.files import is_there
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState, cannot_write_run
from loghi_runner.runs.look import LOST_AFTER_S, SILENT_AFTER_S, silent_s
from loghi_runner.wording import duration, typed

#: Six signs of life.
WATCHED_S = 60.0
_LOOK_EVERY_S = 2.0


def next_turn(folder: RunFolder) -> int:
    """The number of the turn that nobody has taken; the trainer that began the run had number 0."""
    turn = 1
    while is_there(_turn_file(folder, turn)):
        turn += 1
    return turn


def take_turn(folder: RunFolder, turn: int) -> None:
    """Be the one who resumes the run.

    Raises:
        UsageError: somebody else is, perhaps on another machine.
        EngineError: the disk does not take it.
    """
    try:
        with _turn_file(folder, turn).open("x"):
            pass
    except FileExistsError as error:
        raise under_way(folder) from error
    except OSError as error:
        raise cannot_write_run(error, folder.job_dir) from error


def give_back(folder: RunFolder, turn: int) -> None:
    """No trainer was started. Raises OSError."""
    _turn_file(folder, turn).unlink(missing_ok=True)


def under_way(folder: RunFolder) -> UsageError:
    message = "another loghi-runner is resuming this run"
    return UsageError("resume.under_way", message, where=str(folder.path), hint=f"{_follow(folder)}.")


def _follow(folder: RunFolder) -> str:
    return f"`loghi-runner logs -f {typed(folder.path)}` follows it"


def is_out_of_sight(folder: RunFolder, record: RunRecord, turn: int) -> bool:
    """Whether the run may be going on though nothing of it can be seen from here."""
    if turn > 1 and _facts(_turn_file(folder, turn - 1))[0] > _facts(folder.record_file)[0]:
        return True  # somebody took a turn, and has not written down yet what became of it
    host = record.host
    if host is None or (record.state.is_over and record.state is not RunState.LOST):
        return False
    if host.machine == machine_name():
        # it was restarted since; or it is another of the same name, which would have been heard of
        return not is_of_this_boot(host.process) and silent_s(folder) < SILENT_AFTER_S
    return True


def require_silence(
    folder: RunFolder,
    record: RunRecord,
    turn: int,
    note: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Watch the run until it is certain that no trainer works in its folder.

    Raises:
        UsageError: one does, or may.
    """
    machine = record.host.machine if record.host is not None else "another machine"
    if record.state is RunState.RUNNING and not is_there(folder.beat_file) and silent_s(folder) < LOST_AFTER_S:
        message = (
            f"the run was started on {machine}, which cannot be seen from here, by a trainer that gives no sign of "
            f"life; nothing was heard of it for {duration(silent_s(folder))}"
        )
        hint = f"Resume it on {machine}, or here when it was silent for {duration(LOST_AFTER_S)}."
        raise UsageError("resume.not_over", message, where=str(folder.path), hint=hint)
    note(
        f"the run is of {machine}, and its trainer cannot be seen from here: for {duration(WATCHED_S)} it is watched "
        "whether it gives a sign of life"
    )
    before, until = _signs(folder, turn), clock() + WATCHED_S
    while clock() < until:
        sleep(_LOOK_EVERY_S)
        if _signs(folder, turn) != before:
            message = f"the run goes on on {machine}: its trainer has just given a sign of life"
            hint = f"{_follow(folder)}; `loghi-runner stop {typed(folder.path)}` on that machine ends it."
            raise UsageError("resume.not_over", message, where=str(folder.path), hint=hint)


def _turn_file(folder: RunFolder, turn: int) -> Path:
    return folder.job_dir / f"turn.{turn}"


def _signs(folder: RunFolder, turn: int) -> list[tuple[int, int]]:
    """What changes where anybody works in the folder: a trainer, or a host that waits for cards."""
    files = (folder.beat_file, folder.events_file, folder.record_file, _turn_file(folder, turn))
    return [_facts(path) for path in files]


def _facts(path: Path) -> tuple[int, int]:
    """When it was written and its size; zeros where it is not there."""
    try:
        # opened: only then does a network disk ask what is there now
        with open_plain(path) as file:
            facts = os.fstat(file.fileno())
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_size
