"""`python -m loghi_runner.orders.process WORK_FOLDER`: the process of one order, from the stage it is in to its end.

The service's config and the platform's token come on standard input. It writes the order's state, and nobody else does
while it lives. Killed and started again, it goes on where it was.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.events import Event
from loghi_contract.exit_codes import ExitCode
from loghi_contract.records import to_json
from loghi_runner.clock import seconds_since
from loghi_runner.compare.model_results import ModelResults
from loghi_runner.engines.base import Setting
from loghi_runner.engines.card_queue import Waiting
from loghi_runner.engines.processes import name_process
from loghi_runner.errors import RunnerError
from loghi_runner.finetuning.finetune import Checked
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.finetuning.plan_facts import check_json, plan_json
from loghi_runner.locks import FileLock, Timeout, take
from loghi_runner.orders.actions import PlatformPages
from loghi_runner.orders.asked import OrderAsked
from loghi_runner.orders.end import end_order, failed, fault_of, last_word, moved
from loghi_runner.orders.lookup import Lookup
from loghi_runner.orders.orders import CANCEL_MARK, CardWait, Fault, OrderFolder, OrderState, PushState, Stage
from loghi_runner.orders.pipeline import Answer, Pipeline
from loghi_runner.orders.platform_progress import PlatformProgress, report_of
from loghi_runner.orders.processes import Given
from loghi_runner.platform.base import Pushed
from loghi_runner.recognition.recognized import Recognized, recognized_json
from loghi_runner.runs.folder import RunFolder, RunRecord
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.signals import Terminated, end_when_terminated

LOCK_FILE = "process.lock"

#: The part of an answer that whoever ordered may see.
_SHOWN = (
    "kind", "findings", "estimate", "lines", "pages", "skipped", "cut", "seconds", "scores", "loghi", "failed",
    "left_out",
)  # fmt: skip
_SHOW_EVERY_S = 0.5
_TRY_AGAIN_S = 5.0
#: So long another process of the same order, which was begun just before, may need to say its name.
_OTHER_BEGINS_S = 10.0

_log = logging.getLogger(__name__)


class Recorder:
    """The order's follower: writes down how it goes on."""

    def __init__(self, folder: OrderFolder, lookup: Lookup, told: PlatformProgress) -> None:
        self._folder = folder
        self._lookup = lookup
        self._told = told
        self._process = name_process(os.getpid())
        self._shown_s = 0.0
        self._plan: dict[str, Any] | None = None
        self.state = folder.read_state()
        self._write(self.state)

    def begin_stage(self, stage: Stage) -> None:
        if stage is not self.state.stage:
            self._write(moved(self.state, stage, attempt=1))

    def answered(self, answer: Answer) -> None:
        changes: dict[str, object] = {}
        if not isinstance(answer, RunRecord):
            changes["answer"] = self._shown_part(_answer_json(answer))
        if isinstance(answer, Pushed):
            changes |= {"pushed": PushState.DONE, "layer": answer.layer.name, "layer_url": answer.url, "error": None}
        self._write(self.state.model_copy(update=changes))

    def is_cancelled(self) -> bool:
        return self._folder.has_mark(CANCEL_MARK)

    def failed(self, fault: Fault) -> OrderState:
        """The state of an order that ends by a fault."""
        state = self.state if self._plan is None else self.state.model_copy(update={"answer": self._plan})
        return failed(state, fault, self._lookup)

    def queued(self, waiting: Waiting) -> None:
        # who has the cards is not told: accounts of this machine are none of whoever orders
        wait = CardWait(position=waiting.position, of=waiting.of, since=waiting.since, reason=waiting.summary)
        self._told.say(f"waiting for a graphics card, place {wait.position} of {wait.of}")
        self._write(self.state.model_copy(update={"waiting": wait, "message": None}))

    def _goes_on(self) -> None:
        """It waits no more, if it did."""
        if self.state.waiting is None:
            return
        waited_s = self.state.waited_s + seconds_since(self.state.waiting.since)
        self._write(self.state.model_copy(update={"waiting": None, "waited_s": waited_s}))

    def progress(self, doing: str, done: int, total: int) -> None:
        self._goes_on()
        # not each of a thousand pages: a word is a file
        if time.monotonic() - self._shown_s >= _SHOW_EVERY_S:
            self._shown_s = time.monotonic()
            self._show(f"{doing}: {done} of {total}")

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        # what is wrong with it is all that is left of a run that cannot be started
        self._plan = self._shown_part(plan_json(plan, setting))

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        self._plan = None
        self._goes_on()
        self._show(None)

    def event(self, line: bytes, event: Event) -> None:
        self._told.say_event(event)
        if self.state.message is not None and not self.is_cancelled():
            self._show(None)

    def note(self, sentence: str) -> None:
        _log.info("%s", sentence)
        self._show("stopping after the current step" if self.is_cancelled() else sentence)

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        pass

    def _show(self, sentence: str | None) -> None:
        message = None if sentence is None else str(self._lookup.without_places(sentence))
        self.state = self.state.model_copy(update={"message": message})
        with contextlib.suppress(OSError):
            self._folder.write_state(self.state)

    def _write(self, state: OrderState) -> None:
        self.state = state.model_copy(update={"process": self._process})
        _until_written(lambda: self._folder.write_state(self.state))

    def _shown_part(self, answer: dict[str, Any]) -> dict[str, Any] | None:
        """The part of an answer that whoever ordered may see."""
        kept = {key: value for key, value in answer.items() if key in _SHOWN}
        # as JSON has it: paths and counters as others read them
        plain = self._lookup.without_places(json.loads(json.dumps(kept, default=str)))
        return plain if len(kept) > 1 else None


def _answer_json(answer: Answer) -> dict[str, Any]:
    match answer:
        case Checked():
            return check_json(answer)
        case Recognized():
            return recognized_json(answer)
        case ModelResults():
            return answer.json()
        case Pushed():
            return {"kind": "pushed", **to_json(answer)}
    return {}


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    end_when_terminated()
    # where the service was started in a script's background it arrives ignored, and no order could be cancelled
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, given = OrderFolder.of_work(Path(sys.argv[1])), Given.load(sys.stdin.buffer.read())
    try:
        # another worker may have begun a process, and died before it wrote that down
        with take(FileLock(folder.work / LOCK_FILE), _OTHER_BEGINS_S):
            tell_end = _carry_out(folder, given)
        tell_end()
    except Timeout:
        _log.info("another process carries the order out")
    except (KeyboardInterrupt, Terminated):
        # the state says how far it is: it can go on
        return int(ExitCode.TERMINATED)
    return int(ExitCode.OK)


def _carry_out(folder: OrderFolder, given: Given) -> Callable[[], None]:
    """Returns what is left to do when all is done: the platform is told."""
    order, lookup = folder.read_order(), Lookup(given.config)
    if folder.read_state().stage.is_over:
        return lambda: None
    asked = OrderAsked(order, folder, lookup, given.token)
    report = partial(report_of, order, folder, lookup, given.token)
    is_told = isinstance(order.asked.source, PlatformPages)
    told = PlatformProgress(report if is_told else None, lambda: folder.mark(CANCEL_MARK))
    recorder = Recorder(folder, lookup, told)
    pipeline = Pipeline(asked, recorder, told, folder.run())
    stages = order.stages[order.stages.index(recorder.state.stage) :]
    try:
        end = pipeline.carry_out(stages)
        if end is Stage.TRAINING:
            return lambda: None  # the run goes on without us: another process will follow it
        state = recorder.failed(_run_fault(pipeline.record)) if end is Stage.FAILED else moved(recorder.state, end)
    except KeyboardInterrupt:
        if not recorder.is_cancelled() or pipeline.has_unfollowed_run:
            raise
        state = moved(recorder.state, Stage.CANCELLED)
    except RunnerError as error:
        state = recorder.failed(fault_of(error))
    except OSError as error:
        what = f"the worker cannot use a file: {error.strerror or error}"
        state = recorder.failed(Fault(code="order.file", message=what, where=str(error.filename or "")))
    except Exception as error:  # noqa: BLE001  # the top of one order
        _log.exception("order %s", order.id)
        state = recorder.failed(Fault(code="bug", message=f"a fault in loghi-runner itself: {type(error).__name__}"))
    _until_written(lambda: end_order(order, folder, state))
    return partial(told.end, *last_word(state))


def _run_fault(record: RunRecord | None) -> Fault:
    error = record.error if record is not None else None
    if error is None:
        return Fault(code="order.no_reason", message="the run ended without a reason")
    return fault_of(error)


def _until_written(write: Callable[[], None]) -> None:
    """A full disk ends no order: it goes on when there is room."""
    while True:
        try:
            return write()
        except OSError as error:
            _log.error("what became of the order cannot be written: %s", error)
            time.sleep(_TRY_AGAIN_S)


if __name__ == "__main__":
    sys.exit(main())
