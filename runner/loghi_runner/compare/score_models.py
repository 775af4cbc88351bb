"""Transcribed lines read by models, to be scored: by one for `evaluate`, by two for `compare`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.lines import SkippedLine, SkipReason
from loghi_contract.text import Normalization, normalization_for, normalize
from loghi_runner.aliases import OnProgress
from loghi_runner.compare.learnt_lines import without_learnt
from loghi_runner.compare.model_results import ModelReadings, ModelResults
from loghi_runner.compare.truth_lines import Truth, collect_truth
from loghi_runner.errors import DataError
from loghi_runner.evaluation.results import ReadLine, Results
from loghi_runner.models.find import NamedModel, choose_cut, find_model, truth_options
from loghi_runner.recognition.line_reader import ReaderOptions, open_reader
from loghi_runner.recognition.output_folder import claim_output, work_folder
from loghi_runner.report.write import JSON_FILE, KINDS

_UNREAD = "the trainer could not read it"


@dataclass(frozen=True)
class ScoreOptions:
    """`cut` is None for the way in which each model's own lines were cut."""

    reader: ReaderOptions
    cut: Cut | None = None
    root: Path | None = None
    output: Path | None = None


def score_models(
    models: Sequence[str],
    data: Sequence[str],
    options: ScoreOptions,
    on_progress: OnProgress,
    note: Callable[[str], None],
) -> ModelResults:
    """Let each model read the same transcribed lines, and write what the output folder is to hold, if there is one.

    Raises:
        RunnerError: nothing could be scored.
    """
    named = _distinct([find_model(model) for model in models])
    readers = [open_reader(model.folder, options.reader) for model in named]
    if options.output is not None:
        sources = [Path(given) for given in data if Path(given).is_dir()]
        claim_output(options.output, JSON_FILE, KINDS, tuple(sources))
    with work_folder(".scoring-", options.output) as work:
        truths = _collect(named, data, options, work, on_progress, note)
        truth = without_learnt(_in_all(truths), named)
        read = []
        for model, reader, own in zip(named, readers, truths, strict=True):
            doing = "reading lines" if len(named) == 1 else f"reading lines ({model.name})"
            images = {line.id: line.image for line in own.lines}
            wanted = [images[line.id] for line in truth.lines]
            readings = reader.read(wanted, on_progress, note, work_in=work, doing=doing)
            by_image = {
                line.image: readings.by_image[images[line.id]]
                for line in truth.lines
                if images[line.id] in readings.by_image
            }
            read.append(ModelReadings(model, reader, by_image, readings.seconds, own.cut))
        found = _results(read, truth)
        if options.output is not None:
            # while images of lines that were cut for it are still there
            found.write(options.output)
    return found


def _collect(
    models: Sequence[NamedModel],
    data: Sequence[str],
    options: ScoreOptions,
    work: Path,
    on_progress: OnProgress,
    note: Callable[[str], None],
) -> list[Truth]:
    """The lines as each model is to read them: pages are cut as its own lines were, line images are as given."""
    told: list[str] = []
    cuts = [choose_cut(model, options.cut, told.append) for model in models]
    text = truth_options(models)
    truths: dict[Cut, Truth] = {}
    for cut in dict.fromkeys(cuts):
        truths[cut] = collect_truth(data, cut, text, options.root, work / cut.value, on_progress)
        if truths[cut].cut is None:
            return [truths[cut]] * len(models)
    for sentence in told:
        note(sentence)
    return [truths[cut] for cut in cuts]


def _in_all(truths: Sequence[Truth]) -> Truth:
    """The lines of the first that all have: a line can be too odd for one way of cutting."""
    first, shared = truths[0], set.intersection(*({line.id for line in truth.lines} for truth in truths))
    lost = [
        SkippedLine(line.name, line.text, line.name, SkipReason.CANNOT_CUT, "not for both models")
        for line in first.lines
        if line.id not in shared
    ]
    if len(lost) == len(first.lines):
        raise DataError("evaluate.no_lines", f"no line of {first.source} can be cut for both models")
    kept = tuple(line for line in first.lines if line.id in shared)
    return replace(first, lines=kept, skipped=(*first.skipped, *lost))


def _distinct(models: Sequence[NamedModel]) -> list[NamedModel]:
    """Two models of one name are called A and B."""
    if len({model.name for model in models}) == len(models):
        return list(models)
    return [replace(model, name=letter) for model, letter in zip(models, "AB", strict=True)]


def _results(models: Sequence[ModelReadings], truth: Truth) -> ModelResults:
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
    lines = []
    for line in kept:
        texts = [line.text, *(each.readings[line.image].text for each in models)]
        reference, *readings = (normalize(text, normalization) for text in texts)
        lines.append(ReadLine(line.id, line.page, reference, tuple(readings)))
    scored = replace(truth, lines=tuple(kept), skipped=(*truth.skipped, *unread))
    results = Results(tuple(lines), tuple(each.model.name for each in models))
    return ModelResults(tuple(models), scored, results, normalization)
