"""Pages into training, validation and test pages: whole, once and for all, in shares about as asked."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loghi_contract.job import Split
from loghi_contract.lines import LineSample
from loghi_runner.config.choices import SplitUnit
from loghi_runner.config.schema import SplitConfig
from loghi_runner.cutting.pictures import Picture
from loghi_runner.errors import DataError
from loghi_runner.findings import Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.split import EarlierPage, PageSplit, deal_folds, read_split, split_pages, write_split
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.pages.find import PageFile
from loghi_runner.pages.model import Page

NOWHERE = Path("nowhere")


def made(name: str, lines: int = 10, document: str = "d", sha256: str | None = None) -> SurveyedPage:
    page = Page(None, None, None, ())
    samples = (LineSample(f"{name}-{n}.png", "text", 1.0, f"{name}:{n}") for n in range(lines))
    surveyed = tuple(GroundTruthLine(sample, Path(sample.image), 100, 30, is_cut=False) for sample in samples)
    file = PageFile(name, document, NOWHERE, NOWHERE)
    return SurveyedPage(file, page, Picture(1, 1), (), (), surveyed, (), sha256 or name)


def pages(count: int, lines: int = 10) -> list[SurveyedPage]:
    return [made(f"p{number:03}", lines) for number in range(count)]


def names(split: PageSplit, part: Split) -> set[str]:
    return {name for name, found in split.parts.items() if found is part}


def kept(split: PageSplit) -> dict[str, EarlierPage]:
    return {name: EarlierPage(part, name) for name, part in split.parts.items()}


sizes = st.lists(st.integers(1, 60), min_size=6, max_size=60)


@given(sizes=sizes, seed=st.integers(0, 1000), order=st.randoms())
def test_the_same_pages_give_the_same_split_in_any_order(sizes: list[int], seed: int, order: object) -> None:
    found = [made(f"p{number}", size) for number, size in enumerate(sizes)]
    split = split_pages(found, SplitConfig(seed=seed), {})
    order.shuffle(found)  # type: ignore[attr-defined]  # random.Random
    assert split_pages(found, SplitConfig(seed=seed), {}).parts == split.parts
    assert all(names(split, part) for part in (Split.TRAIN, Split.VAL, Split.TEST))


@given(sizes=sizes, share=st.sampled_from([0.1, 0.2, 0.3]))
def test_shares_are_about_as_asked(sizes: list[int], share: float) -> None:
    found = [made(f"p{number}", size) for number, size in enumerate(sizes)]
    split = split_pages(found, SplitConfig(validation=share, test=share), {})
    for part in (Split.VAL, Split.TEST):
        lines = sum(len(page.lines) for page in found if split.parts[page.file.name] is part)
        assert lines <= max(2 * share * sum(sizes), max(sizes))


@given(sizes=sizes, new=st.integers(1, 30))
def test_new_pages_never_move_the_others(sizes: list[int], new: int) -> None:
    found = [made(f"p{number}", size) for number, size in enumerate(sizes)]
    first = split_pages(found, SplitConfig(), {})
    more = [*found, *(made(f"new{number}") for number in range(new))]
    second = split_pages(more, SplitConfig(), kept(first))
    assert {name: second.parts[name] for name in first.parts} == first.parts
    assert names(first, Split.TEST) <= names(second, Split.TEST)


def test_another_seed_gives_other_pages() -> None:
    splits = [split_pages(pages(30), SplitConfig(seed=seed), {}) for seed in range(5)]
    assert len({frozenset(names(split, Split.TEST)) for split in splits}) > 1


def test_no_test_pages_where_none_are_asked_for() -> None:
    split = split_pages(pages(20), SplitConfig(test=0), {})
    assert names(split, Split.TEST) == set()


def test_folders_stay_together() -> None:
    found = [made(f"{volume}_{number}", document=f"vol{volume}") for volume in range(8) for number in range(5)]
    split = split_pages(found, SplitConfig(by=SplitUnit.FOLDER), {})
    for volume in range(8):
        assert len({split.parts[page.file.name] for page in found if page.file.document == f"vol{volume}"}) == 1


@pytest.mark.parametrize("count", [3, 4, 5])
def test_of_few_pages_each_is_left_out_once(count: int) -> None:
    tested, validated = [], []
    for fold in range(1, count + 1):
        split = split_pages(pages(count), SplitConfig(fold=fold), {})
        tested += names(split, Split.TEST)
        validated += names(split, Split.VAL)
        assert len(names(split, Split.TRAIN)) == count - 2
        (finding,) = (finding for finding in split.findings if finding.code == "data.leave_one_out")
        assert f"({fold} of {count})" in finding.message
        assert f"data.split.fold={fold % count + 1}" in (finding.hint or "")
    assert len(set(tested)) == len(set(validated)) == count


def test_two_pages_give_no_test_page() -> None:
    split = split_pages(pages(2), SplitConfig(), {})
    assert (len(names(split, Split.TRAIN)), len(names(split, Split.VAL)), names(split, Split.TEST)) == (1, 1, set())


@pytest.mark.parametrize(("count", "fold", "code"), [(1, 1, "data.one_page"), (3, 4, "data.no_such_fold")])
def test_what_cannot_be_split_is_an_error(count: int, fold: int, code: str) -> None:
    findings = split_pages(pages(count), SplitConfig(fold=fold), {}).findings
    assert [finding.code for finding in findings if finding.severity is Severity.ERROR] == [code]


def test_shares_that_leave_one_page_to_learn_from_are_refused() -> None:
    halves = SplitConfig(validation=0.5, test=0.5)
    split = split_pages([*pages(6), made("empty", 0)], halves, {})
    (error,) = (finding for finding in split.findings if finding.severity is Severity.ERROR)
    assert error.code == "data.one_training_page"
    assert error.message == "data.split leaves 1 of 6 pages to learn from (validation 0.5, test 0.5)"

    kept_folder = [made(f"{volume}_{number}", document=f"vol{volume}") for volume in range(6) for number in range(5)]
    folders = split_pages(kept_folder, halves.model_copy(update={"by": SplitUnit.FOLDER}), {})
    assert not [finding for finding in folders.findings if finding.severity is Severity.ERROR], "a folder has pages"


def test_pages_without_lines_do_not_count() -> None:
    split = split_pages([*pages(2), made("empty", 0)], SplitConfig(), {})
    assert split.parts["empty"] is Split.TRAIN
    assert len(names(split, Split.VAL)) == 1


def test_what_became_of_an_earlier_split_is_told() -> None:
    first = split_pages(pages(10), SplitConfig(), {})
    now = [*pages(9), made("added")]
    now[0] = replace(now[0], sha256="1")
    split = split_pages(now, SplitConfig(), kept(first))
    (finding,) = (finding for finding in split.findings if finding.code == "data.split_kept")
    assert finding.message == (
        "the split of an earlier run is kept; 1 page new: added; 1 page changed since: p000; 1 page gone: p009"
    )


def test_a_split_is_written_and_read_back(tmp_path: Path) -> None:
    found = pages(10)
    split = split_pages(found, SplitConfig(), {})
    write_split(tmp_path / "split.tsv", found, split.parts)
    assert {name: page.split for name, page in read_split(tmp_path / "split.tsv").items()} == dict(split.parts)
    assert read_split(tmp_path / "nowhere.tsv") == {}


def test_a_page_moved_by_hand_stays_moved(tmp_path: Path) -> None:
    found = pages(10)
    file = tmp_path / "split.tsv"
    write_split(file, found, split_pages(found, SplitConfig(), {}).parts)
    text = file.read_text()
    moved = next(row for row in text.splitlines() if row.startswith("train\t"))
    file.write_text(text.replace(moved, "test" + moved[5:]))
    assert split_pages(found, SplitConfig(), read_split(file)).parts[moved.split("\t")[1]] is Split.TEST


def test_a_word_that_is_no_split_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "split.tsv").write_text("split\tpage\tdocument\tlines\tsha256\nTraining\tp\td\t3\t0\n")
    with pytest.raises(DataError) as caught:
        read_split(tmp_path / "split.tsv")
    assert caught.value.where == f"{tmp_path}/split.tsv:2"


def test_a_page_under_two_names_is_told_when_it_is_in_two_splits() -> None:
    found = [made(f"p{number}", sha256="same") for number in range(20)]
    codes = [finding.code for finding in split_pages(found, SplitConfig(), {}).findings]
    assert codes == ["data.split", "data.page_twice"]
    assert "data.page_twice" not in [finding.code for finding in split_pages(pages(20), SplitConfig(), {}).findings]


def images(*pages: int) -> list[PurePosixPath]:
    """Lines of pages with so many each."""
    return [
        PurePosixPath(f"/in/data/0/p{page}/p{page}-{n}.png") for page, lines in enumerate(pages) for n in range(lines)
    ]


def test_folds_hold_out_whole_pages_and_are_about_equally_large() -> None:
    found = images(9, 3, 3, 4, 5)
    folds = deal_folds(found, 3, seed=1)
    assert sorted(image for fold in folds for image in fold) == sorted(map(str, found))
    assert sorted(map(len, folds)) == [7, 8, 9]
    pages = [{PurePosixPath(image).parent.name for image in fold} for fold in folds]
    assert sum(map(len, pages)) == len(set.union(*pages)) == 5
    assert deal_folds(found, 3, seed=1) == folds


def test_fewer_pages_than_folds_are_dealt_by_lines_that_stand_together() -> None:
    found = images(4, 6)
    folds = deal_folds(found, 5, seed=1)
    assert [image for fold in folds for image in fold] == list(map(str, found))
    assert [len(fold) for fold in folds] == [2, 2, 2, 2, 2]
