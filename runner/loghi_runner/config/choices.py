"""Choices by name, of a config as of a command's options."""

from enum import Enum
from pathlib import Path

from loghi_contract.cut import Cut

#: Where runs are looked for when nobody says where they are.
DEFAULT_OUTPUT = Path("runs")
#: What an option of `finetune` by this name sets, as `--set` would; with `?` where the config says nothing of it.
PACES = {"quick": ("training.epochs=quick",), "thorough": ("training.unread?=auto",)}

MOST_EPOCHS = 10000


class CutChoice(str, Enum):
    """How lines of pages are cut; `auto` tries the ways that the pages allow."""

    LOGHI = Cut.LOGHI.value
    POLYGON = Cut.POLYGON.value
    STRAIGHT = Cut.STRAIGHT.value
    AUTO = "auto"

    @property
    def cut(self) -> Cut | None:
        """The cut; None where it is still to be chosen."""
        return None if self is CutChoice.AUTO else Cut(self.value)


class NormalizationChoice(str, Enum):
    AUTO = "auto"
    NFC = "nfc"
    NONE = "none"


class TextEquivChoice(str, Enum):
    """Which of several texts of a line is its ground truth."""

    LOWEST = "lowest"
    LAST = "last"


class SkipTag(str, Enum):
    """A transcriber's mark for which a line can be left out."""

    UNCLEAR = "unclear"
    GAP = "gap"
    SIC = "sic"


class SplitUnit(str, Enum):
    PAGE = "page"
    FOLDER = "folder"


class WriteBack(str, Enum):
    """Which pages the new model reads for the platform."""

    NONE = "none"
    PULLED = "pulled"
    ALL = "all"


class LanguageModelUse(str, Enum):
    """Whether the language model beside a model helps to read: where it was shown to help, or never."""

    AUTO = "auto"
    OFF = "off"


class UnreadUse(str, Enum):
    """Whether lines without a text are read and learnt in the end: those of pages that are there anyway, or none."""

    OFF = "off"
    AUTO = "auto"


class PlatformKind(str, Enum):
    ESCRIPTORIUM = "escriptorium"
