"""What a config says of its platform, carried out: connect, and pull the pages."""

from collections.abc import Callable
from pathlib import Path

from loghi_runner.aliases import OnProgress
from loghi_runner.config.load import LoadedConfig
from loghi_runner.config.schema import PlatformConfig, pulled_folder
from loghi_runner.errors import UsageError
from loghi_runner.platform import open_platform
from loghi_runner.platform.access import parse_origin, read_token
from loghi_runner.platform.base import Document, Layer, Platform, PlatformConnection, Pulled, Source


def platform_of(loaded: LoadedConfig) -> PlatformConfig:
    """The config's platform.

    Raises:
        UsageError: it names none.
    """
    if loaded.config.platform is None:
        raise UsageError(
            "platform.none",
            f"{loaded.path.name} names no platform",
            where=str(loaded.path),
            hint="Add a section `platform:` with url, token_file and document; `loghi-runner init` shows one.",
        )
    return loaded.config.platform


def connect(config: PlatformConfig, note: Callable[[str], None] = lambda _sentence: None) -> Platform:
    """The platform as the token's account sees it; nothing is asked yet.

    Raises:
        UsageError: there is no token, or no address.
    """
    if not parse_origin(config.url).is_private:
        note("the platform's address begins with http://: others on the way can read the token; use https:// if it can")
    return open_platform(PlatformConnection(config.kind, config.url, config.parallel), read_token(config.token_file))


def find_layer(document: Document, wanted: str) -> Layer:
    """The layer of a name, or of a number.

    Raises:
        UsageError: the document has none.
    """
    named = [layer for layer in document.layers if layer.name == wanted]
    named += [layer for layer in document.layers if str(layer.id) == wanted]
    if named:
        return named[0]
    names = ", ".join(f"{layer.name} ({layer.id})" for layer in document.layers) or "none"
    raise UsageError(
        "platform.unknown_layer",
        f"the document {document.name!r} has no layer {wanted}",
        where="platform.layer",
        hint=f"Its layers are: {names}.",
    )


def pull_for_config(
    loaded: LoadedConfig, platform: Platform, on_progress: OnProgress, folder: Path | None = None
) -> Pulled:
    """Bring the pages to learn from to where the config's run looks for them, or into another folder.

    Raises:
        PlatformError: they cannot be had.
        UsageError: the document has no such layer or page.
    """
    config = platform_of(loaded)
    source = source_of(config, platform)
    return platform.pull(source, folder or pulled_folder(loaded.config.output, config), on_progress)


def source_of(config: PlatformConfig, platform: Platform) -> Source:
    """The pages to learn from.

    Raises:
        UsageError: the document has no such layer.
        PlatformError: the platform does not tell.
    """
    layer = find_layer(platform.document(config.document), config.layer)
    return Source(config.document, layer.id, config.pages, only_transcribed=config.pages is None)
