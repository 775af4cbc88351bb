"""The page of a line: the same in page folders and in one flat folder, and the same verdict follows."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from loghi_contract.cut import Cut
from loghi_runner.compare.truth_lines import collect_truth
from loghi_runner.evaluation.judgement import Outcome
from loghi_runner.line_pages import page_name, page_names
from loghi_runner.pages.texts import ANY_TEXT
from loghi_runner.runs.verdict import judge_run
from tests.unit.made_project import Project

UUID = "afac7cdc-7d13-49a6-bf16-b48feebab5ae"


def pages(*images: str) -> list[str]:
    found = page_names([PurePosixPath(image) for image in images])
    return [found[PurePosixPath(image)] for image in images]


def write_clustered(out: Path, *, flat: bool) -> None:
    """120 lines of 10 pages; on two of them the new model is far better, on the others a little worse."""
    chance = np.random.default_rng(3)
    rows = ["image\ttext\tbase_model_text\tbase_model_edits\tbest_val_text\tbest_val_edits"]
    for page in range(10):
        for line in range(12):
            edits = (18, 2) if page < 2 else (4, 5)
            before, after = ("x" * n + "a" * (40 - n) for n in chance.poisson(edits).clip(0, 40))
            folder = "" if flat else f"p{page}/"
            rows.append(f"/in/data/0/{folder}p{page}-l{line}.png\t{'a' * 40}\t{before}\t0\t{after}\t0")
    (out / "report").mkdir(parents=True)
    (out / "report" / "test_lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_page_folders_and_one_flat_folder_give_the_same_verdict(tmp_path: Path) -> None:
    judgements = []
    for flat in (False, True):
        write_clustered(tmp_path / str(flat), flat=flat)
        judgements.append(judge_run(tmp_path / str(flat)).test)
    in_folders, in_one = judgements
    assert in_folders is not None
    assert in_folders == in_one
    assert in_folders.outcome is Outcome.NOT_SHOWN


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (("d/p1/p1-l1.png", "d/p1/p1-l2.png", "d/p2/p2-l1.png"), ["d/p1", "d/p1", "d/p2"]),
        (("d/p1-l1.png", "d/p1-l2.png", "d/p2-l1.png"), ["d/p1", "d/p1", "d/p2"]),
        # an id with dashes is no page
        ((f"d/p1-{UUID}.png", f"d/p1-line_{UUID}.png", "d/p-2-l1.png"), ["d/p1", "d/p1", "d/p-2"]),
        ((f"d/p1/{UUID}.png", f"d/p2/line_{UUID}.png"), ["d/p1", "d/p2"]),
        (("d/p1/p1-r_a-1.png", "d/p1/p1-r_b-1.png"), ["d/p1", "d/p1"]),
        (("d/p1-0123456789ab/p1-r_a-1.png", "d/p1-0123456789ab/p1-r_b-1.png", "d/p2-ba9876543210/p2-r_a-1.png"),
         ["d/p1-0123456789ab", "d/p1-0123456789ab", "d/p2-ba9876543210"]),
        # ids that come again in the next folder are no pages, names that do not are
        (("d/p1/r1-l1.png", "d/p1/r2-l1.png", "d/p2/r1-l1.png"), ["d/p1", "d/p1", "d/p2"]),
        (("one/p1-l1.png", "one/p2-l1.png", "two/p3-l1.png"), ["one/p1", "one/p2", "two/p3"]),
        # nobody knows the page
        (("d/001.png", "d/002.png"), ["d", "d"]),
    ],
)  # fmt: skip
def test_the_page_is_told_by_folder_or_by_name(images: tuple[str, ...], told: list[str]) -> None:
    assert pages(*images) == told


def test_lines_of_unknown_pages_may_be_kept_apart() -> None:
    images = [PurePosixPath("d/001.png"), PurePosixPath("d/002.png")]
    assert len(set(page_names(images, unknown_apart=True).values())) == 2


@pytest.mark.parametrize("flat", [False, True])
def test_lines_of_lists_are_judged_by_the_same_pages(project: Project, flat: bool) -> None:
    images = [f"{'' if flat else f'p{page}/'}p{page}-l{line}.png" for page in range(3) for line in range(4)]
    listed = project.line_list("lines/test.txt", [(image, "a b") for image in images])
    truth = collect_truth([str(listed)], Cut.LOGHI, ANY_TEXT, None, project.folder, lambda *_told: None)
    assert [page_name(line.page) for line in truth.lines] == [f"p{number // 4}" for number in range(12)]
