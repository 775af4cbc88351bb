"""What is written on a page: paragraphs made from sentence patterns, filled at random."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import ModuleType

import numpy as np

from sample_maker import sentences_english, sentences_norwegian, words


class Language(str, Enum):
    """Languages of the sample; the values are those of PAGE XML's `primaryLanguage`."""

    NORWEGIAN = "Norwegian"
    ENGLISH = "English"


class Align(str, Enum):
    """Where the lines of a paragraph stand."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Paragraph:
    """Running text that is broken into lines when the page is written."""

    text: str
    align: Align = Align.LEFT


_SLOT = re.compile(r"\{(\w+)\}")
_PATTERNS: dict[Language, ModuleType] = {
    Language.NORWEGIAN: sentences_norwegian,
    Language.ENGLISH: sentences_english,
}
_SLOTS: dict[Language, words.Slots] = {
    Language.NORWEGIAN: words.NORWEGIAN,
    Language.ENGLISH: words.ENGLISH,
}


def fill(pattern: str, slots: words.Slots, random: np.random.Generator) -> str:
    """Return the pattern with a random word in every slot, starting with a capital."""
    text = _SLOT.sub(lambda slot: _choose(slots[slot.group(1)], random), pattern)
    return text[0].upper() + text[1:]


def office_page(language: Language, random: np.random.Generator) -> list[Paragraph]:
    """Return a page of the base hand: entries of a public office, longer than any page."""
    slots, patterns = _SLOTS[language], _PATTERNS[language]
    sentences = _shuffled(patterns.OFFICE_SENTENCES, random)
    page = [Paragraph(fill(_choose(patterns.HEADINGS, random), slots, random), Align.RIGHT)]
    while sentences:
        taken = [sentences.pop() for _ in range(min(int(random.integers(2, 5)), len(sentences)))]
        page.append(Paragraph(" ".join(fill(sentence, slots, random) for sentence in taken)))
        if random.random() < 0.6:
            page.append(_entries(language, int(random.integers(3, 9)), random))
    return page


def letter_pages(language: Language, count: int, random: np.random.Generator) -> list[list[Paragraph]]:
    """Return `count` pages of the new hand; no page repeats a sentence of another.

    Only the sentences with new characters come back, with other words: every page has some, so
    that these characters are learned in train and measured in val and test.
    """
    slots, patterns = _SLOTS[language], _PATTERNS[language]
    sentences = _shuffled(patterns.NEW_HAND_SENTENCES, random)
    with_grave = [pattern for pattern in patterns.NEW_CHARACTER_SENTENCES if "à" in pattern]
    with_eth = [pattern for pattern in patterns.NEW_CHARACTER_SENTENCES if "à" not in pattern]
    pages = []
    for number in range(count):
        rare = [*_shuffled(with_grave, random)[:2], _choose(with_eth, random)]
        own = sentences[number::count] + rare
        body = [fill(own[index], slots, random) for index in random.permutation(len(own))]
        half = len(body) // 2
        pages.append(
            [
                Paragraph(fill(_choose(patterns.HEADINGS, random), slots, random), Align.RIGHT),
                Paragraph(fill(_choose(patterns.GREETINGS, random), slots, random)),
                Paragraph(" ".join(body[:half])),
                _entries(language, int(random.integers(3, 6)), random),
                Paragraph(" ".join(body[half:])),
                _entries(language, int(random.integers(4, 8)), random, patterns.NEW_CHARACTER_ENTRIES),
                Paragraph(fill(_choose(patterns.FAREWELLS, random), slots, random), Align.RIGHT),
            ]
        )
    return pages


def _entries(language: Language, count: int, random: np.random.Generator, besides: tuple[str, ...] = ()) -> Paragraph:
    """Return `count` entries of an account; those of `besides` come as often as all others together."""
    slots = _SLOTS[language]
    usual: tuple[str, ...] = _PATTERNS[language].ENTRIES
    text = ""
    for _ in range(count):
        chosen = besides if besides and random.random() < 0.5 else usual
        text += fill(_choose(chosen, random), slots, random) + " "
    return Paragraph(text.rstrip(";:. ") + ".")


def _choose(options: Sequence[str], random: np.random.Generator) -> str:
    return options[int(random.integers(len(options)))]


def _shuffled(options: Sequence[str], random: np.random.Generator) -> list[str]:
    return [options[index] for index in random.permutation(len(options))]
