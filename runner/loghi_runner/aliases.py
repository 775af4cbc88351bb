"""Small types that packages hand to each other, each named once."""

from collections.abc import Callable

#: x and y in the units of the XML's own image size, usually pixels; may lie outside the image.
Point = tuple[float, float]

#: Label and text, as they are shown one below the other.
Row = tuple[str, str]

#: Told what is being done, how much of it is done, and of how much.
OnProgress = Callable[[str, int, int], None]
