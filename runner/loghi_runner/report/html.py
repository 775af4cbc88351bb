"""Report pages from templates, and the pictures of lines in them: each page is one file, which needs no other."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any  # what a template shows has no narrower type

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from loghi_contract import __version__
from loghi_contract.files import read_plain
from loghi_runner.evaluation.counts import Variant
from loghi_runner.evaluation.intervals import scope
from loghi_runner.report.shown import ShownLine
from loghi_runner.report.words import character_label
from loghi_runner.wording import duration, local_time, loss_text, percent, plural, shown

_PICTURE_HEIGHT_PX = 64
_PICTURE_QUALITY = 60

#: What each variant counts, in words.
_VARIANTS = {
    Variant.DIPLOMATIC: "Every character counts",
    Variant.CASELESS: "Upper and lower case alike",
    Variant.LETTERS: "Letters a to z and digits only",
}


@dataclass(frozen=True)
class LinePicture:
    """`data` is a data URI."""

    data: str
    width_px: int
    height_px: int


def render(
    template: str, lines: Sequence[ShownLine] = (), images: Mapping[str, Path] = MappingProxyType({}), **shown: Any
) -> str:
    """The page.

    Args:
        lines: those it shows, for their pictures and for links to them.
        images: where line images are, by line id; without one a line is shown without a picture.
    """
    # ids of lines are file names: anchors are numbers, so that any name will do
    anchors = {line.id: f"line-{number}" for number, line in enumerate(lines)}
    pictures = _pictures(lines, images)
    return _report_templates().get_template(template).render(pictures=pictures, anchors=anchors, **shown)


@cache
def _report_templates() -> Environment:
    environment = templates_of("loghi_runner.report")
    environment.globals |= {"version": __version__, "variants": _VARIANTS, "scope": scope}
    environment.filters |= {
        "percent": lambda fraction: unbroken(percent(fraction)),
        "unbroken": unbroken,
        "duration": duration,
        "local_time": local_time,
        "plural": plural,
        "label": character_label,
        "loss": loss_text,
    }
    return environment


def templates_of(package: str, *extensions: str) -> Environment:
    """A package's templates, as all pages of ours are made: texts are escaped, and a missing name is an error.

    Marks that turn the order of a page's text are written out.
    """
    return Environment(
        loader=PackageLoader(package, "templates"),
        extensions=extensions,
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_marks,
    )


def unbroken(text: str) -> str:
    """The text with its percent signs kept at their numbers."""
    return text.replace(" %", "\u00a0%")


def line_picture(path: Path) -> LinePicture | None:
    """The line image, scaled down; None where there is no image that can be read."""
    import cv2  # whoever looks at a run may have to make its report, and hardly ever has

    try:
        pixels = cv2.imdecode(np.frombuffer(read_plain(path), np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):  # OpenCV raises on an empty file
        return None
    if pixels is None:
        return None
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # what is outside the outline is paler, not gone: most models see it
        outside = pixels[:, :, 3:] < 128
        pixels = np.where(outside, pixels[:, :, :3] // 2 + 127, pixels[:, :, :3]).astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = min(1.0, _PICTURE_HEIGHT_PX / height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, _PICTURE_QUALITY])
    return LinePicture("data:image/webp;base64," + base64.b64encode(content.tobytes()).decode(), *size)


def _pictures(lines: Sequence[ShownLine], images: Mapping[str, Path]) -> dict[str, LinePicture]:
    found = {line.id: line_picture(images[line.id]) for line in lines if line.id in images}
    return {line_id: picture for line_id, picture in found.items() if picture is not None}


def _without_marks(value: Any) -> Any:
    return type(value)(shown(value)) if type(value) in (str, Markup) else value
