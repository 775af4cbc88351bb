"""Confidence and errors, and how pages are weighed."""

from pathlib import Path

from loghi_runner.pages.write import Reading
from loghi_runner.recognition.next_pages import (
    NextPages,
    RankedPage,
    judged_lines,
    mean_confidence,
    measure_confidence,
    next_lines,
)
from tests.made_runs import make_run


def test_a_page_number_counts_less_than_a_full_line() -> None:
    assert mean_confidence([Reading("a" * 99, 0.9), Reading("7", 0.1)]) == (99 * 0.9 + 0.1) / 100
    assert mean_confidence([Reading("", 0.2), Reading("a", 0.6)]) == 0.4


def test_confidence_that_tells_errors_is_told_with_both_quarters() -> None:
    sure = [("alle er like", Reading("alle er like", 0.9 + n / 1000)) for n in range(30)]
    unsure = [("alle er like", Reading("xlle er lxke", 0.4 + n / 1000)) for n in range(10)]
    measured = measure_confidence([*sure, *unsure])
    assert measured is not None
    assert measured.sentence == (
        "Confidence tells where the errors are: of 40 test lines, the least confident quarter has 16.7 % CER, "
        "the most confident 0.0 %."
    )


def test_confidence_that_tells_nothing_is_called_so() -> None:
    measured = measure_confidence([("alle", Reading("alla", n / 100)) for n in range(40)])
    assert measured is not None
    assert measured.sentence.startswith("Confidence tells little here: ")
    assert measure_confidence([("alle", Reading("alle", 0.5))] * 19) is None


def test_test_lines_are_those_of_the_models_own_run(tmp_path: Path) -> None:
    folder, record = make_run(tmp_path)
    folder.best_val.mkdir(parents=True)
    folder.write(record)
    lines = judged_lines(folder.best_val)
    assert next(iter(lines.values())) == "alle er like"
    assert all(image.is_file() for image in lines)
    assert judged_lines(tmp_path / "elsewhere" / "best_val") == {}
    assert judged_lines(Path("/")) == {}


def test_only_as_many_pages_are_shown_as_anybody_transcribes() -> None:
    pages = tuple(RankedPage(f"p{n:02}", 10, 10, 0.5 + n / 100) for n in range(20))
    lines = next_lines(NextPages(pages, (), {}, None))
    assert len([line for line in lines if line.endswith(tuple(page.page for page in pages))]) == 15
    assert "5 more pages are read with more confidence." in lines
