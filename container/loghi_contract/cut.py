"""How line images are cut out of pages; a model remembers how its own were."""

from enum import Enum


class Cut(str, Enum):
    """How a line image is cut out of its page."""

    LOGHI = "loghi"
    POLYGON = "polygon"
    STRAIGHT = "straight"
