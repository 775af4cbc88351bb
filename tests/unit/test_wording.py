"""How numbers, paths and events read."""

from pathlib import Path

import pytest

from loghi_contract import events
from loghi_contract.language_model import OnValidation
from loghi_contract.trials import TriedWay
from loghi_runner.wording import (
    chosen_line,
    counted,
    duration,
    event_line,
    percent,
    self_training_gain,
    short_path,
    told_apart,
)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (725, "12:05"), (11045, "3:04:05")]
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_fractions_become_percent_only_on_screen() -> None:
    assert percent(0.0534) == "5.3 %"


def test_paths_below_the_working_folder_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "runs" / "x") == "runs/x"
    assert short_path(Path("/elsewhere/x")) == "/elsewhere/x"


def test_no_two_names_that_are_told_apart_are_alike() -> None:
    assert told_apart(["a", "a", "b"]) == ["a", "a (2)", "b"]
    assert told_apart(["a", "a", "a (2)", "a"]) == ["a", "a (3)", "a (2)", "a (4)"]


def test_the_most_frequent_reason_comes_first() -> None:
    assert (
        counted({"empty_text": 1, "missing_image": 8, "malformed": 1}) == "8 missing_image, 1 empty_text, 1 malformed"
    )


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (
            events.Started(events.Versions("0", "3.15", "tf", "12"), events.Device("gpu", "H0", 16000), 1),
            "started on H0 (GPU, 16000 MB), Keras 3.15",
        ),
        (events.Phase("reading_data"), "reading the lines"),
        (events.Phase("a_new_one"), "a new one"),
        (events.DataSummary("val", 48, 900, {"empty_text": 2}), "validation lines: 48, skipped: 2 empty_text"),
        (events.Charset("extend", 96, ("ð", "ſ"), ()), "the base model knows 96 characters; new: ð ſ"),
        (events.Notice("a.b", "watch out", "do this"), "warning: watch out (do this)"),
        (events.Step(3, 12, 60, None, 14.5), "epoch 3, step 12 of 60: loss –, 14.5 lines/s"),
        (events.Checkpoint("best_val", 3, "x"), "saved best_val (epoch 3)"),
        (
            events.Evaluation("test", events.Model.BASE, 50, 0.312, 0.8),
            "base model on 50 test lines: CER 31.2 %, WER 80.0 %",
        ),
        (
            events.SelfTraining(15, 4, 14, 90, 60, 2400, 0.91, 0.2, 0.1),
            "self-training: of 90 unread lines the model is sure of 60 (2400 characters, 91.0 % confidence); they are "
            "learnt after epoch 15",
        ),
        (
            events.SelfTraining(15, 0, 14, 90, 0, 0, None, 0.2, 0.1),
            "self-training: of 90 unread lines the model is sure of none: nothing more is learnt",
        ),
        (
            events.Finished(events.FinishStatus.CANCELLED, 3, 0.1, "model/best_val"),
            "stopped; best_val is epoch 3",
        ),
        (events.Failed("data.x", 3, "no line is left", None, None, None), "failed: no line is left [data.x]"),
    ],
    ids=lambda value: value.kind if hasattr(value, "kind") else "",
)
def test_every_event_reads_as_one_line(payload: events.Payload, text: str) -> None:
    assert event_line(payload) == text


@pytest.mark.parametrize(
    ("cers", "sentence"),
    [
        ([], None),
        ([0.19, 0.16, 0.17], "CER on the validation lines 20.0 % before, 16.0 % after"),
        ([0.21, 0.2], "not kept: CER on the validation lines 20.0 % before, 20.0 % at best after"),
    ],
)
def test_what_unread_lines_brought_is_told_and_whether_it_is_kept(cers: list[float], sentence: str | None) -> None:
    told = events.SelfTraining(5, 3, 4, 90, 60, 2400, 0.91, 0.2, 0.1)
    rows = [events.Epoch(4, 8, 9.0, 0.2, 0.5, 0.1, 60.0, is_best=True)]
    for number, cer in enumerate(cers, start=6):
        is_best = cer < min(row.val_cer for row in rows)
        rows.append(events.Epoch(number, 8, 9.0, cer, 0.5, 0.1, 60.0, is_best))

    assert self_training_gain(told, rows, None) == sentence


def test_what_they_brought_with_the_language_model_is_told_beside_it() -> None:
    told = events.SelfTraining(5, 3, 4, 90, 60, 2400, 0.91, 0.2, 0.1)
    row = events.Epoch(6, 8, 9.0, 0.19, 0.5, 0.1, 60.0, is_best=True)
    learnt = events.LanguageModel(6, (), OnValidation(50, 0.19, 0.08, 0.5))

    gain = self_training_gain(told, [row], learnt)

    assert gain is not None
    assert gain.endswith("20.0 % before, 19.0 % after; with the language model 10.0 % before, 8.0 % after")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (TriedWay("true", 5, 0.311), "too few validation lines to choose by"),
        (TriedWay("true", 90, 0.295, 0.005, 0.001, 0.009), "what another gains is less than a twentieth of the errors"),
        (TriedWay("true", 90, 0.295, 0.005, -0.01, 0.02), "no other is better by more than chance"),
    ],
)
def test_why_the_first_way_is_kept_is_told_as_it_was(other: TriedWay, why: str) -> None:
    tried = (TriedWay("false", other.lines, 0.3), other)
    assert f"as they are ({why})." in chosen_line(events.Chosen("data.straighten", "false", 2, tried))
