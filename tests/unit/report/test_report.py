"""The report of a run, built from what a run leaves behind."""

import json
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from loghi_contract import events
from loghi_contract.language_model import OnValidation, TextSource
from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Mount
from loghi_runner.evaluation.results import ReadLine, Results, difference
from loghi_runner.finetuning.data_hashes import data_sha256, image_hashes
from loghi_runner.line_pages import page_name
from loghi_runner.report.charts import draw_curve
from loghi_runner.report.shown import choose_errors
from loghi_runner.report.words import character_label
from loghi_runner.report.write import write_difference, write_results
from loghi_runner.runs.folder import RunFolder, RunRecord, UsedCard
from loghi_runner.runs.run_report import read_run, write_run_report
from tests.made_runs import EPOCHS, FINISHED, PLAIN, make_run, skip_lines


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunFolder, RunRecord]:
    return make_run(tmp_path)


def test_it_answers_what_a_scholar_asks(run: tuple[RunFolder, RunRecord]) -> None:
    results = read_run(*run).test
    assert results is not None
    errors = choose_errors(results, "ð")
    assert results.comparison is not None
    assert {line.id for group in (errors.worst, errors.suspected) for line in group.lines} >= {"p1-3", "p0-1"}
    assert {line.id for line in results.comparison.suspected} == {"p1-3", "p0-1"}
    assert results.comparison.only_second_right == 1
    assert {(page.page, page.counts[1].lines) for page in results.page_scores} == {("p0", 2), ("p1", 2)}
    (new,) = errors.new_characters
    assert (new.character, new.written, new.right) == ("ð", 1, 0)
    assert {"cer", "cer_lower", "cer_simple"} == set(results.loghi[0])


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


def test_what_the_language_model_does_to_words_and_lines_is_shown(tmp_path: Path) -> None:
    said = OnValidation(50, 0.1, 0.04, 0.7)
    told = events.LanguageModel(6, (TextSource("training lines", 2, 20),), said)
    folder, record = make_run(tmp_path, PLAIN, *EPOCHS, told, FINISHED)
    (folder.job_dir / "lists").mkdir()
    (folder.job_dir / "lists/train.txt").write_text("a.png\tsiste dag\nb.png\talle ord\n", encoding="utf-8")
    table = folder.out / "report/test_lines.tsv"
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    read = [row.split("\t")[4].replace("ort", "ord") for row in rows]
    rows = [f"{row}\t{text}\t0" for row, text in zip(rows, read, strict=True)]
    table.write_text("\n".join([f"{header}\tbest_val_lm_text\tbest_val_lm_edits", *rows, ""]), encoding="utf-8")

    html = write_run_report(folder, record).read_text(encoding="utf-8")

    assert "It changed 1 of 4 test lines" in html
    shown = json.loads((folder.report_dir / "report.json").read_text(encoding="utf-8"))["language_model"]
    assert shown["words"][0] == {"kind": "in the texts learnt from", "words": 4, "right": [2, 3]}
    [changed] = shown["changed"]
    assert (changed["reference"], changed["by_image"]) == ("siste ord", "siste ort")


def test_forgetting_is_judged_and_comes_with_advice(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_base_domain_table(folder, ["den gamle hand"] * 20, ["den gamla hond"] * 20)
    html = write_run_report(folder, record).read_text(encoding="utf-8")
    sentence = "The new model forgot some of the old hand: CER on 20 lines of the old hand 0.0 % before, 14.3 % after"
    assert sentence in html
    assert "have lines of the old hand mixed in (data.old_hand)" in html
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


LINES = tuple(ReadLine(str(n), f"p{n % 2}", reference, (old, new)) for n, (reference, old, new) in enumerate(PLAIN))


def test_two_readings_of_any_lines_have_a_report(tmp_path: Path) -> None:
    made = [("model A", "sha256 00ff")]
    html = write_results(tmp_path / "new", "A and B", Results(LINES, ("A", "B")), {}, ["a note"], made)
    text = html.read_text(encoding="utf-8")
    assert "a note" in text
    assert "sha256 00ff" in text
    report = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert (report["kind"], report["findings"]["comparison"]["only_second_right"]) == ("comparison", 1)
    assert report["verdict"].replace(" %", "\u00a0%") in text


def test_without_any_transcription_it_says_how_they_differ(tmp_path: Path) -> None:
    names = ("A", "B")
    text = write_difference(tmp_path, "A and B", names, difference(LINES, names)).read_text(encoding="utf-8")
    assert "only a transcription can tell" in text
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["kind"], report["difference"]["equal"]) == ("difference", 2)


def test_one_model_has_a_report(tmp_path: Path) -> None:
    lines = tuple(ReadLine(line.id, line.page, line.reference, line.readings[:1]) for line in LINES)
    text = write_results(tmp_path, "base on these", Results(lines, ("base",)), {}).read_text(encoding="utf-8")
    assert "CER on 4 lines: 27.6\u00a0%" in text
    assert "by both models" not in text
    with pytest.raises(ValueError, match="no lines"):
        Results((), ("base",))


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


def test_what_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    never_better = events.Finished(events.FinishStatus.COMPLETED, 0, 0.4, "model/best_val")
    stopped = events.Finished(events.FinishStatus.CANCELLED, 1, 0.3, "model/best_val")
    plain, record = make_run(tmp_path / "a", PLAIN, *EPOCHS[:1], never_better)
    html = write_run_report(plain, record).read_text(encoding="utf-8")
    assert "No epoch was better than the base model" in html
    assert "Perhaps slips" not in html

    scratch, record = make_run(tmp_path / "b")
    html = write_run_report(scratch, replace(record, base_model_sha256=None)).read_text(encoding="utf-8")
    assert "there is no base model to compare it with" in html

    unread, record = make_run(tmp_path / "c", PLAIN, *EPOCHS[:2], stopped)
    (unread.out / "report" / "test_lines.tsv").unlink()
    html = write_run_report(unread, record).read_text(encoding="utf-8")
    assert "stopped before the new model had read the test lines" in html

    moved, record = make_run(tmp_path / "d")
    html = write_run_report(moved, replace(record, data_folders=("/gone",))).read_text(encoding="utf-8")
    assert "The line images are not where they were" in html
    assert "<img" not in html


def test_the_run_can_be_cited_and_made_again(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    skip_lines(folder, ["missing_image", "missing_image", "empty_text"])
    html = write_run_report(folder, record).read_text(encoding="utf-8")
    hashes = ("sha256 " + "b" * 64, "images and texts sha256 " + "c" * 64)
    machine = "AMD EPYC (family 25, model 17), 2 cores, a batch in 2 parts"
    for told in (
        *hashes,
        machine,
        "keras 3.15.1, tensorflow 2.21.0, python 3.11.2",
        "training 0:05",
        "learning rate 0.001",
        "<td>17</td>",
    ):
        assert told in html
    assert re.search("<td[^>]*>2</td><td>the image does not exist</td>", html)


def test_a_run_on_a_card_tells_its_card_its_driver_and_its_energy(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    events_file = folder.events_file
    events_file.write_text(events_file.read_text().replace('"kind":"cpu"', '"kind":"gpu"'))
    on_card = replace(
        record, device="gpu", cards=(UsedCard("H100", "9.0"),), driver="570.1", energy_j=1.8e6, reproduces="2026-a"
    )
    html = write_run_report(folder, on_card).read_text(encoding="utf-8")
    for told in ("H100 (compute capability 9.0), driver 570.1", "0.500 kWh", "AMD EPYC", "run 2026-a"):
        assert told in html
    made = json.loads((folder.report_dir / "report.json").read_text())["made_of"]
    assert (made["cards"], made["cores"]) == ([{"name": "H100", "capability": "9.0"}], 2)


def test_what_a_report_tells_of_its_making_names_no_folder_of_models(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    write_run_report(folder, replace(record, base_model_folder="/secret/models"))
    for name in ("report.html", "report.json"):
        assert "/secret" not in (folder.report_dir / name).read_text()


def test_lines_of_one_name_are_told_apart(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    table = folder.out / "report" / "test_lines.tsv"
    table.write_text(re.sub(r"p\d-(\d)\.png", "line.png", table.read_text(encoding="utf-8")), encoding="utf-8")
    results = read_run(folder, record).test
    assert results is not None
    names = [line.id for line in results.lines]
    assert len(set(names)) == len(names) == 4


def test_right_to_left_lines_run_from_right_to_left(tmp_path: Path) -> None:
    lines = [("السلام عليكم", "السلم عليكم", "السلام عليكم."), *PLAIN]
    html = write_run_report(*make_run(tmp_path, lines)).read_text(encoding="utf-8")
    assert '<dd dir="rtl">السلام عليكم</dd>' in html
    assert '<dd dir="ltr">siste ord</dd>' in html


@pytest.mark.parametrize(
    ("character", "label"),
    [("", "nothing"), (" ", "blank"), ("a", "a"), ("ð", "ð"), ("’", "’ (U+2019)"), ("\u0301", "◌\u0301 (U+0301)"),
     ("\u00a0", "no-break space (U+00A0)"), ("\u200d", "zero width joiner (U+200D)")],
)  # fmt: skip
def test_every_character_can_be_told_from_others(character: str, label: str) -> None:
    assert character_label(character) == label


def test_a_splits_hash_is_that_of_its_images_and_texts(tmp_path: Path) -> None:
    def sha256_of(folder: str, line: LineSample) -> dict[str, str]:
        lists = {"train": [line]}
        mounts = [Mount(tmp_path / folder, PurePosixPath("/in/data/0"), True)]
        return data_sha256(lists, image_hashes(lists, mounts), ())

    def hashed(folder: str, text: str, grey: int) -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("L", (9, 9), grey).save(tmp_path / folder / "a.png")
        return sha256_of(folder, LineSample("/in/data/0/a.png", text, 1.0, "list:1"))["train"]

    first = hashed("here", "ein", 1)
    assert first == hashed("elsewhere", "ein", 1)
    assert first != hashed("here", "eit", 1)
    assert first != hashed("here", "ein", 2)
    assert sha256_of("here", LineSample("/in/data/0/no.png", "ein", 1.0, "list:1")) == {}
