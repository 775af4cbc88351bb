"""A character so that a reader can tell which it is, though it may be invisible, or look like another."""

import unicodedata

_WORDS = {"": "nothing", " ": "blank"}
#: Marks that sit on a letter are shown on this one.
_CARRIER = "◌"


def character_label(character: str) -> str:
    """The character; with its code point where it is no plain letter or digit, and its name where it has no look."""
    if character in _WORDS:
        return _WORDS[character]
    category = unicodedata.category(character)
    point = f"U+{ord(character):04X}"
    if category[0] in "ZC":
        return f"{unicodedata.name(character, 'unnamed').lower()} ({point})"
    if category[0] == "M":
        return f"{_CARRIER}{character} ({point})"
    return character if category[0] in "LN" or character.isascii() else f"{character} ({point})"


def is_right_to_left(text: str) -> bool:
    """Whether the text's first letter is of a script that runs from right to left."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"
