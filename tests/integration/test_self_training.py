"""Pages without a text, from the config to the report, with a stand-in trainer that is sure of two of their lines."""

import json
from pathlib import Path

import pytest

from tests.unit.made_pages import MadeLine, write_page, write_pages

TRAINER = Path(__file__).parents[1] / "unread_trainer.py"
#: There was one epoch of the transcribed lines.
LAST_EPOCHS = 2


@pytest.fixture
def pages(workplace) -> Path:
    """Four transcribed pages, and two without a text in the same folder."""
    folder = workplace.folder / "pages"
    write_pages(folder, 4)
    for number in range(2):
        lines = [MadeLine(f"l{place}", "", y=110 + 80 * place + number) for place in range(3)]
        write_page(folder, f"q{number}", lines, shade=100 + number)
    workplace.config.write_text(
        "name: bonnevie\nbase_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local, gpus: none}\n"
        "training: {epochs: 1}\n"
    )
    workplace.trainer = TRAINER
    return folder


def unread(run: Path) -> list[str]:
    return [row.split("\t")[0].rpartition("/")[2] for row in (run / "in/lists/unread.txt").read_text().splitlines()]


def test_thorough_cuts_and_hands_over_the_pages_without_a_text_and_tells_what_they_brought(workplace, pages) -> None:
    result = workplace.finetune("--thorough")

    assert result.returncode == 0, result.stderr
    run = workplace.run_dir
    assert unread(run) == [f"q{page}-l{place}.png" for page in range(2) for place in range(3)]
    assert all(any((workplace.folder / "runs/.prepared/lines").rglob(name)) for name in unread(run))
    job, record = json.loads((run / "in/job.json").read_text()), workplace.record()
    assert job["self_training"]["epochs"] == LAST_EPOCHS
    assert job["self_training"]["learning_rate"] < job["training"]["learning_rate"]
    assert record["epochs"] == 1 + LAST_EPOCHS
    assert set(record["data_sha256"]) == {"train", "val", "test", "unread"}
    shown = " ".join(workplace.run("show", str(run)).stdout.split())
    assert "of 6 unread lines the model is sure of 2 (31 characters, 91.0 % confidence)" in shown
    assert "CER on the validation lines 20.0 % before, 16.0 % after" in shown
    # they are no other number of epochs than was planned
    assert "in place of" not in shown
    checked = workplace.run("reproduce", str(run), "--check")
    assert "another number of epochs" not in " ".join((checked.stdout + checked.stderr).split())
    report = json.loads((run / "out/report/report.json").read_text())
    assert report["self_training"]["taken"] == 2
    assert "Self-training: of" in (run / "out/report/report.html").read_text().replace("\u00a0", " ")


def test_a_run_made_again_has_the_same_unread_lines_and_refuses_others(workplace, pages) -> None:
    assert workplace.finetune("--thorough").returncode == 0
    first = workplace.run_dir
    again = workplace.run("reproduce", str(first))
    assert again.returncode == 0, again.stderr
    [second] = [path for path in first.parent.glob("[!.]*") if path != first and path.is_dir()]
    assert unread(second) == unread(first)
    [image] = (workplace.folder / "runs/.prepared/lines").rglob("q1-l2.png")
    image.write_bytes(image.read_bytes() + b"\0")

    refused = workplace.run("reproduce", str(first))

    assert refused.returncode == 3
    assert "q1-l2.png" in refused.stderr


def test_clean_keeps_the_line_images_that_a_run_reads_in_the_end(workplace, pages) -> None:
    assert workplace.finetune("--thorough").returncode == 0

    assert workplace.run("clean", "-y").returncode == 0

    assert all(any((workplace.folder / "runs/.prepared/lines").rglob(name)) for name in unread(workplace.run_dir))


@pytest.mark.parametrize("flags", [(), ("--set", "training.unread=off", "--thorough")])
def test_nobody_gets_it_who_did_not_ask(workplace, pages, flags: tuple[str, ...]) -> None:
    assert workplace.finetune(*flags).returncode == 0

    assert "self_training" not in json.loads((workplace.run_dir / "in/job.json").read_text())
    assert not (workplace.run_dir / "in/lists/unread.txt").exists()


def test_thorough_takes_what_the_config_names(workplace, pages) -> None:
    write_page(workplace.folder / "other", "z", [MadeLine("l1", "", y=140)])
    workplace.config.write_text(workplace.config.read_text().replace("epochs: 1", "epochs: 1, unread: other"))

    assert workplace.finetune("--thorough").returncode == 0

    assert unread(workplace.run_dir) == ["z-l1.png"]


def test_a_page_that_judges_ends_the_run_before_it_begins(workplace, pages) -> None:
    result = workplace.finetune("--set", "training.unread=pages")

    assert result.returncode == 3
    assert "is among the unread pages, and has" in " ".join(result.stderr.split())
    assert not list((workplace.folder / "runs").glob("2*"))


def test_a_run_that_goes_on_plans_its_epochs_of_unread_lines_as_before(workplace, pages) -> None:
    workplace.trainer, workplace.scenario = TRAINER.parent / "resuming_trainer.py", "dies_once"
    workplace.config.write_text(workplace.config.read_text().replace("epochs: 1", "epochs: 3"))
    assert workplace.finetune("--thorough").returncode != 0
    before = workplace.record()["epochs"]

    assert workplace.run("resume", str(workplace.run_dir)).returncode == 0

    assert before > 3
    assert workplace.record()["epochs"] == before
