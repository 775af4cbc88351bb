"""A made-up engine: a ticket for each run, in a queue that is a folder. What an engine that is added consists of."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, Strict

from loghi_runner.engines.base import EngineKeys, FromRequests, Handle, Launch, Setting, Wish
from loghi_runner.engines.gpus import Cards, choose_device
from loghi_runner.engines.local import LocalEngine
from loghi_runner.findings import Finding, Severity

QUEUES = Path(os.environ.get("MADE_QUEUES", "queues"))


class QueueKeys(EngineKeys):
    queue: str = Field(default="short", min_length=1, description="Queue that a run waits in.")
    minutes: Annotated[int, Strict(), FromRequests()] = Field(
        default=60, ge=1, le=600, description="Longest time that a run may take.", json_schema_extra={"unit": "minutes"}
    )


class QueueEngine(LocalEngine):
    """Starts its runs at once, as the engine local does, and keeps their tickets."""

    name = "queue"

    def examine(self, found: Cards) -> list[Finding]:
        return [Finding(Severity.INFO, "engine.queue", f"{len(found.cards)} cards, and a queue")]

    def settle(self, wish: Wish) -> Setting:
        keys = _keys(wish)
        device = choose_device("none", Cards((), "queues have no cards"))
        return Setting(wish, f"queue {keys.queue} for {keys.minutes} minutes", device)

    def start(self, launch: Launch, console_log: Path) -> Handle:
        keys = _keys(launch.wish)
        QUEUES.mkdir(exist_ok=True)
        ticket = QUEUES / launch.run_id
        ticket.write_text(f"{keys.queue} {keys.minutes}", encoding="utf-8")
        return replace(super().start(launch, console_log), engine=self.name)

    def find(self, run_id: str, run_dir: Path, handle: Handle | None) -> Handle | None:
        if handle is not None and (QUEUES / run_id).exists():
            return handle
        return super().find(run_id, run_dir, handle)

    def clean_up(self, handle: Handle, console_log: Path, *, keep: bool) -> None:
        super().clean_up(handle, console_log, keep=keep)
        if not keep:
            (QUEUES / console_log.parent.name).unlink(missing_ok=True)

    def kept(self, handle: Handle) -> str:
        return "its ticket"

    def reachable_from(self, machine: str) -> bool:
        return True


def _keys(wish: Wish) -> QueueKeys:
    return QueueKeys.model_validate(wish, from_attributes=True)
