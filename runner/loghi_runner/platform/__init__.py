"""The platforms by name. A platform's module is imported when it is asked for."""

from importlib import import_module
from typing import cast

from loghi_runner.config.choices import PlatformKind
from loghi_runner.platform.base import Platform, PlatformConnection

__all__ = ["PLATFORMS", "open_platform", "open_session"]

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
