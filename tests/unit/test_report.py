"""The report of a run, built from what a run leaves behind."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract import events
from loghi_runner.report.build import find, page_name
from loghi_runner.report.curve import draw_curve
from loghi_runner.report.read import read_run
from loghi_runner.report.run_report import write_run_report
from loghi_runner.report.write import write_comparison_report, write_evaluation_report
from loghi_runner.rundir import RunFolder, RunRecord
from loghi_runner.scoring.comparison import ReadLine
from tests.made_runs import PLAIN, make_run


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunFolder, RunRecord]:
    return make_run(tmp_path)


def test_it_answers_what_a_scholar_asks(run: tuple[RunFolder, RunRecord]) -> None:
    facts = read_run(*run)
    found = find(facts.test, facts.names, "test lines", "ð")
    assert found.comparison is not None
    assert {line.id for group in (found.worst, found.suspected) for line in group.lines} >= {"p1-3", "p0-1"}
    assert {line.id for line in found.comparison.suspected} == {"p1-3", "p0-1"}
    assert found.comparison.only_second_right == 1
    assert {(page.page, page.counts[1].lines) for page in found.page_scores} == {("p0", 2), ("p1", 2)}
    (new,) = found.new_characters
    assert (new.character, new.written, new.right) == ("ð", 1, 0)
    assert {"cer", "cer_lower", "cer_simple"} == set(found.loghi[0])


def test_a_line_is_shown_once_and_every_example_leads_to_one(run: tuple[RunFolder, RunRecord]) -> None:
    html = write_run_report(*run).read_text(encoding="utf-8")
    places = re.findall(r'id="(line-\d+)"', html)
    assert len(places) == len(set(places)) == 4
    links = re.findall(r'<a href="#([^"]+)"', html)
    assert links
    assert set(links) <= set(places)


def test_the_page_needs_no_other_file_and_escapes_texts(run: tuple[RunFolder, RunRecord]) -> None:
    html = write_run_report(*run).read_text(encoding="utf-8")
    assert "better." in html
    assert "<b>merkeleg" not in html
    assert "&lt;b&gt;merkeleg" in html
    assert html.count("data:image/webp;base64,") >= 3
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert len(html) < 400_000


def test_the_same_as_json(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_run_report(folder, record)
    report = json.loads((folder.out / "report" / "report.json").read_text(encoding="utf-8"))
    assert (report["verdict"], len(report["epochs"])) == ("better.", 4)
    assert report["test"]["lines"] == 4


def test_a_run_without_test_lines_has_a_report_that_says_so(tmp_path: Path) -> None:
    html = write_run_report(*make_run(tmp_path, ())).read_text(encoding="utf-8")
    assert "There were no test lines" in html


def test_the_curve_takes_its_colours_from_the_page_and_is_the_same_each_time() -> None:
    epochs = [events.Epoch(n, 3, 5.0, 0.4 - n / 10, 0.5, None, 3.0, True) for n in range(4)]
    curve = draw_curve(epochs)
    assert curve.startswith("<svg")
    assert "var(--accent)" in curve
    assert curve == draw_curve(epochs)
    assert len(curve) < 40_000


def test_the_curve_names_both_losses_and_older_runs_have_one() -> None:
    old = [events.Epoch(n, 3, 5.0, 0.4 - n / 10, 0.5, None, 3.0, True) for n in range(4)]
    new = [replace(epoch, val_loss=6.0) for epoch in old]
    assert [draw_curve(epochs).count("validation loss") for epochs in (old, new)] == [0, 1]
    assert draw_curve(new).count("training loss") == 1


def test_forgetting_is_judged_and_comes_with_advice(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["den gamle hand"] * 20, ["den gamla hond"] * 20)
    html = write_run_report(folder, record).read_text(encoding="utf-8")
    sentence = "The new model forgot some of the old hand: CER on 20 lines of the old hand 0.0 % before, 14.3 % after"
    assert sentence in html
    assert "add some lines of the old hand to data.train" in html
    forgetting = json.loads((folder.out / "report" / "report.json").read_text(encoding="utf-8"))["forgetting"]
    assert (forgetting["outcome"], forgetting["lines"]) == ("worse", 20)


def test_nothing_forgotten_is_told_without_advice(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["den gamle hand"] * 20, ["den gamle hand"] * 20)
    html = write_run_report(folder, record).read_text(encoding="utf-8")
    assert "Nothing is shown to be forgotten: CER on 20 lines of the old hand 0.0 % before, 0.0 % after." in html
    assert "To forget less" not in html


def test_a_model_from_scratch_forgets_nothing(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["x"], ["den gamle hand"])
    assert "old hand" not in write_run_report(folder, replace(record, base_model_sha256=None)).read_text(
        encoding="utf-8"
    )


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


LINES = [ReadLine(str(n), f"p{n % 2}", reference, (old, new)) for n, (reference, old, new) in enumerate(PLAIN)]


def test_two_readings_of_any_lines_have_a_report(tmp_path: Path) -> None:
    untranscribed = ReadLine("u", "p0", "", ("a", "b"))
    made = [("model A", "sha256 00ff")]
    html = write_comparison_report(tmp_path / "new", "A and B", ("A", "B"), [*LINES, untranscribed], {}, made=made)
    text = html.read_text(encoding="utf-8")
    assert "1 line without a transcription left out" in text
    assert "sha256 00ff" in text
    report = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert (report["kind"], report["findings"]["comparison"]["only_second_right"]) == ("comparison", 1)
    assert report["verdict"].replace(" %", "\u00a0%") in text


def test_without_any_transcription_it_says_how_they_differ(tmp_path: Path) -> None:
    lines = [ReadLine(line.id, line.page, "", line.readings) for line in LINES]
    text = write_comparison_report(tmp_path, "A and B", ("A", "B"), lines, {}).read_text(encoding="utf-8")
    assert "only a transcription can tell" in text
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["kind"], report["difference"]["equal"]) == ("difference", 2)


def test_one_model_has_a_report(tmp_path: Path) -> None:
    lines = [ReadLine(line.id, line.page, line.reference, line.readings[:1]) for line in LINES]
    text = write_evaluation_report(tmp_path, "base on these", "base", lines, {}).read_text(encoding="utf-8")
    assert "CER on 4 lines: 27.6\u00a0%" in text
    assert "by both models" not in text
    with pytest.raises(ValueError, match="transcription"):
        write_evaluation_report(tmp_path, "base", "base", [ReadLine("u", "p", "", ("a",))], {})


def test_differences_are_heard_and_not_only_seen(run: tuple[RunFolder, RunRecord]) -> None:
    html = write_run_report(*run).read_text(encoding="utf-8")
    heard = re.sub(r"<[^>]+>", "", html)
    assert "[wrong: d for ð]" in heard
    assert "[missing: e]" in heard


def test_loghis_own_files_are_written_too(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    report = folder.out / "report"
    (report / "val_lines.tsv").write_text((report / "test_lines.tsv").read_text(encoding="utf-8"), encoding="utf-8")
    write_run_report(folder, record)
    header, row, end = (report / "validation.csv").read_text(encoding="utf-8").split("\n")
    assert (header, end) == ("cer,cer_lower,cer_simple", "")
    # three wrong letters of 58 characters, 44 of which are a to z
    assert [float(each) for each in row.split(",")] == [3 / 58, 3 / 58, 3 / 44]
    assert (report / "test.csv").read_text(encoding="utf-8").startswith(header)
