"""What is started for each stage of an order: the same commands a person types, and nothing a request wrote."""

import contextlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import yaml

from loghi_contract.cut import Cut
from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_file, real_path
from loghi_runner.ground_truth.split import unlearnt_pages
from loghi_runner.orders.actions import (
    Action,
    CheckParameters,
    EvaluateParameters,
    FinetuneParameters,
    FolderSource,
    PlatformPages,
    PlatformTexts,
    RecognizeParameters,
)
from loghi_runner.orders.config import PlatformConfig, ServiceConfig
from loghi_runner.orders.confine import Shelf
from loghi_runner.orders.credentials import Vault
from loghi_runner.orders.orders import Order, OrderFolder, Stage
from loghi_runner.orders.state import StateFolder
from loghi_runner.platform.origin import parse_origin
from loghi_runner.platform.pulled import copy_pages
from loghi_runner.platform.token import read_token

RUNNER = (sys.executable, "-m", "loghi_runner")
EXCHANGE = (sys.executable, "-m", "loghi_runner.orders.exchange")


@dataclass(frozen=True)
class Command:
    """`stdin` may hold a platform's token: there no list of processes and no environment shows it."""

    arguments: tuple[str, ...]
    stdin: bytes = b""

    def __repr__(self) -> str:
        return f"Command({self.arguments})"


def stages_of(order: Order) -> tuple[Stage, ...]:
    """The stages between `queued` and the end, in their order."""
    asked = order.asked
    pull = (Stage.PULLING,) if isinstance(asked.source, PlatformPages) else ()
    if isinstance(asked, CheckParameters):
        return (*pull, Stage.CHECKING)
    if isinstance(asked, EvaluateParameters):
        return (*pull, Stage.EVALUATING)
    push = (Stage.PUSHING,) if asked.write_back else ()
    if isinstance(asked, RecognizeParameters):
        return (*pull, Stage.RECOGNIZING, *push)
    read = (Stage.RECOGNIZING,) if asked.recognize_pages else ()
    return (*pull, Stage.TRAINING, *read, *push)


class Commands:
    """Makes the commands; whatever a request names is looked up below the operator's folders, again."""

    def __init__(self, config: ServiceConfig, state: StateFolder, vault: Vault) -> None:
        self._config = config
        self._state = state
        self._vault = vault
        self.pages = Shelf(config.roots.pages or (), never=config.state)
        self.base_models = Shelf(config.roots.base_models or (), never=config.state)

    def make(self, stage: Stage, order: Order, folder: OrderFolder) -> Command:
        """The stage's command, with the files it reads.

        Raises:
            RunnerError: what the order names is not there (any more).
        """
        asked = order.asked
        match stage:
            case Stage.PULLING | Stage.PUSHING:
                return self._exchange(stage, order, folder)
            case Stage.CHECKING | Stage.TRAINING:
                verb = "check" if stage is Stage.CHECKING else "finetune"
                folder.config_file.write_text(self._run_config(order, folder), encoding="utf-8")
                return Command((*RUNNER, verb, folder.config_file.name, "--json"))
            case Stage.RECOGNIZING:
                return self._recognize(order, folder)
            case Stage.EVALUATING if isinstance(asked, EvaluateParameters):
                model, pages = self.find_model(asked.model, order.user), self._source(order, folder)
                where = ("--output", str(folder.evaluation), *self._reading(asked.cut))
                shutil.rmtree(folder.evaluation, ignore_errors=True)
                return Command((*RUNNER, "evaluate", str(model), str(pages), *where))
        raise UsageError("order.stage", f"nothing is to be done in the stage {stage.value}")

    def find_model(self, name: str, user: str) -> Path:
        """A base model by its place, or the model of one of the user's own orders by its id.

        Raises:
            RunnerError: there is none.
        """
        folder = OrderFolder(self._state.orders / name)
        if "/" not in name and folder.path.is_dir():
            run = folder.run()
            with contextlib.suppress(OSError, ValueError):  # a damaged order is nobody's
                if folder.read_order().user == user and run is not None and is_file(run.best_val / MODEL_FILE):
                    return run.best_val
        return self.find_base_model(name)

    def find_base_model(self, place: str) -> Path:
        """Raises RunnerError where there is none, or where it is made of links that lead elsewhere."""
        found = self.base_models.find(place)
        self.base_models.require_confined(found)
        return found

    def platform(self, name: str) -> PlatformConfig:
        platform = self._config.platforms.get(name)
        if platform is None:
            raise UsageError(
                "request.no_such_platform",
                f"the service knows no platform {name}",
                where="source.platform",
                hint="GET api/v1/sources lists the platforms.",
            )
        return platform

    def token_of(self, order: Order, folder: OrderFolder) -> str:
        """The user's own token where the order came with one, else that of the service's account.

        Raises:
            RunnerError: there is neither, or it cannot be used.
        """
        source = order.asked.source
        if not isinstance(source, PlatformPages):
            raise UsageError("order.stage", "the order names no platform")
        platform = self.platform(source.platform)
        token = self._vault.take(folder.path, order.id, parse_origin(platform.url).base)
        return token or read_token(platform.token_file)

    def without_places(self, value: Any) -> Any:
        """A JSON value whose texts name no folder of this machine: whoever ordered sees places as they named them."""
        if isinstance(value, dict):
            return {key: self.without_places(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.without_places(item) for item in value]
        if not isinstance(value, str):
            return value
        for folder in (self._config.state, *self.pages.roots, *self.base_models.roots):
            for path in (folder, real_path(folder)):
                value = value.replace(f"{path}/", "").replace(str(path), path.name)
        return value

    def _source(self, order: Order, folder: OrderFolder) -> Path:
        source = order.asked.source
        if not isinstance(source, FolderSource):
            return folder.pages
        found = self.pages.find(source.pages)
        self.pages.require_confined(found)
        return found

    def _run_config(self, order: Order, folder: OrderFolder) -> str:
        asked = order.asked
        if not isinstance(asked, FinetuneParameters):
            raise UsageError("order.stage", f"{order.action.value} trains no model")
        values = asked.model_dump(mode="json", include={"name", "training", "charset", "text"})
        values |= {
            "base_model": str(self.find_base_model(asked.base_model)),
            "data": {"pages": str(self._source(order, folder)), **asked.data.model_dump(mode="json")},
            "output": folder.runs.name,
            "engine": self._config.engine.model_dump(mode="json", exclude_none=True),
        }
        return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)

    def _recognize(self, order: Order, folder: OrderFolder) -> Command:
        asked = order.asked
        if isinstance(asked, RecognizeParameters):
            model, cut = self.find_model(asked.model, order.user), asked.cut
            pages = folder.to_read if isinstance(asked.source, PlatformPages) else self._source(order, folder)
        elif isinstance(asked, FinetuneParameters):
            run = folder.run()
            if run is None:
                raise DataError("export.no_model", "this run has no best_val: it ended before a model was saved")
            if asked.reads_unlearnt:
                copy_pages(folder.pages, folder.to_read, unlearnt_pages(run.split_file))
            model, cut, pages = run.best_val, asked.data.cut, folder.to_read
        else:
            raise UsageError("order.stage", f"{order.action.value} reads no pages")
        # what an attempt before this one has left
        shutil.rmtree(folder.recognized, ignore_errors=True)
        where = ("--output", str(folder.recognized), *self._reading(cut))
        return Command((*RUNNER, "recognize", str(model), str(pages), *where))

    def _reading(self, cut: Cut | None) -> tuple[str, ...]:
        """Options of every command that reads lines with a model."""
        engine = self._config.engine
        gpus = ",".join(engine.gpus) if isinstance(engine.gpus, tuple) else str(engine.gpus)
        way = () if cut is None else ("--cut", cut.value)
        memory = () if engine.memory is None else ("--memory", engine.memory)
        return (*way, "--engine", engine.kind.value, "--gpus", gpus, *memory, "--json")

    def _exchange(self, stage: Stage, order: Order, folder: OrderFolder) -> Command:
        asked, source = order.asked, order.asked.source
        if not isinstance(source, PlatformPages):
            raise UsageError("order.stage", "the order names no platform")
        platform = self.platform(source.platform)
        read: tuple[str, ...] | None = ()
        if isinstance(asked, RecognizeParameters):
            read = source.pages
        elif order.action is Action.FINETUNE and isinstance(asked, FinetuneParameters):
            read = asked.other_pages
        task = {
            "kind": platform.kind.value,
            "url": platform.url,
            "token": self.token_of(order, folder),
            "document": source.document,
            "layer": source.layer if isinstance(source, PlatformTexts) else None,
            "pages": source.pages,
            "truth": None if order.action is Action.RECOGNIZE else str(folder.pages),
            "to_read": None if stage is Stage.PULLING and read == () else str(folder.to_read),
            "read": read,
            "recognized": str(folder.recognized),
            "layer_name": self._layer_name(order, folder),
            "comment": self._comment(order, folder),
        }
        verb = "pull" if stage is Stage.PULLING else "push"
        return Command((*EXCHANGE, verb), json.dumps(task).encode())

    def _layer_name(self, order: Order, folder: OrderFolder) -> str:
        run = folder.run()
        return f"Loghi {order.name} {run.path.name if run else order.id}"

    def _comment(self, order: Order, folder: OrderFolder) -> str:
        run = folder.run()
        verdict = run.read().verdict if run else None
        parts = [f"Read with the Loghi model {order.name}", verdict, f"{self._config.own_url}/orders/{order.id}"]
        return ". ".join(part for part in parts if part)
