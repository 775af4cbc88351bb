"""Which run an exported model is of, and how far it got: `last` may be another than was meant."""

from loghi_runner.config.load import ConfigError, load_config
from loghi_runner.runs.folder import RunState
from loghi_runner.runs.look import Look
from loghi_runner.wording import percent

_ENDED_EARLY = {
    RunState.CANCELLED: "was stopped early",
    RunState.FAILED: "failed",
    RunState.LOST: "was lost",
    RunState.PREPARED: "has not begun yet",
    RunState.RUNNING: "still trains, best_val may be replaced",
}


def run_remarks(look: Look) -> list[str]:
    """The run and its state in a sentence, and that its model is no better than the one it began with."""
    record, best = look.record, look.progress.best
    state = _ENDED_EARLY.get(record.state, "is finished")
    part = " on a part of the lines, for a learning curve" if _is_share(look) else ""
    epoch = f"; best_val is of epoch {best.epoch}, CER {percent(best.val_cer)}" if best is not None else ""
    told = [f"run {record.run_id} ({record.name}) {state}{part}{epoch}"]
    if best is not None and best.epoch == 0:
        told.append(
            "warning: no epoch of it was better than the base model: what is exported is the base model, untrained"
            if record.base_model_sha256 is not None
            else "warning: no epoch of it is over: what is exported is a network that has learnt nothing"
        )
    return told


def _is_share(look: Look) -> bool:
    """A share of a learning curve has a name of its own beside its config's."""
    try:
        name = load_config(look.folder.config_file, look.record.overrides).config.name
    except ConfigError:
        return False
    return look.record.name.rpartition("_")[0] == name
