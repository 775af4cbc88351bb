"""A few real steps of a run, to learn how long it will take and how much memory it needs."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from loghi_contract.events import Event
from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Setting
from loghi_runner.engines.mounts import moved_mounts
from loghi_runner.errors import EngineError
from loghi_runner.finetuning.finetune import Checked, View, cut_lines, start_and_follow
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.rundir import RunFolder, RunState

#: Steps that are measured, and lines that are validated with meanwhile.
_STEPS, _VALIDATED = 6, 8


def probe(checked: Checked, view: View) -> None:
    """Train on a few batches, the longest lines among them; what it took is remembered as for every run.

    Raises:
        RunnerError: these steps could not be done, so neither could the run.
    """
    with ExitStack() as lines:
        _probe(checked, cut_lines(checked.plan, view, lines), view)


def _probe(checked: Checked, plan: RunPlan, view: View) -> None:
    output = plan.config.config.output
    output.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".probe-", dir=output))
    view.note("measuring a few training steps ...")
    try:
        small = _small(plan, place / plan.run_id)
        _, record = start_and_follow(small, checked.engine, checked.setting, _Quiet(view))
        if record.state is not RunState.FINISHED:
            failure = record.error
            raise EngineError(
                "probe.failed",
                f"a few training steps were tried and failed: {failure.message if failure else record.state.value}",
                hint=failure.hint if failure else None,
            )
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _small(plan: RunPlan, run_dir: Path) -> RunPlan:
    """The same run with few lines, two epochs (the first makes the graph) and no scores in the end."""
    batch = plan.job.training.batch_size
    job = replace(
        plan.job,
        training=replace(plan.job.training, epochs=2, early_stopping=0),
        lists=replace(plan.job.lists, test=None, base_domain=None),
    )
    lists = {
        "train": _some(plan.lists["train"], batch * _STEPS, longest=batch),
        "val": plan.lists["val"][:_VALIDATED],
    }
    return replace(plan, run_dir=run_dir, job=job, lists=lists, mounts=moved_mounts(plan.mounts, run_dir))


def _some(samples: tuple[LineSample, ...], count: int, *, longest: int) -> tuple[LineSample, ...]:
    """The lines with the longest texts, which need most memory, and others evenly from all of them."""
    by_length = sorted(samples, key=lambda sample: -len(sample.text))
    rest = by_length[longest:]
    step = max(len(rest) // max(count - longest, 1), 1)
    return tuple(by_length[:longest] + rest[::step][: count - longest])


class _Quiet:
    """Shows nothing of a probe but what its view must know."""

    def __init__(self, view: View) -> None:
        self._view = view

    def progress(self, doing: str, done: int, total: int) -> None:
        self._view.progress(doing, done, total)

    def plan(self, plan: RunPlan, setting: Setting) -> None:
        pass

    def begin(self, folder: RunFolder, progress: Progress) -> None:
        pass

    def event(self, line: bytes, event: Event) -> None:
        pass

    def note(self, sentence: str) -> None:
        self._view.note(sentence)

    def end(self) -> None:
        pass

    def abandon(self) -> None:
        self._view.abandon()
