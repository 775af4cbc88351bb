"""Line images read by a model: what it needs is looked at first, then one trainer run gives texts and confidences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from loghi_contract import CONTRACT
from loghi_contract.files import read_plain
from loghi_contract.job import Action, RecognizeJob, dump_job
from loghi_contract.language_model import LM_DIR, LanguageModelError, LanguageModelFacts, read_facts, read_packed_ngrams
from loghi_contract.lines import LineSample, format_line_list
from loghi_contract.model_folder import ModelFacts
from loghi_contract.places import BY_IMAGE_FILE, LISTS_DIR, RESULTS_FILE
from loghi_runner.aliases import OnProgress
from loghi_runner.config.choices import LanguageModelUse
from loghi_runner.engines.base import Engine, Launch, Setting, Wish
from loghi_runner.engines.card_queue import Waiting
from loghi_runner.engines.mounts import DataFolders, choose_data_folders, home_folders, run_mounts
from loghi_runner.engines.setting import settle, settle_again
from loghi_runner.errors import DataError, EngineError
from loghi_runner.files import breaks_lines, is_utf8, real_path
from loghi_runner.models.find import check_base_model, learnt_straightened
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.output_folder import work_folder, writing_output
from loghi_runner.runs.folder import new_run_id
from loghi_runner.runs.run_short import OutOfMemory, run_short
from loghi_runner.runs.run_trainer import new_record
from loghi_runner.wording import language_model_line, plural

_LIST = LISTS_DIR / "lines.txt"


@dataclass(frozen=True)
class ReaderOptions:
    """Where and how lines are read; nothing but the beam and the language model changes a text.

    A beam of 1 is greedy decoding. `queued` is told how it waits for a graphics card; without it that is a note.
    """

    wish: Wish = field(default_factory=Wish)
    batch_size: int = 16
    beam_width: int = 1
    queued: Callable[[Waiting], None] | None = None
    language_model: LanguageModelUse = LanguageModelUse.AUTO


@dataclass(frozen=True)
class Readings:
    """What was read, by image as it was given; an image that cannot be decoded is not among them."""

    by_image: dict[Path, Reading]
    seconds: float


@dataclass(frozen=True)
class LineReader:
    """A model that can be used, on a machine that can run it; made by `open_reader`.

    `language_model` is the one beside the model, where it helps to read; `about_it` tells of the one that is there,
    used or not.
    """

    model: ModelFacts
    folder: Path
    engine: Engine
    setting: Setting
    options: ReaderOptions
    language_model: LanguageModelFacts | None = None
    about_it: str | None = None
    #: the model learnt from line images that were made level, so these are, too
    straighten: bool = False

    def read(
        self,
        images: Sequence[Path],
        on_progress: OnProgress,
        note: Callable[[str], None],
        *,
        work_in: Path | None = None,
        doing: str = "reading lines",
    ) -> Readings:
        """Read all images; the order and the company in which they are given change nothing.

        Where the engine ends it for its memory they are read once more, half as many at once.

        Args:
            work_in: where a working folder is made and removed again; the system's own place by default.

        Raises:
            RunnerError: they cannot be read.
        """
        try:
            return self._read(images, on_progress, note, work_in, doing)
        except OutOfMemory as error:
            if self.options.batch_size == 1:
                raise _too_much(error) from error
            half = self.options.batch_size // 2
            note(f"{error.message}: all is read again, {plural(half, 'line')} at once; the texts are the same")
            again = replace(self, options=replace(self.options, batch_size=half))
        try:
            return again._read(images, on_progress, note, work_in, doing)
        except OutOfMemory as error:
            raise _too_much(error) from error

    def _read(
        self,
        images: Sequence[Path],
        on_progress: OnProgress,
        note: Callable[[str], None],
        work_in: Path | None,
        doing: str,
    ) -> Readings:
        real = {image: real_path(image) for image in images if not breaks_lines(image)}
        if not real:
            return Readings({}, 0.0)
        data = choose_data_folders([(str(_LIST), image) for image in real.values()], home_folders())
        for folder in data.refused:
            raise DataError(
                "data.folder_too_wide",
                f"line images lie directly in {folder}; the trainer would see everything in there",
                where=str(folder),
                hint="Move them to a folder of their own.",
            )
        with work_folder(".reading-", work_in) as work:
            named = {path: data.container_path(path) for path in real.values()}
            listed = {str(name): path for path, name in named.items() if is_utf8(name)}
            now = settle_again(self.engine, self.setting)
            with writing_output(work):
                launch = self._lay_out(work, list(listed), data, now)
            record = new_record(launch.run_id, "reading", self.engine, now)
            on_step, queued = partial(on_progress, doing), self.options.queued
            progress = run_short(self.engine, launch, record, note, on_step, queued)
            found = _read_results(work / "out" / RESULTS_FILE)
            if self.language_model is not None:
                by_image = _read_results(work / "out" / BY_IMAGE_FILE)
                found = {image: replace(reading, by_image=by_image[image]) for image, reading in found.items()}
        by_path = {listed[image]: reading for image, reading in found.items()}
        seconds = progress.recognized.seconds if progress.recognized else 0.0
        return Readings({image: by_path[path] for image, path in real.items() if path in by_path}, seconds)

    def _lay_out(self, work: Path, images: Sequence[str], data: DataFolders, setting: Setting) -> Launch:
        kind, options = setting.device.kind, self.options
        job = RecognizeJob(
            CONTRACT,
            new_run_id(),
            Action.RECOGNIZE,
            str(_LIST),
            kind,
            options.batch_size,
            options.beam_width,
            self.language_model is not None,
            self.straighten,
        )
        # a list's line needs a text; the trainer does not look at it
        lines = format_line_list(LineSample(image, "?", 1.0, "") for image in images)
        (work / "in" / "lists").mkdir(parents=True)
        (work / "out").mkdir()
        (work / "in" / "job.json").write_text(dump_job(job), encoding="utf-8")
        (work / "in" / "lists" / PurePosixPath(job.list).name).write_text(lines, encoding="utf-8", newline="")
        return setting.launch(job.run_id, work, run_mounts(data, self.folder, work))


def open_reader(model: Path, options: ReaderOptions) -> LineReader:
    """Look at the model, the engine, the device and the image, before anything takes long.

    Raises:
        RunnerError: one of them cannot be used.
    """
    base = check_base_model(model)
    if base.facts is None or base.folder is None:
        first = base.findings[0]
        raise DataError(first.code, first.message, where=str(model), hint=first.hint)
    engine, setting = settle(options.wish)
    setting.require_usable()
    language_model, about_it = _choose_language_model(base.folder, options.language_model)
    straighten = learnt_straightened(base.folder)
    return LineReader(base.facts, base.folder, engine, setting, options, language_model, about_it, straighten)


def _choose_language_model(model: Path, use: LanguageModelUse) -> tuple[LanguageModelFacts | None, str | None]:
    """The language model that helps to read, if one does; and a sentence about the one that is there."""
    if use is LanguageModelUse.OFF:
        return None, f"not used (--lm {use.value})" if (model / LM_DIR).exists() else None
    try:
        facts = read_facts(model)
        if facts is not None and facts.helps:
            # the trainer would find it too, but knows no place of this machine
            read_packed_ngrams(model, facts)
    except LanguageModelError as error:
        hint = (
            f"Read without it (`--lm off`). To have one again, copy the folder {LM_DIR} from where the model came "
            "from, or train again."
        )
        message = f"the language model beside the model cannot be used: {error}"
        raise DataError("lm.damaged", message, where=str(model / LM_DIR), hint=hint) from error
    if facts is None:
        return None, None
    about = language_model_line(facts.sources, facts.validation)
    if facts.helps:
        return facts, f"used: {about}"
    return None, f"not used, as it was not shown to help: {about}"


def _too_much(error: OutOfMemory) -> EngineError:
    hint = "Let the container take more memory (`--memory`), or read fewer lines at once (`--batch-size`)."
    return EngineError(error.code, error.message, where=error.where, hint=hint)


def _read_results(results: Path) -> dict[str, Reading]:
    """Readings by container path. Lines end with a line feed alone: a text may hold other separators."""
    found = {}
    for row in read_plain(results).decode().split("\n")[:-1]:
        image, confidence, text = row.split("\t", 2)
        found[image] = Reading(text, float(confidence))
    return found
