"""What an order of the service asks for; whatever it names is looked up below the operator's folders, again."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from loghi_contract.cut import Cut
from loghi_runner.compare.score_models import ScoreOptions
from loghi_runner.config.choices import LanguageModelUse
from loghi_runner.engines.setting import EngineConfig
from loghi_runner.errors import DataError, UsageError
from loghi_runner.ground_truth.split import unlearnt_pages
from loghi_runner.orders import actions
from loghi_runner.orders.lookup import Lookup, platform_id
from loghi_runner.orders.orders import Order, OrderFolder
from loghi_runner.orders.pipeline import Asked, Reading, Scoring, Writing
from loghi_runner.platform.base import Platform, Source
from loghi_runner.platform.pulled import copy_pages
from loghi_runner.recognition.line_reader import ReaderOptions
from loghi_runner.recognition.recognize import RecognizeOptions
from loghi_runner.runs.folder import RunFolder


class OrderAsked(Asked):
    """`token` opens the platform that the order names; None where it names none, or there is no token."""

    def __init__(self, order: Order, folder: OrderFolder, lookup: Lookup, token: str | None) -> None:
        self._order = order
        self._asked = order.asked
        self._folder = folder
        self._lookup = lookup
        self._token = token

    def platform(self) -> Platform:
        return self._lookup.connect(self._source.platform, self._token)

    def pulls(self) -> Sequence[tuple[Source, Path]]:
        source, pulls = self._source, []
        if isinstance(source, actions.PlatformTexts):
            truth = Source(self._document, platform_id(source.layer), _numbers(source.pages))
            pulls.append((truth, self._folder.pages))
        read = self._pages_to_read()
        if read != ():
            layer = platform_id(source.layer) if isinstance(source, actions.PlatformTexts) else self._any_layer()
            pulls.append((Source(self._document, layer, _numbers(read)), self._folder.to_read))
        return pulls

    def training(self) -> tuple[Path, Sequence[str]]:
        asked, file = self._asked, self._folder.work / "config.yaml"
        if not isinstance(asked, actions.FinetuneParameters):
            raise UsageError("order.stage", f"{self._order.action.value} trains no model")
        values = asked.model_dump(mode="json", include={"name", "training", "charset", "text"})
        values |= {
            "base_model": str(self._lookup.find_base_model(asked.base_model)),
            "data": {"pages": str(self._pages()), **asked.data.model_dump(mode="json")},
            "output": self._folder.runs.name,
            "engine": self._wish().model_dump(mode="json", exclude_unset=True),
        }
        file.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return file, ()

    def reading(self, run: RunFolder | None) -> Reading:
        asked, folder = self._asked, self._folder
        cut: Cut | None
        if isinstance(asked, actions.RecognizeParameters):
            model, cut = self._lookup.find_model(asked.model, self._order.user), asked.cut
            pages = folder.to_read if isinstance(asked.source, actions.PlatformPages) else self._pages()
        elif isinstance(asked, actions.FinetuneParameters):
            if run is None:
                raise DataError("export.no_model", "this run has no best_val: it ended before a model was saved")
            if asked.reads_unlearnt:
                copy_pages(folder.pages, folder.to_read, unlearnt_pages(run.split_file))
            model, cut, pages = run.best_val, asked.data.cut.cut, folder.to_read
        else:
            raise UsageError("order.stage", f"{self._order.action.value} reads no pages")
        # what an attempt before this one has left
        shutil.rmtree(folder.recognized, ignore_errors=True)
        return Reading(model, pages, folder.recognized, RecognizeOptions(self._reader(asked.language_model), cut))

    def scoring(self) -> Scoring:
        asked, folder = self._asked, self._folder
        if not isinstance(asked, actions.EvaluateParameters):
            raise UsageError("order.stage", f"{self._order.action.value} scores no model")
        model, pages = self._lookup.find_model(asked.model, self._order.user), self._pages()
        shutil.rmtree(folder.evaluation, ignore_errors=True)
        reader = self._reader(asked.language_model)
        return Scoring(model, pages, ScoreOptions(reader, asked.cut, output=folder.evaluation))

    def writing(self, run: RunFolder | None) -> Writing:
        name, verdict = self._order.name, run.read().verdict if run else None
        link = f"{self._lookup.config.own_url}/orders/{self._order.id}"
        comment = ". ".join(part for part in (f"Read with the Loghi model {name}", verdict, link) if part)
        layer = f"Loghi {name} {run.path.name if run else self._order.id}"
        return Writing(self._folder.to_read, self._folder.recognized, layer, comment)

    def _reader(self, use: LanguageModelUse) -> ReaderOptions:
        return ReaderOptions(self._wish(), language_model=use)

    def _wish(self) -> EngineConfig:
        """Where it runs: as the operator says, and what the request may wish."""
        return self._lookup.config.engine.model_copy(update=self._asked.wished)

    @property
    def _document(self) -> int:
        return platform_id(self._source.document)

    @property
    def _source(self) -> actions.PlatformPages:
        source = self._asked.source
        if not isinstance(source, actions.PlatformPages):
            raise UsageError("order.stage", "the order names no platform")
        return source

    def _pages(self) -> Path:
        """The pages to learn from, to score on, or to read, wherever they come from."""
        source = self._asked.source
        return self._lookup.find_pages(source.pages) if isinstance(source, actions.FolderSource) else self._folder.pages

    def _pages_to_read(self) -> tuple[str, ...] | None:
        """Ids of the pages to pull for reading alone; None for every page."""
        if isinstance(self._asked, actions.RecognizeParameters):
            return self._source.pages
        if self._order.action is actions.Action.FINETUNE and isinstance(self._asked, actions.FinetuneParameters):
            return self._asked.other_pages
        return ()

    def _any_layer(self) -> int:
        layers = self.platform().document(self._document).layers
        if not layers:
            raise UsageError("platform.no_layer", f"the document {self._document} has no transcription layer")
        return layers[0].id


def _numbers(texts: tuple[str, ...] | None) -> tuple[int, ...] | None:
    return None if texts is None else tuple(map(platform_id, texts))
