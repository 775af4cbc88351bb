"""A model reads lines that are cut as its own were, whichever command asks it to read, and when handed on, too."""

import json
import zipfile
from pathlib import Path

import pytest

from loghi_runner.runs.folder import RunFolder
from tests.integration.conftest import Result, Workplace
from tests.unit.made_pages import MadeLine, write_page, write_pages

CHOOSING_TRAINER = Path(__file__).parents[1] / "choosing_trainer.py"
OPTIONS = ("--engine", "local", "--gpus", "none")


def write_project(workplace: Workplace, cut: str) -> None:
    """Pages to learn from, a config that cuts them so, and other pages to read."""
    write_pages(workplace.folder / "pages", 3)
    write_page(workplace.folder / "others", "q", [MadeLine(f"l{n}", f"line {n}", 60 + 70 * n) for n in range(4)])
    workplace.config.write_text(
        f"name: bonnevie\nbase_model: base\ndata: {{pages: pages, cut: {cut}}}\noutput: runs\n"
        "engine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )


@pytest.fixture
def trained(workplace: Workplace) -> Workplace:
    """A run on pages whose lines were cut by their outline; other pages to read."""
    write_project(workplace, "polygon")
    workplace.scenario = "gives_a_model"
    result = workplace.finetune()
    assert result.returncode == 0, result.stderr
    return workplace


def read(place: Workplace, *arguments: str) -> Result:
    result = place.run(*arguments, *OPTIONS)
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.parametrize("named", ["last", "runs/{run}/out/model/best_val", "runs/{run}", "handed on"])
def test_pages_are_cut_as_the_models_own(trained: Workplace, named: str) -> None:
    trained.run("export", "last", "handed on")
    result = read(trained, "recognize", named.format(run=trained.run_dir.name), "others", "-o", "read")
    assert json.loads((trained.folder / "read/recognized.json").read_text())["cut"] == "polygon"
    assert "lines are cut as those that" in " ".join(result.stderr.split())


def test_what_is_asked_for_wins_and_the_difference_is_told(trained: Workplace) -> None:
    result = read(trained, "recognize", "last", "others", "-o", "read", "--cut", "loghi")
    assert json.loads((trained.folder / "read/recognized.json").read_text())["cut"] == "loghi"
    assert "bonnevie learnt from lines cut as polygon; cut as loghi" in " ".join(result.stderr.split())
    result = read(trained, "recognize", "base", "others", "-o", "read")
    assert json.loads((trained.folder / "read/recognized.json").read_text())["cut"] == "loghi"
    assert "cut as" not in result.stderr


def test_a_model_is_scored_on_lines_cut_as_its_own(trained: Workplace) -> None:
    found = json.loads(read(trained, "evaluate", "last", "others", "--json").stdout)
    assert (found["cut"], found["lines"]) == ("polygon", 4)
    assert "lines cut as" in read(trained, "evaluate", "last", "others").stdout


def test_each_of_two_models_gets_lines_cut_as_its_own(trained: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    from loghi_runner.compare import truth_lines

    made: list[str] = []
    real = truth_lines.cut_temporarily

    def noted(folder, text, cut, work, *rest, **options):
        made.append(cut.value)
        return real(folder, text, cut, work, *rest, **options)

    monkeypatch.setattr(truth_lines, "cut_temporarily", noted)
    found = json.loads(read(trained, "compare", "base", "last", "others", "--json").stdout)
    assert [model["cut"] for model in found["models"]] == ["loghi", "polygon"]
    assert (found["lines"], made) == (4, ["loghi", "polygon"])
    read(trained, "compare", "base", "last", "others", "--cut", "polygon", "-o", "out")
    assert made[2:] == ["polygon"]
    assert "polygon" in (trained.folder / "out/report.html").read_text()


def test_pages_are_ranked_by_lines_cut_as_the_models_own(trained: Workplace) -> None:
    result = read(trained, "next-pages", "last", "others", "--with-text")
    assert "lines are cut as those that bonnevie learnt from: polygon" in " ".join(result.stderr.split())


def test_the_way_of_cutting_travels_with_the_model(trained: Workplace) -> None:
    best_val = trained.run_dir / "out/model/best_val"
    assert trained.run("export", "last", "handed on").returncode == 0
    assert trained.run("export", str(best_val), "new.mlmodel").returncode == 0
    assert trained.run("export", "handed on", "again.mlmodel").returncode == 0
    markers = [json.loads((trained.folder / "handed on/loghi.json").read_text())]
    for name in ("new.mlmodel", "again.mlmodel"):
        with zipfile.ZipFile(trained.folder / name) as archive:
            markers.append(json.loads(archive.read("loghi.json")))
    told = [(marker["cut"], marker["name"], marker["val_cer"]) for marker in markers]
    assert told == [("polygon", "bonnevie", 0.098)] * 3
    # for Loghi it stays what it was: one model, and its parts
    assert {path.name for path in (trained.folder / "handed on").iterdir()} == {
        "loghi.json", "README.md", *(path.name for path in best_val.iterdir()),
    }  # fmt: skip


@pytest.fixture
def chosen(workplace: Workplace) -> Workplace:
    """A run that tried three cuts, and took the last; other pages to read."""
    write_project(workplace, "auto")
    workplace.trainer, workplace.scenario = CHOOSING_TRAINER, "chooses_the_last"
    result = workplace.finetune()
    assert result.returncode == 0, result.stderr
    told = " ".join(result.stderr.split())
    assert "cut loghi or cut polygon or cut straight, 2 epochs each" in told
    assert "trying cut polygon, epoch 2 of 2: CER 25.0 %" in told
    assert "data.cut: cut straight. CER after 2 epochs each, on 6 validation lines: cut loghi 30.0 %" in told
    return workplace


def test_a_run_remembers_the_cut_that_it_chose(chosen: Workplace) -> None:
    record = json.loads((chosen.run_dir / "run.json").read_text())
    assert record["chosen"]["way"] == "straight"
    assert len(record["prepared"]) == 9, "the line images of all ways are kept while the run is"
    assert "cut straight. CER after 2 epochs" in chosen.run("show", "last").stdout
    assert "cut straight. CER after 2 epochs" in (chosen.run_dir / "out/report/report.html").read_text()
    images = [line.image for line in RunFolder(chosen.run_dir).read_list("train") or ()]
    host = {
        json.loads(file.read_text())["cut"] for file in (chosen.folder / "runs").glob(".prepared/lines/*/page.json")
    }
    assert host == {"loghi", "polygon", "straight"}
    store = chosen.folder / "runs/.prepared/lines"
    cuts = {json.loads((store / Path(image).parent.name / "page.json").read_text())["cut"] for image in images}
    assert cuts == {"straight"}


def test_what_reads_with_the_chosen_cut_cuts_so(chosen: Workplace) -> None:
    read(chosen, "recognize", "last", "others", "-o", "read")
    assert json.loads((chosen.folder / "read/recognized.json").read_text())["cut"] == "straight"
    assert json.loads(read(chosen, "evaluate", "last", "others", "--json").stdout)["cut"] == "straight"
    read(chosen, "recognize", str(chosen.run_dir / "out/model/best_val"), "others", "-o", "again")
    assert json.loads((chosen.folder / "again/recognized.json").read_text())["cut"] == "straight"


def test_export_says_what_loghi_itself_will_see(chosen: Workplace) -> None:
    result = chosen.run("export", "last", "handed on")
    said = " ".join((result.stdout + result.stderr).split())
    assert "it learnt from lines cut as straight, and Loghi's own inference cuts all lines its own way" in said
    assert json.loads((chosen.folder / "handed on/loghi.json").read_text())["format"] == 2


def test_a_run_that_chose_is_made_again_with_all_its_ways(chosen: Workplace) -> None:
    chosen.run("reproduce", "last")
    first, again = sorted(path for path in (chosen.folder / "runs").iterdir() if path.name[0] == "2")
    for name in ("train", "straight/train", "polygon/val"):
        lists = [(run / f"in/lists/{name}.txt").read_text() for run in (first, again)]
        assert lists[0] == lists[1]


def test_what_reads_with_a_model_of_levelled_lines_levels_them(workplace: Workplace) -> None:
    write_page(workplace.folder / "others", "q", [MadeLine(f"l{n}", f"line {n}", 60 + 70 * n) for n in range(4)])
    workplace.trainer, workplace.scenario = CHOOSING_TRAINER, "chooses_the_last"
    assert workplace.finetune("--set", "data.straighten=auto").returncode == 0
    result = read(workplace, "recognize", "last", "others", "-o", "read")
    assert "cut as polygon, and levelled" in " ".join(result.stderr.split())
    record = json.loads((workplace.folder / "read/recognized.json").read_text())
    assert (record["cut"], record["straightened"]) == ("polygon", True)
    workplace.run("export", "last", "new.mlmodel")
    with zipfile.ZipFile(workplace.folder / "new.mlmodel") as archive:
        marker = json.loads(archive.read("loghi.json"))
    assert (marker["cut"], marker["straighten"], marker["format"]) == ("polygon", True, 2)


def test_lists_that_prepare_made_tell_how_their_lines_were_cut(workplace: Workplace) -> None:
    write_pages(workplace.folder / "pages", 3)
    assert workplace.run("prepare", "pages", "lines", "--cut", "polygon").returncode == 0
    lists = {path.stem: path for path in Path(workplace.folder / "lines").rglob("*.txt") if "\t" in path.read_text()}
    train, val = (next(path for name, path in lists.items() if part in name) for part in ("train", "val"))
    workplace.scenario = "gives_a_model"
    assert workplace.finetune("--set", f"data.train={train}", "--set", f"data.validation={val}").returncode == 0
    read(workplace, "recognize", "last", "pages", "-o", "read")
    assert json.loads((workplace.folder / "read/recognized.json").read_text())["cut"] == "polygon"


def test_where_nobody_knows_how_lines_were_cut_that_is_told(workplace: Workplace) -> None:
    write_page(workplace.folder / "others", "q", [MadeLine(f"l{n}", f"line {n}", 60 + 70 * n) for n in range(4)])
    workplace.scenario = "gives_a_model"
    workplace.finetune()
    result = read(workplace, "recognize", "last", "others", "-o", "read")
    assert "nobody knows how the lines that bonnevie learnt from were cut" in " ".join(result.stderr.split())


def test_the_samples_pages_are_cut_as_its_line_images_were(workplace: Workplace) -> None:
    assert workplace.run("init", "--sample", "sample").returncode == 0
    workplace.scenario = "gives_a_model"
    assert workplace.run("finetune", "sample/demo.yaml", "--set", "engine.kind=local").returncode == 0
    run = next((workplace.folder / "sample" / "runs").glob("2*"))
    found = json.loads(read(workplace, "evaluate", str(run), "sample/pages/new_hand", "--json").stdout)
    assert (found["cut"], found["lines"]) == ("polygon", 45)
    found = json.loads(read(workplace, "evaluate", "sample/base_model", "sample/pages/base_hand", "--json").stdout)
    assert found["cut"] == "polygon"
