"""The names that a model may have, and the nearest one to any text."""

import re
import unicodedata

#: Letters, digits . _ - : Loghi's scripts and container names break on anything else.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
MAX_NAME = 100

#: Letters that have no accent to leave out, or are spelled out where they cannot be written.
_LETTERS = str.maketrans(
    {"æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "å": "aa", "Å": "Aa", "ß": "ss", "œ": "oe", "đ": "d", "ð": "d"}
    | {"þ": "th", "ł": "l"}
)


def plain_name(text: str) -> str:
    """The nearest name that is allowed: without accents, and with what stands for other letters; it may be empty."""
    spelled = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_LETTERS))
    plain = spelled.encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-")[:MAX_NAME]


def proposed_name(text: str) -> str:
    """The nearest name that is allowed; a name for what holds no letter or digit."""
    return plain_name(text) or "my_model"
