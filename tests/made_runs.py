"""Finished run folders made by hand, for what is read from them afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from loghi_contract import CONTRACT, events
from loghi_contract.event_lines import encode_event
from loghi_contract.events import Event, Payload
from loghi_contract.job import (
    Augmentation,
    CharsetPolicy,
    DeviceKind,
    JobSpec,
    ListsSpec,
    Part,
    Precision,
    TrainingSpec,
    dump_job,
)
from loghi_contract.lines import SKIPPED_COLUMNS
from loghi_contract.text import Normalization
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState

#: Reference, base model, new model.
Line = tuple[str, str, str]

PLAIN: tuple[Line, ...] = (
    ("alle er like", "alte er lyke", "alle er like"),
    ("ðet var ei tid", "det var ei tid", "det var ei tid"),
    ("ein <b>merkeleg</b> dag", "em mrkleg dog", "ein <b>merkeleg</b> dog"),
    ("siste ord", "siste ort", "siste ort"),
)
HARD: tuple[Line, ...] = (
    *PLAIN,
    ("السلام عليكم ورحمة الله", "السلم عليكم ورحه الله", "السلام عليكم ورحمه الله"),
    ("ingenting vart lese her", "", ""),
    ("a" * 180 + " ei lang line " + "b" * 60, "a" * 170 + " ei leng line", "a" * 180 + " ei lang line " + "b" * 59),
    ("e\u0301 og ﬅ og\u00a0ꝑ", "e og st og p", "e\u0301 og ﬅ og ꝑ"),
)
EPOCHS = tuple(events.Epoch(n, 3, None if n == 0 else 9.0 - n, 0.4 - n / 10, 0.5, None, 3.0, True) for n in range(4))
JOB = JobSpec(
    CONTRACT,
    "20261124-090000-abcd",
    "bonnevie",
    None,
    ListsSpec("/in/job/lists/train.txt", "/in/job/lists/val.txt", None, None),
    DeviceKind.CPU,
    CharsetPolicy.EXTEND,
    Normalization.NFC,
    TrainingSpec(3, 8, 0.001, 5, 17, Augmentation.LIGHT, Precision.AUTO, (Part.CONV,)),
)
FINISHED = events.Finished(events.FinishStatus.COMPLETED, 3, 0.1, "model/best_val", 900)


def make_run(
    place: Path, lines: Sequence[Line] = PLAIN, *payloads: Payload, added: Sequence[str] = ("ð",), pages: int = 2
) -> tuple[RunFolder, RunRecord]:
    """A run whose test lines, two a page at least, have these readings; their images lie in a data folder beside it.

    Args:
        payloads: what happened after the lines were read; three good epochs, if nothing is given.
    """
    data = place / "data"
    rows = ["image\ttext\tbase_model_text\tbase_model_edits\tbest_val_text\tbest_val_edits"]
    for number, (text, before, after) in enumerate(lines):
        page = f"p{number * pages // len(lines)}"
        (data / page).mkdir(parents=True, exist_ok=True)
        draw_line(data / page / f"{page}-{number}.png", text)
        rows.append(f"/in/data/0/{page}/{page}-{number}.png\t{text}\t{before}\t1\t{after}\t1")
    folder = RunFolder(place / "run")
    report = folder.out / "report"
    report.mkdir(parents=True)
    if lines:
        (report / "test_lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    folder.job_dir.mkdir()
    (folder.job_dir / "job.json").write_text(dump_job(JOB), encoding="utf-8")
    happened: list[Payload] = [
        events.Started(
            events.Versions("0.1.0", "3.15.1", "tensorflow 2.21.0", None, "3.11.2"),
            events.Device("cpu", "processor", None),
            9,
            events.Machine("AMD EPYC (family 25, model 17)", 2, 2),
        ),
        events.Phase("reading_data"),
        events.DataSummary("train", 40, 1600, {}),
        events.Charset("extend", 60, tuple(added), ()),
        events.Phase("training"),
        *(payloads or (*EPOCHS, FINISHED)),
    ]
    if lines:
        happened.insert(3, events.DataSummary("test", len(lines), 100, {}))
    folder.events_file.write_bytes(b"".join(encode_event(Event(n, n, "r", p)) for n, p in enumerate(happened)))
    record = RunRecord(
        "20261124-090000-abcd", "bonnevie", RunState.FINISHED, "2026-11-24T09:00:00Z", {"loghi-runner": "0.1.0"},
        "local", "cpu", (), "0" * 64, verdict="better.", epochs=3, status="completed", ended="2026-11-24T09:10:00Z",
        base_model_sha256="b" * 64, data_sha256={"train": "c" * 64}, data_folders=(str(data),),
    )  # fmt: skip
    return folder, record


def skip_lines(folder: RunFolder, reasons: Sequence[str]) -> None:
    """Write the table of skipped lines, one row for each reason."""
    rows = ["\t".join(SKIPPED_COLUMNS)]
    rows += [f"train\ttrain.txt:{number}\ta.png\tein text\t{reason}\t" for number, reason in enumerate(reasons)]
    folder.skipped_file.write_text("\n".join(rows) + "\n", encoding="utf-8")


def cancelled(record: RunRecord) -> RunRecord:
    return replace(record, status="cancelled", verdict="stopped before the first epoch was over")


def draw_line(path: Path, text: str) -> None:
    """Grey paper with a stroke for each character."""
    image = Image.new("L", (40 + 12 * max(len(text), 3), 64), 200)
    pen = ImageDraw.Draw(image)
    for number, character in enumerate(text):
        pen.line((20 + 12 * number, 44, 26 + 12 * number, 44 - ord(character) % 24), fill=40, width=3)
    image.save(path)
