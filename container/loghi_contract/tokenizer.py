"""Loghi's tokenizer: which characters a model can write, and which output class each one is."""

import errno
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from loghi_contract.files import read_plain

PAD = "[PAD]"
UNK = "[UNK]"

TOKENIZER_FILE = "tokenizer.json"
CHARLIST_FILE = "charlist.txt"


#: Each of Unicode's characters, with its number.
_MOST_BYTES = 16_000_000


class TokenizerError(ValueError):
    """The tokenizer file does not have Loghi's form; the message says how."""


@dataclass(frozen=True)
class Tokenizer:
    """Token ids are positions in `tokens`: 0 is `[PAD]`, 1 is `[UNK]`, characters follow.

    A label is a token id minus one, so label 0 is `[UNK]`; the CTC blank is the class after the last character.

    Source: Loghi HTR 2.x, tokenizer and loss.
    """

    tokens: tuple[str, ...]

    @classmethod
    def of(cls, characters: Iterable[str]) -> "Tokenizer":
        return cls((PAD, UNK, *characters))

    @property
    def characters(self) -> tuple[str, ...]:
        return self.tokens[2:]

    @property
    def classes(self) -> int:
        """Columns of the output layer: `[UNK]`, the characters and the blank."""
        return len(self.tokens)

    @property
    def blank(self) -> int:
        return self.classes - 1

    @cached_property
    def _label_of(self) -> dict[str, int]:
        return {character: label for label, character in enumerate(self.characters, start=1)}

    def unknown(self, text: str) -> list[str]:
        """The characters of `text` that have no label, each once, in order of appearance."""
        return [character for character in dict.fromkeys(text) if character not in self._label_of]

    def encode(self, text: str) -> list[int]:
        """Labels of a text.

        Raises:
            KeyError: a character has no label; ask `unknown` first.
        """
        return [self._label_of[character] for character in text]

    def decode(self, labels: Sequence[int]) -> str:
        """The text of a label sequence without blanks, trimmed as Loghi trims it."""
        return "".join(self.tokens[label + 1] for label in labels).strip()

    def extended(self, new_characters: Iterable[str]) -> "Tokenizer":
        """New characters go to the end, so that every known character keeps its label."""
        return Tokenizer((*self.tokens, *new_characters))


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read tokenizer.json, or the legacy charlist.txt when there is no other.

    Raises:
        TokenizerError: neither file is there, or it is malformed.
    """
    if (folder / TOKENIZER_FILE).is_file():
        return parse_tokenizer(_text_of(folder / TOKENIZER_FILE))
    if (folder / CHARLIST_FILE).is_file():
        return parse_charlist(_text_of(folder / CHARLIST_FILE))
    raise TokenizerError(f"there is neither {TOKENIZER_FILE} nor {CHARLIST_FILE} beside the model")


def parse_tokenizer(text: str) -> Tokenizer:
    """Read tokenizer.json: an object with the keys "0", "1", ... without gaps.

    Raises:
        TokenizerError: malformed.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{TOKENIZER_FILE} is not JSON: {error}") from error
    if not isinstance(value, dict) or set(value) != {str(index) for index in range(len(value))}:
        raise TokenizerError(f'{TOKENIZER_FILE} must be an object with the keys "0", "1", "2", ... without gaps')
    tokens = tuple(value[str(index)] for index in range(len(value)))
    if tokens[:2] != (PAD, UNK):
        raise TokenizerError(f"{TOKENIZER_FILE} must begin with {PAD} and {UNK}")
    wrong = [token for token in tokens[2:] if not isinstance(token, str) or len(token) != 1]
    if wrong:
        raise TokenizerError(f"{TOKENIZER_FILE} holds a token that is not one character: {wrong[0]!r}")
    return _without_duplicates(tokens, TOKENIZER_FILE)


def parse_charlist(text: str) -> Tokenizer:
    """Read charlist.txt: every character of the file is a token, in order.

    Raises:
        TokenizerError: malformed.
    """
    return _without_duplicates((PAD, UNK, *text), CHARLIST_FILE)


def format_tokenizer(tokenizer: Tokenizer) -> str:
    """tokenizer.json to the byte as Loghi writes it."""
    numbered = {str(index): token for index, token in enumerate(tokenizer.tokens)}
    return json.dumps(numbered, ensure_ascii=False, indent=4)


def format_charlist(tokenizer: Tokenizer) -> str:
    """charlist.txt: no newline at the end, it would be read as a character."""
    return "".join(tokenizer.characters)


def _text_of(path: Path) -> str:
    try:
        return read_plain(path, _MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise TokenizerError(f"{path.name} is not UTF-8: {error}") from error
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EFBIG):
            raise
        raise TokenizerError(f"{path.name} cannot be read: {error.strerror}") from error


def _without_duplicates(tokens: tuple[str, ...], name: str) -> Tokenizer:
    doubled = [token for token, count in Counter(tokens).items() if count > 1]
    if doubled:
        raise TokenizerError(f"{name} names {doubled[0]!r} more than once")
    if len(tokens) < 3:
        raise TokenizerError(f"{name} holds no characters")
    return Tokenizer(tokens)
