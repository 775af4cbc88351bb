"""What a platform is to the runner: documents to read ground truth from, and a place to write readings back to.

Ids are the platform's own numbers. Texts and names come from strangers: whoever shows them escapes them.
"""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from loghi_runner.aliases import OnProgress
from loghi_runner.config.choices import PlatformKind

#: A PNG of one transparent pixel.
EMPTY_PICTURE = b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNgYAAAAAMAASsJTYQAAAAASUVORK5CYII="
)


@dataclass(frozen=True)
class PlatformConnection:
    """Which platform, and where; `url` is what people open in their browser. A token is never part of it.

    `parallel` is how many requests are under way at a time.
    """

    kind: PlatformKind
    url: str
    parallel: int = 8
    timeout_s: float = 60


@dataclass(frozen=True)
class PlatformUser:
    id: int
    name: str


@dataclass(frozen=True)
class Layer:
    """One set of transcriptions of a document; eScriptorium calls it a transcription."""

    id: int
    name: str


@dataclass(frozen=True)
class Document:
    """`script` is the platform's name of it, such as `Latin`; `direction` is `ltr` or `rtl`."""

    id: int
    name: str
    pages: int
    layers: tuple[Layer, ...]
    script: str
    direction: str


@dataclass(frozen=True)
class PageSummary:
    """A page without its lines; `transcribed` is the share of its lines that have a text, about, 0 to 1."""

    id: int
    name: str
    transcribed: float
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True)
class Source:
    """What is pulled: one layer of one document, all its pages or some.

    `only_transcribed`: pages without a text in the layer are left on the platform, as nothing can be learnt from them.
    """

    document: int
    layer: int
    pages: tuple[int, ...] | None = None
    only_transcribed: bool = False


@dataclass(frozen=True)
class Pulled:
    """Pages on disk, as a folder that `data.pages` can name.

    `skipped` counts lines by reason (without text they are there, but nobody can learn from them). `problems` are
    sentences: what was broken or not ours, and is not there.
    """

    folder: Path
    pages: int
    lines: int
    skipped: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pushed:
    """What was written to the platform. `left_out` are sentences: lines that are not there, and why."""

    layer: Layer
    url: str
    pages: int
    lines: int
    left_out: tuple[str, ...] = ()


class Outcome(str, Enum):
    """How something that a platform was told about has ended."""

    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Report(Protocol):
    """A task that the platform shows to its users. A platform that refuses one is no fault: then nothing happens.

    No method raises PlatformError: a run never ends because somebody could not be told.
    """

    @property
    def id(self) -> int | None:
        """To go on with the same task later; None where the platform shows none."""

    def update(self, message: str) -> None:
        """Show a sentence, such as one epoch."""

    def is_cancelled(self) -> bool:
        """Whether a user of the platform has asked to end it."""

    def end(self, outcome: Outcome, message: str) -> None:
        """Nothing more will come."""


class Platform(Protocol):
    """A platform with one user's rights. Every method may raise PlatformError."""

    def whoami(self) -> PlatformUser:
        """Whose token this is; the cheapest way to know whether it is still good."""

    def documents(self) -> Iterator[Document]:
        """All documents this user may read, the last changed first."""

    def document(self, document_id: int) -> Document: ...

    def pages(self, document_id: int) -> Sequence[PageSummary]:
        """The document's pages in their order."""

    def thumbnail(self, document_id: int, page_id: int) -> bytes:
        """A small image of a page, such as a JPEG; `EMPTY_PICTURE` where the platform has only a large one."""

    def pull(self, source: Source, folder: Path, on_progress: OnProgress) -> Pulled:
        """Bring pages into a folder; what an earlier pull left there is not fetched again."""

    def push(self, pulled: Path, recognized: Path, layer_name: str, comment: str, on_progress: OnProgress) -> Pushed:
        """Write readings into a new layer; called again with the same names it goes on where it was interrupted.

        Args:
            pulled: the folder of `pull`.
            recognized: the folder `loghi-runner recognize` wrote for those pages.
            layer_name: must name nothing else on the platform, so it should hold the run's id.
            comment: what is shown beside the layer: model, CER, where the run is.
        """

    def report(self, document_id: int, title: str, known: int | None = None) -> Report:
        """Show a task on the platform, or go on with a known one."""


#: Where each platform is; its module is imported when it is asked for.
PLATFORMS = {PlatformKind.ESCRIPTORIUM: "loghi_runner.platform.escriptorium"}


def open_platform(connection: PlatformConnection, token: str) -> Platform:
    """The platform as the token's user sees it; nothing is asked yet."""
    return cast(Platform, import_module(PLATFORMS[connection.kind]).with_token(connection, token))


def open_session(connection: PlatformConnection, cookie: str) -> Platform:
    """The platform as somebody's browser sees it, to know who asks: it can be read and not be written to.

    Args:
        cookie: the value of the platform's session cookie alone.
    """
    return cast(Platform, import_module(PLATFORMS[connection.kind]).with_session(connection, cookie))
