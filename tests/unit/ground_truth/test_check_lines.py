"""Lines that are probably not what they should be, told by size and text alone."""

from pathlib import Path

from loghi_contract.job import Split
from loghi_contract.lines import LineSample
from loghi_contract.model_folder import ModelFacts, inspect_model_folder
from loghi_contract.text import Normalization
from loghi_contract.widths import Window, frames_of, windows_of
from loghi_runner.findings import Severity
from loghi_runner.ground_truth.check_lines import check_lines
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.lines import GroundTruthLine
from tests.shared_data import shared_data
from tests.unit.made_project import Findings, Project


def line(number: int, text: str = "twenty characters ok", width_px: int = 400) -> GroundTruthLine:
    return GroundTruthLine(LineSample("x", text, 1, f"list:{number}"), Path(f"x{number}.png"), width_px, 64, False, 1)


def found(*lines: GroundTruthLine, base: ModelFacts | None = None, val: int = 60) -> Findings:
    usual = [line(number) for number in range(40)]
    splits = {Split.TRAIN: (*usual, *lines), Split.VAL: tuple(line(number) for number in range(val))}
    return Findings(tuple(check_lines(base, Normalization.NFC, GroundTruth(splits, (), ()))))


def test_usual_lines_raise_no_alarm() -> None:
    assert found().codes(*Severity) == []


def test_a_text_without_room_is_told(project: Project) -> None:
    base = inspect_model_folder(project.folder / "base")
    finding = found(line(99, "x" * 500, 100), base=base).one("data.text_too_long")
    assert finding.where == "list:99"
    assert "1 of 41 training lines will be skipped" in finding.message


def test_an_absurdly_wide_line_is_told() -> None:
    assert "9000 x 64 pixels" in found(line(99, "x" * 450, 9000)).one("data.absurdly_wide").message


def test_a_rule_marked_as_a_line_is_told_whatever_the_number_of_lines() -> None:
    assert "1 line is left out by the trainer" in found(line(99, "——", 28_000)).one("data.too_wide").message
    assert found(line(99, "——", 27_900)).codes(Severity.ERROR) == []


def test_another_lines_text_is_told() -> None:
    assert found(line(99, "y" * 80)).one("data.text_suspiciously_long").where == "list:99"
    assert found(line(99, "no", 1200)).one("data.text_suspiciously_short").where == "list:99"


def test_a_short_line_with_a_short_text_is_nothing() -> None:
    assert found(line(99, "7", 60)).codes(*Severity) == []


def test_few_validation_lines_are_told_with_what_that_means() -> None:
    finding = found(val=10).one("data.few_lines")
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "there are only 10 validation lines (200 characters): a CER of 10 % on them could as well be 2 % or 18 %"
    )


def test_time_steps_are_those_of_the_network() -> None:
    layers = [
        {"class_name": "Conv2D", "kernel_size": [3, 3], "strides": [1, 1], "padding": "same"},
        {"class_name": "MaxPooling2D", "pool_size": [2, 2], "strides": [2, 2], "padding": "same"},
        {"class_name": "Conv2D", "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"},
        {"class_name": "Dense", "units": 9},
    ]
    windows = windows_of(layers)
    assert windows == (Window(3, 1, True), Window(2, 2, True), Window(3, 1, False))
    # 100 px and 50 of margins, halved, less the two that a convolution without padding eats
    assert frames_of(windows, 200, 128, 64) == 73


def test_a_real_models_time_steps() -> None:
    facts = inspect_model_folder(shared_data("base_model"))
    # three poolings by two; Keras itself says so (tests/trainer)
    assert frames_of(facts.windows, 1000, 64, facts.height_px) == 132
