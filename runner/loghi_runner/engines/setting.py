"""Which engine a run gets, and what it would use: when a run is planned, and again just before it starts."""

from dataclasses import replace

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON, EngineKind, load_engine
from loghi_runner.engines.base import Engine, Setting
from loghi_runner.engines.wish import Wish
from loghi_runner.errors import EngineError


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
    """What it uses now, just before the start: the planned card may have been taken since by somebody else.

    Raises:
        RunnerError: no card can be had any more, or what else was planned.
    """
    if planned.device.kind is DeviceKind.CPU:
        return planned
    now = engine.settle(planned.wish)
    now.require_usable()
    if now.device.kind is DeviceKind.CPU:
        raise EngineError(
            "gpu.taken",
            f"there was a free graphics card when the run was planned, and none is left now ({now.device.sentence})",
            where="engine.gpus",
            hint="Start again when a card is free. To share one, write `gpus: 1`; to use the CPU, `gpus: none`.",
        )
    return now
