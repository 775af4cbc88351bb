"""A language model beside a model folder, as a run leaves it."""

from dataclasses import replace
from pathlib import Path

from loghi_contract.language_model import (
    LM_DIR,
    LM_PARTS,
    LanguageModelFacts,
    OnValidation,
    TextSource,
    count_ngrams,
    facts_of,
    format_facts,
    pack_ngrams,
)

TEXTS = ("alle er like", "alle er frie")


def write_language_model(model: Path, validation: OnValidation | None) -> LanguageModelFacts:
    packed = pack_ngrams(count_ngrams(TEXTS, 6))
    source = TextSource("training lines", len(TEXTS), sum(map(len, TEXTS)))
    made = facts_of(packed, order=6, discounts=(0.5,), weight=0.5, per_character=1.0, sources=(source,))
    facts = replace(made, validation=validation)
    write_parts(model, facts, packed)
    return facts


def write_parts(model: Path, facts: LanguageModelFacts, packed: bytes) -> None:
    (model / LM_DIR).mkdir(exist_ok=True)
    (model / LM_PARTS[0]).write_text(format_facts(facts), encoding="utf-8")
    (model / LM_PARTS[1]).write_bytes(packed)
