"""A run that mixes in lines of the old hand: cut, listed, remembered, made again, and never taken for unseen."""

import json
from pathlib import Path

import pytest

from tests.integration.conftest import Workplace
from tests.unit.made_pages import write_pages


@pytest.fixture
def mixed(workplace: Workplace) -> Path:
    """A finished run on pages, with pages of the old hand that have the same names."""
    write_pages(workplace.folder / "pages", 3)
    write_pages(workplace.folder / "old", 2, lines=3)
    for xml in (workplace.folder / "old/page").glob("*.xml"):
        xml.write_text(xml.read_text().replace("of page", "of another hand"))
    workplace.config.write_text(
        "name: bonnevie\nbase_model: base\ndata: {pages: pages, old_hand: [old], split: {test: 0}}\noutput: runs\n"
        "engine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )
    workplace.scenario = "gives_a_model"
    result = workplace.finetune()
    assert result.returncode == 0, result.stderr
    assert "6 lines of the old hand are mixed in: 4 an epoch, beside 8 training lines" in " ".join(
        result.stderr.split()
    )
    return workplace.run_dir


def listed(run: Path, split: str) -> list[str]:
    return (run / f"in/lists/{split}.txt").read_text().splitlines()


def test_its_pages_are_cut_and_belong_to_what_the_run_was_made_of(workplace: Workplace, mixed: Path) -> None:
    texts = [row.split("\t")[-1] for row in listed(mixed, "old_hand")]
    assert len(texts) == 6 and all("of another hand" in text for text in texts)
    assert json.loads((mixed / "in/job.json").read_text())["old_hand"] is True
    assert set(workplace.record()["data_sha256"]) == {"train", "val", "old_hand"}
    assert "another hand" not in "".join(listed(mixed, "train") + listed(mixed, "val"))
    assert "old" not in (mixed / "out/report/split.tsv").read_text(), "these pages are not split"

    assert workplace.run("clean", "runs", "--yes").returncode == 0
    cut = [path.name for path in (workplace.folder / "runs/.prepared/lines").iterdir() if path.is_dir()]
    assert len(cut) == 5, "of pages of both hands, though they have the same names"

    result = workplace.run("evaluate", "last", "old", "--engine", "local", "--gpus", "none")
    assert result.returncode == 3
    assert "learnt from all 6 lines" in " ".join(result.stderr.split())


def test_a_run_made_again_mixes_in_the_same_lines(workplace: Workplace, mixed: Path) -> None:
    workplace.run("reproduce", "last")
    [again] = [path for path in mixed.parent.glob("[!.]*") if path != mixed and path.is_dir()]
    assert listed(again, "old_hand") == listed(mixed, "old_hand")

    (mixed / "in/lists/old_hand.txt").unlink()
    refused = workplace.run("reproduce", mixed.name)
    assert refused.returncode == 3
    assert "the list of the mixed-in lines of the old hand is gone" in " ".join(refused.stderr.split())
