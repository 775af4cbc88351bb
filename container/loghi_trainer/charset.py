"""Which characters the new model writes: the base model's, the new hand's, or both."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from loghi_contract.job import CharsetPolicy
from loghi_contract.tokenizer import Tokenizer
from loghi_trainer.errors import DataError

# letters without a Unicode decomposition that are written much like another one
_LOOK_ALIKES = {
    "ð": "d", "Ð": "D", "đ": "d", "Đ": "D", "þ": "p", "Þ": "P", "ſ": "s", "ß": "s", "ı": "i", "ȷ": "j",
    "ø": "o", "Ø": "O", "œ": "o", "Œ": "O", "æ": "a", "Æ": "A", "ł": "l", "Ł": "L", "ħ": "h", "ŋ": "n",
    "ꝑ": "p", "ꝓ": "p", "ꝗ": "q", "ꝛ": "r", "ꝝ": "R", "ꝥ": "þ", "ꝫ": "3", "ꝯ": "9", "⁊": "7", "ʒ": "z",
    "’": "'", "‘": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "′": "'", "″": '"',
    "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "¬": "-", "⸗": "=", "·": ".", "…": ".",
    "ƒ": "f", "£": "L", "€": "E", "×": "x", "½": "1", "¼": "1", "¾": "3", "§": "S", "†": "t",
}  # fmt: skip


@dataclass(frozen=True)
class CharsetPlan:
    """The new model's tokenizer and what changed against the base model's.

    `look_alikes` gives each added character the known one its output weights start from, or None.
    """

    tokenizer: Tokenizer
    added: tuple[str, ...]
    removed: tuple[str, ...]
    look_alikes: dict[str, str | None]


def plan_charset(base: Tokenizer | None, policy: CharsetPolicy, train_texts: Iterable[str]) -> CharsetPlan:
    """Decide the new model's characters.

    Args:
        base: the base model's tokenizer; None when training from scratch.
        train_texts: normalised texts of the training split: a letter that is never trained cannot be learnt.

    Raises:
        DataError: policy `fail` and a text has an unknown character.
    """
    seen = sorted(set().union(*map(set, train_texts)))
    if base is None:
        return CharsetPlan(Tokenizer.of(seen), tuple(seen), (), {})
    new = tuple(character for character in seen if character not in base.characters)
    if policy is CharsetPolicy.REPLACE:
        gone = tuple(character for character in base.characters if character not in seen)
        return CharsetPlan(Tokenizer.of(seen), new, gone, {})
    if new and policy is CharsetPolicy.FAIL:
        raise DataError(
            "charset.unknown_characters",
            f"the base model cannot write {len(new)} characters of the training texts: {' '.join(new)}",
            hint="Set `charset: extend` to add them, or correct the texts.",
        )
    look_alikes = {character: look_alike(character, base) for character in new}
    return CharsetPlan(base.extended(new), new, (), look_alikes)


def look_alike(character: str, base: Tokenizer) -> str | None:
    """The known character that is written most like `character`, or None.

    Tried in order: the letter without its accents, a table of look-alikes, the other case.
    """
    stripped = unicodedata.normalize("NFKD", character)[:1]
    for candidate in (stripped, _LOOK_ALIKES.get(character), character.swapcase(), stripped.swapcase()):
        if candidate is not None and candidate != character and candidate in base.characters:
            return candidate
    return None
