"""PAGE's `custom` attribute, in which Transkribus keeps its tags: `unclear {offset:3; length:4;} textStyle {...}`."""

import re

from loghi_runner.pages.model import Tag

# begun at the beginning of a word only: anywhere in a word without end would take its length squared
_TAG = re.compile(r"(?<![\w.-])([\w.-]+)\s*\{([^{}]*)\}?")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parse_custom(custom: str | None) -> tuple[Tag, ...]:
    """All tags in order; a word without braces is a tag on the whole line."""
    custom = custom or ""
    tags = [_tag(name, body) for name, body in _TAG.findall(custom)]
    tags += [Tag(word, None, None) for word in re.findall(r"[\w.-]+", _TAG.sub(" ", custom))]
    return tuple(tags)


def _tag(name: str, body: str) -> Tag:
    values: dict[str, str] = {}
    for part in body.split(";"):
        key, colon, value = part.partition(":")
        if colon:
            values[key.strip()] = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value.strip())
    offset, length = _whole(values.pop("offset", None)), _whole(values.pop("length", None))
    return Tag(name, offset, length, tuple(values.items()))


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"\d{1,9}", value) else None
