"""A character n-gram: how probable each character is after those before it, in texts of the same hand and office.

Own code: of the libraries that do this for CTC, KenLM has no wheels, pyctcdecode refuses NumPy 2, and flashlight-text
needs KenLM.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from loghi_contract.language_model import EDGE, NGrams
from loghi_contract.tokenizer import Tokenizer

#: What is taken from a count of one, of two, and of more, for characters that were not seen there.
DISCOUNTS = (0.5, 0.8, 0.95)

_ROOM = 1024
# some 50 MB with a hundred characters
_MOST_STATES = 60_000

States = NDArray[np.int64]
Floats = NDArray[np.float32]


class LanguageModel:
    """Interpolated absolute discounting over continuation counts.

    What was read of a line is a state: the longest context of it that the texts have, as a row of tables that grow as
    contexts are met.

    Source: Chen and Goodman 1999, modified Kneser-Ney smoothing.
    """

    def __init__(
        self, ngrams: NGrams, order: int, tokenizer: Tokenizer, discounts: Sequence[float] = DISCOUNTS
    ) -> None:
        self._order = order
        self._characters = tokenizer.characters
        # columns: [UNK], the characters, and the line's edge where the blank is
        self._column = {character: label for label, character in enumerate(self._characters, start=1)}
        self._column[EDGE] = tokenizer.blank
        self._uniform = np.full(tokenizer.classes, 1 / tokenizer.classes)
        self._followers = _Followers(ngrams, order, self._column, discounts)
        self.forget()

    def forget(self) -> None:
        """Begin anew with no context worked out: no state from before is valid then."""
        classes = len(self._uniform)
        self._states: dict[str, int] = {}
        self._contexts: list[str] = []
        self._log_probabilities = np.zeros((_ROOM, classes), np.float32)
        self._next = np.full((_ROOM, classes), -1, np.int32)
        self.start = self._state(EDGE)

    def keep_small(self) -> None:
        """Forget, if what was worked out became much."""
        if len(self._contexts) > _MOST_STATES:
            self.forget()

    def log_probabilities(self, states: States, labels: NDArray[np.int64]) -> Floats:
        """The logarithm of the probability of these labels after these states; the blank is the line's end."""
        return self._log_probabilities.take(states * self._log_probabilities.shape[1] + labels)

    def after(self, states: States, labels: NDArray[np.int64]) -> States:
        """The states (n,) that follow when these labels (n,) are read, none of them the blank."""
        found = self._next.take(states * self._next.shape[1] + labels).astype(np.int64)
        for place in np.flatnonzero(found < 0):
            state, label = int(states[place]), int(labels[place])
            if self._next[state, label] < 0:
                # [UNK] is no character of any text: what comes after it knows nothing of what was before
                character = self._characters[label - 1] if label else ""
                following = self._state((self._contexts[state] + character)[1 - self._order :] if label else "")
                self._next[state, label] = following
            found[place] = self._next[state, label]
        return found

    def _state(self, context: str) -> int:
        while context and context not in self._followers:
            context = context[1:]
        state = self._states.get(context)
        return self._met(context) if state is None else state

    def _met(self, context: str) -> int:
        """The state of a context that is met for the first time."""
        lower = self._uniform
        if context:
            shorter = self._state(context[1:])  # first: the tables may grow by it
            lower = np.exp(self._log_probabilities[shorter])
        columns, shares, rest = self._followers.of(context)
        found = rest * lower
        found[columns] += shares
        state = self._states[context] = len(self._contexts)
        self._contexts.append(context)
        if state == len(self._next):
            self._next = np.concatenate([self._next, np.full_like(self._next, -1)])
            self._log_probabilities = np.concatenate([self._log_probabilities, np.zeros_like(self._log_probabilities)])
        self._log_probabilities[state] = np.log(found)
        return state


class _Followers:
    """What follows each context, side by side in two arrays: a context is known by where its part of them is."""

    def __init__(self, ngrams: NGrams, order: int, column: dict[str, int], discounts: Sequence[float]) -> None:
        self._discounts = np.asarray(discounts)
        by_length: list[Counter[str]] = [Counter() for _ in range(order + 1)]
        for ngram, count in ngrams.items():
            by_length[len(ngram)][ngram] = count
        for length in range(order, 1, -1):
            # in how many contexts a shorter one stands; one that begins a line stands in no other
            by_length[length - 1].update(ngram[1:] for ngram in by_length[length])
        columns, counts = array("i"), array("i")
        self._part_of: dict[str, slice] = {}
        for counted in by_length:
            can_be_written = (ngram for ngram in sorted(counted) if ngram[-1] in column)
            for context, group in groupby(can_be_written, key=lambda ngram: ngram[:-1]):
                begin = len(columns)
                for ngram in group:
                    columns.append(column[ngram[-1]])
                    counts.append(counted[ngram])
                self._part_of[context] = slice(begin, len(columns))
        self._columns, self._counts = np.asarray(columns), np.asarray(counts)

    def __contains__(self, context: str) -> bool:
        return context in self._part_of

    def of(self, context: str) -> tuple[NDArray[np.int32], NDArray[np.float64], float]:
        """Columns of what follows, their discounted shares, and the share that is left for all others."""
        part = self._part_of[context]
        counts = self._counts[part]
        discounts = self._discounts[np.minimum(counts, len(self._discounts)) - 1]
        total = counts.sum()
        return self._columns[part], (counts - discounts) / total, float(discounts.sum() / total)
