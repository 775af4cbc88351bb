"""Characters: which the base model cannot write, and in which Unicode form the texts are compared."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from loghi_contract.job import CharsetPolicy, Split
from loghi_contract.model_folder import ModelFacts
from loghi_contract.text import Normalization, normalization_for, normalize
from loghi_runner.config.choices import NormalizationChoice
from loghi_runner.config.schema import RunConfig
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.wording import plural

_MAX_NAMED = 20


def choose_normalization(config: RunConfig, base: ModelFacts | None) -> tuple[Normalization, tuple[Finding, ...]]:
    """The run's Unicode form; `auto` follows the base model's own characters."""
    choice = config.text.normalization
    if choice is not NormalizationChoice.AUTO:
        return Normalization(choice.value), ()
    keeps_charset = base is not None and config.charset is not CharsetPolicy.REPLACE
    chosen = normalization_for(base.tokenizer.characters) if base and keeps_charset else Normalization.NFC
    why = "accented letters are one character" + (", as the base model writes them" if keeps_charset else "")
    if chosen is Normalization.NONE:
        why = "the base model writes accents as characters of their own"
    message = f"text normalization is {chosen.value}: {why}"
    return chosen, (Finding(Severity.INFO, "charset.normalization", message, "text.normalization"),)


def check_normalization(normalization: Normalization, truth: GroundTruth) -> Iterator[Finding]:
    """How many texts of line lists are in another Unicode form; those of pages are counted when they are read."""
    changed = [
        line
        for line in truth.lines()
        if line.is_cut and normalize(line.sample.text, normalization) != line.sample.text.strip()
    ]
    if changed:
        verb = "has" if len(changed) == 1 else "have"
        message = f"{plural(len(changed), 'text')} {verb} accents that were written in another Unicode form"
        yield Finding(Severity.INFO, "data.normalized", message, changed[0].sample.where)


def check_characters(
    config: RunConfig, base: ModelFacts | None, normalization: Normalization, truth: GroundTruth
) -> Iterator[Finding]:
    """Which characters the model cannot write, and what the charset policy makes of them."""
    counts = {split: _count(lines, normalization) for split, lines in truth.splits.items()}
    train = counts.pop(Split.TRAIN, Counter())
    # lines that cannot be written are left out of what is mixed in, and told then
    counts.pop(Split.OLD_HAND, None)
    if not train or (base is None and isinstance(config.base_model, Path)):
        return  # no lines, or an unusable base model: said elsewhere
    if base is None or config.charset is CharsetPolicy.REPLACE:
        yield from _own_charset(base, train)
        yield from _never_learnt(_unknown(counts.values(), set(train)))
        return
    known = set(base.tokenizer.characters)
    if config.charset is CharsetPolicy.FAIL:
        yield from _refused(_unknown([train, counts.pop(Split.VAL, Counter())], known), truth, normalization)
    else:
        yield from _new(_unknown([train], known))
        known |= set(train)
    yield from _never_learnt(_unknown(counts.values(), known))


def _count(lines: Sequence[GroundTruthLine], normalization: Normalization) -> Counter[str]:
    return Counter(chain.from_iterable(normalize(line.sample.text, normalization) for line in lines))


def _unknown(counts: Iterable[Counter[str]], known: set[str]) -> Counter[str]:
    total = sum(counts, Counter[str]())
    return Counter({character: count for character, count in total.items() if character not in known})


def _own_charset(base: ModelFacts | None, train: Counter[str]) -> Iterator[Finding]:
    if base is None:
        message = f"the model will write the {len(train)} characters of the training lines, and no others"
        yield Finding(Severity.INFO, "charset.from_training", message, "charset")
        return
    lost = [character for character in base.tokenizer.characters if character not in train]
    names = f": {' '.join(map(shown, lost[:_MAX_NAMED]))}{' ...' if len(lost) > _MAX_NAMED else ''}" if lost else ""
    message = (
        f"charset: replace makes the output anew from the {len(train)} characters of the training lines: what the base "
        f"model learnt about its letters is lost, and {len(lost)} of its characters cannot be written any more{names}"
    )
    hint = "`charset: extend` keeps them and adds the new ones."
    yield Finding(Severity.WARNING, "charset.replaced", message, "charset", hint)


def _refused(unknown: Counter[str], truth: GroundTruth, normalization: Normalization) -> Iterator[Finding]:
    if not unknown:
        return
    lines = [*truth.splits.get(Split.TRAIN, ()), *truth.splits.get(Split.VAL, ())]
    first = next(line for line in lines if set(normalize(line.sample.text, normalization)) & set(unknown))
    message = (
        f"{plural(len(unknown), 'character')} in the training and validation lines cannot be written by the base "
        f"model: {_named(unknown)}; the first is in {first.sample.where}"
    )
    hint = "`charset: extend` learns them too; or correct the texts."
    yield Finding(Severity.ERROR, "charset.unknown", message, "charset", hint)


def _new(unknown: Counter[str]) -> Iterator[Finding]:
    if unknown:
        verb = "is" if len(unknown) == 1 else "are"
        message = f"{plural(len(unknown), 'character')} {verb} new to the base model: {_named(unknown)}"
        yield Finding(Severity.INFO, "charset.new", message, "charset")


def _never_learnt(unseen: Counter[str]) -> Iterator[Finding]:
    if unseen:
        verb = "occurs" if len(unseen) == 1 else "occur"
        message = (
            f"{plural(len(unseen), 'character')} {verb} in no training line, only where the model is judged: "
            f"{_named(unseen)}; the model cannot learn them, each counts as an error"
        )
        yield Finding(Severity.INFO, "charset.unseen", message, "charset")


def _named(counts: Counter[str]) -> str:
    named = ", ".join(f"{shown(character)} ({count}x)" for character, count in counts.most_common(_MAX_NAMED))
    return named + (", ..." if len(counts) > _MAX_NAMED else "")


def shown(character: str) -> str:
    """A character so that a person can see it: combining marks on a circle, unprintable ones by number."""
    code = f"U+{ord(character):04X}"
    if unicodedata.combining(character):
        return f"◌{character} {code}"
    if character.isprintable() and not character.isspace():
        return character
    return f"{code} {unicodedata.name(character, 'without a name')}"
