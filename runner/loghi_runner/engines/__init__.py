"""The engines by name, and which one a run gets. An engine's module is imported when it is asked for."""

from importlib import import_module
from typing import cast

from loghi_runner.engines.base import Engine
from loghi_runner.errors import EngineError

ENGINES = {
    "docker": "loghi_runner.engines.docker:DockerEngine",
    "local": "loghi_runner.engines.local:LocalEngine",
}

#: The code of the one engine error that `auto` answers with the engine `local`.
NO_DAEMON = "engine.no_daemon"


def load_engine(name: str) -> Engine:
    """The engine of this name.

    Raises:
        EngineError: this version has no such engine.
    """
    if name not in ENGINES:
        raise EngineError(
            "engine.unknown",
            f"there is no engine {name!r}",
            hint=f"Known engines: {', '.join(ENGINES)}. Was the run started by a newer loghi-runner?",
        )
    module, _, attribute = ENGINES[name].partition(":")
    return cast(Engine, getattr(import_module(module), attribute)())


def choose_engine(kind: str) -> tuple[Engine, str]:
    """The engine for `engine.kind`, checked, and a sentence that says which one it is and why.

    `auto` takes docker; local only when there is no daemon at all. A daemon that refuses is an error, or the
    run would silently go without the container's protection.

    Raises:
        EngineError: the engine cannot be used.
    """
    if kind != "auto":
        engine = load_engine(kind)
        return engine, engine.check()
    docker = load_engine("docker")
    try:
        return docker, docker.check()
    except EngineError as error:
        if error.code != NO_DAEMON:
            raise
    local = load_engine("local")
    try:
        return local, f"{local.check()}: no Docker daemon on this machine, so without a container"
    except EngineError as error:
        raise EngineError(
            "engine.none_usable",
            f"there is no Docker daemon on this machine, and without it: {error.message}",
            hint=f"Start Docker (`sudo systemctl start docker`). Or, without a container: {error.hint}",
        ) from error
