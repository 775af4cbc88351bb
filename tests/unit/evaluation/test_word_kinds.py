"""Words that were read right, by what a language model knows of them."""

from loghi_runner.evaluation.word_kinds import WordKind, WordRow, word_rows


def test_each_kind_of_word_is_counted_for_each_reading() -> None:
    references = ["den 7 mai Holm", "den dag"]
    readings = [("den 7 mai Halm", "den 1 mai Holm"), ("dan dag", "den dag")]

    assert word_rows(references, readings, {"den", "mai"}) == (
        WordRow(WordKind.LEARNT, 3, (2, 3)),
        WordRow(WordKind.NEW, 3, (2, 2)),
        WordRow(WordKind.NEW_CAPITAL, 1, (0, 1)),
        WordRow(WordKind.NUMBER, 1, (1, 0)),
    )


def test_a_word_more_or_less_does_not_make_the_others_wrong() -> None:
    assert word_rows(["a b c"], [("a x b c", "b c")], {"a", "b", "c"}) == (WordRow(WordKind.LEARNT, 3, (3, 2)),)


def test_kinds_without_words_have_no_row() -> None:
    assert word_rows([], [], set()) == ()
