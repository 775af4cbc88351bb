"""The encoded form of every event is a promise; golden_events.jsonl holds one of each kind."""

from pathlib import Path

import pytest

from loghi_contract import events
from loghi_contract.event_lines import MAX_LINE_BYTES, decode_event, encode_event
from loghi_contract.events import KINDS, Event, Payload
from loghi_contract.language_model import OnValidation, TextSource
from loghi_contract.trials import TriedWay

GOLDEN = Path(__file__).parent / "golden_events.jsonl"

PAYLOADS: tuple[Payload, ...] = (
    events.Started(
        events.Versions("0.1.0", "3.15.1", "tensorflow 2.21.0", None, "3.11.2"),
        events.Device("cpu", "CPU (2 cores)", None),
        7,
        events.Machine("AMD EPYC (family 25, model 17, stepping 1)", 2, 2),
    ),
    events.Resumed(7, 120),
    events.Phase("training"),
    events.DataSummary("train", 480, 19211, {"text_too_long": 2}),
    events.Charset("extend", 98, ("ð", "ſ"), ()),
    events.Notice("charset.replaced", "the output layer starts afresh", None),
    events.Step(3, 12, 60, 8.25, 14.5),
    events.Epoch(3, 15, 8.31, 0.098, 0.31, 0.0003, 61.2, True, 9.75),
    events.Trial("straight", 1, 2, 62, 62, 0.187),
    events.Chosen(
        "data.cut",
        "straight",
        2,
        (TriedWay("loghi", 118, 0.197), TriedWay("straight", 118, 0.172, 0.025, 0.011, 0.039)),
    ),
    events.Fold(2, 5, 12, 60, 8.31, 0.143, 0.41, 4.2),
    events.Checkpoint("best_val", 3, "model/best_val/model.keras"),
    events.Evaluation("test", events.Model.BEST, 50, 0.11, 0.4, 0.08),
    events.LanguageModel(6, (TextSource("training lines", 492, 21410),), OnValidation(118, 0.104, 0.04, 0.72)),
    events.SelfTraining(15, 4, 14, 1840, 1210, 48650, 0.96, 0.104, 0.061),
    events.Finished(events.FinishStatus.EARLY_STOPPED, 3, 0.098, "model/best_val", 1570),
    events.Recognized(events.FinishStatus.COMPLETED, 733, 12.5, "results.txt"),
    events.Failed("data.no_lines", 3, "no line is left in the train list: 4 missing_image", "Look.", "train", None),
)


def encoded() -> bytes:
    return b"".join(
        encode_event(Event(seq, 1795338000.25 + seq, "20261122-090000-k3f9", payload))
        for seq, payload in enumerate(PAYLOADS)
    )


def test_every_kind_is_encoded_as_promised() -> None:
    assert encoded().decode() == GOLDEN.read_text(encoding="utf-8")


def test_there_is_an_example_of_every_kind() -> None:
    assert [payload.kind for payload in PAYLOADS] == list(KINDS)


@pytest.mark.parametrize("line", GOLDEN.read_bytes().splitlines(keepends=True), ids=lambda line: line[-40:].decode())
def test_what_was_written_is_read_back(line: bytes) -> None:
    event = decode_event(line)
    assert event is not None
    assert encode_event(event) == line


def test_a_loss_that_is_no_number_becomes_null() -> None:
    line = encode_event(Event(0, 0.0, "run", events.Step(1, 1, 1, float("nan"), float("inf"))))
    assert b'"loss":null,"lines_per_second":null' in line


def test_a_trainer_that_does_not_tell_of_its_machine_yet_is_still_understood() -> None:
    line = GOLDEN.read_bytes().splitlines()[0]
    machine = line.index(b',"machine"')
    event = decode_event(line[:machine].replace(b',"python":"3.11.2"', b"") + b"}")
    assert event is not None
    assert isinstance(event.payload, events.Started)
    assert event.payload.machine is None


def test_an_epoch_of_before_there_was_a_validation_loss_is_still_read() -> None:
    line = next(line for line in GOLDEN.read_bytes().splitlines() if b'"kind":"epoch"' in line)
    event = decode_event(line.replace(b',"val_loss":9.75', b""))
    assert event is not None
    assert event.payload == events.Epoch(3, 15, 8.31, 0.098, 0.31, 0.0003, 61.2, True, None)


def test_a_long_message_is_cut_to_fit_a_line() -> None:
    line = encode_event(Event(0, 0.0, "run", events.Notice("x.y", "ð" * 100_000, "ſ" * 100_000)))
    assert len(line) <= MAX_LINE_BYTES
