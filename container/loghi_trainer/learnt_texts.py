"""The language model of a run: learnt from the texts of its training lines, judged by its validation lines.

And one that was learnt before, opened from beside its model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.counts import ErrorCounts, pool
from loghi_contract.language_model import (
    LM_DIR,
    LanguageModelError,
    LanguageModelFacts,
    NGrams,
    OnValidation,
    TextSource,
    count_ngrams,
    facts_of,
    pack_ngrams,
    read_facts,
    read_ngrams,
    share_known,
)
from loghi_contract.text import Normalization, normalize
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.beam import Guide
from loghi_trainer.errors import DataError
from loghi_trainer.language_model import DISCOUNTS, LanguageModel

#: On real validation lines 6 read as well as 8 and 10, from three quarters of the n-grams.
ORDER = 6
#: Fixed, not tuned: validation lines repeat what was learnt, and ask for more than other pages bear. These served two
#: hands of two centuries, one of formulae and one of free prose.
WEIGHT, PER_CHARACTER = 0.5, 1.0
#: The longest contexts are given up while there are more: some 5 MB on disk, and 300 MB while lines are read.
MOST_NGRAMS = 1_000_000
#: Fewer validation lines do not tell whether it helps.
FEWEST_LINES = 10


@dataclass(frozen=True)
class LearntTexts:
    """What is written beside a model: the facts, and the counts that they are of, as they are and packed."""

    facts: LanguageModelFacts
    ngrams: NGrams
    packed: bytes

    @property
    def is_shortened(self) -> bool:
        """Whether the texts were too many for contexts of the usual length."""
        return self.facts.order < ORDER

    def with_read(self, texts: Sequence[str]) -> "LearntTexts":
        """Learnt also from what a model read of lines without a text; as it is where the counts would be too many."""
        ngrams = self.ngrams + count_ngrams(texts, self.facts.order)
        if len(ngrams) > MOST_NGRAMS:
            return self
        read = TextSource("unread pages", len(texts), sum(map(len, texts)))
        return _packed(ngrams, self.facts.order, (*self.facts.sources, read))

    def guide(self, tokenizer: Tokenizer) -> Guide:
        return _guide(self.facts, self.ngrams, tokenizer)

    def judged(
        self,
        texts: Sequence[str],
        greedy: Sequence[ErrorCounts],
        guided: Sequence[ErrorCounts],
        repeated: float | None = None,
    ) -> "LearntTexts":
        """With what the validation lines say of it, where they are enough; `texts` are their transcriptions.

        Args:
            repeated: the share of their n-grams that was learnt, where it is not this model that read them.
        """
        if len(texts) < FEWEST_LINES:
            return self
        if repeated is None:
            repeated = share_known(self.ngrams, texts, self.facts.order)
        said = OnValidation(len(texts), pool(greedy).cer, pool(guided).cer, repeated)
        return replace(self, facts=replace(self.facts, validation=said))


def learn(training: Sequence[str], more: Sequence[str], most_ngrams: int = MOST_NGRAMS) -> LearntTexts:
    """Count what follows what in the texts of the training lines, and in more texts where there are some."""
    texts, order = [*training, *more], ORDER
    while len(ngrams := count_ngrams(texts, order)) > most_ngrams and order > 2:
        order -= 1
    named = {"training lines": training, "text.more": more}
    sources = tuple(TextSource(name, len(each), sum(map(len, each))) for name, each in named.items() if each)
    return _packed(ngrams, order, sources)


def _packed(ngrams: NGrams, order: int, sources: tuple[TextSource, ...]) -> LearntTexts:
    packed = pack_ngrams(ngrams)
    facts = facts_of(
        packed, order=order, discounts=DISCOUNTS, weight=WEIGHT, per_character=PER_CHARACTER, sources=sources
    )
    return LearntTexts(facts, ngrams, packed)


def read_more_texts(file: Path, normalization: Normalization) -> list[str]:
    """Texts one a line, as the training lines' are normalised."""
    texts = (normalize(text, normalization) for text in file.read_text(encoding="utf-8").split("\n"))
    return [text for text in texts if text]


def open_guide(model_folder: Path, tokenizer: Tokenizer) -> Guide:
    """The language model beside a model.

    Raises:
        DataError: there is none, or it is damaged.
    """
    hint = f"Read without it (`--lm off`), or copy the folder {LM_DIR} again from where the model came from."
    try:
        facts = read_facts(model_folder)
        if facts is None:
            raise DataError("lm.missing", "there is no language model beside the model", where=LM_DIR, hint=hint)
        return _guide(facts, read_ngrams(model_folder, facts), tokenizer)
    except LanguageModelError as error:
        raise DataError("lm.damaged", f"the language model cannot be used: {error}", where=LM_DIR, hint=hint) from error


def _guide(facts: LanguageModelFacts, ngrams: NGrams, tokenizer: Tokenizer) -> Guide:
    return Guide(LanguageModel(ngrams, facts.order, tokenizer, facts.discounts), facts.weight, facts.per_character)
