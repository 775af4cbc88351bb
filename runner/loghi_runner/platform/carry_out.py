"""The order of a platform's run, for a person at a terminal: pull, fine-tune, recognize, write back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_runner.aliases import OnProgress
from loghi_runner.config.choices import WriteBack
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.config.pulled_folder import pulled_folder
from loghi_runner.config.schema import PlatformConfig
from loghi_runner.errors import RunnerError, UsageError
from loghi_runner.files import is_file
from loghi_runner.finetuning.finetune import finetune
from loghi_runner.finetuning.plan import View
from loghi_runner.platform.base import Outcome, Platform, Pulled, Pushed, Report, Source
from loghi_runner.platform.from_config import connect, find_layer, platform_of, pull_for_config
from loghi_runner.platform.parked import (
    RECOGNIZED,
    Parked,
    is_written,
    layer_comment,
    layer_name,
    read_parked,
    write_parked,
)
from loghi_runner.platform.told import ToldView
from loghi_runner.recognition.line_reader import ReaderOptions
from loghi_runner.recognition.recognize import RecognizeOptions, recognize
from loghi_runner.recognition.recognized import RECORD_FILE
from loghi_runner.runs.folder import RunFolder, RunRecord, RunState
from loghi_runner.runs.owner import require_ours

_ASK_EVERY_S = 10.0


@dataclass(frozen=True)
class CarriedOut:
    """How a platform's run ended. `parked` is why its readings are not on the platform yet, though they should be."""

    folder: RunFolder
    record: RunRecord
    pulled: Pulled
    pushed: Pushed | None = None
    parked: RunnerError | None = None


def finetune_for_platform(
    config_path: Path, overrides: Sequence[str], view: View, told_pulled: Callable[[Pulled], None]
) -> CarriedOut:
    """Do all of it. A platform that fails after the training ends nothing: the readings wait to be pushed.

    Args:
        told_pulled: called once the pages are there, before anything is learnt from them.

    Raises:
        RunnerError: nothing was started.
    """
    loaded = load_config(config_path, overrides)
    config = platform_of(loaded)
    platform = connect(config, view.note)
    pulled = pull_for_config(loaded, platform, view.progress)
    told_pulled(pulled)
    report = platform.report(config.document, f"Fine-tune with Loghi: {loaded.config.name}")
    pages = _pages_to_read(loaded, config)
    told = ToldView(view, report, lambda folder: _park(folder, loaded, config, pages), _ASK_EVERY_S)
    try:
        folder, record = finetune(config_path, overrides, told)
    except BaseException as error:
        report.end(Outcome.FAILED, str(error) or "ended before it began")
        raise
    done = CarriedOut(folder, record, pulled)
    if record.state is not RunState.FINISHED or told.was_cancelled:
        if record.state.is_over:
            outcome = Outcome.FAILED if record.state is RunState.FAILED else Outcome.CANCELLED
            report.end(outcome, record.error.message if record.error else "ended; the best model so far is kept")
        return done
    return _give_back(done, loaded, config, platform, report, view)


def push_run(folder: RunFolder, options: ReaderOptions, on_progress: OnProgress, note: Callable[[str], None]) -> Pushed:
    """Write a finished run's readings to its platform, now; reads the pages first where that is still to be done.

    Raises:
        RunnerError: it cannot be done (yet), or the run is another account's.
    """
    # whose it is says where the token goes: its own file names the address
    require_ours(folder, "push")
    parked = read_parked(folder)
    record = folder.read()
    platform = connect(parked.config(), note)
    read_again = not is_file(folder.path / RECOGNIZED / RECORD_FILE)
    if read_again:
        if not Path(parked.pages).is_dir():
            raise UsageError(
                "platform.pages_gone",
                f"the pages that the model is to read are gone: {parked.pages}",
                hint="Pull them again: `loghi-runner platform pull CONFIG`.",
            )
        _recognize(folder, parked, options, on_progress, note)
    return _push(folder, record, parked, platform, on_progress)


def _give_back(
    done: CarriedOut, loaded: LoadedConfig, config: PlatformConfig, platform: Platform, report: Report, view: View
) -> CarriedOut:
    """Read the pages and write them back; what the platform refuses is parked, and the run is no worse for it."""
    if config.write_back is WriteBack.NONE:
        report.end(Outcome.FINISHED, done.record.verdict or "finished")
        return done
    parked = read_parked(done.folder)
    try:
        _pull_more(loaded, config, platform, Path(parked.pages), view.progress)
        _recognize(
            done.folder,
            parked,
            ReaderOptions(loaded.config.engine),
            view.progress,
            view.note,
        )
        pushed = _push(done.folder, done.record, parked, platform, view.progress)
    except RunnerError as error:
        report.end(Outcome.FAILED, f"the model is there; its readings could not be written: {error.message}")
        return replace(done, parked=error)
    report.end(Outcome.FINISHED, f"{done.record.verdict or 'finished'}; read into {pushed.layer.name}")
    return replace(done, pushed=pushed)


def _pages_to_read(loaded: LoadedConfig, config: PlatformConfig) -> Path:
    """The pages learnt from lie where they are; others get a folder beside them, so that no run learns from them."""
    learnt = pulled_folder(loaded.config.output, config)
    return (
        learnt if config.write_back in (WriteBack.NONE, WriteBack.PULLED) else learnt.with_name(f"{learnt.name}-read")
    )


def _pull_more(
    loaded: LoadedConfig, config: PlatformConfig, platform: Platform, pages: Path, on_progress: OnProgress
) -> None:
    if config.write_back is WriteBack.PULLED:
        return
    chosen = None if isinstance(config.write_back, WriteBack) else config.write_back
    layer = find_layer(platform.document(config.document), config.layer)
    platform.pull(Source(config.document, layer.id, chosen), pages, on_progress)


def _park(folder: RunFolder, loaded: LoadedConfig, config: PlatformConfig, pages: Path) -> None:
    if config.write_back is WriteBack.NONE:
        return
    token_file = None if config.token_file is None else str(config.token_file)
    cut = loaded.config.data.cut.value
    write_parked(folder, Parked(config.kind, config.url, config.document, str(pages), config.parallel, cut, token_file))


def _recognize(
    folder: RunFolder, parked: Parked, options: ReaderOptions, on_progress: OnProgress, note: Callable[[str], None]
) -> None:
    out = folder.path / RECOGNIZED
    recognize(
        str(folder.best_val), Path(parked.pages), out, RecognizeOptions(options, Cut(parked.cut)), on_progress, note
    )


def _push(folder: RunFolder, record: RunRecord, parked: Parked, platform: Platform, on_progress: OnProgress) -> Pushed:
    pushed = platform.push(
        Path(parked.pages), folder.path / RECOGNIZED, layer_name(record), layer_comment(record), on_progress
    )
    is_written(folder, parked, pushed)
    return pushed
