"""Reading with the language model beside a model, with a stand-in trainer that reads every `1` as a `7` by it."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from loghi_contract.language_model import OnValidation
from loghi_runner.recognition.recognized import was_guided
from tests.made_language_model import write_language_model
from tests.unit.made_pages import write_pages

OPTIONS = ("--engine", "local", "--gpus", "none")
HELPED, HARMED = OnValidation(50, 0.1, 0.04, 0.7), OnValidation(50, 0.1, 0.11, 0.2)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "recognized.json"}


def test_lists_are_read_with_it_and_what_the_image_alone_says_stays_beside(workplace) -> None:
    write_language_model(workplace.folder / "base", HELPED)

    result = workplace.run("recognize", "base", "data/val.txt", "-o", "read", *OPTIONS)

    assert result.returncode == 0, result.stderr
    read, by_image = (
        [row.split("\t")[2] for row in (workplace.folder / "read" / name).read_text().splitlines()]
        for name in ("results.txt", "results_by_image.txt")
    )
    assert "line_1" in by_image
    assert read == [text.replace("1", "7") for text in by_image]
    told = " ".join(result.stdout.split())
    assert "used: learnt from 2 training lines; CER on 50 validation lines: 10.0 % without, 4.0 % with it" in told
    assert "1 line read otherwise than by the image alone" in told


def test_pages_carry_both_texts_where_they_differ_and_the_page_to_look_at_marks_them(workplace) -> None:
    write_language_model(workplace.folder / "base", HELPED)
    write_pages(workplace.folder / "pages", 1, lines=2)

    result = workplace.run("recognize", "base", "pages", "-o", "read", *OPTIONS, "--html", "--json")

    assert json.loads(result.stdout)["changed_by_language_model"] == 1
    assert was_guided(workplace.folder / "read")
    xml = (workplace.folder / "read/p00.xml").read_text()
    assert xml.index("p00-l7") < xml.index("p00-l1")
    assert xml.count('index="1"') == xml.count('index="2"') == 1
    page = (workplace.folder / "read/recognized.html").read_text()
    assert "It changed 1 line" in page
    assert "p00-l1</p>" in page


@pytest.mark.parametrize(("validation", "option"), [(HELPED, "off"), (HARMED, "auto"), (None, "auto")])
def test_without_it_all_is_as_if_there_were_none(workplace, validation: OnValidation | None, option: str) -> None:
    write_pages(workplace.folder / "pages", 1)
    assert workplace.run("recognize", "base", "pages", "-o", "before", *OPTIONS).returncode == 0
    write_language_model(workplace.folder / "base", validation)

    result = workplace.run("recognize", "base", "pages", "-o", "after", *OPTIONS, "--lm", option)

    assert result.returncode == 0, result.stderr
    assert files(workplace.folder / "after") == files(workplace.folder / "before")
    assert "not used" in result.stdout
    assert not was_guided(workplace.folder / "after")


def test_an_evaluation_says_what_it_is_with_and_without(workplace) -> None:
    write_language_model(workplace.folder / "base", HELPED)
    images = [row.split("\t")[0] for row in (workplace.folder / "data/val.txt").read_text().splitlines()]
    rows = [f"{image}\t{Path(image).stem}\n" for image in images]
    (workplace.folder / "data/mine.txt").write_text("".join(rows))

    result = workplace.run("evaluate", "base", "data/mine.txt", "-o", "scores", *OPTIONS, "--json")

    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["language_model"].startswith("used: ")
    assert answer["cer_by_image"] == 0
    assert answer["scores"]["diplomatic"]["cer"] > 0
    header, *rows = (workplace.folder / "scores/lines.tsv").read_text().splitlines()
    places = {name: number for number, name in enumerate(header.split("\t"))}
    cells = [row.split("\t") for row in rows]
    assert [row[places["base_by_image_text"]].replace("1", "7") for row in cells] == [
        row[places["base_text"]] for row in cells
    ]


def test_an_evaluation_of_a_run_says_which_kinds_of_words_it_mends_and_spoils(workplace) -> None:
    workplace.scenario = "gives_a_model"
    write_language_model(workplace.folder / "base", HELPED)
    assert workplace.finetune().returncode == 0
    learnt = (workplace.folder / "data/train.txt").read_text().splitlines()[0].split("\t")[1].split()[0]
    # the stand-in reads an image's name, and with the language model a 7 for each 1
    texts = [f"line_0 {learnt}", "line_1", "Line_2"]
    rows = []
    for number, text in enumerate(texts):
        image = workplace.folder / f"data/new/line_{number}.png"
        image.parent.mkdir(exist_ok=True)
        image.write_bytes((workplace.folder / "data/val/page_0/line_0.png").read_bytes() + bytes(number + 1))
        rows.append(f"new/line_{number}.png\t{text}\n")
    (workplace.folder / "data/mine.txt").write_text("".join(rows))

    result = workplace.run("evaluate", "last", "data/mine.txt", "-o", "scores", *OPTIONS, "--json")

    assert result.returncode == 0, result.stderr
    rows = {row["kind"]: (row["words"], row["right"]) for row in json.loads(result.stdout)["words"]}
    assert rows == {
        "in the texts learnt from": (1, [0, 0]),
        "not in them": (3, [2, 1]),
        "not in them, with a capital (names)": (1, [0, 0]),
        "with a digit": (3, [2, 1]),
    }
    report = (workplace.folder / "scores/report.html").read_text()
    assert "right by the image alone" in report and "not in them, with a capital (names)" in report
    shown = " ".join(workplace.run("evaluate", "last", "data/mine.txt", *OPTIONS).stdout.split())
    assert "3 words not in them: 33.3 % right, by the image alone 66.7 % right" in shown


@pytest.mark.parametrize(("option", "told"), [("auto", "Language model used: "), ("off", "Language model not used (")])
def test_pages_to_transcribe_next_are_read_with_it(workplace, option: str, told: str) -> None:
    write_language_model(workplace.folder / "base", HELPED)
    write_pages(workplace.folder / "pages", 2)

    result = workplace.run("next-pages", "base", "pages", "--with-text", *OPTIONS, "--lm", option)

    assert result.returncode == 0, result.stderr
    assert told in " ".join(result.stdout.split())


def test_a_comparison_says_which_model_was_read_with_it(workplace) -> None:
    shutil.copytree(workplace.folder / "base", workplace.folder / "other")
    write_language_model(workplace.folder / "base", HELPED)

    result = workplace.run("compare", "base", "other", "data/val.txt", *OPTIONS)

    assert result.returncode == 0, result.stderr
    told = " ".join(result.stdout.split())
    assert "compared with its language model: base; by the image alone: other" in told


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("lm.json", "{", "lm/lm.json cannot be read"),
        ("ngrams.json.gz", "", "lm/ngrams.json.gz is damaged"),
        ("ngrams.json.gz", None, "lm/ngrams.json.gz cannot be read: No such file or directory\n"),
    ],
)
def test_a_damaged_one_ends_the_reading_before_it_begins(workplace, file: str, content: str | None, said: str) -> None:
    write_language_model(workplace.folder / "base", HELPED)
    part = workplace.folder / "base/lm" / file
    part.unlink()
    if content is not None:
        part.write_text(content)

    result = workplace.run("recognize", "base", "data/val.txt", "-o", "read", *OPTIONS)

    assert result.returncode == 3
    assert f"the language model beside the model cannot be used: {said}" in result.stderr
    assert f"where: {workplace.folder}/base/lm\n" in result.stderr
    assert "--lm off" in result.stderr
    assert workplace.run("recognize", "base", "data/val.txt", "-o", "read", *OPTIONS, "--lm", "off").returncode == 0


def test_an_exported_folder_has_it_and_says_what_it_holds(workplace) -> None:
    write_language_model(workplace.folder / "base", HELPED)

    result = workplace.run("export", "base", "given")

    assert result.returncode == 0, result.stderr
    for name in ("lm.json", "ngrams.json.gz"):
        original = workplace.folder / "base/lm" / name
        assert (workplace.folder / "given/lm" / name).read_bytes() == original.read_bytes()
    assert "pieces of the training texts" in result.stderr
    assert "Loghi itself does not look at it" in " ".join(result.stderr.split())


@pytest.mark.parametrize("target", ["given", "given.mlmodel"])
def test_an_export_says_what_kraken_reads_with_or_leaves_the_language_model_here(workplace, target: str) -> None:
    write_language_model(workplace.folder / "base", HELPED)

    with_it = workplace.run("export", "base", "one.mlmodel")
    without = workplace.run("export", "base", target, "--lm", "off")

    assert "kraken reads with it, too" in " ".join(with_it.stderr.split())
    assert "stays here: what was exported reads by the image alone" in " ".join(without.stderr.split())
    assert not (workplace.folder / "given/lm").exists()
    if target == "given.mlmodel":
        inside = [zipfile.ZipFile(workplace.folder / name).namelist() for name in ("one.mlmodel", target)]
        assert set(inside[0]) - set(inside[1]) == {"lm/lm.json", "lm/ngrams.json.gz"}


def test_more_texts_reach_the_trainer_and_a_run_made_again_has_the_same(workplace) -> None:
    (workplace.folder / "more.txt").write_text("  en tekst til \n\nog en\n")

    assert workplace.finetune("--set", "text.more=more.txt").returncode == 0

    (workplace.folder / "more.txt").unlink()
    first = workplace.run_dir
    assert workplace.run("reproduce", str(first)).returncode == 0
    [again] = [path for path in first.parent.glob("[!.]*") if path != first and path.is_dir()]
    for run in (first, again):
        assert (run / "in/lists/more_texts.txt").read_text() == "en tekst til\nog en\n"
        assert json.loads((run / "in/job.json").read_text())["more_texts"] == "/in/job/lists/more_texts.txt"


def test_more_texts_belong_to_what_a_run_was_made_of(workplace) -> None:
    (workplace.folder / "more.txt").write_text("en tekst til\n")
    assert workplace.finetune("--set", "text.more=more.txt").returncode == 0
    first = workplace.run_dir
    made = json.loads((first / "out/report/report.json").read_text())["made_of"]
    assert made["data_sha256"]["text.more"] == hashlib.sha256(b"en tekst til\n").hexdigest()
    assert "texts of text.more" in (first / "out/report/report.html").read_text()

    (workplace.folder / "more.txt").write_text("en anden\n")
    assert workplace.finetune("--set", "text.more=more.txt").returncode == 0
    [second] = [path for path in first.parent.glob("[!.]*") if path != first and path.is_dir()]
    assert "texts of text.more" in " ".join(workplace.run("diff", str(first), str(second)).stdout.split())

    (first / "in/lists/more_texts.txt").write_text("en anden\n")
    refused = workplace.run("reproduce", str(first))
    assert refused.returncode == 3
    assert "the texts of text.more in the run's own folder are not what they were" in " ".join(refused.stderr.split())


def test_texts_that_hold_the_test_lines_end_the_run_before_it_begins(workplace) -> None:
    rows = [row.split("\t") for row in (workplace.folder / "data/val.txt").read_text().splitlines()]
    long = [f"{image}\t{text} og noget mere der er skrevet her {number}" for number, (image, text) in enumerate(rows)]
    (workplace.folder / "data/val.txt").write_text("".join(f"{row}\n" for row in long))
    (workplace.folder / "more.txt").write_text("".join(row.split("\t")[1] + "\n" for row in long))

    result = workplace.finetune("--set", "text.more=more.txt")

    assert result.returncode == 3
    assert "hold what the model is judged by" in result.stderr
