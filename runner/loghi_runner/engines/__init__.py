"""The engines by name. One that is added is one module, and one line here."""

from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any  # what an engine's module holds is known once it is imported

from loghi_runner.errors import EngineError

if TYPE_CHECKING:
    from loghi_runner.engines.base import Engine
    from loghi_runner.engines.image import ImageStore


@dataclass(frozen=True)
class Registered:
    """Where an engine is, and the model of its own keys in a config, if it has any: each as `module:class`.

    The module of the engine is imported when the engine is used, that of its keys whenever a config is read.
    """

    engine: str
    keys: str | None = None


ENGINES = {
    "docker": Registered("loghi_runner.engines.docker:DockerEngine"),
    "local": Registered("loghi_runner.engines.local:LocalEngine"),
}


# What `engine.kind` can be. The members come from a mapping as in Python's documentation of enum, TimePeriod.
class EngineKind(str, Enum):
    _ignore_ = "members engine"
    AUTO = "auto"
    members = vars()
    for engine in ENGINES:
        members[engine.upper()] = engine


#: The code of the one engine error that `auto` answers with the engine `local`.
NO_DAEMON = "engine.no_daemon"


def load_engine(name: str) -> "Engine":
    """The engine of this name. Raises EngineError: this version has no such engine."""
    if name not in ENGINES:
        message = f"there is no engine {name!r}"
        hint = f"Known engines: {', '.join(ENGINES)}. Was the run started by a newer loghi-runner?"
        raise EngineError("engine.unknown", message, hint=hint)
    engine: Engine = imported(ENGINES[name].engine)()
    return engine


def image_store() -> "ImageStore":
    """What keeps this machine's images, and builds them: Docker."""
    store: ImageStore = imported("loghi_runner.engines.docker:DockerEngine")()
    return store


def imported(place: str) -> Any:
    """What `module:name` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
