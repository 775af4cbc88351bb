"""One order a step further: begin its stage, look whether the stage is over, conclude it, or end it when asked."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import ValidationError

from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.clock import utc_now
from loghi_runner.engines.processes import find_process, name_process
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_file, is_folder
from loghi_runner.orders.answers import kept_part, last_answer, last_plan, progress_sentence
from loghi_runner.orders.archive import write_archive
from loghi_runner.orders.commands import EXCHANGE, RUNNER, Command, Commands, stages_of
from loghi_runner.orders.credentials import Vault
from loghi_runner.orders.orders import (
    CANCEL_MARK,
    PUSH_MARK,
    ArchiveFile,
    Fault,
    Order,
    OrderFolder,
    OrderState,
    PushState,
    Stage,
)
from loghi_runner.platform.token import TOKEN_VARIABLE
from loghi_runner.runs.folder import RunFailure, RunFolder, RunState
from loghi_runner.runs.look import Look, look_at, silent_s

_log = logging.getLogger(__name__)

#: Whoever cannot be reached for so long is given up: no order waits for ever.
OUT_OF_REACH_S = 3600.0

_MOST_ATTEMPTS = 2
_KILL_AFTER_S = 60.0
_LOOK_EVERY_S = 2.0


@dataclass
class _Asked:
    """When an order's process was asked to end; forgotten with the worker, then it is asked once more."""

    at: float
    stop: subprocess.Popen[bytes] | None = None


class Carrier:
    """Carries orders out; all that must outlive the worker is in the orders' folders."""

    def __init__(self, commands: Commands, vault: Vault) -> None:
        self._commands = commands
        self._vault = vault
        #: commands of this worker that have not ended, or have not been asked since
        self.children: list[subprocess.Popen[bytes]] = []
        self._asked: dict[str, _Asked] = {}
        self._looked: dict[str, float] = {}

    def advance(self, order: Order, folder: OrderFolder) -> OrderState:
        """Do what can be done now without waiting, and return the state as it is then."""
        self.children = [child for child in self.children if child.poll() is None]
        state = folder.read_state()
        try:
            after = self._after(order, folder, state)
        except RunnerError as error:
            after = self._failed(state, _fault(error))
        except ValidationError:
            # whoever wrote it, it was not this version's service
            fault = Fault(code="order.broken", message="the order asks for what cannot be asked for")
            after = self._failed(state, fault)
        except OSError as error:
            what = f"the worker cannot use a file: {error.strerror or error}"
            after = self._failed(state, Fault(code="order.file", message=what, where=str(error.filename or "")))
        if after != state:
            after = self._closed(order, folder, after) if after.stage.is_over else after
            folder.write_state(after)
        return after

    def give_up(self, order: Order, folder: OrderFolder, state: OrderState, fault: Fault) -> OrderState:
        """End an order by a fault of ours, with all that is done at an end. Raises OSError."""
        after = self._closed(order, folder, state.model_copy(update={"stage": Stage.FAILED, "error": fault}))
        folder.write_state(after)
        return after

    def _after(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        if state.stage.is_over:
            if not folder.has_mark(PUSH_MARK):
                return state
            if state.pushed is PushState.PARKED:
                state = self._begin(Stage.PUSHING, order, folder, state)
                # before the mark goes: between the two nobody could see that a push was asked for
                folder.write_state(state)
            folder.unmark(PUSH_MARK)
            return state
        is_alive = state.process is not None and find_process(state.process) is not None
        if folder.has_mark(CANCEL_MARK):
            return self._cancelled(order, folder, state, is_alive=is_alive)
        if is_alive:
            return _with_message(state, progress_sentence(folder.answer_file(state.stage)))
        if state.stage is Stage.QUEUED:
            return self._next(order, folder, state)
        return self._concluded(order, folder, state)

    def _next(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        """The stage after this one, begun; or the end."""
        stages = (Stage.QUEUED, *stages_of(order), Stage.FINISHED)
        following = stages[stages.index(state.stage) + 1]
        if following is Stage.FINISHED:
            return _moved(state, Stage.FINISHED)
        return self._begin(following, order, folder, state)

    def _begin(
        self, stage: Stage, order: Order, folder: OrderFolder, state: OrderState, attempt: int = 1
    ) -> OrderState:
        folder.work.mkdir(parents=True, exist_ok=True)
        begun = _moved(state, stage).model_copy(update={"attempt": attempt})
        if stage is Stage.TRAINING and folder.run() is not None:
            return begun  # never started twice: the run that is there is followed
        # a worker that died between starting a command and writing it down: the command is taken over
        process = _running_in(folder) or self._start(folder, stage, self._commands.make(stage, order, folder))
        return begun.model_copy(update={"process": process})

    def _start(self, folder: OrderFolder, stage: Stage, command: Command) -> str:
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        with folder.answer_file(stage).open("wb") as answer, folder.log.open("ab") as log:
            child = subprocess.Popen(
                command.arguments,
                cwd=folder.work,
                env=environment,
                stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
                stdout=answer,
                stderr=log,
                start_new_session=True,  # it outlives the worker, the service and the terminal
            )
        self.children.append(child)
        process = name_process(child.pid)
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(command.stdin)
                child.stdin.close()
        return process

    def _concluded(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        """The stage's command is gone: what has come of it."""
        if state.stage is Stage.TRAINING and (run := folder.run()) is not None:
            return self._after_run(order, folder, state, run)
        file = folder.answer_file(state.stage)
        answer = last_answer(file, state.stage)
        if answer is None:
            if state.attempt < _MOST_ATTEMPTS:
                return self._begin(state.stage, order, folder, state, state.attempt + 1)
            fault = Fault(
                code="order.command_ended",
                message=f"the command of the stage {state.stage.value} ended twice without an answer",
                hint="Was the machine short of memory, or was it stopped by hand? worker.log has what it said.",
            )
            return self._failed(state, fault)
        if answer["kind"] == "error":
            found = kept_part(last_plan(file) or {})
            state = state.model_copy(update={"answer": self._commands.without_places(found)})
            return self._failed(state, Fault.model_validate(answer))
        state = state.model_copy(update={"answer": self._commands.without_places(kept_part(answer))})
        if state.stage is Stage.PUSHING:
            layer = answer.get("layer") or {}
            done = {"pushed": PushState.DONE, "layer": str(layer.get("name", "")), "layer_url": answer.get("url")}
            state = state.model_copy(update={**done, "error": None})
        return self._next(order, folder, state)

    def _after_run(self, order: Order, folder: OrderFolder, state: OrderState, run: RunFolder) -> OrderState:
        """Whoever followed the run is gone or done: the run itself says how it stands."""
        now = time.monotonic()
        if now - self._looked.get(order.id, -_LOOK_EVERY_S) < _LOOK_EVERY_S:
            return state
        self._looked[order.id] = now
        look = look_at(run)
        if not look.record.state.is_over:
            if look.remark and _is_silent(run):
                return self._failed(state, Fault(code="order.out_of_reach", message=look.remark))
            return _with_message(state, look.remark)
        return self._with_run(order, folder, state, look)

    def _with_run(self, order: Order, folder: OrderFolder, state: OrderState, look: Look) -> OrderState:
        record = look.record
        if record.state is RunState.FINISHED:
            return self._next(order, folder, state)
        if record.state is RunState.CANCELLED:
            return _moved(state, Stage.CANCELLED)
        return self._failed(state, _run_fault(record.error))

    def _cancelled(self, order: Order, folder: OrderFolder, state: OrderState, *, is_alive: bool) -> OrderState:
        """Asked to end: the run keeps best_val, everything else is stopped."""
        run = folder.run() if state.stage is Stage.TRAINING else None
        if run is not None:
            look = look_at(run)
            if look.record.state.is_over:
                return _moved(state, Stage.CANCELLED)
            if look.remark and _is_silent(run):
                return self._failed(state, Fault(code="order.out_of_reach", message=look.remark))
            self._stop_run(order, folder, run)
            return _with_message(state, "stopping after the current step")
        if not is_alive:
            return _moved(state, Stage.CANCELLED)
        self._interrupt(order, state)
        return _with_message(state, "stopping")

    def _stop_run(self, order: Order, folder: OrderFolder, run: RunFolder) -> None:
        asked = self._asked.setdefault(order.id, _Asked(time.monotonic()))
        if asked.stop is not None and asked.stop.poll() is None:
            return
        with folder.log.open("ab") as log:
            asked.stop = subprocess.Popen(
                (*RUNNER, "stop", str(run.path), "--json"),
                cwd=folder.runs,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.children.append(asked.stop)

    def _interrupt(self, order: Order, state: OrderState) -> None:
        process = find_process(state.process or "")
        if process is None:
            return
        if order.id not in self._asked:
            self._asked[order.id] = _Asked(time.monotonic())
            process.send_signal(signal.SIGINT)
        elif time.monotonic() - self._asked[order.id].at > _KILL_AFTER_S:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _failed(self, state: OrderState, fault: Fault) -> OrderState:
        fault = Fault.model_validate(self._commands.without_places(fault.model_dump()))
        if state.stage is Stage.PUSHING or (state.stage.is_over and state.pushed is PushState.PARKED):
            # the model and the texts are here: nothing is lost, it can be pushed later
            parked = {"pushed": PushState.PARKED, "error": fault}
            return _moved(state, Stage.FINISHED).model_copy(update=parked)
        return _moved(state, Stage.FAILED).model_copy(update={"error": fault})

    def _closed(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        """What is done once for every order that is over."""
        self._asked.pop(order.id, None)
        try:
            self._vault.forget(folder.path)
            folder.unmark(CANCEL_MARK)
        except OSError as error:
            # an order ends all the same, whatever its folder forbids
            _log.error("what the order %s no longer needs cannot be removed: %s", order.id, error)
        archives: dict[str, ArchiveFile] = {}
        run = folder.run()
        try:
            if run is not None and state.model is None and is_file(run.best_val / MODEL_FILE):
                archives["model"] = write_archive(run.best_val, folder.model_archive, order.name)
            if state.texts is None and state.stage is Stage.FINISHED and is_folder(folder.recognized):
                archives["texts"] = write_archive(folder.recognized, folder.texts_archive, order.name)
        except OSError as error:
            _log.warning("the results of %s cannot be packed: %s", order.id, error)
        return state.model_copy(update=archives)


def _moved(state: OrderState, stage: Stage) -> OrderState:
    return state.model_copy(update={"stage": stage, "since": utc_now(), "process": None, "message": None, "attempt": 0})


def _with_message(state: OrderState, message: str | None) -> OrderState:
    return state.model_copy(update={"message": message})


def _running_in(folder: OrderFolder) -> str | None:
    """A command of ours that works for this order: no shell of somebody's, no other account's program."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if Path(process.cwd()) != folder.work or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if tuple(process.cmdline()[:3]) in (RUNNER, EXCHANGE) and process.uids().real == os.getuid():
                return name_process(process.pid)
    return None


def _is_silent(run: RunFolder) -> bool:
    return silent_s(run) > OUT_OF_REACH_S


def _run_fault(error: RunFailure | None) -> Fault:
    if error is None:
        return Fault(code="order.no_reason", message="the run ended without a reason")
    return Fault(code=error.code, message=error.message, hint=error.hint, where=error.where)


def _fault(error: RunnerError) -> Fault:
    return Fault(code=error.code, message=error.message, hint=error.hint, where=error.where)
