"""Two runs side by side: what they were made of, where that differs, and what came out of each."""

from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any  # JSON values have no narrower type

from loghi_contract.counts import pool
from loghi_contract.events import Epoch, Model
from loghi_contract.job import JobSpec, Split
from loghi_contract.records import to_json
from loghi_runner.errors import UsageError
from loghi_runner.evaluation.intervals import Interval, gain_interval, scope
from loghi_runner.files import real_path
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState
from loghi_runner.runs.look import Look
from loghi_runner.runs.made_of import Difference, MadeOf, differences, made_of, short_hash
from loghi_runner.runs.progress import Progress
from loghi_runner.runs.results_of_run import epoch_table, weights_sha256
from loghi_runner.runs.verdict import read_split
from loghi_runner.wording import SPLIT_WORDS, duration, percent

#: So many rows of the epoch table are shown, from its end.
_EPOCHS = 5


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    folder: RunFolder
    record: RunRecord
    progress: Progress
    job: JobSpec | None

    @classmethod
    def of(cls, look: Look) -> "Side":
        return cls(look.folder, look.record, look.progress, look.folder.read_job())

    @cached_property
    def made(self) -> MadeOf:
        return made_of(self.record, self.progress, self.job)

    @cached_property
    def weights(self) -> str | None:
        return weights_sha256(self.folder.model_file)

    @property
    def unread(self) -> list[tuple[str, str]]:
        """The files of its folder that cannot be read, and what that means for a comparison."""
        found = [] if self.job is not None else [(self.folder.job_file, "its settings are not compared")]
        found += [
            (self.folder.list_file(split), "its lines are compared by the hashes in run.json alone")
            for split in self.record.data_sha256
            if not self.folder.read_list(split)
        ]
        if self.progress.started is None and self.record.state is RunState.FINISHED:
            found.append((self.folder.events_file, "its versions, its machine and its epochs are not compared"))
        return [(str(file.relative_to(self.folder.path)), why) for file, why in found]

    def cer(self, split: Split) -> float | None:
        """Of best_val on lines that chose nothing, and of validation lines that of the best epoch."""
        if split is Split.VAL:
            return self.record.best_val_cer
        score = self.progress.score(split.value, Model.BEST)
        return score.cer if score is not None else None


@dataclass(frozen=True)
class SameLines:
    """Both models on lines that both have read; `gain` is the interval around the first's CER less the second's."""

    split: Split
    lines: int
    cers: tuple[float, float]
    alike: bool
    gain: Interval | None
    pages: int

    @property
    def differs(self) -> bool:
        return self.gain is not None and not self.gain.low <= 0 <= self.gain.high

    @property
    def sentence(self) -> str:
        what = f"{self.lines} {SPLIT_WORDS[self.split]} lines"
        if self.alike:
            return f"both read the {what} alike: CER {percent(self.cers[0])}"
        scores = f"CER on the {what} {percent(self.cers[0])} and {percent(self.cers[1])}"
        if self.gain is None:
            return scores
        # how much more the second has than the first
        low, high = -100 * self.gain.high, -100 * self.gain.low
        shown = "they differ" if self.differs else "no difference is shown"
        reach = scope(self.gain.unit, self.pages)
        return f"{scores}; {shown}: {low:+.1f} to {high:+.1f} points, with 95 % certainty for {reach}"


@dataclass(frozen=True)
class RunsDiff:
    """What is equal in both is not among the differences."""

    first: Side
    second: Side

    @cached_property
    def differences(self) -> list[Difference]:
        return differences(self.first.made, self.second.made)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.first, self.second

    @property
    def same_weights(self) -> bool | None:
        """None where one of them has no model."""
        if self.first.weights is None or self.second.weights is None:
            return None
        return self.first.weights == self.second.weights

    @property
    def same_epochs(self) -> bool:
        first, second = (epoch_table(side.progress.epochs) for side in self.sides)
        return first == second

    @cached_property
    def same_lines(self) -> SameLines | None:
        """On test lines, or where there are none on validation lines; None where they did not read the same."""
        return next((found for split in self.shared if (found := self._on(split)) is not None), None)

    @property
    def shared(self) -> list[Split]:
        """What judges both by the same lines, whether or not they have read them."""
        first, second = (side.record.data_sha256 for side in self.sides)
        return [split for split in (Split.TEST, Split.VAL) if first.get(split.value, "") == second.get(split.value)]

    def _on(self, split: Split) -> SameLines | None:
        tables = [read_split(side.folder.out, split.value) for side in self.sides]
        shared = set(tables[0].images) & set(tables[1].images)
        first, second = (table.only(shared).results(models=(Model.BEST,)) for table in tables)
        if first is None or second is None:
            return None
        counts = first.counts()[0], second.counts()[0]
        return SameLines(
            split=split,
            lines=len(shared),
            cers=(pool(counts[0]).cer, pool(counts[1]).cer),
            alike=[line.readings for line in first.read_lines] == [line.readings for line in second.read_lines],
            gain=gain_interval(*counts, first.line_pages),
            pages=first.pages,
        )


def diff_runs(first: Look, second: Look) -> RunsDiff:
    """Raises UsageError: both are the same run."""
    if real_path(first.folder.path) == real_path(second.folder.path):
        hint = "Name another run as well: `loghi-runner runs` lists them."
        raise UsageError("diff.same_run", f"both are the same run, {first.record.run_id}", hint=hint)
    return RunsDiff(Side.of(first), Side.of(second))


def diff_rows(diff: RunsDiff) -> list[tuple[str, str, str]]:
    """What differs, then what came of it: a label, and how it is in each of the two runs."""
    rows = [(each.what, short_hash(each.then), short_hash(each.now)) for each in diff.differences]
    return [*rows, *(row for row in _result_rows(diff) if row[1] or row[2])]


def diff_conclusion(diff: RunsDiff) -> list[str]:
    """What is to be said of both together."""
    told = [
        f"{file} of {side.record.run_id} cannot be read: {why}." for side in diff.sides for file, why in side.unread
    ]
    if not diff.differences:
        told.append("Nothing that is known of both differs in what they were made of.")
    if diff.same_weights:
        told.append("Their best_val has the same weights, bit for bit.")
    elif diff.same_lines is not None:
        told.append(f"{diff.same_lines.sentence[:1].upper()}{diff.same_lines.sentence[1:]}.")
    elif diff.shared:
        told.append(f"Their {SPLIT_WORDS[diff.shared[0]]} lines are the same, but not both have readings of them.")
    else:
        told.append("They have no test or validation lines in common to be compared by.")
    # in the table they would be torn on a narrow terminal
    records = [side.record for side in diff.sides]
    return told + [f"Verdict of {record.run_id}: {record.verdict}" for record in records if record.verdict]


def diff_json(diff: RunsDiff) -> dict[str, Any]:
    return {
        "kind": "runs_diff",
        "differences": to_json(diff.differences),
        "same_weights": diff.same_weights,
        "same_epochs": diff.same_epochs,
        "same_lines": to_json(diff.same_lines),
        "runs": [
            {
                "run_id": side.record.run_id,
                "run_dir": str(side.folder.path),
                "name": side.record.name,
                "state": side.record.state.value,
                "best_epoch": side.record.best_epoch,
                "best_val_cer": side.record.best_val_cer,
                "verdict": side.record.verdict,
                "unread": [file for file, _why in side.unread],
                "epochs": to_json(side.progress.epochs),
                "evaluations": to_json(side.progress.evaluations),
                "weights_sha256": side.weights,
                "made_of": to_json(side.made),
            }
            for side in diff.sides
        ],
    }


def _result_rows(diff: RunsDiff) -> list[tuple[str, str, str]]:
    def of_both(label: str, words: Any) -> tuple[str, str, str]:
        return label, words(diff.first), words(diff.second)

    states = of_both("state", lambda side: side.record.state.word)
    rows = [
        *([states] if states[1] != states[2] else []),
        of_both("trained for", lambda side: duration(sum(epoch.seconds for epoch in side.progress.epochs))),
        of_both("validation CER", lambda side: _cer(side, Split.VAL)),
        of_both("best epoch", lambda side: "" if side.record.best_epoch is None else str(side.record.best_epoch)),
        of_both("test CER", lambda side: _cer(side, Split.TEST)),
        of_both("CER on the old hand", lambda side: _cer(side, Split.BASE_DOMAIN)),
    ]
    epochs = list(zip_longest(*(side.progress.epochs for side in diff.sides)))
    for pair in epochs[-_EPOCHS:]:
        number = next(epoch.epoch for epoch in pair if epoch is not None)
        rows.append((f"epoch {number}", _epoch(pair[0]), _epoch(pair[1])))
    return rows


def _cer(side: Side, split: Split) -> str:
    cer = side.cer(split)
    return "" if cer is None else percent(cer)


def _epoch(epoch: Epoch | None) -> str:
    if epoch is None:
        return ""
    loss = "" if epoch.train_loss is None else f", loss {epoch.train_loss:.3f}"
    return f"CER {percent(epoch.val_cer)}{loss}"
