"""Characters, labels and error rates, without any framework."""

import random

import pytest

pytest.importorskip("rapidfuzz", reason="the trainer's packages are not installed")

from loghi_contract.counts import pool
from loghi_contract.job import CharsetPolicy
from loghi_contract.text import Normalization, normalization_for, normalize
from loghi_contract.tokenizer import (
    Tokenizer,
    TokenizerError,
    format_charlist,
    format_tokenizer,
    parse_charlist,
    parse_tokenizer,
)
from loghi_trainer.charset import look_alike, plan_charset
from loghi_trainer.errors import DataError
from loghi_trainer.scores import count_errors

BASE = Tokenizer.of("abdeost 'LIO")


def test_labels_are_token_ids_minus_one_and_the_blank_is_last() -> None:
    tokenizer = Tokenizer.of("abc")

    assert tokenizer.encode("ca") == [3, 1]
    assert tokenizer.classes == 5
    assert tokenizer.blank == 4
    assert tokenizer.decode([3, 1]) == "ca"


def test_decoded_text_is_trimmed_as_loghi_trims_it() -> None:
    assert Tokenizer.of(" a").decode([1, 2, 1, 2, 1]) == "a a"


def test_tokenizer_file_survives_a_round_trip_to_the_byte() -> None:
    text = format_tokenizer(Tokenizer.of('aé"\\ '))

    assert text.startswith('{\n    "0": "[PAD]",\n    "1": "[UNK]",\n    "2": "a"')
    assert format_tokenizer(parse_tokenizer(text)) == text


def test_charlist_counts_every_character_even_a_newline() -> None:
    assert parse_charlist("ab ").characters == ("a", "b", " ")
    assert format_charlist(Tokenizer.of("ab ")) == "ab "


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"0": "[PAD]", "2": "[UNK]"}', '{"0": "a", "1": "b", "2": "c"}', '{"0":"[PAD]","1":"[UNK]","2":"ab"}'],
)
def test_malformed_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(TokenizerError):
        parse_tokenizer(text)


def test_character_named_twice_is_refused() -> None:
    with pytest.raises(TokenizerError, match="more than once"):
        parse_charlist("aba")


def test_normalization_follows_the_base_charset() -> None:
    assert normalization_for("aé") is Normalization.NFC
    assert normalization_for(["a", "\u0301"]) is Normalization.NONE
    assert normalize(" e\u0301 ", Normalization.NFC) == "é"
    assert normalize("e\u0301", Normalization.NONE) == "e\u0301"


def test_extend_keeps_every_known_label_and_adds_at_the_end() -> None:
    plan = plan_charset(BASE, CharsetPolicy.EXTEND, ["stað", "soſ"])

    assert plan.tokenizer.characters[: len(BASE.characters)] == BASE.characters
    assert plan.added == ("ð", "ſ")
    assert plan.look_alikes == {"ð": "d", "ſ": "s"}


def test_unknown_character_is_refused_by_policy_fail() -> None:
    with pytest.raises(DataError, match="ð"):
        plan_charset(BASE, CharsetPolicy.FAIL, ["stað"])


def test_replace_takes_the_charset_of_the_training_texts() -> None:
    plan = plan_charset(BASE, CharsetPolicy.REPLACE, ["tað"])

    assert plan.tokenizer.characters == ("a", "t", "ð")
    assert "e" in plan.removed


@pytest.mark.parametrize(
    ("character", "known"),
    [("à", "a"), ("Ö", "O"), ("ð", "d"), ("’", "'"), ("£", "L"), ("D", "d"), ("É", "e"), ("漢", None)],
)
def test_new_letter_starts_from_the_one_it_looks_like(character: str, known: str | None) -> None:
    assert look_alike(character, BASE) == known


def test_edit_counts_equal_the_slow_textbook_algorithm() -> None:
    rng = random.Random(3)
    for _ in range(200):
        left = "".join(rng.choices("ab c", k=rng.randrange(12)))
        right = "".join(rng.choices("ab c", k=rng.randrange(12)))
        counts = count_errors(left, right)
        assert counts.edits == _slow_distance(left, right)
        assert counts.word_edits == _slow_distance(left.split(), right.split())


def test_error_rates_are_pooled_not_averaged() -> None:
    total = pool([count_errors("abcdefghij", "abcdefghij"), count_errors("ab", "xy")])

    assert total.cer == 2 / 12
    assert total.wer == 1 / 2


def test_error_rate_may_exceed_one() -> None:
    assert count_errors("a", "abcd").cer == 3.0


def _slow_distance(left: object, right: object) -> int:
    rows = list(range(len(right) + 1))  # type: ignore[arg-type]
    for i, a in enumerate(left, 1):  # type: ignore[arg-type, var-annotated]
        previous, rows[0] = rows[0], i
        for j, b in enumerate(right, 1):  # type: ignore[arg-type, var-annotated]
            previous, rows[j] = rows[j], min(rows[j] + 1, rows[j - 1] + 1, previous + (a != b))
    return rows[-1]
