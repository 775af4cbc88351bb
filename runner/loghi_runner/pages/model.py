"""A transcribed page as PAGE XML or ALTO gives it, before anything is chosen or repaired."""

from dataclasses import dataclass

from loghi_runner.aliases import Point


@dataclass(frozen=True)
class TextVersion:
    """One text of a line or word (a PAGE `TextEquiv`), untrimmed, as it stands in the XML.

    `index` is PAGE's `@index` where there is one. `plain` is `PlainText`, Loghi's stand-in for an empty `Unicode`.
    """

    text: str
    index: int | None = None
    confidence: float | None = None
    plain: str = ""

    @property
    def content(self) -> str:
        """The text, or what stands in for an empty one."""
        return self.text if self.text.strip() else self.plain


@dataclass(frozen=True)
class Tag:
    """A mark on part of a line's text, such as Transkribus' `unclear {offset:3; length:4;}`; PAGE `@custom`.

    `offset` and `length` count UTF-16 units, as Transkribus does; both None for a tag on the whole line.
    `attributes` holds the other keys, such as `underlined` of a `textStyle`.
    """

    name: str
    offset: int | None
    length: int | None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PageLine:
    """One line of a page.

    `baseline` and `outline` (PAGE `Coords`, ALTO `Polygon`; a box becomes four corners) are empty where the XML has
    none. `texts` are the line's own, `words` those of its words in order; both may be empty. `number` is the line of
    the XML file where it begins. `x_height_px` is PAGE's `TextStyle/@xHeight`.
    """

    id: str
    number: int
    baseline: tuple[Point, ...]
    outline: tuple[Point, ...]
    texts: tuple[TextVersion, ...]
    words: tuple[tuple[TextVersion, ...], ...] = ()
    tags: tuple[Tag, ...] = ()
    x_height_px: int | None = None


@dataclass(frozen=True)
class Page:
    """What one XML file says, lines in document order.

    `image_name` is the image the XML names, without folders. `width` and `height` are the image size the coordinates
    are for; None where the XML has none or nonsense. `notes` are oddities that hinder nothing, one sentence each.
    """

    image_name: str | None
    width: int | None
    height: int | None
    lines: tuple[PageLine, ...]
    notes: tuple[str, ...] = ()
