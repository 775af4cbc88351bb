"""The folder `lm` beside a model: what is written is read again, and what is damaged is refused in words."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract.language_model import (
    FACTS_FILE,
    LM_DIR,
    NGRAMS_FILE,
    LanguageModelError,
    LanguageModelFacts,
    OnValidation,
    TextSource,
    count_ngrams,
    facts_of,
    pack_ngrams,
    read_facts,
    read_ngrams,
    share_known,
)
from tests.made_language_model import write_parts

NGRAMS = count_ngrams(["an ban", "nåb"], 3)


@pytest.fixture
def facts(tmp_path: Path) -> LanguageModelFacts:
    """Of the language model in the test's own folder."""
    packed = pack_ngrams(NGRAMS)
    source = TextSource("training lines", 2, 9)
    facts = facts_of(packed, order=3, discounts=(0.5, 0.8), weight=0.5, per_character=1.0, sources=(source,))
    write_parts(tmp_path, facts, packed)
    return facts


def test_ngrams_are_counted_from_edge_to_edge_of_each_line() -> None:
    assert count_ngrams(["aba"], 2) == Counter({"\na": 1, "ab": 1, "ba": 1, "a\n": 1})
    assert count_ngrams(["ab", "ab"], 5) == Counter({"\na": 2, "\nab": 2, "\nab\n": 2})


def test_what_is_written_is_read_again(tmp_path: Path, facts: LanguageModelFacts) -> None:
    assert read_facts(tmp_path) == facts
    assert read_ngrams(tmp_path, facts) == NGRAMS
    assert pack_ngrams(Counter(dict(reversed(NGRAMS.items())))) == pack_ngrams(NGRAMS)


def test_a_model_without_one_has_none(tmp_path: Path) -> None:
    assert read_facts(tmp_path) is None


def test_only_fewer_errors_on_validation_lines_are_help(facts: LanguageModelFacts) -> None:
    def judged(cer: float) -> LanguageModelFacts:
        return replace(facts, validation=OnValidation(10, 0.2, cer, 0.5))

    assert not facts.helps
    assert judged(0.19).helps
    assert not judged(0.2).helps


def test_how_much_of_a_text_was_learnt() -> None:
    assert share_known(NGRAMS, ["an ban"], 3) == 1
    assert share_known(NGRAMS, ["xyz"], 3) == 0
    assert share_known(NGRAMS, [], 3) == 0


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (FACTS_FILE, b"{", "cannot be read"),
        (FACTS_FILE, b'{"version": 2}', "version 2"),
        (FACTS_FILE, b'{"version": 1, "strange": 1}', "strange"),
        (NGRAMS_FILE, b"", "damaged"),
        (NGRAMS_FILE, pack_ngrams(Counter({"ab": 1})), "another"),
    ],
)
def test_a_damaged_one_is_refused_in_words(
    tmp_path: Path, facts: LanguageModelFacts, file: str, content: bytes, said: str
) -> None:
    (tmp_path / LM_DIR / file).write_bytes(content)

    with pytest.raises(LanguageModelError, match=said):
        read_ngrams(tmp_path, read_facts(tmp_path) or facts)


@pytest.mark.parametrize(
    "content", [["ab"], {"ab": "1"}, {"ab": True}, {"ab": 0}, {"a": 1}, {"abcd": 1}, {"ab": 1.5}], ids=str
)
def test_what_is_no_count_of_an_ngram_is_refused(tmp_path: Path, facts: LanguageModelFacts, content: object) -> None:
    packed = gzip.compress(json.dumps(content).encode())
    made = facts_of(packed, order=3, discounts=(0.5,), weight=0.5, per_character=1.0, sources=())
    write_parts(tmp_path, made, packed)

    with pytest.raises(LanguageModelError, match=r"n-grams"):
        read_ngrams(tmp_path, made)
