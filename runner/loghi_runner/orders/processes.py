"""The processes of orders, one each: started, asked to end, and spoken for where one has ended without a word."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from loghi_runner.clock import seconds_since
from loghi_runner.engines.processes import find_process
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_file
from loghi_runner.orders.actions import PlatformPages
from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.end import end_order, failed, fault_of, last_word, moved
from loghi_runner.orders.lookup import Lookup
from loghi_runner.orders.orders import CANCEL_MARK, PUSH_MARK, Fault, Order, OrderFolder, OrderState, PushState, Stage
from loghi_runner.orders.platform_progress import TASK_FILE, PlatformProgress, report_of
from loghi_runner.orders.state import Vault
from loghi_runner.platform.access import TOKEN_VARIABLE, parse_origin, read_token
from loghi_runner.wording import plural

COMMAND = (sys.executable, "-m", "loghi_runner.orders.process")

_MOST_ATTEMPTS = 2
#: After the first request to end, which lets a trainer finish its step: a second one, then the end.
_AGAIN_AFTER_S, _KILL_AFTER_S = 120.0, 180.0

#: Keys of `limits`. A training takes as long as it takes.
_HOURS = {
    Stage.PULLING: "pull_hours",
    Stage.CHECKING: "check_hours",
    Stage.RECOGNIZING: "read_hours",
    Stage.EVALUATING: "read_hours",
    Stage.PUSHING: "push_hours",
}


@dataclass(frozen=True)
class Given:
    """What the worker says on standard input, where no list of processes and no environment shows it."""

    config: ServiceConfig
    token: str | None = field(repr=False)

    def dump(self) -> bytes:
        # what was not written stays so: an engine's keys are nothing that another one was asked for
        config = self.config.model_dump(mode="json", exclude_unset=True)
        return json.dumps({"config": config, "folder": str(Path.cwd()), "token": self.token}).encode()

    @classmethod
    def load(cls, content: bytes) -> "Given":
        values = json.loads(content)
        # a path that is not whole means for the process what it means for the worker
        config = ServiceConfig.model_validate(values["config"], context={"folder": Path(values["folder"])})
        return cls(config, values["token"])


@dataclass
class _Ending:
    """What was done to end an order's process; forgotten with the worker, then it is begun once more."""

    since_s: float
    signals: int = 0
    fault: Fault | None = None


class Processes:
    """All that must outlive the worker is in the orders' folders."""

    def __init__(self, config: ServiceConfig, vault: Vault) -> None:
        self._limits = config.limits
        self._lookup = Lookup(config)
        self._vault = vault
        #: those that this worker has started and that have not ended, with the ids of their orders
        self.children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._endings: dict[str, _Ending] = {}

    def reap(self) -> None:
        """Let go of those that have ended."""
        self.children = [(order_id, child) for order_id, child in self.children if child.poll() is None]

    def advance(self, order: Order, folder: OrderFolder) -> OrderState:
        """Do what can be done now without waiting, and return the state as it is then. Raises OSError."""
        state = folder.read_state()
        try:
            return self._after(order, folder, state)
        except RunnerError as error:
            fault = fault_of(error)
        except ValidationError:
            # whoever wrote it, it was not this version's service
            fault = Fault(code="order.broken", message="the order asks for what cannot be asked for")
        return self.give_up(order, folder, state, fault)

    def give_up(self, order: Order, folder: OrderFolder, state: OrderState, fault: Fault) -> OrderState:
        """End an order by a fault, with all that is done at an end. Raises OSError."""
        return self._end(order, folder, failed(state, fault, self._lookup))

    def _after(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        if state.stage.is_over:
            return self._pushed_again(order, folder, state)
        pid = self._pid_of(order.id, state)
        if pid is None:
            state = folder.read_state()  # what it wrote last before it ended, or first
            pid = self._pid_of(order.id, state)
        if pid is not None:
            self._keep_within_limits(order, folder, state, pid)
            return state
        ending = self._endings.pop(order.id, None)
        if state.stage.is_over:
            return state
        has_run = state.stage is Stage.TRAINING and folder.run() is not None
        if folder.has_mark(CANCEL_MARK):
            if has_run:
                # the trainer may be at work all the same: a new process stops it, and keeps its best model. It knows by
                # the mark: a signal would end it while it begins, again and again
                self._endings[order.id] = _Ending(time.monotonic(), signals=1)
                return self._start(order, folder, state)
            return self._end(order, folder, moved(state, Stage.CANCELLED))
        if ending is not None and ending.fault is not None:
            return self.give_up(order, folder, state, ending.fault)
        if state.stage is Stage.QUEUED:
            return self._start(order, folder, moved(state, order.stages[0], attempt=1))
        if has_run:
            return self._start(order, folder, state)  # it is followed, however often whoever follows it is ended
        if state.attempt >= _MOST_ATTEMPTS:
            return self.give_up(order, folder, state, _ended_twice(state.stage))
        return self._start(order, folder, moved(state, state.stage, state.attempt + 1))

    def _pushed_again(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        if not folder.has_mark(PUSH_MARK):
            return state
        if state.pushed is PushState.PARKED:
            # the state is written before the mark goes: between the two nobody could see that a push was asked for
            state = self._start(order, folder, moved(state, Stage.PUSHING, attempt=1))
        folder.unmark(PUSH_MARK)
        return state

    def _start(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        given = Given(self._lookup.config, self._token_of(order, folder, state.stage))
        state = state.model_copy(update={"process": None})
        folder.write_state(state)
        environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        with (folder.work / "worker.log").open("ab") as log:
            child = subprocess.Popen(
                (*COMMAND, str(folder.work.absolute())),
                cwd=folder.work,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it outlives the worker, the service and the terminal
            )
        self.children.append((order.id, child))
        assert child.stdin is not None  # noqa: S101  # as asked for
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(given.dump())
            child.stdin.close()
        return state

    def _pid_of(self, order_id: str, state: OrderState) -> int | None:
        """The order's process, None where none lives."""
        self.reap()
        started = next((child for started_for, child in reversed(self.children) if started_for == order_id), None)
        if started is not None:
            return started.pid
        process = find_process(state.process or "")
        return process.pid if process is not None else None

    def _keep_within_limits(self, order: Order, folder: OrderFolder, state: OrderState, pid: int) -> None:
        ending = self._endings.get(order.id)
        if ending is None:
            fault = None if folder.has_mark(CANCEL_MARK) else self.too_long(state)
            if fault is None and not folder.has_mark(CANCEL_MARK):
                return
            ending = self._endings[order.id] = _Ending(time.monotonic(), fault=fault)
        asked_s = time.monotonic() - ending.since_s
        if asked_s > _KILL_AFTER_S:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        elif ending.signals < 1 + (asked_s > _AGAIN_AFTER_S):
            ending.signals += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)

    def too_long(self, state: OrderState) -> Fault | None:
        """Why the stage under way is ended, if it is: one that hangs must not keep others waiting for ever."""
        key = _HOURS.get(state.stage)
        if key is None or not state.since or state.waiting is not None:
            return None
        hours: int = getattr(self._limits, key)
        if seconds_since(state.since) - state.waited_s < 3600 * hours:
            return None
        return Fault(
            code="order.too_long",
            message=f"the stage {state.stage.value} took longer than {plural(hours, 'hour')} and was ended",
            hint=f"Order fewer pages at a time, or ask the operator to raise limits.{key} in service.yaml.",
        )

    def _token_of(self, order: Order, folder: OrderFolder, stage: Stage) -> str | None:
        """The user's own token, else that of the service's account. Raises RunnerError where one is needed."""
        source = order.asked.source
        if not isinstance(source, PlatformPages):
            return None
        platform = self._lookup.platform(source.platform)
        try:
            token = self._vault.take(folder.path, order.id, parse_origin(platform.url).base)
            return token or read_token(platform.token_file)
        except RunnerError:
            if stage in (Stage.PULLING, Stage.PUSHING):
                raise
            return None

    def _end(self, order: Order, folder: OrderFolder, state: OrderState) -> OrderState:
        """End an order that has no process (any more)."""
        report = None
        if is_file(folder.work / TASK_FILE):
            with contextlib.suppress(RunnerError):  # else it is not told
                report = partial(report_of, order, folder, self._lookup, self._token_of(order, folder, state.stage))
        end_order(order, folder, state)
        # not waited for: the platform may be slow, and so would be all other orders
        PlatformProgress(report, lambda: None).end(*last_word(state), timeout_s=0)
        return folder.read_state()


def _ended_twice(stage: Stage) -> Fault:
    return Fault(
        code="order.command_ended",
        message=f"the stage {stage.value} ended twice without an answer",
        hint="Was the machine short of memory, or was it stopped by hand? worker.log has what it said.",
    )
