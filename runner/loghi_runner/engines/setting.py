"""The section `engine` of a config, and what comes of it: which engine a run gets, and what that would use."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic.fields import FieldInfo

from loghi_contract.job import DeviceKind
from loghi_runner.engines import ENGINES, NO_DAEMON, EngineKind, imported, load_engine
from loghi_runner.engines.base import Engine, EngineKeys, FromRequests, Setting, Wish
from loghi_runner.errors import EngineError

#: The keys of each engine that has keys of its own.
OWN_KEYS: dict[str, type[EngineKeys]] = {name: imported(it.keys) for name, it in ENGINES.items() if it.keys}


# The section as a config has it; a docstring would stand in its JSON Schema. Which engines there are no type knows.
class EngineConfig(*dict.fromkeys(OWN_KEYS.values()), Wish):  # type: ignore[misc]
    pass


def owners_of(key: str) -> list[str]:
    """The engines that have this key of their own; none where every engine can be asked for it."""
    return [name for name, keys in OWN_KEYS.items() if key in keys.model_fields]


def keys_from_requests() -> dict[str, FieldInfo]:
    """The engines' own keys that whoever asks the service for a run may set."""
    fields = (field for keys in OWN_KEYS.values() for field in keys.model_fields.items())
    return {name: field for name, field in fields if FromRequests() in field.metadata}


def foreign_keys(section: object) -> Iterator[tuple[str, str, str]]:
    """Each key of a section as written that another engine has, what is wrong with it, and what to do."""
    if not isinstance(section, Mapping):
        return
    kind = section.get("kind") or EngineKind.AUTO.value
    for key in section:
        owners = owners_of(str(key))
        if owners and kind not in owners:
            whose = " and ".join(owners)
            message = f"is a key of the engine {whose}, and the engine here is {kind}"
            yield key, message, f"Leave it out, or write `kind: {owners[0]}` under `engine`."


def settle(wish: Wish) -> tuple[Engine, Setting]:
    """The engine that is wished for, and what it would use; whether it can be used at all the setting says.

    `auto` takes docker; local only when there is no daemon at all. A daemon that refuses is an error, or the
    run would silently go without the container's protection.
    """
    if wish.kind is not EngineKind.AUTO:
        engine = load_engine(wish.kind.value)
        return engine, engine.settle(wish)
    docker = load_engine("docker")
    setting = docker.settle(wish)
    if setting.engine_error is None or setting.engine_error.code != NO_DAEMON:
        return docker, setting
    local = load_engine("local")
    try:
        sentence = f"{local.check()}: no Docker daemon on this machine, so without a container"
    except EngineError as error:
        neither = EngineError(
            "engine.none_usable",
            f"there is no Docker daemon on this machine, and without it: {error.message}",
            hint=f"Start Docker (`sudo systemctl start docker`). Or, without a container: {error.hint}",
        )
        return local, replace(setting, engine_error=neither)
    return local, replace(local.settle(wish), engine=sentence)


def settle_again(engine: Engine, planned: Setting) -> Setting:
    """What it uses now, just before the start: lines may have been cut for an hour. Cards are taken by `run_trainer`.

    Raises:
        RunnerError: there is no card any more that could be waited for, or what else was planned.
    """
    if planned.device.kind is DeviceKind.CPU:
        return planned
    now = engine.settle(planned.wish)
    now.require_usable()
    if now.device.kind is DeviceKind.CPU and planned.wish.gpus != "auto-or-cpu":
        raise EngineError(
            "gpu.lost",
            f"there was a graphics card when the run was planned, and there is none now ({now.device.sentence})",
            where="engine.gpus",
            hint="`loghi-runner gpus` lists the cards. To use the CPU, write `gpus: none`.",
        )
    return now
