"""One page to look at: sampled line images with their texts as the model will see them."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from loghi_contract import __version__
from loghi_runner.files import write_atomically
from loghi_runner.report.html import line_picture, templates_of

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
    shown = [(line, line_picture(line.image), _parts(line.text, new_characters)) for line in lines]
    has_new = any(is_new for _, _, parts in shown for _, is_new in parts)
    template = templates_of("loghi_runner.ground_truth").get_template("preview.html")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, template.render(title=title, lines=shown, version=__version__, has_new=has_new))


def _parts(text: str, new_characters: Collection[str]) -> list[tuple[str, bool]]:
    """The text in runs of characters that are new to the model, or not."""
    return [("".join(run), is_new) for is_new, run in groupby(text, lambda character: character in new_characters)]
