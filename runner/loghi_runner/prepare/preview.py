"""One page to look at: sampled line images with their texts as the model will see them."""

import base64
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from loghi_contract import __version__
from loghi_runner.files import write_atomically

#: Lines of each kind that are shown.
_RANDOM, _EXTREME = 24, 6
#: Line images are shown no higher than this; the file stays small.
_HEIGHT_PX = 64


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
    data: str
    width_px: int
    name: str
    parts: tuple[tuple[str, bool], ...]
    split: str
    why: str


def choose_lines(lines: Sequence[PreviewLine], seed: int = 1) -> list[PreviewLine]:
    """Some lines at random, in their order, after those with the most and the fewest characters for their image."""
    by_room = sorted(lines, key=lambda line: line.aspect / max(len(line.text), 1))
    crowded = [replace(line, why="much text for its image") for line in by_room[:_EXTREME]]
    empty = [replace(line, why="little text for its image") for line in by_room[-_EXTREME:][::-1]]
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
    environment = Environment(
        loader=PackageLoader("loghi_runner.prepare", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [_shown(line, new_characters) for line in lines]
    html = environment.get_template("preview.html").render(
        title=title, lines=shown, version=__version__, has_new=any(new for line in shown for _, new in line.parts)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, html)


def _shown(line: PreviewLine, new_characters: Collection[str]) -> _Shown:
    pixels = cv2.imdecode(np.fromfile(line.image, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return _Shown("", 0, line.image.name, ((line.text, False),), line.split, "the image cannot be shown")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # what is outside the outline is paler, not gone: most models see it
        outside = pixels[:, :, 3:] < 128
        pixels = np.where(outside, pixels[:, :, :3] // 2 + 127, pixels[:, :, :3]).astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = min(1.0, _HEIGHT_PX / height)
    small = cv2.resize(
        pixels, (max(round(width * scale), 1), max(round(height * scale), 1)), interpolation=cv2.INTER_AREA
    )
    _, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    data = "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()
    return _Shown(data, small.shape[1], line.image.name, _parts(line.text, new_characters), line.split, line.why)


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
