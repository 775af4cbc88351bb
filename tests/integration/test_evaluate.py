"""`evaluate`, and `compare` of models, with a stand-in trainer that reads what the test lets it read."""

import json
from pathlib import Path

import jiwer
import pytest

from tests.integration.conftest import Workplace, write_base_model
from tests.unit.made_pages import write_pages

OPTIONS = ("--engine", "local", "--gpus", "none")
TRUTH = ["Den fyrste linja", "og den andre — her", "ei tredje, ja", "den fjerde", "og so ei til", "den siste"]
FAIR = ["Den fyrste linja", "og den andre her", "ei tredje, ja", "den fjerdc", "og so ei tit", "den siste"]
POOR = ["Dcn fyrste linja", "og dcn andrc her", "ei tredje ia", "dcn fjerdc", "og so ei tit", "den siste"]


def write_model(place: Workplace, name: str, texts: list[str]) -> None:
    """A stand-in model that reads these texts in the validation lines."""
    write_base_model(place.folder / name)
    (place.folder / name / f"says_{name}").touch()
    for number, text in enumerate(texts):
        (place.folder / f"data/val/page_0/line_{number}.{name}.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def models(workplace: Workplace) -> Workplace:
    rows = [f"val/page_0/line_{number}.png\t{text}" for number, text in enumerate(TRUTH)]
    (workplace.folder / "data/truth.txt").write_text("\n".join(rows), encoding="utf-8")
    write_model(workplace, "fair", FAIR)
    write_model(workplace, "poor", POOR)
    return workplace


def answer(place: Workplace, *arguments: str) -> dict:
    result = place.run(*arguments, *OPTIONS, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def test_scores_are_those_of_an_independent_library(models: Workplace) -> None:
    found = answer(models, "evaluate", "poor", "data/truth.txt")
    assert (found["lines"], found["pages"], found["skipped"]) == (6, 1, {})
    for variant, change in (("diplomatic", str), ("caseless", str.lower)):
        truth, read = [[change(text) for text in texts] for texts in (TRUTH, POOR)]
        assert found["scores"][variant]["cer"] == pytest.approx(jiwer.cer(truth, read))
        assert found["scores"][variant]["wer"] == pytest.approx(jiwer.wer(truth, read))
    letters = [["".join(filter(_is_plain, text.lower())) for text in texts] for texts in (TRUTH, POOR)]
    assert found["loghi"]["cer_simple"] == pytest.approx(jiwer.cer(*letters))
    words = [[" ".join(filter(None, map(_plain, text.lower().split()))) for text in texts] for texts in (TRUTH, POOR)]
    assert found["scores"]["letters"]["wer"] == pytest.approx(jiwer.wer(*words))
    assert found["scores"]["diplomatic"]["line_accuracy"] == pytest.approx(1 / 6)
    assert found["scores"]["diplomatic"]["intervals"]["cer"]["unit"] == "lines"


def test_the_output_holds_report_tables_and_loghis_files(models: Workplace) -> None:
    answer(models, "evaluate", "fair", "data/truth.txt", "-o", "out")
    out = models.folder / "out"
    header, row = (out / "validation.csv").read_text().splitlines()
    assert header == "cer,cer_lower,cer_simple"
    assert float(row.split(",")[0]) == pytest.approx(jiwer.cer(TRUTH, FAIR))
    results = [line.split("\t") for line in (out / "results.txt").read_text().splitlines()]
    assert [cells[2] for cells in results] == FAIR
    assert results[0][0] == "val/page_0/line_0.png"
    table = [line.split("\t") for line in (out / "lines.tsv").read_text().splitlines()]
    assert table[0] == ["image", "page", "text", "fair_text", "fair_edits", "fair_confidence"]
    assert [row[1:5] for row in table[1:3]] == [["page_0", TRUTH[0], FAIR[0], "0"], ["page_0", TRUTH[1], FAIR[1], "2"]]
    assert "data:image/webp" in (out / "report.html").read_text()
    assert json.loads((out / "report.json").read_text())["kind"] == "evaluation"
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    # again, over its own results, is no harm; over others' it is refused
    answer(models, "evaluate", "fair", "data/truth.txt", "-o", "out")
    assert models.run("evaluate", "fair", "data/truth.txt", "-o", "data", *OPTIONS).returncode == 2


def test_lines_left_out_are_counted_with_reasons(models: Workplace) -> None:
    with (models.folder / "data/truth.txt").open("a") as file:
        file.write("\nval/gone.png\ttekst\nval/page_0/line_0.png\t\n")
    found = answer(models, "evaluate", "fair", "data/truth.txt", "-o", "out")
    assert found["skipped"] == {"missing_image": 1, "empty_text": 1}
    assert (models.folder / "out/skipped_lines.tsv").read_text().count("\n") == 3
    shown = models.run("evaluate", "fair", "data/truth.txt", *OPTIONS).stdout
    assert "2 lines: 1 empty_text, 1 missing_image" in shown


def test_a_persons_answer_fits_the_terminal(models: Workplace) -> None:
    shown = models.run("evaluate", "fair", "data/truth.txt", *OPTIONS).stdout
    for label in ("every character", "upper = lower case", "letters a-z, digits"):
        (row,) = (line for line in shown.splitlines() if line.startswith(label))
        assert len(row) <= 80
        assert row.count("%") == 3
    assert "val/page_0" not in shown
    assert "line_3" in shown


def test_pages_are_cut_read_and_scored(workplace: Workplace) -> None:
    write_pages(workplace.folder / "pages", 2, lines=3)
    found = answer(workplace, "evaluate", "base", "pages")
    # the stand-in reads the name of each line's image
    assert (found["lines"], found["pages"]) == (6, 2)
    assert found["scores"]["diplomatic"]["line_accuracy"] == 0


def test_a_runs_test_lines_are_found_again(models: Workplace) -> None:
    config = models.config.read_text().replace("validation: data/val.txt", "validation: data/val.txt, test: data/t.txt")
    (models.folder / "data/t.txt").write_text((models.folder / "data/truth.txt").read_text())
    models.config.write_text(config)
    assert models.finetune().returncode == 0
    found = answer(models, "evaluate", "fair", "last")
    assert found["loghi"]["cer"] == pytest.approx(jiwer.cer(TRUTH, FAIR))
    assert found["data"] == "the test lines of run bonnevie"


def test_a_run_without_test_lines_says_so(workplace: Workplace) -> None:
    assert workplace.finetune().returncode == 0
    result = workplace.run("evaluate", "base", "last", *OPTIONS)
    assert result.returncode == 3
    assert "had no test lines" in result.stderr


def test_two_models_are_compared_on_the_same_lines(models: Workplace) -> None:
    found = answer(models, "compare", "poor", "fair", "data/truth.txt", "-o", "out")
    assert found["comparison"]["judgement"]["outcome"] == "better"
    assert [each["model"] for each in found["models"]] == ["poor", "fair"]
    assert found["loghi"][1]["cer"] == pytest.approx(jiwer.cer(TRUTH, FAIR))
    out = models.folder / "out"
    assert (out / "fair/validation.csv").is_file()
    assert [row.split("\t")[2] for row in (out / "poor/results.txt").read_text().splitlines()] == POOR
    assert "slips in the transcription" in (out / "report.html").read_text()
    shown = models.run("compare", "poor", "fair", "data/truth.txt", *OPTIONS).stdout
    assert "fair is better: CER on 6 lines" in shown
    assert "points, 95 %" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "%)" in line or line.startswith("  "))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("fair", "poor"), "no lines are named for them to read"),
        (("fair", "pages", "data/truth.txt"), "fair is a model, and pages is none"),
        (("pages", "pages", "data/truth.txt"), "what is data/truth.txt for?"),
        (("fair", "poor", "data/truth.txt", "--truth", "pages"), "--truth is for folders"),
        (("fair", "poor", "data/truht.txt"), "neither a line list, nor a folder of pages, nor a run"),
        (("fair", "poor", "data/truth.txt", "pages"), "not all of them are line lists"),
    ],
)
def test_what_does_not_go_together_is_told(models: Workplace, arguments: tuple[str, ...], told: str) -> None:
    write_pages(models.folder / "pages", 1)
    result = models.run("compare", *arguments, *OPTIONS)
    assert result.returncode == 2
    assert told in result.stderr


def test_two_folders_of_pages_give_a_report_too(workplace: Workplace) -> None:
    for name in ("a", "b"):
        write_pages(workplace.folder / name, 2)
    xml = workplace.folder / "b/page/p00.xml"
    xml.write_text(xml.read_text().replace("line 1", "linc 1"))
    assert workplace.run("compare", "a", "b", "-o", "out").returncode == 0
    assert json.loads((workplace.folder / "out/report.json").read_text())["kind"] == "difference"
    assert workplace.run("compare", "b", "a", "--truth", "a", "-o", "out").returncode == 0
    assert json.loads((workplace.folder / "out/report.json").read_text())["kind"] == "comparison"
    assert workplace.run("compare", "a", "b", "-o", "a/out").returncode == 2


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _plain(word: str) -> str:
    return "".join(filter(_is_plain, word))


def test_a_models_name_is_that_of_its_run(models: Workplace) -> None:
    from loghi_runner.models.find import find_model

    assert models.finetune().returncode == 0
    best = models.run_dir / "out/model/best_val"
    assert find_model(str(best)).name == "bonnevie"
    assert find_model(str(models.run_dir)).folder == best
    loghi = models.folder / "runs_of_loghi/mine/best_val"
    loghi.mkdir(parents=True)
    assert find_model(str(loghi)).name == "mine"
    assert find_model(str(Path(models.folder / "fair"))).name == "fair"


def test_lines_that_a_run_learnt_from_are_no_test_of_it(models: Workplace) -> None:
    models.scenario = "gives_a_model"
    assert models.finetune().returncode == 0
    refused = models.run("evaluate", "last", "data/train.txt", *OPTIONS)
    assert refused.returncode == 3
    assert "bonnevie learnt from all 24 lines of train.txt, or they chose it" in " ".join(refused.stderr.split())
    with (models.folder / "data/truth.txt").open("a") as file:
        for number in range(2):
            (models.folder / f"data/new_{number}.png").write_bytes(
                (models.folder / f"data/train/page_0/line_{number}.png").read_bytes() + bytes(number + 1)
            )
            file.write(f"\nnew_{number}.png\tei ny linje")
    best_val = str(models.run_dir / "out/model/best_val")
    for arguments in (("evaluate", "last"), ("evaluate", best_val), ("compare", "fair", "last")):
        result = models.run(
            *arguments, "data/truth.txt", *OPTIONS, "--json", "-o", f"out{len(arguments)}{arguments[-1][-1]}"
        )
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout)
        assert (found["lines"], found["skipped"]) == (2, {"learnt": 6})
    told = models.run("evaluate", "last", "data/truth.txt", *OPTIONS).stderr
    assert "6 of 8 lines are taken out: bonnevie learnt from them, or they chose it" in " ".join(told.split())
    assert "6 lines left out" in (models.folder / "out2t/report.html").read_text()
