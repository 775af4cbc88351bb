"""Transcribed lines to score models on: of line lists, of a folder of pages, or of a run's test split."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loghi_contract.cut import Cut
from loghi_contract.lines import LineSample, SkippedLine
from loghi_runner.aliases import OnProgress
from loghi_runner.engines.mounts import host_image
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_file, is_folder
from loghi_runner.findings import Finding, Severity, errors
from loghi_runner.ground_truth.lines import GroundTruthLine, ImageFinder
from loghi_runner.ground_truth.lists import read_list
from loghi_runner.line_pages import page_names
from loghi_runner.pages.texts import TextOptions
from loghi_runner.recognition.temporary_lines import cut_temporarily
from loghi_runner.runs.find import find_run
from loghi_runner.runs.folder import RECORD_FILE, RunFolder
from loghi_runner.wording import told_apart


@dataclass(frozen=True)
class TruthLine:
    """A line image and its transcription; `name` is what a results file calls it, `id` is no other line's."""

    id: str
    page: str
    name: str
    image: Path
    text: str


@dataclass(frozen=True)
class Truth:
    """`source` says in words where the lines come from."""

    source: str
    lines: tuple[TruthLine, ...]
    skipped: tuple[SkippedLine, ...]
    findings: tuple[Finding, ...] = ()
    #: how the lines were cut from their pages; None where they came as images
    cut: Cut | None = None


def collect_truth(
    data: Sequence[str], cut: Cut, text: TextOptions, root: Path | None, work: Path, on_progress: OnProgress
) -> Truth:
    """Find out what `data` is and read it.

    Args:
        data: line lists, or one folder of pages, or one run by its folder or id.
        cut: how lines of pages are cut, and `text` how their texts are taken.
        root: where paths of lists begin, if not at the list.
        work: where lines of pages are cut into.

    Raises:
        UsageError: it is nothing of these.
        DataError: there is no transcribed line.
    """
    paths = [Path(given) for given in data]
    if all(map(is_file, paths)):
        truth = _of_lists(paths, root)
    elif len(paths) > 1:
        raise UsageError(
            "evaluate.mixed_data",
            "several names are given, and not all of them are line lists",
            where=next(str(path) for path in paths if not is_file(path)),
            hint="Name line lists (several allowed), or one folder of pages, or one run.",
        )
    elif is_folder(paths[0]) and not is_file(paths[0] / RECORD_FILE):
        truth = _of_pages(paths[0], cut, text, work, on_progress)
    else:
        truth = _of_run(_run(data[0]), root)
    if truth.lines:
        return truth
    reasons = Counter(line.reason.value for line in truth.skipped)
    first = next((f", such as {line.where}: {line.detail or line.image}" for line in truth.skipped), "")
    told = f": {', '.join(f'{count} {reason}' for reason, count in reasons.most_common())}{first}" if reasons else ""
    raise DataError(
        "evaluate.no_lines",
        f"no line of {truth.source} can be read against a transcription{told}",
        hint="Paths in a list begin at the list's own folder; --root names another.",
    )


def _run(given: str) -> RunFolder:
    try:
        return find_run(given)
    except UsageError as error:
        raise UsageError(
            "evaluate.unknown_data",
            f"{given} is neither a line list, nor a folder of pages, nor a run",
            hint="Name a file with `image<TAB>text` lines, a folder of page images with XML, or a run.",
        ) from error


def _of_lists(paths: Sequence[Path], root: Path | None) -> Truth:
    lists = [read_list(path.absolute(), "DATA", Path.cwd()) for path in paths]
    for wrong in errors(finding for each in lists for finding in each.findings):
        raise DataError(wrong.code, wrong.message, where=wrong.where, hint=wrong.hint)
    lines, skipped = _with_images(((sample, each.folder) for each in lists for sample in each.samples), root)
    malformed = (line for each in lists for line in each.skipped)
    return Truth(", ".join(path.name for path in paths), lines, (*malformed, *skipped))


def _of_run(run: RunFolder, root: Path | None) -> Truth:
    record = run.read()
    samples = run.read_list("test")
    if samples is None:
        raise DataError(
            "evaluate.no_test_lines",
            f"run {record.run_id} had no test lines",
            where=str(run.path),
            hint="Name a line list or a folder of pages that the run did not learn from.",
        )
    listed = []
    for sample in samples:
        on_host = host_image(PurePosixPath(sample.image), record.data_folders)
        listed.append((replace(sample, image=str(on_host or sample.image)), run.path))
    lines, skipped = _with_images(listed, root)
    return Truth(f"the test lines of run {record.name}", lines, tuple(skipped))


def _of_pages(folder: Path, cut_as: Cut, text: TextOptions, work: Path, on_progress: OnProgress) -> Truth:
    survey, cut = cut_temporarily(folder, text, cut_as, work, on_progress, every_line=False)
    found: list[tuple[str, GroundTruthLine]] = []
    skipped: list[SkippedLine] = []
    for page in survey.pages:
        found += [(page.file.name, line) for line in cut.lines(page)]
        skipped += (*page.skipped, *cut.not_cut(page))
    warnings = [finding for finding in survey.findings if finding.severity is Severity.WARNING]
    return Truth(folder.name or str(folder), _named(found), tuple(skipped), tuple(warnings), cut_as)


def _with_images(
    listed: Iterable[tuple[LineSample, Path]], root: Path | None
) -> tuple[tuple[TruthLine, ...], tuple[SkippedLine, ...]]:
    finder = ImageFinder(root)
    found: list[GroundTruthLine] = []
    skipped: list[SkippedLine] = []
    for sample, folder in listed:
        outcome = finder.find(sample, folder)
        if isinstance(outcome, GroundTruthLine):
            found.append(outcome)
        else:
            skipped.append(outcome)
    pages = page_names([line.image for line in found])
    return _named([(pages[line.image], line) for line in found]), tuple(skipped)


def _named(found: Sequence[tuple[str, GroundTruthLine]]) -> tuple[TruthLine, ...]:
    """Lines with their pages and ids: the image's file name, or all of its path where two have one name."""
    names = [line.sample.image for _page, line in found]
    stems = Counter(Path(name).stem for name in names)
    ids = told_apart([Path(name).stem if stems[Path(name).stem] == 1 else name for name in names])
    return tuple(
        TruthLine(line_id, page, line.sample.image, line.image, line.sample.text)
        for line_id, (page, line) in zip(ids, found, strict=True)
    )
