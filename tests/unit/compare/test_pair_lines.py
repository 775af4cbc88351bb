"""Lines of two XML files of one page are paired as a person would: by where they are, and by id where that agrees."""

from dataclasses import replace

from loghi_runner.compare.match_pages import LinePairs, pair_lines
from loghi_runner.pages.model import Page, PageLine, TextVersion


def line(line_id: str, text: str, y: int, *, x: int = 60, outline: bool = True, baseline: bool = True) -> PageLine:
    box = ((x, y - 48), (x + 500, y - 48), (x + 500, y + 14), (x, y + 14))
    return PageLine(
        line_id, 1, ((x, y), (x + 500, y)) if baseline else (), box if outline else (), (TextVersion(text),)
    )


def page(*lines: PageLine, size: tuple[int | None, int | None] = (1200, 800)) -> Page:
    return Page(None, *size, lines)


def texts(pairs: LinePairs) -> dict[int, str]:
    return {place: partner.texts[0].text for place, partner in pairs.partners.items()}


def halved(made: Page) -> Page:
    def half(points):
        return tuple((x / 2, y / 2) for x, y in points)

    lines = tuple(replace(line, baseline=half(line.baseline), outline=half(line.outline)) for line in made.lines)
    return replace(made, width=made.width // 2, height=made.height // 2, lines=lines)


def test_ids_shifted_by_a_new_segmentation_are_not_believed() -> None:
    truth = page(*(line(f"l{n}", f"text {n}", 100 * n) for n in (1, 2, 3)))
    other = page(line("l1", "- 7 -", 40, x=900), *(line(f"l{n + 1}", f"text {n}", 100 * n) for n in (1, 2, 3)))
    pairs = pair_lines(truth, other)
    assert texts(pairs) == {0: "text 1", 1: "text 2", 2: "text 3"}
    assert pairs.by_place == {0, 1, 2}


def test_ids_whose_lines_overlap_their_neighbours_are_not_believed_either() -> None:
    truth = page(*(line(f"l{n}", f"text {n}", 30 * n) for n in range(1, 8)))
    other = page(*(line(f"l{n + 1}", f"text {n}", 30 * n) for n in range(1, 8)))
    assert texts(pair_lines(truth, other)) == {n: f"text {n + 1}" for n in range(7)}


def test_a_repeated_id_loses_no_line() -> None:
    first = page(line("l1", "", 100), line("l1", "", 200), line("l2", "", 300))
    other = page(line("l1", "text 2", 200), line("l1", "text 1", 100), line("l2", "text 3", 300))
    assert texts(pair_lines(first, other)) == {0: "text 1", 1: "text 2", 2: "text 3"}


def test_pages_of_another_size_are_scaled_to_one() -> None:
    first = page(*(line(f"a{n}", "", 100 * n) for n in (1, 2, 3)))
    other = halved(page(*(line(f"b{n}", f"text {n}", 100 * n) for n in (1, 2, 3))))
    pairs = pair_lines(first, other)
    assert texts(pairs) == {0: "text 1", 1: "text 2", 2: "text 3"}
    assert pairs.scaled
    assert not pair_lines(first, first).scaled


def test_a_corrected_outline_and_a_baseline_alone_are_the_same_line() -> None:
    first = page(*(line(f"l{n}", "", 100 * n) for n in (1, 2)), line("x", "", 300))
    other = page(
        line("l1", "text 1", 112), line("l2", "text 2", 200, outline=False), line("y", "text 3", 302, outline=False)
    )
    pairs = pair_lines(first, other)
    assert texts(pairs) == {0: "text 1", 1: "text 2", 2: "text 3"}
    assert pairs.by_place == {2}


def test_baselines_alone_are_paired_by_place() -> None:
    first = page(*(line(f"a{n}", "", 100 * n, outline=False) for n in (1, 2)))
    other = page(*(line(f"b{n}", f"text {n}", 100 * n + 4, outline=False) for n in (1, 2)))
    assert texts(pair_lines(first, other)) == {0: "text 1", 1: "text 2"}


def test_where_no_place_can_be_compared_the_id_is_believed() -> None:
    first = page(line("l1", "", 100), line("l2", "", 200, outline=False, baseline=False))
    moved = page(line("l1", "text 1", 700), line("l2", "text 2", 100), size=(None, None))
    assert texts(pair_lines(first, moved)) == {0: "text 1", 1: "text 2"}


def test_a_line_that_nobody_else_has_stays_alone() -> None:
    first = page(line("l1", "", 100), line("l2", "", 400))
    other = page(line("l1", "text 1", 100), line("l2", "another", 700))
    assert texts(pair_lines(first, other)) == {0: "text 1"}
