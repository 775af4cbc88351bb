"""What an eScriptorium answers, as data: types checked, nothing repaired.

Source: answers recorded from servers of June 2024 and August 2025.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar  # JSON values have no narrower type

from loghi_runner.errors import PlatformError
from loghi_runner.platform.base import Document, Layer, PageSummary, PlatformUser

Point: TypeAlias = tuple[float, float]
Points: TypeAlias = tuple[Point, ...]
T = TypeVar("T")


class BrokenData(PlatformError):
    """A piece of an answer is not what it should be; `fault` says which and how."""

    def __init__(self, fault: str) -> None:
        message = f"the platform's answer cannot be used: {fault}"
        hint = "Is platform.url the first page of an eScriptorium?"
        super().__init__("platform.broken_answer", message, hint=hint)
        self.fault = fault


@dataclass(frozen=True)
class PartImage:
    """`bytes` is 0 where the server does not say."""

    uri: str
    file_name: str
    width_px: int
    height_px: int
    bytes: int


@dataclass(frozen=True)
class PartLine:
    """`baseline` and `outline` are empty where there are none."""

    id: int
    name: str
    region: int | None
    baseline: Points
    outline: Points


@dataclass(frozen=True)
class Part:
    """A page with its lines, in the platform's order.

    `regions` are outlines by the region's number; `problems` are sentences about lines that are left out.
    """

    id: int
    title: str
    image: PartImage
    regions: dict[int, Points]
    lines: tuple[PartLine, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class LineText:
    """One line's text in one layer. `was_edited`: a person, or another program, has written it since or before."""

    id: int
    line: int
    content: str
    was_edited: bool


def read_user(answer: Any) -> PlatformUser:
    item = _mapping(answer, "the user")
    return PlatformUser(_whole(item, "pk"), _text(item, "username"))


def read_document(answer: Any) -> Document:
    item = _mapping(answer, "a document")
    layers = tuple(layer for layer, archived in read_layers(item.get("transcriptions")) if not archived)
    return Document(
        id=_whole(item, "pk"),
        name=_text(item, "name"),
        pages=_whole(item, "parts_count"),
        layers=layers,
        script=_text(item, "main_script"),
        direction="rtl" if item.get("read_direction") == "rtl" else "ltr",
    )


def read_layers(answer: Any) -> list[tuple[Layer, bool]]:
    """Layers of a document, each with whether it is archived: gone for people, but its name is taken."""
    items = answer if isinstance(answer, list) else []
    mappings = [_mapping(item, "a layer") for item in items]
    return [(Layer(_whole(item, "pk"), _text(item, "name")), item.get("archived") is True) for item in mappings]


def lines_on_baselines(answer: Any) -> bool:
    """Whether the document's lines are drawn below the letters, not above or through them."""
    return _mapping(answer, "a document").get("line_offset") in (0, None)


def read_summary(answer: Any) -> PageSummary:
    item = _mapping(answer, "a page")
    size = _size(item.get("image"))
    progress = item.get("transcription_progress")
    share = float(progress) / 100 if isinstance(progress, (int, float)) else 0.0
    return PageSummary(_whole(item, "pk"), _title(item), min(max(share, 0.0), 1.0), *size)


def thumbnail_uri(answer: Any) -> str:
    """The page's small image; the whole one where no thumbnail was made yet."""
    image = _mapping(_mapping(answer, "a page").get("image"), "the page's image")
    thumbnails = image.get("thumbnails")
    card = thumbnails.get("card") if isinstance(thumbnails, Mapping) else None
    return card if isinstance(card, str) and card else _text(image, "uri")


def read_part(answer: Any) -> Part:
    """A page with lines; a broken line is a problem, a broken page raises BrokenData."""
    item = _mapping(answer, "a page")
    problems: list[str] = []
    regions = _each(item.get("regions"), _region, problems)
    lines = _each(item.get("lines"), _line, problems)
    return Part(_whole(item, "pk"), _title(item), _image(item), dict(regions), tuple(lines), tuple(problems))


def read_line_text(answer: Any) -> LineText:
    item = _mapping(answer, "a text")
    was_edited = bool(item.get("version_author") or item.get("versions"))
    return LineText(_whole(item, "pk"), _whole(item, "line"), _text(item, "content"), was_edited)


def _each(answer: Any, read: Callable[[Mapping[str, Any]], T], problems: list[str]) -> list[T]:
    items = [item for item in answer if isinstance(item, Mapping)] if isinstance(answer, list) else []
    items.sort(key=lambda item: order if isinstance(order := item.get("order"), int) else 0)
    found: list[T] = []
    for item in items:
        try:
            found.append(read(item))
        except BrokenData as error:
            problems.append(error.fault)
    return found


def _region(item: Mapping[str, Any]) -> tuple[int, Points]:
    region = _whole(item, "pk")
    return region, _points(item.get("box"), f"region {region}")


def _line(item: Mapping[str, Any]) -> PartLine:
    line = _whole(item, "pk")
    region = item.get("region")
    outline = _points(item.get("mask"), f"the outline of line {line}")
    return PartLine(
        id=line,
        name=str(item.get("external_id") or ""),
        region=region if isinstance(region, int) else None,
        baseline=_points(item.get("baseline"), f"the baseline of line {line}"),
        outline=outline if len(outline) > 2 else (),
    )


def _image(item: Mapping[str, Any]) -> PartImage:
    image = _mapping(item.get("image"), "the page's image")
    width, height = _size(image)
    if width is None or height is None:
        raise BrokenData("its image has no size")
    size = item.get("image_file_size")
    uri = _text(image, "uri")
    name = str(item.get("filename") or "") or uri.rpartition("/")[2]
    return PartImage(uri, name, width, height, size if isinstance(size, int) and size > 0 else 0)


def _size(image: Any) -> tuple[int | None, int | None]:
    size = image.get("size") if isinstance(image, Mapping) else None
    if isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size):
        return size[0], size[1]
    return None, None


def _points(answer: Any, what: str) -> Points:
    if answer is None:
        return ()
    if not isinstance(answer, list):
        raise BrokenData(f"{what} is not a list of points")
    points = []
    for point in answer:
        numbers = point if isinstance(point, (list, tuple)) else []
        if len(numbers) != 2 or not all(_is_number(number) for number in numbers):
            raise BrokenData(f"{what} has a point that is not two numbers")
        points.append((float(numbers[0]), float(numbers[1])))
    return tuple(points)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _title(item: Mapping[str, Any]) -> str:
    return str(item.get("name") or item.get("title") or item.get("filename") or item.get("pk"))


def _mapping(answer: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise BrokenData(f"{what} is missing")
    return answer


def _whole(item: Mapping[str, Any], key: str) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BrokenData(f"{key} is not a number")
    return value


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        raise BrokenData(f"{key} is not a text")
    return value
