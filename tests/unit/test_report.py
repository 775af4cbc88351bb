"""The report of a run, built from what a run leaves behind."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from loghi_contract import events
from loghi_contract.events import Event, encode_event
from loghi_runner.report.build import build_report, page_name
from loghi_runner.report.curve import draw_curve
from loghi_runner.report.read import read_run
from loghi_runner.report.write import write_report
from loghi_runner.rundir import RunFolder, RunRecord, RunState

READINGS = [
    # reference, base model, new model
    ("alle er like", "alte er lyke", "alle er like"),
    ("ðet var ei tid", "det var ei tid", "det var ei tid"),
    ("ein <b>merkeleg</b> dag", "em mrkleg dog", "ein <b>merkeleg</b> dog"),
    ("siste ord", "siste ort", "siste ort"),
]


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunFolder, RunRecord]:
    """A finished run with four test lines on two pages, its images in a data folder beside it."""
    data = tmp_path / "data"
    rows = ["image\ttext\tbase_model_text\tbase_model_edits\tbest_val_text\tbest_val_edits"]
    for number, (text, before, after) in enumerate(READINGS):
        page = f"p{number // 2}"
        (data / page).mkdir(parents=True, exist_ok=True)
        Image.new("L", (300, 64), 200).save(data / page / f"{page}-{number}.png")
        rows.append(f"/in/data/0/{page}/{page}-{number}.png\t{text}\t{before}\t1\t{after}\t1")
    folder = RunFolder(tmp_path / "run")
    (folder.out / "report").mkdir(parents=True)
    (folder.out / "report" / "test_lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    payloads = [
        events.Charset("extend", 60, ("ð",), ()),
        *(events.Epoch(n, 3, None if n == 0 else 9.0 - n, 0.4 - n / 10, 0.5, None, 3.0, True) for n in range(4)),
        events.Finished(events.FinishStatus.COMPLETED, 3, 0.1, "model/best_val", 900),
    ]
    folder.events_file.write_bytes(b"".join(encode_event(Event(n, n, "r", p)) for n, p in enumerate(payloads)))
    record = RunRecord(
        "20261124-090000-abcd", "bonnevie", RunState.FINISHED, "2026-11-24T09:00:00Z", {"loghi-runner": "0.1.0"},
        "local", "cpu", (), "0" * 64, verdict="better.", epochs=3, status="completed", data_folders=(str(data),),
    )  # fmt: skip
    return folder, record


def test_it_answers_what_a_scholar_asks(run: tuple[RunFolder, RunRecord]) -> None:
    report = build_report(read_run(*run))
    assert report.comparison is not None
    assert [line.id for line in report.suspected] == ["p1-3", "p0-1"] or {line.id for line in report.suspected} == {
        "p1-3",
        "p0-1",
    }
    assert report.comparison.only_second_right == 1
    assert [(page.page, page.after.lines) for page in report.pages] == [("p0", 2), ("p1", 2)]
    (new,) = report.new_characters
    assert (new.character, new.written, new.right) == ("ð", 1, 0)
    assert {"cer", "cer_lower", "cer_simple"} == set(report.loghi[0])


def test_the_page_needs_no_other_file_and_escapes_texts(run: tuple[RunFolder, RunRecord]) -> None:
    html = write_report(*run).read_text(encoding="utf-8")
    assert "better." in html
    assert "<b>merkeleg" not in html
    assert "&lt;b&gt;merkeleg" in html
    assert html.count("data:image/jpeg;base64,") >= 3
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert len(html) < 400_000


def test_the_same_as_json(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_report(folder, record)
    report = json.loads((folder.out / "report" / "report.json").read_text(encoding="utf-8"))
    assert (report["verdict"], len(report["epochs"])) == ("better.", 4)
    assert report["test"]["comparison"]["lines"] == 4


def test_a_run_without_test_lines_has_a_report_that_says_so(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    (folder.out / "report" / "test_lines.tsv").unlink()
    assert "There were no test lines" in write_report(folder, record).read_text(encoding="utf-8")


def test_the_curve_takes_its_colours_from_the_page_and_is_the_same_each_time() -> None:
    epochs = [events.Epoch(n, 3, 5.0, 0.4 - n / 10, 0.5, None, 3.0, True) for n in range(4)]
    curve = draw_curve(epochs)
    assert curve.startswith("<svg")
    assert "var(--accent)" in curve
    assert curve == draw_curve(epochs)
    assert len(curve) < 40_000


def test_forgetting_is_judged_and_comes_with_advice(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["den gamle hand"] * 20, ["den gamla hond"] * 20)
    html = write_report(folder, replace(record, base_model_sha256="a" * 64)).read_text(encoding="utf-8")
    sentence = "The new model forgot some of the old hand: CER on 20 lines of the old hand 0.0 % before, 14.3 % after"
    assert sentence in html
    assert "add some lines of the old hand to data.train" in html
    forgetting = json.loads((folder.out / "report" / "report.json").read_text(encoding="utf-8"))["forgetting"]
    assert (forgetting["outcome"], forgetting["lines"]) == ("worse", 20)


def test_nothing_forgotten_is_told_without_advice(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["den gamle hand"] * 20, ["den gamle hand"] * 20)
    html = write_report(folder, replace(record, base_model_sha256="a" * 64)).read_text(encoding="utf-8")
    assert "Nothing is shown to be forgotten: CER on 20 lines of the old hand 0.0 % before, 0.0 % after." in html
    assert "To forget less" not in html


def test_a_model_from_scratch_forgets_nothing(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["x"], ["den gamle hand"])
    assert "old hand" not in write_report(folder, record).read_text(encoding="utf-8")


def write_base_domain_table(folder: RunFolder, before: list[str], after: list[str]) -> None:
    rows = ["image\ttext\tbase_model_text\tbase_model_edits\tbest_val_text\tbest_val_edits"]
    rows += [
        f"/in/data/0/p/{n}.png\tden gamle hand\t{old}\t0\t{new}\t0"
        for n, (old, new) in enumerate(zip(before, after, strict=True))
    ]
    (folder.out / "report" / "base_domain_lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_a_cut_pages_hash_is_not_shown() -> None:
    assert page_name("/in/data/0/IMG_1-3cc68513022f") == "IMG_1"
    assert page_name("/in/data/0/my-page") == "my-page"
