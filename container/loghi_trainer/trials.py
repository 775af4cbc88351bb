"""Ways to come by line images, tried before a training: each trains for a few epochs and reads the validation lines.

What the untrained base model reads best tells little: lines that it reads ten points worse can be learnt as well.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from statistics import NormalDist

import keras
import numpy as np

from loghi_contract import events
from loghi_contract.counts import ErrorCounts
from loghi_contract.job import JobSpec, TrialsSpec, Way
from loghi_contract.places import BASE_MODEL_DIR, Places
from loghi_contract.storage import write_whole
from loghi_contract.trials import (
    TRIALS_FILE,
    LineErrors,
    TrialsRecord,
    TriedWay,
    WayErrors,
    format_trials,
    read_trials,
)
from loghi_trainer import device
from loghi_trainer.base_model import open_base_model
from loghi_trainer.data import read_training_lines
from loghi_trainer.dataset import ImageStore
from loghi_trainer.equip import Equipment
from loghi_trainer.errors import StorageError
from loghi_trainer.evaluate import evaluate
from loghi_trainer.reporter import Reporter
from loghi_trainer.training import Position

#: With fewer lines that all ways have, the first is kept.
FEWEST_LINES = 10
#: The first way is left when all others together are wrong about that so rarely, and for so much of its errors: two
#: short trainings that differ in their seed alone differ by up to that.
_CERTAINTY, _LEAST_GAIN = 0.95, 0.05
#: From so many pages on they are drawn whole: errors of one page go together.
_MIN_PAGES = 8


def choose_way(
    job: JobSpec,
    trials: TrialsSpec,
    places: Places,
    reporter: Reporter,
    is_cancelled: Callable[[], bool],
    used: events.Device,
    shares: device.Shares,
) -> JobSpec:
    """The job with the lines of the way that is kept; what was tried before an interruption is not tried again.

    Raises:
        Cancelled: the run was asked to stop; what is tried by then is written down.
        TrainerError: a trial failed.
    """
    record = read_trials(places.out) or TrialsRecord()
    tried = {way.name: way for way in record.ways}
    for way in trials.ways:
        if way.name not in tried:
            reporter.emit(events.Phase("trying"))
            tried[way.name] = _Trial(job, way, trials.epochs, reporter).read(places, is_cancelled, used, shares)
            _write(places.out, TrialsRecord(tuple(tried.values())))
    rows = compare([tried[way.name] for way in trials.ways])
    by_name = {way.name: way for way in trials.ways}
    # once it is chosen it stays, whatever a later version would choose
    chosen = record.chosen if record.chosen in by_name else choose(rows)
    if chosen != record.chosen:
        _write(places.out, TrialsRecord(tuple(tried.values()), chosen))
    for untold in reporter.without_told([events.Chosen(trials.key, chosen, trials.epochs, tuple(rows))]):
        reporter.emit(untold)
    return taken(job, by_name[chosen])


def taken(job: JobSpec, way: Way) -> JobSpec:
    """The job on the lines of this way."""
    return replace(job, lists=way.lists, cut=way.cut, straighten=way.straighten, trials=None)


def compare(ways: Sequence[WayErrors]) -> list[TriedWay]:
    """What each way came to on the lines that all have, against the first."""
    by_line = [{line.line: line for line in way.lines} for way in ways]
    shared = [line for line in by_line[0] if all(line in lines for lines in by_line)]
    kept = [[lines[line] for line in shared] for lines in by_line]
    rows = []
    for number, (way, lines) in enumerate(zip(ways, kept, strict=True)):
        cer = sum(line.edits for line in lines) / max(sum(line.characters for line in lines), 1)
        row = TriedWay(way.name, len(lines), cer)
        if number and len(lines) >= FEWEST_LINES:
            gain, reach = gain_of(kept[0], lines, others=len(ways) - 1)
            row = replace(row, gain=gain, low=gain - reach, high=gain + reach)
        rows.append(row)
    return rows


def choose(rows: Sequence[TriedWay]) -> str:
    """The way that gains most, of those whose gain is no chance; else the first."""
    first = rows[0]
    better = [
        row
        for row in rows[1:]
        if row.gain is not None and row.low is not None and row.low > 0 and row.gain >= _LEAST_GAIN * first.val_cer
    ]
    return max(better, key=lambda row: row.gain or 0.0).name if better else first.name


def gain_of(before: Sequence[LineErrors], after: Sequence[LineErrors], others: int = 1) -> tuple[float, float]:
    """CER before less CER after, of the same lines, and how far it may be from the truth, for all others together.

    Source: Cochran 1977, 6.4, the variance of a ratio; Bonferroni for the others; Student's t by its first correction.
    """
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_page = len({line.page for line in before}) >= _MIN_PAGES
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        total = sums[old.page if by_page else str(number)]
        total[0] += old.edits - new.edits
        total[1] += old.characters
    less, characters = np.asarray(list(sums.values()), np.float64).T
    drawn, whole = len(less), max(float(characters.sum()), 1.0)
    gain = float(less.sum()) / whole
    error = math.sqrt(drawn / max(drawn - 1, 1) * float(((less - gain * characters) ** 2).sum())) / whole
    z = NormalDist().inv_cdf(1 - (1 - _CERTAINTY) / 2 / max(others, 1))
    return gain, error * (z + (z**3 + z) / (4 * max(drawn - 1, 1)))


@dataclass(frozen=True)
class _Trial:
    """The training of one way; its steps are told as those of a trial."""

    job: JobSpec
    way: Way
    epochs: int
    reporter: Reporter

    def emit(self, payload: events.Payload) -> None:
        if isinstance(payload, events.Step):
            payload = events.Trial(self.way.name, payload.epoch, self.epochs, payload.step, payload.steps)
        self.reporter.emit(payload)

    def read(
        self, places: Places, is_cancelled: Callable[[], bool], used: events.Device, shares: device.Shares
    ) -> WayErrors:
        """Train, and read the validation lines after each epoch; what the last one read counts."""
        spec = replace(self.job.training, epochs=self.epochs)
        job = replace(taken(self.job, self.way), training=spec)
        device.make_reproducible(spec.seed)
        base = open_base_model(places.real(BASE_MODEL_DIR))
        store = ImageStore(places, base.height_px, base.channels, straightened=job.straighten)
        lines = read_training_lines(job, places, store, base)
        lines.require_lines()
        equipment = Equipment.on(base, lines.charset, job, store, shares, is_cancelled, used)
        network, feed = equipment.make_network(), equipment.feed(lines.train.lines)
        training, recognizer = equipment.of(network, feed, self.emit)
        training.try_widest_step(job.device, feed)
        for epoch in range(1, self.epochs + 1):
            training.run_epoch(epoch)
            training.position = Position(epoch)
            reading = evaluate(recognizer, lines.val, store, is_cancelled)
            steps = len(feed.epoch_batches(epoch))
            self.emit(events.Trial(self.way.name, epoch, self.epochs, steps, steps, reading.total.cer))
        found = zip(lines.val.lines, reading.errors, strict=True)
        errors = tuple(_errors_of(PurePosixPath(line.sample.image), counts, self.job) for line, counts in found)
        del network, recognizer, training
        keras.backend.clear_session()
        return WayErrors(self.way.name, errors)


def _errors_of(image: PurePosixPath, counts: ErrorCounts, job: JobSpec) -> LineErrors:
    """Cut in another way, a line of a page has the same name in another folder."""
    are_cut = job.trials is not None and len({way.lists for way in job.trials.ways}) > 1
    line, page = (image.name, image.parent.name.rpartition("-")[0]) if are_cut else (str(image), str(image.parent))
    return LineErrors(line, page, counts.edits, counts.characters)


def _write(out: Path, record: TrialsRecord) -> None:
    """Whole or not at all. Raises StorageError."""
    try:
        write_whole(out / TRIALS_FILE, format_trials(record))
    except OSError as error:
        raise StorageError(
            "storage.cannot_record",
            f"what was tried cannot be written: {error.strerror or error}",
            where=TRIALS_FILE,
            hint="Free space on the output's disk, then `loghi-runner resume RUN`.",
        ) from error
