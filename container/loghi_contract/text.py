"""How texts are made comparable, the same way for training, scoring and checking."""

import unicodedata
from collections.abc import Collection
from enum import Enum


class Normalization(str, Enum):
    NFC = "nfc"
    NONE = "none"


def normalize(text: str, normalization: Normalization) -> str:
    """Apply the run's normalisation; surrounding blanks are trimmed as Loghi's decoder trims them."""
    text = text.strip()
    return unicodedata.normalize("NFC", text) if normalization is Normalization.NFC else text


def normalization_for(charset: Collection[str]) -> Normalization:
    """NFC, unless the base model's own charset holds combining marks: then its texts were decomposed."""
    decomposed = any(unicodedata.combining(character) for token in charset for character in token)
    return Normalization.NONE if decomposed else Normalization.NFC
