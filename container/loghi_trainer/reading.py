"""A recognition from beginning to end: open the model, read every line, write Loghi's results file."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loghi_contract import events
from loghi_contract.job import DeviceKind, RecognizeJob
from loghi_contract.places import BASE_MODEL_DIR, BY_IMAGE_FILE, RESULTS_FILE, Places
from loghi_contract.text import Normalization
from loghi_trainer import device
from loghi_trainer.base_model import open_base_model
from loghi_trainer.dataset import ImageStore, measure_lines
from loghi_trainer.errors import DataError
from loghi_trainer.learnt_texts import open_guide
from loghi_trainer.lines import read_samples
from loghi_trainer.network import rebuilt
from loghi_trainer.recognize import Cancelled, ReadLine, Recognizer
from loghi_trainer.reporter import Reporter

#: An event after so many seconds at most.
_TELL_EVERY_S = 1.0


def read_lines(
    job: RecognizeJob, places: Places, reporter: Reporter, is_cancelled: Callable[[], bool]
) -> events.Recognized:
    """Run the job; the event returned is the last, for the caller to emit.

    Raises:
        TrainerError: what went wrong.
    """
    used_device = device.claim_device(job.device)
    shares = device.share_out(used_device)
    reporter.emit(events.Started(device.versions(), used_device, os.getpid()))
    reporter.emit(events.Phase("loading_model"))
    base = open_base_model(places.real(BASE_MODEL_DIR))
    if base.tokenizer is None:
        raise DataError("model.no_tokenizer", "the model has no characters to write", where="base_model")
    guide = open_guide(places.real(BASE_MODEL_DIR), base.tokenizer) if job.language_model else None
    network = rebuilt(base.network, precision="float32", for_processor=job.device is DeviceKind.CPU)
    reporter.emit(events.Phase("reading_data"))
    with ThreadPoolExecutor(1) as beside:
        # to make the network ready keeps one core busy; meanwhile the others decode images
        preparing = beside.submit(
            Recognizer,
            network,
            base.tokenizer,
            job.batch_size,
            job.beam_width,
            shares.at_once,
            shares.places,
            tell=reporter.emit,
        )
        store = ImageStore(places, base.height_px, base.channels, straightened=job.straighten)
        samples, skipped = read_samples(places.real(job.list), Normalization.NONE)
        split = measure_lines("lines", samples, skipped, store)
        reporter.emit(split.summary())
    recognizer = preparing.result()
    reporter.emit(events.Phase("recognizing"))
    began = time.monotonic()
    tell = _Teller(reporter, len(split.lines), began)
    try:
        found = recognizer.read(split.lines, store, is_cancelled, tell, guide=guide)
    except Cancelled:
        seconds = round(time.monotonic() - began, 2)
        return events.Recognized(events.FinishStatus.CANCELLED, 0, seconds, str(RESULTS_FILE))
    results = {line.sample.image: read for line, read in zip(split.lines, found, strict=True)}
    _write(places.out / RESULTS_FILE, {image: read.best for image, read in results.items()})
    if guide is not None:
        _write(places.out / BY_IMAGE_FILE, results)
    seconds = round(time.monotonic() - began, 2)
    return events.Recognized(events.FinishStatus.COMPLETED, len(results), seconds, str(RESULTS_FILE))


class _Teller:
    """Tells how many lines are read, about once a second."""

    def __init__(self, reporter: Reporter, lines: int, began: float) -> None:
        self._reporter = reporter
        self._lines = lines
        self._began = self._told = began

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S or done == self._lines:
            self._told = now
            speed = done / max(now - self._began, 1e-6)
            self._reporter.emit(events.Step(1, done, self._lines, None, round(speed, 2)))


def _write(path: Path, results: dict[str, ReadLine]) -> None:
    """One row a line, in the order of the list; lines whose image cannot be decoded have none."""
    rows = [f"{image}\t{read.confidence:.6f}\t{read.text}\n" for image, read in results.items()]
    path.write_text("".join(rows), encoding="utf-8")
