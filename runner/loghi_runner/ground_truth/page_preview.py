"""One page to look at: sampled line images with their texts as the model will see them."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract import __version__
from loghi_runner.files import write_atomically
from loghi_runner.report.html import LinePicture, line_picture, templates_of

#: Lines of each kind that are shown.
_RANDOM, _EXTREME = 24, 6


@dataclass(frozen=True)
class PreviewLine:
    """A line to show; `aspect` is its width by its height, `why` says what is remarkable about it, if anything."""

    image: Path
    text: str
    split: str
    aspect: float
    why: str = ""


@dataclass(frozen=True)
class _Shown:
    picture: LinePicture | None
    name: str
    parts: tuple[tuple[str, bool], ...]
    split: str
    why: str


def choose_lines(lines: Sequence[PreviewLine], seed: int = 1) -> list[PreviewLine]:
    """Some lines at random, in their order, after those with the most and the fewest characters for their image."""
    by_room = sorted(lines, key=lambda line: line.aspect / max(len(line.text), 1))
    crowded = [replace(line, why="most text for its image") for line in by_room[:_EXTREME]]
    empty = [replace(line, why="least text for its image") for line in by_room[-_EXTREME:][::-1]]
    taken = {line.image for line in (*crowded, *empty)}
    rest = [line for line in lines if line.image not in taken]
    some = set(random.Random(seed).sample(range(len(rest)), min(_RANDOM, len(rest))))  # noqa: S311  # not a secret
    return [*crowded, *empty, *(line for number, line in enumerate(rest) if number in some)]


def write_preview(
    path: Path, lines: Sequence[PreviewLine], *, title: str, new_characters: Collection[str] = ()
) -> None:
    """Write one HTML file that needs no other.

    Args:
        new_characters: marked in the texts: the base model cannot write them yet.
    """
    shown = [_shown(line, new_characters) for line in lines]
    html = (
        templates_of("loghi_runner.ground_truth")
        .get_template("preview.html")
        .render(
            title=title, lines=shown, version=__version__, has_new=any(new for line in shown for _, new in line.parts)
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, html)


def _shown(line: PreviewLine, new_characters: Collection[str]) -> _Shown:
    picture = line_picture(line.image)
    why = line.why if picture else "the image cannot be shown"
    return _Shown(picture, line.image.name, _parts(line.text, new_characters), line.split, why)


def _parts(text: str, new_characters: Collection[str]) -> tuple[tuple[str, bool], ...]:
    """The text in runs of characters that are new to the model, or not."""
    parts: list[tuple[str, bool]] = []
    for character in text:
        is_new = character in new_characters
        if parts and parts[-1][1] == is_new:
            parts[-1] = (parts[-1][0] + character, is_new)
        else:
            parts.append((character, is_new))
    return tuple(parts)
