"""The ground truth of a line: which of its texts, cleaned of what cannot be read off an image."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from loghi_contract.lines import SkipReason
from loghi_contract.text import Normalization, normalize
from loghi_runner.config.choices import SkipTag, TextEquivChoice
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
    skip_machine_read: bool = False


#: Whatever text is there, as it is: for commands that do not learn from it.
ANY_TEXT = TextOptions(TextEquivChoice.LOWEST, (), False, Normalization.NONE)


@dataclass(frozen=True)
class LineText:
    """A line's text as a model learns it.

    `several`: the lowest and the last text differ. `normalized`: another Unicode form was written. `trimmed`: blanks
    around it, a line break or TAB inside (now a blank) or invisible control characters (now gone). `machine_read`: it
    has nothing but what stands beside a person's text: index 1 and above, and none with 0.
    """

    text: str
    several: bool
    normalized: bool
    trimmed: bool
    machine_read: bool = False


@dataclass(frozen=True)
class Unusable:
    """Why a line cannot be used."""

    reason: SkipReason
    detail: str = ""


def choose_text(line: PageLine, options: TextOptions) -> LineText | Unusable:
    """The ground truth of a line.

    The line's own texts come first. With `lowest` that is the one with the lowest index; those without an index come
    after, in their order. With `last` it is the last in the file, as loghi-tooling takes it. An empty text gives way:
    a `Unicode` to its `PlainText`, a version to the next one, those of the line to those of its words.

    Source of what index 0 says: OCR4all and LAREX write there what a person checked, and readings from 1 on.
    """
    unwanted = next((tag.name for tag in line.tags if tag.name in {skip.value for skip in options.skip_tags}), None)
    if unwanted is not None:
        return Unusable(SkipReason.TAGGED, unwanted)
    sources = _sources(line)
    lowest, last = (_raw(sources, choice) for choice in (TextEquivChoice.LOWEST, TextEquivChoice.LAST))
    raw = lowest if options.text_equiv is TextEquivChoice.LOWEST else last
    cleaned = _clean(raw)
    if not cleaned:
        return Unusable(SkipReason.EMPTY_TEXT)
    machine_read = _is_machine_read(sources)
    if machine_read and options.skip_machine_read:
        return Unusable(SkipReason.MACHINE_READ)
    styled = _with_marks(raw, line.tags) if options.style_marks else cleaned
    text = normalize(styled, options.normalization)
    return LineText(text, _clean(lowest) != _clean(last), text != styled, cleaned != raw, machine_read)


def _sources(line: PageLine) -> list[list[TextVersion]]:
    """What the text is put together from, each with its versions: the line itself, or else its words."""
    own = _filled(line.texts)
    return [own] if own else [word for word in map(_filled, line.words) if word]


def _raw(sources: Sequence[Sequence[TextVersion]], choice: TextEquivChoice) -> str:
    if len(sources) == 1:
        return _version(sources[0], choice)
    return " ".join(_version(word, choice).strip() for word in sources)


def _is_machine_read(sources: Sequence[Sequence[TextVersion]]) -> bool:
    return any(all(text.index is not None and text.index > 0 for text in versions) for versions in sources)


def _filled(texts: Sequence[TextVersion]) -> list[TextVersion]:
    return [text for text in texts if _clean(text.content)]


def _version(texts: Sequence[TextVersion], choice: TextEquivChoice) -> str:
    if choice is TextEquivChoice.LAST:
        return texts[-1].content
    return min(texts, key=lambda text: (text.index is None, text.index or 0)).content


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
            shown = " " if _BREAK.fullmatch(character) else _visible(character)
            parts.append(marks.get(unit, "") + shown if shown and not unicodedata.combining(character) else shown)
        # Transkribus counts UTF-16 units
        unit += 2 if ord(character) > 0xFFFF else 1
    return "".join(parts)
