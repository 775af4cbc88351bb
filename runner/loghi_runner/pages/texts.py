"""The ground truth of a line: which of its texts, cleaned of what cannot be read off an image."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from loghi_contract.lines import SkipReason
from loghi_contract.text import Normalization, normalize
from loghi_runner.config.values import SkipTag, TextEquivChoice
from loghi_runner.pages.model import PageLine, Tag, TextVersion

#: Loghi writes one of these before each letter of a styled text. Source: loghi-tooling.
_STYLE_MARKS = {"strikethrough": "␃", "underlined": "␅", "subscript": "␄", "superscript": "␆"}

# begun at the first blank of several only: from each of them, blanks without end would take their number squared
_BREAKS = r"\n\r\t\v\f\x85\u2028\u2029"
_BREAK = re.compile(rf"(?<![^\S{_BREAKS}])[^\S{_BREAKS}]*[{_BREAKS}]\s*")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class TextOptions:
    """How texts are taken from pages."""

    text_equiv: TextEquivChoice
    skip_tags: tuple[SkipTag, ...]
    style_marks: bool
    normalization: Normalization


#: Whatever text is there, as it is: for commands that do not learn from it.
ANY_TEXT = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NONE)


@dataclass(frozen=True)
class LineText:
    """A line's text as a model learns it.

    `several`: the lowest and the last text differ. `normalized`: another Unicode form was written. `trimmed`: blanks
    around it, a line break or TAB inside (now a blank) or invisible control characters (now gone).
    """

    text: str
    several: bool
    normalized: bool
    trimmed: bool


@dataclass(frozen=True)
class NoText:
    """Why a line has nothing to learn from."""

    reason: SkipReason
    detail: str


def choose_text(line: PageLine, options: TextOptions) -> LineText | NoText:
    """The ground truth of a line.

    The line's own texts come first. With `lowest` that is the one with the lowest index; those without an index come
    after, in their order. With `last` it is the last in the file, as loghi-tooling takes it. An empty `Unicode`
    gives way to its `PlainText`. Only a line without any text of its own is read from its words.
    """
    unwanted = next((tag.name for tag in line.tags if tag.name in {skip.value for skip in options.skip_tags}), None)
    if unwanted is not None:
        return NoText(SkipReason.TAGGED, unwanted)
    lowest, last = (_raw(line, choice) for choice in (TextEquivChoice.LOWEST, TextEquivChoice.LAST))
    raw = lowest if options.text_equiv is TextEquivChoice.LOWEST else last
    cleaned = _clean(raw)
    if not cleaned:
        return NoText(SkipReason.EMPTY_TEXT, "")
    styled = _with_marks(raw, line.tags) if options.style_marks else cleaned
    text = normalize(styled, options.normalization)
    return LineText(text, _clean(lowest) != _clean(last), text != styled, cleaned != raw)


def _raw(line: PageLine, choice: TextEquivChoice) -> str:
    if line.texts:
        return _version(line.texts, choice)
    return " ".join(filter(None, (_version(word, choice).strip() for word in line.words if word)))


def _version(texts: Sequence[TextVersion], choice: TextEquivChoice) -> str:
    if choice is TextEquivChoice.LAST:
        chosen = texts[-1]
    else:
        chosen = min(texts, key=lambda text: (text.index is None, text.index or 0))
    return chosen.text if chosen.text.strip() else chosen.plain


def _clean(raw: str) -> str:
    """No line breaks, TABs or control characters, no blanks around; joiners and directions stay."""
    return "".join(map(_visible, _BREAK.sub(" ", raw))).strip()


def _visible(character: str) -> str:
    return "" if unicodedata.category(character) == "Cc" or character == _BYTE_ORDER_MARK else character


def _with_marks(raw: str, tags: Sequence[Tag]) -> str:
    """The cleaned text with Loghi's marks before each letter of a styled part; not before accents of their own."""
    marks: dict[int, str] = {}
    for tag in tags:
        for style, value in tag.attributes if tag.name == "textStyle" else ():
            if style in _STYLE_MARKS and value != "false" and tag.offset is not None and tag.length is not None:
                for unit in range(tag.offset, min(tag.offset + tag.length, 2 * len(raw))):
                    marks[unit] = marks.get(unit, "") + _STYLE_MARKS[style]
    if not marks:
        return _clean(raw)
    parts = []
    first, last = len(raw) - len(raw.lstrip()), len(raw.rstrip())
    unit = 0
    for place, character in enumerate(raw):
        if first <= place < last:
            shown = _clean_inside(character)
            parts.append(marks.get(unit, "") + shown if shown and not unicodedata.combining(character) else shown)
        # Transkribus counts UTF-16 units
        unit += 2 if ord(character) > 0xFFFF else 1
    return "".join(parts)


def _clean_inside(character: str) -> str:
    return " " if _BREAK.fullmatch(character) else _visible(character)
