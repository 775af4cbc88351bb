"""Errors, intervals and judgements, against independent libraries and by simulation."""

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loghi_contract.counts import ErrorCounts, pool
from loghi_runner.evaluation.counts import Kind, Variant, align, as_variant, confusions, count
from loghi_runner.evaluation.intervals import gain_interval
from loghi_runner.evaluation.judgement import Outcome, judge, judge_forgetting
from loghi_runner.evaluation.results import ReadLine, Results

words = st.text(alphabet="abcæøå ,.AB", min_size=1, max_size=30)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=6))
def test_pooled_scores_are_those_of_jiwer(pairs: list[tuple[str, str]]) -> None:
    pairs = [(reference, reading) for reference, reading in pairs if reference.split()]
    if not pairs:
        return
    references, readings = [r.strip() for r, _ in pairs], [h.strip() for _, h in pairs]
    ours = pool(count(*pair) for pair in pairs)
    assert ours.cer == pytest.approx(jiwer.cer(references, readings))
    assert ours.wer == pytest.approx(jiwer.wer(references, readings))


def test_variants_are_loghis() -> None:
    text = " ␅Å␅r 1814, æ! "
    assert [as_variant(text, variant) for variant in Variant] == ["År 1814, æ!", "år 1814, æ!", "r1814"]


def test_lines_without_text_count_without_dividing_by_zero() -> None:
    assert count("", "").cer == 0
    assert count("", "extra").cer == 5
    assert pool([]).line_accuracy == 1


@given(words, words)
def test_pieces_give_both_texts_back(reference: str, reading: str) -> None:
    pieces = align(reference, reading)
    assert "".join(piece.reference for piece in pieces) == reference
    assert "".join(piece.reading for piece in pieces) == reading
    edits = sum(max(len(p.reference), len(p.reading)) for p in pieces if p.kind is not Kind.EQUAL)
    assert edits == count("x" + reference + "x", "x" + reading + "x").edits


def test_confusions_are_counted_with_examples() -> None:
    (first, second) = confusions([("a", "nun", "uun"), ("b", "non", "uon"), ("c", "x", "xy")], 2)
    assert (first.written, first.read, first.count, first.examples) == ("n", "u", 2, ("a", "b"))
    assert (second.written, second.read, second.count) == ("", "y", 1)


def pages_of(
    chance: np.random.Generator, pages: int, rates: tuple[float, ...]
) -> tuple[list[list[ErrorCounts]], list[str]]:
    """Lines of 40 characters on pages that differ in difficulty; one list of counts for each error rate."""
    models: list[list[ErrorCounts]] = [[] for _ in rates]
    names = []
    for page in range(pages):
        difficulty = chance.uniform(0.5, 1.5)
        for _ in range(20):
            names.append(f"p{page}")
            for model, rate in zip(models, rates, strict=True):
                model.append(ErrorCounts(1, int(chance.binomial(40, rate * difficulty)), 40, 0, 8, 1))
    return models, names


def test_equal_models_are_seldom_called_better() -> None:
    chance = np.random.default_rng(8)
    called = 0
    for _ in range(120):
        (old, new), names = pages_of(chance, 24, (0.1, 0.1))
        called += judge(old, new, names, "lines").outcome is not Outcome.NOT_SHOWN
    assert called / 120 <= 0.12


def test_a_clear_gain_and_a_clear_loss_are_seen() -> None:
    (old, new), names = pages_of(np.random.default_rng(9), 12, (0.3, 0.1))
    better = judge(old, new, names, "test lines")
    assert better.outcome is Outcome.BETTER
    assert better.sentence.startswith("better: CER on 240 test lines ")
    worse = judge(new, old, names, "test lines")
    assert worse.outcome is Outcome.WORSE
    assert worse.sentence.startswith("worse: CER on 240 test lines ")


def test_the_better_of_two_models_is_named() -> None:
    (old, new), names = pages_of(np.random.default_rng(9), 12, (0.3, 0.1))
    both = ("ibsen", "bonnevie")
    scores = " CER on 240 lines 33.4 % (ibsen), 11.4 % (bonnevie) (19."
    assert judge(old, new, names, "lines", both).sentence.startswith(f"bonnevie is better:{scores}")
    assert judge(new, old, names, "lines", both).sentence.startswith("ibsen is better: CER on 240 lines 11.4 % (ibsen)")
    neither = judge(old, old, names, "lines", both).sentence
    assert neither.startswith("neither ibsen nor bonnevie is shown to be better, it may be chance: ")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (97, 200, "9.7 % before, 20.0 % after, errors doubled"),
        (155, 246, "15.5 % before, 24.6 % after, 59 % more errors"),
        (50, 200, "5.0 % before, 20.0 % after, 4.0 times as many errors"),
        (0, 200, "0.0 % before, 20.0 % after"),
    ],
)
def test_how_much_was_forgotten_is_said_plainly(before: int, after: int, told: str) -> None:
    old, new = ([ErrorCounts(1, wrong, 1000, 0, 8, 1)] * 10 for wrong in (before, after))
    forgetting = judge_forgetting(old, new, ["p"] * 10)
    assert forgetting.short == f"on 10 lines of the old hand it forgot some: {told}"
    assert f"CER on 10 lines of the old hand {told} (" in forgetting.sentence


def test_identical_readings_are_not_shown_to_be_better() -> None:
    same = [count("abc", "abd")] * 30
    judgement = judge(same, same, ["p"] * 30, "lines")
    assert judgement.outcome is Outcome.NOT_SHOWN
    assert judgement.gain is not None
    assert (judgement.gain.low, judgement.gain.high, judgement.gain.unit) == (0, 0, "lines")
    assert gain_interval(same[:1], same[:1], ["p"]) is None


def test_slips_of_the_transcriber_are_suspected() -> None:
    lines = [ReadLine(str(n), "p", "alle er like", ("alle er like", "alle er lige")) for n in range(9)]
    lines.append(ReadLine("slip", "p", "dette er ret", ("dette er rett", "dette er rett")))
    lines.append(ReadLine("both", "p", "helt annet", ("hxlt ynnet", "helt annit")))
    found = Results(tuple(lines), ("old", "new")).comparison
    assert found is not None
    assert [line.id for line in found.suspected] == ["slip"]
    assert {line.id for line in found.both_wrong} == {"slip", "both"}
    assert (found.only_first_right, found.only_second_right, found.both_right) == (9, 0, 0)


def test_style_marks_are_neither_counted_nor_shown_as_errors() -> None:
    found = Results((ReadLine("1", "p", "␅a␅b cd", ("ab cd", "ab ce")),), ("old", "new"))
    assert found.models[0].counts[Variant.DIPLOMATIC].edits == 0
    assert found.models[0].confusions == ()
    assert [(each.written, each.read) for each in found.models[1].confusions] == [("d", "e")]


def test_scores_and_loghis_columns_are_of_the_same_counts() -> None:
    # a blank beside a style mark at the end of a line is one that Loghi counts
    found = Results((ReadLine("1", "p", "␃ a b", ("a b",)),), ("new",))
    assert found.loghi[0]["cer"] == found.models[0].counts[Variant.DIPLOMATIC].cer == 1 / 4
    assert [line.id for line in found.worst()] == ["1"]
    assert [(each.written, each.read) for each in found.confusions] == [(" ", "")]


def test_words_of_letters_are_those_of_the_text_and_not_the_whole_line() -> None:
    found = count("Kun 12, — ja!", "kun 12 ja", Variant.LETTERS)
    assert (found.words, found.word_edits, found.edits) == (3, 0, 0)
    # Loghi takes blanks out: two words run together are an error of words only
    together = count("til veien", "tilveien", Variant.LETTERS)
    assert (together.words, together.word_edits, together.edits) == (2, 2, 0)
