"""A stand-in for the trainer: speaks the contract, trains nothing. `LOGHI_FAKE_TRAINER` names one of its SCENARIOS.

LOGHI_RUNNER_TEST_TRAINER=tests/fake_trainer.py LOGHI_FAKE_TRAINER=success loghi-runner finetune config.yaml
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from loghi_contract import __version__, events
from loghi_contract.event_lines import encode_event
from loghi_contract.events import Device, Event, FinishStatus, Machine, Model, Payload, Versions
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind, JobSpec, RecognizeJob, load_job
from loghi_contract.lines import LineSample, parse_line_list
from loghi_contract.places import BASE_MODEL_DIR, BEST_VAL, EVENTS_FILE, JOB_FILE, REPORT_DIR, RESULTS_FILE, Places
from loghi_contract.processor import processor_name

SCENARIO_VARIABLE = "LOGHI_FAKE_TRAINER"
#: Names a file: as long as it is there, a reading does not begin; it makes one beside it to say that it waits.
READING_HOLD_VARIABLE = "LOGHI_FAKE_READING_HOLD"
#: A test makes this file in the out folder to let a waiting trainer go on.
GO_FILE = "go"

_LONGEST_WAIT_S = 60.0
_PIECE_BYTES = 7


class FakeTrainer:
    """What the scenarios are made of. It remembers the signals that reach it."""

    def __init__(self, places: Places, job: JobSpec, pace_s: float = 0.0) -> None:
        self.places = places
        self.job = job
        self.pace_s = pace_s
        self.signals: list[int] = []
        self._seq = 0
        self.events_file = places.out / EVENTS_FILE
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def emit(self, payload: Payload) -> None:
        self.write(self.line(payload))

    def line(self, payload: Payload) -> bytes:
        event = Event(self._seq, time.time(), self.job.run_id, payload)
        self._seq += 1
        return encode_event(event)

    def write(self, content: bytes) -> None:
        with self.events_file.open("ab") as file:
            file.write(content)

    def begin(self, device: DeviceKind | None = None) -> None:
        kind = (device or self.job.device).value
        versions = Versions(__version__, "3", "fake 1", None, "3.11.2")
        machine = Machine(processor_name(), len(os.sched_getaffinity(0)), 2)
        self.emit(events.Started(versions, Device(kind, f"Fake {kind}", None), os.getpid(), machine))
        self.emit(events.Phase("reading_data"))
        for split, lines in (("train", 24), ("val", 6)):
            self.emit(events.DataSummary(split, lines, 40 * lines))

    def epoch(self, number: int, cer: float, *, is_best: bool, steps: int = 3) -> None:
        if number > 0:
            for step in range(1, steps + 1):
                time.sleep(self.pace_s)
                self.emit(events.Step(number, step, steps, 100 / (number + step), 12.5))
        if is_best:
            self.save(number)
        row = events.Epoch(
            epoch=number,
            epochs=self.job.training.epochs,
            train_loss=50 / number if number else None,
            val_cer=cer,
            val_wer=min(3 * cer, 1.0),
            lr=3e-4,
            seconds=1.5,
            is_best=is_best,
        )
        self.emit(row)

    def save(self, epoch: int) -> None:
        folder = self.places.out / BEST_VAL
        folder.mkdir(parents=True, exist_ok=True)
        base = self.places.real(BASE_MODEL_DIR)
        for name in ("model.keras", "tokenizer.json"):
            if (base / name).exists():
                # the base model's own, so that what came out is whole
                shutil.copyfile(base / name, folder / name)
            else:
                (folder / name).write_text(f"{name} of epoch {epoch}", encoding="utf-8")
        self.emit(events.Checkpoint(BEST_VAL.name, epoch, str(BEST_VAL / "model.keras")))

    def finish(self, status: FinishStatus, best_epoch: int, cer: float) -> None:
        self.emit(events.Finished(status, best_epoch, cer, str(BEST_VAL)))

    def read_list(self, listed: str) -> list[list[str]]:
        rows = self.places.real(listed).read_text(encoding="utf-8").splitlines()
        return [row.split("\t") for row in rows]

    def wait_for_signal(self, wanted: int = 1) -> None:
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while len(self.signals) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)

    def wait_for_go(self) -> None:
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while not (self.places.out / GO_FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signals.append(number)


def success(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.312, is_best=True)
    if trainer.job.lists.test:
        trainer.emit(events.Evaluation("test", Model.BASE, 5, 0.35, 0.8))
    trainer.emit(events.Phase("training"))
    cers = (0.2, 0.098, 0.1)[: trainer.job.training.epochs]
    for number, cer in enumerate(cers, start=1):
        trainer.epoch(number, cer, is_best=cer != 0.1)
    best = cers.index(min(cers)) + 1
    if trainer.job.lists.test:
        trainer.emit(events.Evaluation("test", Model.BEST, 5, 0.11, 0.4))
    trainer.finish(FinishStatus.COMPLETED, best, min(cers))
    return ExitCode.OK


def gives_a_model(trainer: FakeTrainer) -> int:
    """The base model, as if it were the new one: what comes after the training can open it."""
    code = success(trainer)
    shutil.copytree(trainer.places.real(BASE_MODEL_DIR), trainer.places.out / BEST_VAL, dirs_exist_ok=True)
    return code


def learns_from_more(trainer: FakeTrainer) -> int:
    """The more lines to learn from, the fewer errors; what both models read stands in tables, line by line."""
    learnt = len(trainer.read_list(trainer.job.lists.train))
    for split, listed in (("val", trainer.job.lists.val), ("test", trainer.job.lists.test)):
        if listed is not None:
            rows = ["image\ttext\tbase_model_text\tbase_model_edits\tbest_val_text\tbest_val_edits"]
            for number, (image, _weight, text) in enumerate(trainer.read_list(listed)):
                wrong = int(len(text) * 0.8 * learnt**-0.5 + number % 4 / 4)
                rows.append(f"{image}\t{text}\t{'x' * len(text)}\t{len(text)}\t{'x' * wrong + text[wrong:]}\t{wrong}")
            table = trainer.places.out / REPORT_DIR / f"{split}_lines.tsv"
            table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return success(trainer)


def learns_then_is_stopped(trainer: FakeTrainer) -> int:
    """As `learns_from_more` on few lines; on many it waits to be stopped."""
    if len(trainer.read_list(trainer.job.lists.train)) < 10:
        return learns_from_more(trainer)
    return stops_when_asked(trainer)


def learns_after_go(trainer: FakeTrainer) -> int:
    trainer.wait_for_go()
    return learns_from_more(trainer)


def early_stop(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.05, is_best=True)
    for number in (1, 2):
        trainer.epoch(number, 0.06, is_best=False)
    trainer.finish(FinishStatus.EARLY_STOPPED, 0, 0.05)
    return ExitCode.OK


def skips(trainer: FakeTrainer) -> int:
    rows = "train\ttrain.txt:3\t/in/data/0/b.png\tfor lang tekst\ttext_too_long\t\n"
    with (trainer.places.out / REPORT_DIR / "skipped_lines.tsv").open("a", encoding="utf-8") as file:
        file.write(rows)
    trainer.emit(events.DataSummary("train", 23, 900, {"text_too_long": 1}))
    return success(trainer)


def failed(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.emit(
        events.Failed(
            "data.no_lines", int(ExitCode.DATA), "no line is left", "Look at the list.", "train.txt", "traceback.txt"
        )
    )
    return ExitCode.DATA


def crash(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    raise RuntimeError("a fault nobody thought of")


def disk_full(trainer: FakeTrainer) -> int:
    trainer.begin()
    raise OSError(28, "No space left on device")


def killed(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return ExitCode.OK


def silent_end(trainer: FakeTrainer) -> int:
    trainer.begin()
    return ExitCode.OK


def stops_when_asked(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    trainer.epoch(1, 0.2, is_best=True)
    trainer.emit(events.Step(2, 1, 3, 10.0, 12.5))
    trainer.wait_for_signal()
    trainer.emit(events.Notice("fake.signals", f"signals: {trainer.signals}"))
    trainer.finish(FinishStatus.CANCELLED, 1, 0.2)
    return ExitCode.TERMINATED if signal.SIGTERM in trainer.signals else ExitCode.INTERRUPTED


def never_stops(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    trainer.wait_for_signal()
    trainer.emit(events.Notice("fake.signals", "was asked to stop and goes on"))
    trainer.wait_for_signal(wanted=1000)
    return ExitCode.OK


def waits_for_go(trainer: FakeTrainer) -> int:
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    trainer.wait_for_go()
    trainer.epoch(1, 0.2, is_best=True)
    trainer.finish(FinishStatus.COMPLETED, 1, 0.2)
    return ExitCode.OK


def usable_model(trainer: FakeTrainer, *, waits: bool = False) -> int:
    """The new model is the base model, so that pages can be read with it."""
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    if waits:
        trainer.wait_for_go()
    shutil.copytree(trainer.places.real(BASE_MODEL_DIR), trainer.places.out / BEST_VAL, dirs_exist_ok=True)
    trainer.finish(FinishStatus.COMPLETED, 0, 0.3)
    return ExitCode.OK


def usable_model_on_go(trainer: FakeTrainer) -> int:
    return usable_model(trainer, waits=True)


def torn_line(trainer: FakeTrainer) -> int:
    """The disk took half a line, then the process died."""
    trainer.begin()
    trainer.epoch(0, 0.3, is_best=True)
    trainer.write(trainer.line(events.Phase("training"))[:20])
    return ExitCode.BUG


def slow_writer(trainer: FakeTrainer) -> int:
    """Every line arrives in small pieces, characters cut in the middle."""
    trainer.begin()
    payloads = [
        events.Charset("extend", 80, ("ð", "þ", "œ"), ()),
        events.Epoch(0, 15, None, 0.3, 0.9, None, 1.0, True),
        events.Finished(FinishStatus.COMPLETED, 0, 0.3, str(BEST_VAL)),
    ]
    for payload in payloads:
        line = trainer.line(payload)
        for start in range(0, len(line), _PIECE_BYTES):
            trainer.write(line[start : start + _PIECE_BYTES])
            time.sleep(0.002)
    return ExitCode.OK


def newer_trainer(trainer: FakeTrainer) -> int:
    """Kinds and keys of a later version."""
    trainer.write(b'{"v":1,"seq":0,"t":1.0,"run":"x","kind":"energy","joules":12}\n')
    line = trainer.line(events.Phase("training")).removesuffix(b"}\n")
    trainer.write(line + b',"colour":"green"}\n')
    return success(trainer)


def on_the_cpu_instead(trainer: FakeTrainer) -> int:
    trainer.begin(DeviceKind.CPU)
    trainer.wait_for_go()
    return ExitCode.OK


SCENARIOS: dict[str, Callable[[FakeTrainer], int]] = {
    scenario.__name__: scenario
    for scenario in (
        success,
        gives_a_model,
        learns_from_more,
        learns_then_is_stopped,
        learns_after_go,
        early_stop,
        skips,
        failed,
        crash,
        disk_full,
        killed,
        silent_end,
        stops_when_asked,
        never_stops,
        waits_for_go,
        usable_model,
        usable_model_on_go,
        torn_line,
        slow_writer,
        newer_trainer,
        on_the_cpu_instead,
    )
}


def recognize(places: Places, job: RecognizeJob) -> int:
    """Reads in each line what its image is called, or what lies beside the image as `<name>.<model>.txt`.

    With an image called `endless` it does not come to its end. With a language model it reads every `1` as a `7`.
    """
    _wait_while_held()
    model = next(places.real(BASE_MODEL_DIR).glob("says_*"), Path("says_truth")).name.removeprefix("says_")
    rows = []
    samples = parse_line_list(places.real(job.list).read_text(encoding="utf-8"), "lines.txt")
    for image in [sample.image for sample in samples if isinstance(sample, LineSample)]:
        path = places.real(image)
        assert path.is_file(), f"the host promised an image: {path}"
        beside = path.with_suffix(f".{model}.txt")
        if path.stem != "unreadable":
            text = beside.read_text(encoding="utf-8") if beside.is_file() else path.stem
            rows.append(f"{image}\t{0.5 + 0.4 / (len(rows) + 1):.6f}\t{text}\n")
    if job.language_model:
        (places.out / "results_by_image.txt").write_text("".join(rows), encoding="utf-8")
        rows = ["\t".join([*row.split("\t")[:2], row.split("\t")[2].replace("1", "7")]) for row in rows]
    (places.out / RESULTS_FILE).write_text("".join(rows), encoding="utf-8")
    payloads: list[Payload] = [
        events.Started(Versions("0", "3", "fake", None), Device(job.device.value, "Fake", None), os.getpid()),
        events.Step(1, len(rows), len(rows), None, 100.0),
        events.Recognized(FinishStatus.COMPLETED, len(rows), 0.25, str(RESULTS_FILE)),
    ]
    with (places.out / EVENTS_FILE).open("ab") as file:
        for number, payload in enumerate(payloads):
            if isinstance(payload, events.Recognized) and any("endless" in row for row in rows):
                file.flush()
                time.sleep(_LONGEST_WAIT_S)
            file.write(encode_event(Event(number, time.time(), job.run_id, payload)))
    return ExitCode.OK


def _wait_while_held() -> None:
    hold = Path(os.environ.get(READING_HOLD_VARIABLE, "-"))
    deadline = time.monotonic() + _LONGEST_WAIT_S
    while hold.exists() and time.monotonic() < deadline:
        hold.with_suffix(".reached").touch()
        time.sleep(0.01)


def main() -> int:
    places = Places.from_environment()
    job = load_job(Path(places.real(JOB_FILE)).read_text(encoding="utf-8"))
    if isinstance(job, RecognizeJob):
        return int(recognize(places, job))
    for listed in (job.lists.train, job.lists.val):
        assert places.real(listed).read_text(encoding="utf-8"), "the host wrote no lines"
    return int(SCENARIOS[os.environ[SCENARIO_VARIABLE]](FakeTrainer(places, job)))


if __name__ == "__main__":
    sys.exit(main())
