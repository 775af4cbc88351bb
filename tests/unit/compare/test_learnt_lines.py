"""Lines that a model learnt from are known again by page and id, or by their image, and by nothing less."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from loghi_contract.lines import LineSample, SkipReason, format_line_list
from loghi_runner.compare.learnt_lines import without_learnt
from loghi_runner.compare.truth_lines import Truth, TruthLine
from loghi_runner.errors import DataError
from loghi_runner.models.find import NamedModel
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState

#: What the run learnt from: images (whose content is their name) and texts.
LEARNT = [(f"p1/p1-l{n}.png", f"the text {n}") for n in range(4)]
CHOSE = [("p2/p2-l0.png", "it chose")]


@pytest.fixture
def model(tmp_path: Path) -> NamedModel:
    folder = RunFolder(tmp_path / "run")
    (folder.job_dir / "lists").mkdir(parents=True)
    for split, lines in (("train", LEARNT), ("val", CHOSE), ("unread", [("u1/u1-l0.png", "?")])):
        samples = []
        for image, text in lines:
            write(tmp_path / "data" / image, image)
            samples.append(LineSample(f"/in/data/0/{image}", text, 1.0, ""))
        (folder.job_dir / "lists" / f"{split}.txt").write_text(format_line_list(samples), encoding="utf-8")
    folder.write(
        RunRecord(
            "r", "bonnevie", RunState.FINISHED, "", {}, "local", "cpu", (), "", data_folders=(f"{tmp_path}/data",)
        )
    )
    return NamedModel("bonnevie", folder.best_val, folder)


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def truth(folder: Path, *lines: tuple[str, str, str, str]) -> Truth:
    """Lines by page, image name, text and what the image holds."""
    found = []
    for number, (page, name, text, content) in enumerate(lines):
        image = folder / "others" / f"{number}.png"
        write(image, content)
        found.append(TruthLine(f"{number}", page, name, image, text))
    return Truth("DATA", tuple(found), ())


def kept(made: Truth) -> list[str]:
    return [line.id for line in made.lines]


NEW = ("p9", "p9-l0.png", "never seen", "new")


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        # cut anew, and put elsewhere
        ([("/x/p1", "p1-l0.png", "the text 0", "recut"), ("p2", "p2-l0.png", "it chose", "recut")], []),
        ([("p1-0123456789ab", "p1-l1.png", "the text 1", "recut")], []),
        # a line corrected since, on a page whose other lines are as they were
        ([("p1", f"p1-l{n}.png", "corrected" if n == 2 else f"the text {n}", "recut") for n in range(4)], []),
        # renamed: the image is the same
        ([("q", "q-7.png", "the text 0", "p1/p1-l0.png")], []),
        # learnt as the model read it, and transcribed since
        ([("u1", "u1-l0.png", "read by people", "u1/u1-l0.png")], []),
        # accents in another form are the same text
        ([("p1", "p1-l0.png", "the text 0 ", "recut")], []),
        # a page of the same name in another volume
        ([("p1", f"p1-l{n}.png", f"something else {n}", "other") for n in range(3)], ["0", "1", "2"]),
        # one short line in common makes it no page of the run
        ([("p1", f"p1-l{n}.png", "the text 0" if n == 0 else "else", "other") for n in range(4)], ["0", "1", "2", "3"]),
        # a line of a learnt page that the run did not have
        ([("p1", "p1-l0.png", "the text 0", "recut"), ("p1", "p1-l9.png", "left out then", "recut")], ["1"]),
    ],
)  # fmt: skip
def test_lines_are_known_again(
    tmp_path: Path, model: NamedModel, lines: Sequence[tuple[str, str, str, str]], left: list[str]
) -> None:
    found = without_learnt(truth(tmp_path, *lines, NEW), [model])
    assert kept(found) == [*left, str(len(lines))]
    assert {line.reason for line in found.skipped} <= {SkipReason.LEARNT}


def test_how_many_were_taken_out_is_told(tmp_path: Path, model: NamedModel) -> None:
    made = truth(tmp_path, ("p1", "p1-l0.png", "the text 0", "recut"), NEW)
    (finding,) = without_learnt(made, [NamedModel("base", tmp_path), model]).findings
    assert finding.message == "1 of 2 lines are taken out: bonnevie learnt from them, or they chose it"


def test_where_none_is_left_it_is_refused(tmp_path: Path, model: NamedModel) -> None:
    with pytest.raises(DataError, match="bonnevie learnt from all 1 lines of DATA, or they chose it") as raised:
        without_learnt(truth(tmp_path, ("p1", "p1-l0.png", "the text 0", "recut")), [model])
    assert raised.value.hint is not None and "test lines" in raised.value.hint


def test_images_that_are_gone_hide_nothing_that_has_a_name(tmp_path: Path, model: NamedModel) -> None:
    for image, _text in LEARNT:
        (tmp_path / "data" / image).unlink()
    assert kept(without_learnt(truth(tmp_path, ("p1", "p1-l0.png", "the text 0", "x"), NEW), [model])) == ["1"]


def test_a_model_from_elsewhere_has_learnt_nobody_knows_what(tmp_path: Path) -> None:
    made = truth(tmp_path, ("p1", "p1-l0.png", "the text 0", "recut"))
    assert without_learnt(made, [NamedModel("base", tmp_path)]) == made
