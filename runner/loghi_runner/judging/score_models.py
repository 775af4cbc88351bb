"""Transcribed lines read by models, to be scored: by one for `evaluate`, by two for `compare`."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.lines import SkippedLine, SkipReason
from loghi_contract.text import Normalization, normalization_for, normalize
from loghi_runner.errors import DataError, EngineError
from loghi_runner.judging.score_files import REPORT_KINDS, write_score_files
from loghi_runner.judging.scored import ModelReadings, Scored
from loghi_runner.judging.truth_lines import Truth, TruthLine, collect_truth
from loghi_runner.models.which_model import NamedModel, find_model
from loghi_runner.reading.line_reader import OnProgress, ReaderOptions, open_reader
from loghi_runner.reading.output_folder import claim_output
from loghi_runner.report.write import JSON_FILE
from loghi_runner.scoring.comparison import ReadLine

_UNREAD = "the trainer could not read it"


@dataclass(frozen=True)
class ScoreOptions:
    reader: ReaderOptions
    cut: Cut = Cut.LOGHI
    root: Path | None = None
    output: Path | None = None


def score_models(
    models: Sequence[str],
    data: Sequence[str],
    options: ScoreOptions,
    on_progress: OnProgress,
    note: Callable[[str], None],
) -> Scored:
    """Let each model read the same transcribed lines, and write what the output folder is to hold, if there is one.

    Raises:
        RunnerError: nothing could be scored.
    """
    named = _distinct([find_model(model) for model in models])
    readers = [open_reader(model.folder, options.reader) for model in named]
    if options.output is not None:
        sources = [Path(given) for given in data if Path(given).is_dir()]
        claim_output(options.output, JSON_FILE, REPORT_KINDS, tuple(sources))
    try:
        work = tempfile.TemporaryDirectory(prefix=".scoring-", dir=options.output)
    except OSError as error:
        place = options.output or tempfile.gettempdir()
        raise EngineError("output.cannot_write", f"{place} cannot be written: {error.strerror or error}") from error
    with work as folder:
        truth = collect_truth(data, options.cut, options.root, Path(folder), on_progress)
        read = []
        for model, reader in zip(named, readers, strict=True):
            doing = "reading lines" if len(named) == 1 else f"reading lines ({model.name})"
            readings = reader.read(
                [line.image for line in truth.lines],
                partial(_renamed, on_progress, doing),
                note,
                work_in=Path(folder),
            )
            read.append(ModelReadings(model, reader, readings.by_image, readings.seconds))
        scored = _scored(read, truth)
        if options.output is not None:
            # while images of lines that were cut for it are still there
            write_score_files(options.output, scored)
    return scored


def _renamed(on_progress: OnProgress, doing: str, _doing: str, done: int, total: int) -> None:
    on_progress(doing, done, total)


def _distinct(models: Sequence[NamedModel]) -> list[NamedModel]:
    """Two models of one name are called A and B."""
    if len({model.name for model in models}) == len(models):
        return list(models)
    return [replace(model, name=letter) for model, letter in zip(models, "AB", strict=True)]


def _scored(models: Sequence[ModelReadings], truth: Truth) -> Scored:
    kept = [line for line in truth.lines if all(line.image in each.readings for each in models)]
    ids = {line.id for line in kept}
    unread = [
        SkippedLine(line.name, line.text, line.name, SkipReason.UNREADABLE_IMAGE, _UNREAD)
        for line in truth.lines
        if line.id not in ids
    ]
    if not kept:
        raise DataError("evaluate.no_lines", f"no line image of {truth.source} could be read", where=unread[0].image)
    # accents are compared in one form, unless every model was taught another
    decomposed = all(normalization_for(each.reader.model.tokenizer.characters) is Normalization.NONE for each in models)
    normalization = Normalization.NONE if decomposed else Normalization.NFC
    return Scored(
        tuple(models),
        replace(truth, lines=tuple(kept), skipped=(*truth.skipped, *unread)),
        tuple(_read_line(line, models, normalization) for line in kept),
        normalization,
    )


def _read_line(line: TruthLine, models: Sequence[ModelReadings], normalization: Normalization) -> ReadLine:
    readings = tuple(normalize(each.readings[line.image].text, normalization) for each in models)
    return ReadLine(line.id, line.page, normalize(line.text, normalization), readings)
