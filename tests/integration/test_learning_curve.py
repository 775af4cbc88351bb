"""`learning-curve` with a stand-in for the trainer: nested runs, used again, judged, and told."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fake_trainer import GO_FILE
from tests.integration.conftest import Workplace, write_line_images
from tests.unit.made_pages import MadeLine, write_page, write_pages

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture
def learning(workplace: Workplace) -> Workplace:
    workplace.scenario = "learns_from_more"
    return workplace


def lists_of(workplace: Workplace, split: str = "train") -> dict[int, list[str]]:
    """The list of every run, by its length."""
    lists = [path.read_text().splitlines() for path in (workplace.folder / "runs").glob(f"*/in/lists/{split}.txt")]
    return {len(lines): lines for lines in lists}


def test_each_run_learns_from_what_the_smaller_one_had_and_more(learning: Workplace) -> None:
    result = learning.run("learning-curve", "config.yaml")
    assert result.returncode == 0, result.stderr
    lists = lists_of(learning)
    assert sorted(lists) == [6, 12, 24]
    assert set(lists[6]) < set(lists[12]) < set(lists[24])
    assert {line.rpartition("/")[0] for line in lists[6]} & {line.rpartition("/")[0] for line in lists[12]}
    assert len(set(map(tuple, lists_of(learning, "val").values()))) == 1


def test_the_answer_says_what_doubling_would_bring_and_how_far_to_trust_it(learning: Workplace) -> None:
    result = learning.run("learning-curve", "config.yaml")
    lines = result.stdout.splitlines()
    assert lines[0] == "learning curve of bonnevie, judged on 6 validation lines"
    assert lines[1].split() == ["pages", "lines", "CER", "between", "(95", "%)", "run"]
    assert [line.split()[:2] for line in lines[2:6]] == [["0", "0"], ["1", "6"], ["2", "12"], ["4", "24"]]
    assert "With twice as many pages (8 instead of 4) expect about" in result.stdout
    assert "give data.test lines for an honest curve" in result.stdout
    assert "out/report/learning_curve.html" in result.stdout
    assert lines[-1].split()[:3] == ["next", "loghi-runner", "next-pages"]


def test_each_part_is_trained_as_long_as_so_many_lines_ask_for(learning: Workplace) -> None:
    assert learning.run("learning-curve", "config.yaml").returncode == 0
    jobs = [json.loads(path.read_text()) for path in (learning.folder / "runs").glob("*/in/job.json")]
    # 24, 12 and 6 lines
    assert sorted(job["training"]["epochs"] for job in jobs) == [75, 80, 80]


def test_folds_leave_no_lines_on_which_all_parts_could_be_judged(learning: Workplace) -> None:
    result = learning.run("learning-curve", "config.yaml", "--set", "training.folds=3", "--set", "data.validation=null")
    assert result.returncode == 2
    assert "Write `folds: off`" in " ".join(result.stderr.split())
    assert not (learning.folder / "runs").exists()


def test_test_lines_judge_where_there_are_some(learning: Workplace) -> None:
    write_line_images(learning.folder / "data" / "test", learning.folder / "data" / "test.txt", 30)
    result = learning.run("learning-curve", "config.yaml", "--set", "data.test=data/test.txt", "--json")
    curve = json.loads(result.stdout.splitlines()[-1])
    assert (curve["kind"], curve["judged"], curve["judged_count"], curve["chose"]) == (
        "learning_curve", "test lines", 30, False,
    )  # fmt: skip
    assert [point["units"] for point in curve["points"]] == [1, 2, 4]
    assert curve["base_cer"] == 1.0
    assert curve["law"]["b_interval"]["low"] < curve["law"]["b"] < curve["law"]["b_interval"]["high"]
    assert json.loads(Path(curve["report"]).with_suffix(".json").read_text())["points"] == curve["points"]


def test_the_last_run_is_the_ordinary_fine_tuning_and_is_used_again(learning: Workplace) -> None:
    learning.finetune()
    ordinary = learning.run_dir.name
    result = learning.run("learning-curve", "config.yaml")
    assert f"run {ordinary} did exactly this; its result is used" in result.stderr
    assert len(lists_of(learning)) == 3
    assert len([path for path in (learning.folder / "runs").iterdir() if path.name[0] != "."]) == 3
    share = next(
        path for path in (learning.folder / "runs").glob("2*") if '"bonnevie_25"' in (path / "run.json").read_text()
    )
    told = learning.run("export", share.name, "handed on").stderr
    assert "(bonnevie_25) is finished on a part of the lines, for a learning curve" in " ".join(told.split())
    again = learning.run("learning-curve", "config.yaml")
    assert again.stderr.count("did exactly this") == 3
    assert again.stdout == result.stdout


def test_other_settings_or_other_lines_are_another_run(learning: Workplace) -> None:
    command = ("learning-curve", "config.yaml", "--shares", "50,100")
    learning.run(*command)
    result = learning.run(*command, "--set", "training.seed=2")
    assert "did exactly this" not in result.stderr
    (learning.folder / "data" / "val.txt").write_text(
        (learning.folder / "data" / "val.txt").read_text().replace("tekst", "tekstar")
    )
    assert "did exactly this" not in learning.run(*command).stderr


def test_a_stopped_curve_goes_on_where_it_was(
    workplace: Workplace, until: Callable[[Any, Callable[[dict[str, Any]], bool]], dict[str, Any]]
) -> None:
    workplace.scenario = "learns_then_is_stopped"
    process = workplace.start("learning-curve", "config.yaml", "--json")
    until(process, lambda value: value["kind"] == "note" and value["message"].startswith("50 %"))
    until(process, lambda value: value["kind"] == "step" and value["epoch"] == 2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "1 of 3 runs is trained and kept. The same command goes on from there." in stderr
    workplace.scenario = "learns_from_more"
    result = workplace.run("learning-curve", "config.yaml")
    assert result.returncode == 0
    assert result.stderr.count("did exactly this") == 1


def test_untranscribed_pages_are_ranked_with_the_best_model_once_the_curve_is_there(learning: Workplace) -> None:
    for number in range(3):
        write_page(
            learning.folder / "more", f"p{number}", [MadeLine("a", "", 100), MadeLine("b", "", 200)], shade=200 + number
        )
    result = learning.run("learning-curve", "config.yaml", "--next", "more", "--json")
    assert result.returncode == 0, result.stderr
    curve = json.loads(result.stdout.splitlines()[-1])
    # the stand-in reads with less confidence from line to line
    assert [(page["page"], page["lines"]) for page in curve["next_pages"]["pages"]] == [("p2", 2), ("p1", 2), ("p0", 2)]
    assert "Pages to transcribe next" in Path(curve["report"]).read_text(encoding="utf-8")


def test_pages_that_need_no_transcription_are_told_before_hours_of_training(learning: Workplace) -> None:
    write_pages(learning.folder / "more", 2)
    result = learning.run("learning-curve", "config.yaml", "--next", "more")
    assert result.returncode == 3
    assert "every line in more has a text already" in result.stderr
    assert not (learning.folder / "runs").exists()


def test_a_run_that_still_trains_is_followed_and_not_started_twice(
    workplace: Workplace, until: Callable[[Any, Callable[[dict[str, Any]], bool]], dict[str, Any]]
) -> None:
    workplace.scenario = "learns_after_go"
    ordinary = workplace.start_finetune()
    run = until(ordinary, lambda value: value["kind"] == "run")
    workplace.scenario = "learns_from_more"
    curve = workplace.start("learning-curve", "config.yaml", "--shares", "50,100", "--json")
    until(curve, lambda value: value["kind"] == "note" and "still trains" in value["message"])
    (Path(run["run_dir"]) / "out" / GO_FILE).touch()
    stdout, stderr = curve.communicate(timeout=60)
    assert curve.returncode == 0, stderr
    points = json.loads(stdout.splitlines()[-1])["points"]
    assert (points[-1]["run_id"], len(lists_of(workplace))) == (run["run_id"], 2)


def test_pages_are_cut_once_and_drawn_whole(learning: Workplace) -> None:
    write_pages(learning.folder / "pages", 12)
    learning.config.write_text(
        "name: bonnevie\nbase_model: base\ndata: {pages: pages, split: {validation: 0.2, test: 0.2}}\noutput: runs\n"
        "engine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )
    result = learning.run("learning-curve", "config.yaml")
    assert result.returncode == 0, result.stderr
    trained = {}
    for run in (path for path in (learning.folder / "runs").iterdir() if not path.name.startswith(".")):
        lines = (run / "in" / "lists" / "train.txt").read_text().splitlines()
        split = (run / "out" / "report" / "split.tsv").read_text().splitlines()
        trained[len(lines)] = sum("train" in row.split("\t") for row in split)
    assert trained == {lines: lines // 4 for lines in trained}
    assert len(trained) == 3


def test_a_failed_run_ends_the_curve_with_its_own_error(workplace: Workplace) -> None:
    workplace.scenario = "failed"
    result = workplace.run("learning-curve", "config.yaml")
    assert result.returncode == 3
    assert "error: no line is left" in result.stderr
    assert "0 of 3 runs are trained" in result.stderr


def test_problems_are_told_before_anything_is_taken(workplace: Workplace) -> None:
    result = workplace.run("learning-curve", "config.yaml", "--set", "base_model=nowhere")
    assert result.returncode == 3
    assert not (workplace.folder / "runs").exists()


@pytest.mark.parametrize("shares", ["25,50", "100", "50,25,100", "a,100", "0,100", "", "50,100,100"])
def test_shares_that_make_no_curve_are_refused(workplace: Workplace, shares: str) -> None:
    result = workplace.run("learning-curve", "config.yaml", "--shares", shares)
    assert result.returncode == 2
    assert "fix: For example --shares 25,50,100." in result.stderr
