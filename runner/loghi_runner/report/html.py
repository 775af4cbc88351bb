"""Report pages from templates: one file each, which needs no other."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any  # what a template shows has no narrower type

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from loghi_contract import __version__
from loghi_runner.evaluation.counts import Variant
from loghi_runner.evaluation.intervals import scope
from loghi_runner.report.build import ShownLine
from loghi_runner.report.characters import character_label
from loghi_runner.report.line_picture import LinePicture, line_picture
from loghi_runner.wording import duration, local_time, loss_text, percent, plural, shown

#: What each variant counts, in words.
VARIANTS = {
    Variant.DIPLOMATIC: "Every character counts",
    Variant.CASELESS: "Upper and lower case alike",
    Variant.LETTERS: "Letters a to z and digits only",
}


def render(template: str, lines: Iterable[ShownLine], images: Mapping[str, Path], **shown: Any) -> str:
    """The page.

    Args:
        lines: those it shows, for their pictures and for links to them.
        images: where line images are, by line id; without one a line is shown without a picture.
    """
    environment = make_environment()
    lines = tuple(lines)
    environment.globals |= {
        "variants": VARIANTS,
        "scope": scope,
        "pictures": _pictures(lines, images),
        # ids of lines are file names: anchors are numbers, so that any name will do
        "anchors": {line.id: f"line-{number}" for number, line in enumerate(lines)},
    }
    return environment.get_template(template).render(**shown)


def make_environment() -> Environment:
    """Where all reports' templates are, and how numbers and times read in them."""
    environment = templates_of("loghi_runner.report")
    environment.globals["version"] = __version__
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


def _without_marks(value: Any) -> Any:
    return type(value)(shown(value)) if type(value) in (str, Markup) else value


def unbroken(text: str) -> str:
    """The text with its percent signs kept at their numbers."""
    return text.replace(" %", "\u00a0%")


def _pictures(lines: Iterable[ShownLine], images: Mapping[str, Path]) -> dict[str, LinePicture]:
    found = {line.id: line_picture(images[line.id]) for line in lines if line.id in images}
    return {line_id: picture for line_id, picture in found.items() if picture is not None}
