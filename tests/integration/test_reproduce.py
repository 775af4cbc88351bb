"""`loghi-runner reproduce` and `diff`: what is held against what a run was made of, and what is said in the end."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from loghi_contract.processor import processor_name
from loghi_runner.runs.folder import RunFolder
from tests.unit.made_pages import write_pages


@pytest.fixture
def made(workplace) -> Path:
    """A finished run whose model is whole, with readings of its lines."""
    workplace.scenario = "learns_from_more"
    assert workplace.finetune().returncode == 0
    return workplace.run_dir


def other_runs(workplace, first: Path) -> list[Path]:
    return [path for path in (workplace.folder / "runs").iterdir() if path != first and path.name[0] != "."]


def changed_record(run: Path, **values: object) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | values))


def test_a_run_made_again_is_a_new_run_of_the_same_lines_and_equal(workplace, made: Path) -> None:
    (workplace.folder / "config.yaml").unlink()  # its own copy is enough
    result = workplace.run("reproduce", "last")

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == (
        f"{made.name} made again: equal, bit for bit: the weights of best_val, and every number of epochs 0 to 3"
    )
    [again] = other_runs(workplace, made)
    assert RunFolder(again).read().reproduces == made.name
    for name in ("train", "val"):
        assert (again / f"in/lists/{name}.txt").read_bytes() == (made / f"in/lists/{name}.txt").read_bytes()
    jobs = [json.loads((run / "in/job.json").read_text()) | {"run_id": ""} for run in (made, again)]
    assert jobs[0] == jobs[1]


def test_a_run_made_again_can_itself_be_made_again(workplace, made: Path) -> None:
    workplace.run("reproduce", made.name)
    [again] = other_runs(workplace, made)

    assert workplace.run("reproduce", again.name, "--check").stdout == (
        "It can be made again here. Nothing that is known so far differs.\n"
    )


def test_check_runs_nothing_and_names_what_can_change_the_result(workplace, made: Path) -> None:
    events = made / "out/events.jsonl"
    events.write_text(events.read_text().replace(processor_name(), "Another processor"))
    result = workplace.run("reproduce", "last", "--check")

    assert result.returncode == 0
    assert "processor: Another processor then, " in result.stdout
    assert result.stdout.splitlines()[-1] == "It can be made again here."
    assert other_runs(workplace, made) == []


def test_a_changed_and_a_missing_line_image_are_named_and_refused(workplace, made: Path) -> None:
    train = workplace.folder / "data/train"
    Image.new("L", (50, 64), color=1).save(train / "page_0/line_1.png")
    (train / "page_3/line_20.png").unlink()
    result = workplace.run("reproduce", "last")

    assert result.returncode == 3
    assert f"a line image is not what it was (training lines): {train}/page_0/line_1.png" in result.stderr
    assert f"a line image is gone (training lines): {train}/page_3/line_20.png" in result.stderr
    assert other_runs(workplace, made) == []
    told = json.loads(workplace.run("reproduce", "last", "--check", "--json").stdout)
    assert (told["possible"], len(told["faults"])) == (False, 2)


def test_texts_that_were_changed_in_the_runs_own_list_are_refused(workplace, made: Path) -> None:
    listed = made / "in/lists/val.txt"
    listed.write_text(listed.read_text().replace("en linje", "to linjer", 1))
    result = workplace.run("reproduce", "last")

    assert result.returncode == 3
    assert "the validation lines are not what they were: texts or their order in the run's own list" in result.stderr


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("base/tokenizer.json", "tokenizer.json"),
        ("RUN/in/lists/val.txt", "the list of the validation lines is gone"),
        ("RUN/in/lists/val.txt=", "the list of the validation lines is empty or damaged: in/lists/val.txt"),
        ("RUN/in/lists/val.txt=\0\0\0", "the list of the validation lines is empty or damaged: in/lists/val.txt"),
        ("RUN/in/job.json", "the run's job cannot be read"),
    ],
)
def test_what_is_missing_is_told_before_anything_runs(workplace, made: Path, file: str, says: str) -> None:
    name, is_there, content = file.replace("RUN", f"runs/{made.name}").partition("=")
    (workplace.folder / name).unlink()
    if is_there:
        (workplace.folder / name).write_text(content)
    result = workplace.run("reproduce", "last", "--check")

    assert result.returncode in (2, 3)
    assert says in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_another_base_model_is_refused_and_the_same_one_is_found_where_it_was_moved(workplace, made: Path) -> None:
    moved = workplace.folder / "moved"
    (workplace.folder / "base").rename(moved)
    gone = workplace.run("reproduce", "last")
    assert gone.returncode == 3
    assert f"fix: If it lies elsewhere now, say where: --moved {workplace.folder}/base=NEW_PLACE" in gone.stderr

    as_moved = f"{workplace.folder}/base={moved}"
    assert workplace.run("reproduce", "last", "--check", "--moved", as_moved).returncode == 0

    other = workplace.folder / "other"
    shutil.copytree(moved, other)
    with (other / "model.keras").open("ab") as file:
        file.write(b"more")
    refused = workplace.run("reproduce", "last", "--moved", f"{workplace.folder}/base={other}")
    assert refused.returncode == 3
    assert "base model: sha256 " in refused.stderr


def test_a_run_that_is_not_finished_has_nothing_to_compare_with(workplace) -> None:
    workplace.scenario = "failed"
    workplace.finetune()
    result = workplace.run("reproduce", "last")

    assert result.returncode == 2
    assert "only a finished run has a result to compare with: this one is failed" in result.stderr


def test_another_result_on_the_same_machine_is_told_and_ends_with_5(workplace, made: Path) -> None:
    workplace.scenario = "gives_a_model"
    table = made / "out/events.jsonl"
    table.write_text(table.read_text().replace('"val_cer":0.2,', '"val_cer":0.21,'))
    result = workplace.run("reproduce", "last")

    assert result.returncode == 5
    assert "not equal, although nothing that is known differs: please report this" in result.stdout


def test_another_result_of_another_machine_is_judged_by_the_lines_or_by_other_seeds(workplace, made: Path) -> None:
    events = made / "out/events.jsonl"
    told = events.read_text().replace(processor_name(), "Another processor")
    events.write_text(told.replace('"val_cer":0.2,', '"val_cer":0.21,'))

    by_lines = workplace.run("reproduce", made.name)
    assert by_lines.returncode == 0
    assert by_lines.stdout.splitlines()[-1] == (
        f"{made.name} made again: not equal bit for bit (processor); "
        "both read the 6 validation lines alike: CER 15.5 %; "
        "how far runs of other seeds lie apart is not known, as there are none of them beside it"
    )

    for seed in (2, 3):
        assert workplace.finetune("--set", f"training.seed={seed}").returncode == 0
    by_seeds = workplace.run("reproduce", made.name, "--json")
    assert by_seeds.returncode == 0
    answer = json.loads(by_seeds.stdout.splitlines()[-1])
    assert answer["outcome"] == "within_seeds"
    assert answer["sentence"].startswith(
        "not equal bit for bit (processor), but within what other seeds give: "
        "CER on the validation lines 9.8 %, with the seeds 1, 2, 3 9.8 % to 9.8 %"
    )


def test_a_run_of_an_earlier_version_is_made_again_as_far_as_it_told(workplace, made: Path) -> None:
    """Nothing of its machine, no hash of each image, and no place of its base model."""
    record = json.loads((made / "run.json").read_text())
    for key in ("base_model_folder", "cards", "driver", "reproduces"):
        del record[key]
    (made / "run.json").write_text(json.dumps(record))
    (made / "in/images.sha256").unlink()
    unknown = workplace.run("reproduce", "last")
    assert unknown.returncode == 2
    assert "the run was made by an earlier version" in unknown.stderr

    assert workplace.run("reproduce", "last", "--moved", "base_model=base").returncode == 0


def test_two_runs_side_by_side_show_what_differs_and_what_came_of_it(workplace, made: Path) -> None:
    assert workplace.finetune("--set", "training.seed=2", "--set", "training.epochs=2").returncode == 0
    [second] = other_runs(workplace, made)
    result = workplace.run("runs", "diff", made.name, second.name)

    rows = result.stdout.splitlines()
    assert rows[0].split() == [made.name, "(bonnevie)", second.name, "(bonnevie)"]
    assert [row.split() for row in rows[1:4]] == [
        ["training.epochs", "75", "2"],
        ["training.early_stopping", "38", "5"],  # which goes by the epochs
        ["training.seed", "1", "2"],
    ]
    assert ["validation", "CER", "9.8", "%", "9.8", "%"] in [row.split() for row in rows]
    assert ["epoch", "3", "CER", "10.0", "%,", "loss", "16.667"] in [row.split() for row in rows]
    assert "processor" not in result.stdout, "what is equal is not listed"
    assert "Their best_val has the same weights, bit for bit." in rows

    told = json.loads(workplace.run("diff", made.name, second.name, "--json").stdout)
    assert [each["key"] for each in told["differences"]] == [
        "training.epochs",
        "training.early_stopping",
        "training.seed",
    ]
    assert (told["same_weights"], told["same_epochs"]) == (True, False)


def test_what_cannot_be_read_of_two_runs_is_named(workplace, made: Path) -> None:
    assert workplace.finetune().returncode == 0
    [second] = other_runs(workplace, made)
    (second / "in/job.json").write_text("{")
    (made / "in/lists/val.txt").write_text("")
    result = workplace.run("diff", made.name, second.name)

    assert f"in/job.json of {second.name} cannot be read: its settings are not compared." in result.stdout
    assert f"in/lists/val.txt of {made.name} cannot be read" in result.stdout
    (second / "out/report/val_lines.tsv").unlink()
    (second / "out/model/best_val/model.keras").unlink()
    without = workplace.run("diff", made.name, second.name).stdout
    assert "Their validation lines are the same, but not both have readings of them." in without
    told = json.loads(workplace.run("diff", made.name, second.name, "--json").stdout)
    assert [run["unread"] for run in told["runs"]] == [["in/lists/val.txt"], ["in/job.json"]]


def test_a_long_verdict_stands_below_the_table(workplace, made: Path) -> None:
    """In a column of its own it is torn on a narrow terminal, and pushes the other run off it elsewhere."""
    assert workplace.finetune().returncode == 0
    [second] = other_runs(workplace, made)
    verdict = "improved, with 95 % certainty: " + ", ".join(["CER 12.0 % on 10 test lines"] * 4)
    changed_record(made, verdict=verdict)
    rows = workplace.run("diff", made.name, second.name).stdout.splitlines()

    assert f"Verdict of {made.name}: {verdict}" in rows
    assert max(len(row) for row in rows if not row.startswith("Verdict of ")) <= 80


def test_a_run_is_not_compared_with_itself(workplace, made: Path) -> None:
    result = workplace.run("diff", "last", f"runs/../runs/{made.name}")

    assert result.returncode == 2
    assert f"both are the same run, {made.name}" in result.stderr


def test_of_a_run_that_was_made_longer_no_equal_result_is_promised(workplace, made: Path) -> None:
    events = made / "out/events.jsonl"
    rows = events.read_text().splitlines(keepends=True)
    place = next(number for number, row in enumerate(rows) if '"kind":"epoch"' in row)
    rows[place] = rows[place].replace('"epochs":75', '"epochs":9')
    events.write_text("".join(rows))
    result = workplace.run("reproduce", "last", "--check")

    assert result.returncode == 0
    assert "resumed with another number of epochs (9, then 75)" in result.stdout
    assert "an equal result is not to be expected" in result.stdout
    assert json.loads(workplace.run("reproduce", "last", "--check", "--json").stdout)["equal_expected"] is False

    events.write_text(events.read_text().replace('"val_cer":0.2,', '"val_cer":0.21,'))
    again = workplace.run("reproduce", "last").stdout
    assert "not equal bit for bit (resumed with another number of epochs); " in again


def test_a_run_on_pages_that_was_moved_is_made_again_in_a_folder_of_ones_own(workplace) -> None:
    """Its lines are not cut again, nor its pages split again: both are what they were, beside the run."""
    write_pages(workplace.folder / "pages", 8)
    workplace.config.write_text(
        "base_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local, gpus: none}\n", encoding="utf-8"
    )
    assert workplace.finetune().returncode == 0
    first = workplace.run_dir.name
    (workplace.folder / "runs").rename(workplace.folder / "archive")
    shutil.rmtree(workplace.folder / "pages")
    result = workplace.run("reproduce", first, "-o", "archive", "--into", "mine")

    assert result.returncode == 0, result.stderr
    assert "equal, bit for bit" in result.stdout
    [again] = (workplace.folder / "mine").iterdir()
    split = "out/report/split.tsv"
    assert (again / split).read_bytes() == (workplace.folder / "archive" / first / split).read_bytes()
    assert RunFolder(again).read().prepared == RunFolder(workplace.folder / "archive" / first).read().prepared


def test_what_the_host_left_out_is_told_again(workplace) -> None:
    listed = workplace.folder / "data/train.txt"
    listed.write_text(listed.read_text() + "train/page_0/line_1.png\t\n")
    workplace.scenario = "skips"
    assert workplace.finetune().returncode == 0
    first = workplace.run_dir
    assert workplace.run("reproduce", "last").returncode == 0
    [again] = other_runs(workplace, first)

    table = "out/report/skipped_lines.tsv"
    assert (again / table).read_text() == (first / table).read_text()
    assert "empty_text" in (again / table).read_text()
