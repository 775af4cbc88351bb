"""Documents of platforms, as far as a visitor may choose them: read with the service's own account."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from loghi_runner.errors import RunnerError
from loghi_runner.platform import open_platform
from loghi_runner.platform.base import Document, Layer, PageSummary, Platform, PlatformConnection
from loghi_runner.platform.token import read_token
from loghi_runner.service.callers import Caller
from loghi_runner.service.config import PlatformConfig, Role, ServiceConfig
from loghi_runner.service.problems import ServiceError

_MOST_DOCUMENTS = 200
_TIMEOUT_S = 20.0
#: The layer that eScriptorium makes for what people type.
_BY_HAND = "manual"


@dataclass(frozen=True)
class Choice:
    """What a platform offers a visitor. `is_by_button`: documents are opened there, by its button."""

    url: str
    documents: tuple[Document, ...]
    is_by_button: bool
    problem: RunnerError | None = None


def choices(config: ServiceConfig, caller: Caller) -> dict[str, Choice]:
    """Platforms by name."""
    return {name: _choice(config, caller, name, platform) for name, platform in config.platforms.items()}


def open_document(config: ServiceConfig, caller: Caller, name: str, document: str) -> Platform:
    """The platform, for a document that this visitor may name.

    Raises:
        RunnerError: they may not, or there is no such platform.
    """
    platform = config.platforms.get(name)
    is_theirs = caller.platform == name and document in caller.documents
    if platform is None or not document.isdecimal() or not (is_theirs or caller.role is Role.ADMIN):
        raise ServiceError(
            "request.forbidden",
            "whether this document is yours is not known here",
            where="source",
            hint="Open the document on the platform, and press the button there.",
        )
    return _open(platform)


def best_layer(layers: Sequence[Layer]) -> str:
    """The layer that people have most likely corrected."""
    by_hand = next((layer for layer in layers if layer.name == _BY_HAND), None)
    found = by_hand or next(iter(layers), None)
    return str(found.id) if found else ""


def transcribed_pages(pages: Sequence[PageSummary]) -> list[str]:
    return [str(page.id) for page in pages if page.transcribed > 0]


def _choice(config: ServiceConfig, caller: Caller, name: str, platform: PlatformConfig) -> Choice:
    try:
        if caller.role is Role.ADMIN and platform.token_file is not None:
            return Choice(platform.url, tuple(islice(_open(platform).documents(), _MOST_DOCUMENTS)), False)
        if caller.platform == name:
            theirs = [open_document(config, caller, name, document) for document in caller.documents]
            found = tuple(each.document(int(document)) for each, document in zip(theirs, caller.documents, strict=True))
            return Choice(platform.url, found, True)
    except RunnerError as error:
        return Choice(platform.url, (), True, error)
    return Choice(platform.url, (), True)


def _open(platform: PlatformConfig) -> Platform:
    connection = PlatformConnection(platform.kind, platform.url, timeout_s=_TIMEOUT_S)
    return open_platform(connection, read_token(platform.token_file))
