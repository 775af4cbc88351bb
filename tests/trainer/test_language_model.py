"""The character n-gram against its definition, written as slowly and plainly as possible; what it does to a beam."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from loghi_contract.counts import ErrorCounts
from loghi_contract.language_model import EDGE, OnValidation, count_ngrams, format_facts
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.beam import Guide, beam_search
from loghi_trainer.errors import DataError
from loghi_trainer.language_model import DISCOUNTS, LanguageModel
from loghi_trainer.learnt_texts import ORDER, learn, open_guide

TEXTS = ["banana", "bandana", "an ban", "nab", "banana"]
TOKENIZER = Tokenizer.of("abdn ")


def model(order: int) -> LanguageModel:
    return LanguageModel(count_ngrams(TEXTS, order), order, TOKENIZER)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_each_character_is_as_probable_as_the_definition_says(order: int) -> None:
    made = model(order)

    for text in ("banana", "dab na", "bbbb"):
        states = np.array([made.start])
        for place, character in enumerate(text):
            label = np.array(TOKENIZER.encode(character))
            expected = slow_probability(EDGE + text[:place], character, order)
            assert made.log_probabilities(states, label)[0] == pytest.approx(math.log(expected), abs=1e-4)
            states = made.after(states, label)


def test_all_that_can_follow_is_certain_together() -> None:
    made = model(4)
    state = np.array([made.start])
    for label in TOKENIZER.encode("bana"):
        state = made.after(state, np.array([label]))
        every = made.log_probabilities(state[:, None], np.arange(TOKENIZER.classes)[None])
        assert np.exp(every).sum() == pytest.approx(1.0, abs=1e-5)


def test_of_two_letters_that_look_alike_the_usual_one_is_read() -> None:
    classes = TOKENIZER.classes
    line = np.full((1, 6, classes), 1e-6)
    for frame, character in enumerate("banan"):
        line[0, frame, TOKENIZER.encode(character)] = 1.0
    last = TOKENIZER.encode("ad")
    line[0, 5, last] = 0.48, 0.52  # banand, says the image

    frames = np.array([6], np.int32)
    [(greedy, _)] = beam_search(np.log(line), frames, 8)
    [(guided, probability)] = beam_search(np.log(line), frames, 8, Guide(model(4), 0.5, 1.0))

    assert TOKENIZER.decode(greedy) == "banand"
    assert TOKENIZER.decode(guided) == "banana"
    assert probability == pytest.approx(math.log(0.48), abs=0.01), "a confidence is the image's"


def test_tables_that_are_forgotten_are_made_again() -> None:
    made = model(4)
    made.after(np.array([made.start]), np.array(TOKENIZER.encode("b")))
    before = made.log_probabilities(np.array([made.start]), np.array([1]))

    made.forget()

    assert made.log_probabilities(np.array([made.start]), np.array([1])) == before


def test_what_validation_lines_say_is_kept_where_they_are_enough() -> None:
    learnt = learn(["banana"] * 3, ["band"])
    greedy, guided = [ErrorCounts(1, 2, 6)] * 10, [ErrorCounts(1, 1, 6)] * 10

    judged = learnt.judged(["banana"] * 10, greedy, guided).facts

    assert [(source.name, source.lines) for source in judged.sources] == [("training lines", 3), ("text.more", 1)]
    assert judged.validation == OnValidation(10, 1 / 3, 1 / 6, 1.0)
    assert judged.helps
    assert learnt.judged(["banana"] * 9, greedy[:9], guided[:9]).facts.validation is None


def test_too_many_texts_shorten_the_contexts() -> None:
    texts = ["banana bandana", "nab an ban"]

    assert learn(texts, []).facts.order == ORDER
    assert not learn(texts, []).is_shortened
    shortened = learn(texts, [], most_ngrams=len(count_ngrams(texts, 3)))
    assert shortened.facts.order == 3
    assert shortened.is_shortened


def test_what_was_read_counts_as_if_it_had_been_learnt_with_the_rest_and_is_named() -> None:
    both = learn(TEXTS[:1], ["ban"]).with_read(["nab an", "an"])

    assert both.ngrams == learn([TEXTS[0], "ban", "nab an", "an"], []).ngrams
    assert [(each.name, each.lines, each.characters) for each in both.facts.sources] == [
        ("training lines", 1, len(TEXTS[0])),
        ("text.more", 1, 3),
        ("unread pages", 2, 8),
    ]


def test_one_beside_a_model_guides_as_it_did_when_it_was_learnt(tmp_path: Path) -> None:
    learnt = learn(TEXTS, [])
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm/lm.json").write_text(format_facts(learnt.facts))
    (tmp_path / "lm/ngrams.json.gz").write_bytes(learnt.packed)

    opened, own = open_guide(tmp_path, TOKENIZER), learnt.guide(TOKENIZER)

    states, labels = np.array([own.model.start]), np.arange(1, TOKENIZER.classes)
    assert (opened.weight, opened.per_label) == (own.weight, own.per_label)
    assert (opened.model.log_probabilities(states, labels) == own.model.log_probabilities(states, labels)).all()
    with pytest.raises(DataError, match="no language model"):
        open_guide(tmp_path / "elsewhere", TOKENIZER)


def slow_probability(context: str, character: str, order: int) -> float:
    """Interpolated: discounted counts of the longest context, and what is left for the same with a shorter one."""
    context = context[1 - order :] if order > 1 else ""
    return interpolated(context, character, order)


def interpolated(context: str, character: str, order: int) -> float:
    followers = counts(context, order)
    lower = interpolated(context[1:], character, order) if context else 1 / TOKENIZER.classes
    if not followers:
        return lower
    total = sum(followers.values())
    discounts = {each: DISCOUNTS[min(count, 3) - 1] for each, count in followers.items()}
    own = (followers[character] - discounts[character]) / total if character in followers else 0.0
    return own + sum(discounts.values()) / total * lower


def counts(context: str, order: int) -> dict[str, int]:
    """How often each character follows; below the longest context: after how many different characters it does."""
    lines = [f"{EDGE}{text}{EDGE}" for text in TEXTS]
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        for place in range(max(1, len(context)), len(line)):
            if line[place - len(context) : place] == context:
                found[line[place]].append(line[place - len(context) - 1 : place - len(context)])
    is_longest = len(context) == order - 1 or context.startswith(EDGE)
    return {each: len(before) if is_longest else len(set(before)) for each, before in found.items()}
