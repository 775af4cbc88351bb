"""Words that were read right, by kinds that a language model treats differently: learnt, new, names, numbers."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from rapidfuzz.distance import Levenshtein


class WordKind(str, Enum):
    """A word is of every kind that fits."""

    LEARNT = "in the texts learnt from"
    NEW = "not in them"
    NEW_CAPITAL = "not in them, with a capital (names)"
    NUMBER = "with a digit"


@dataclass(frozen=True)
class WordRow:
    """So many words of a kind, and how many of them each of the readings has right."""

    kind: WordKind
    words: int
    right: tuple[int, ...]


def word_rows(
    references: Sequence[str], readings: Sequence[Sequence[str]], learnt: Collection[str]
) -> tuple[WordRow, ...]:
    """A row for each kind that there are words of; words are what stands between blanks.

    Args:
        readings: for each line, a text of each way of reading.
        learnt: the words that were learnt from.
    """
    words: Counter[WordKind] = Counter()
    right = [Counter[WordKind]() for _ in readings[0]] if readings else []
    for reference, texts in zip(references, readings, strict=True):
        written = reference.split()
        kinds = [_kinds(word, learnt) for word in written]
        words.update(kind for of_word in kinds for kind in of_word)
        for counted, text in zip(right, texts, strict=True):
            counted.update(kind for place in _right(written, text.split()) for kind in kinds[place])
    return tuple(WordRow(kind, words[kind], tuple(each[kind] for each in right)) for kind in WordKind if words[kind])


def _kinds(word: str, learnt: Collection[str]) -> list[WordKind]:
    kinds = [WordKind.LEARNT if word in learnt else WordKind.NEW]
    if word not in learnt and word[0].isupper():
        kinds.append(WordKind.NEW_CAPITAL)
    if any(character.isdigit() for character in word):
        kinds.append(WordKind.NUMBER)
    return kinds


def _right(written: list[str], read: list[str]) -> list[int]:
    """Places of the words that stand in the reading, too, in the same order."""
    return [
        place
        for block in Levenshtein.opcodes(written, read)
        if block.tag == "equal"
        for place in range(block.src_start, block.src_end)
    ]
