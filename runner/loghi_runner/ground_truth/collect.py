"""All lines of a run: pages or lists read, images found, validation set aside, splits compared; nothing is cut yet."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.job import Split
from loghi_contract.lines import SKIP_SENTENCES, LineSample, SkippedLine, SkipReason
from loghi_runner.aliases import OnProgress
from loghi_runner.config.schema import DataConfig, SplitConfig
from loghi_runner.files import is_file, is_folder
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.leaks import find_leaks
from loghi_runner.ground_truth.line_store import LineStore
from loghi_runner.ground_truth.lines import GroundTruthLine, ImageFinder, propose_root
from loghi_runner.ground_truth.lists import SPLIT_KEYS, read_list
from loghi_runner.ground_truth.split import PageSplit, read_split, set_pages_aside, split_pages
from loghi_runner.ground_truth.survey import Survey, by_reason, survey_pages
from loghi_runner.pages.find import find_pages
from loghi_runner.wording import SPLIT_WORDS

#: A list of so many lines takes seconds: it is told after each so many.
_MANY, _TELL_EVERY = 5000, 500

_SKIP_HINTS = {
    SkipReason.MALFORMED: "A line is `image<TAB>text` or `image<TAB>weight<TAB>text`.",
    SkipReason.EMPTY_TEXT: "Transcribe these lines, or take them out of the list.",
    SkipReason.UNREADABLE_IMAGE: "Make them readable (PNG or JPEG, permission to read), or take them out.",
}


@dataclass(frozen=True)
class PagesTruth:
    """Pages of a run, their split, and where their line images are, or will be once they are cut.

    `split_file` is where the split is kept; None of pages that are not split.
    """

    survey: Survey
    split: PageSplit
    split_file: Path | None
    store: LineStore
    findings: tuple[Finding, ...]

    def lines(self) -> dict[Split, tuple[GroundTruthLine, ...]]:
        """The lines of each split that has pages; sizes are estimates, and no image need exist."""
        lines: dict[Split, list[GroundTruthLine]] = {}
        for page in self.survey.pages:
            folder = self.store.page_folder(page)
            placed = (replace(line, image=folder / line.image) for line in page.lines)
            lines.setdefault(self.split.parts[page.file.name], []).extend(placed)
        return {split: tuple(found) for split, found in lines.items()}

    def in_cut(self, cut: Cut) -> "PagesTruth":
        return replace(self, store=replace(self.store, cut=cut))

    def skipped(self) -> tuple[tuple[Split, SkippedLine], ...]:
        return tuple((self.split.parts[page.file.name], line) for page in self.survey.pages for line in page.skipped)


@dataclass(frozen=True)
class GroundTruth:
    """The lines of each split that has any, the lines left out, and what was found on the way.

    `pages` is where they come from, when not from line lists; `old_pages` where those of the old hand do.
    """

    splits: dict[Split, tuple[GroundTruthLine, ...]]
    skipped: tuple[tuple[Split, SkippedLine], ...]
    findings: tuple[Finding, ...]
    pages: PagesTruth | None = None
    old_pages: PagesTruth | None = None

    def lines(self) -> Iterator[GroundTruthLine]:
        """All lines, each once: with folds, those that are learnt also validate."""
        for lines in {id(lines): lines for lines in self.splits.values()}.values():
            yield from lines


def collect_ground_truth(
    data: DataConfig,
    seed: int,
    config_folder: Path,
    store: LineStore,
    on_progress: OnProgress = lambda _doing, _done, _total: None,
    *,
    is_folded: bool = False,
) -> GroundTruth:
    """Read and check the pages or lists of a config.

    Args:
        is_folded: validation lines are the training lines, with those that would be set aside for it.
        seed: which pages become validation when there is no list for it.
        store: where lines of pages are kept once they are cut.
        on_progress: told what is being read, how much of it is, and of how much.
    """
    collector = _Collector(data, config_folder, partial(on_progress, "looking at line images"))
    of_old_hand = data.old_hand or ()
    old_lists = tuple(path for path in of_old_hand if not is_folder(path))
    named = (data.train, data.validation, data.test, data.base_domain, old_lists or None)
    for split, paths in zip(SPLIT_KEYS, named, strict=True):
        if paths is not None:
            collector.add(split, paths)
    collector.check_root()
    old_pages = None
    if folders := [path for path in of_old_hand if is_folder(path)]:
        old_pages = _read_old_pages(folders, store, config_folder, partial(on_progress, "reading pages"))
        collector.add_pages(old_pages)
    pages = None
    if data.pages is not None:
        pages = _read_pages(data.pages, data.split, store, config_folder, partial(on_progress, "reading pages"))
        collector.add_pages(pages)
    elif data.validation is None and collector.splits[Split.TRAIN] and not is_folded:
        train, validation, finding = set_pages_aside(collector.splits[Split.TRAIN], seed)
        collector.splits |= {Split.TRAIN: train, Split.VAL: validation}
        collector.findings.append(finding)
    if Split.TEST not in collector.splits:
        collector.findings.append(_no_test(from_pages=pages is not None))
    collector.findings += find_leaks(collector.splits)
    if is_folded:
        learnt = (*collector.splits.get(Split.TRAIN, ()), *collector.splits.get(Split.VAL, ()))
        collector.splits |= {Split.TRAIN: learnt, Split.VAL: learnt}
    splits = {split: collector.splits[split] for split in Split if split in collector.splits}
    return GroundTruth(splits, tuple(collector.skipped), tuple(collector.findings), pages, old_pages)


def _read_pages(
    folders: Sequence[Path],
    split: SplitConfig,
    store: LineStore,
    config_folder: Path,
    on_page: Callable[[int, int], None],
) -> PagesTruth:
    found = [find_pages(folder) for folder in folders]
    survey = survey_pages(found, store.text, store.cut, config_folder, on_page)
    split_file = store.split_file(folders, split)
    divided = split_pages(survey.pages, split, read_split(split_file))
    return PagesTruth(survey, divided, split_file, store, (*survey.findings, *divided.findings))


def _read_old_pages(
    folders: Sequence[Path], store: LineStore, config_folder: Path, on_page: Callable[[int, int], None]
) -> PagesTruth:
    """All of them are mixed in: nothing is split."""
    found = [find_pages(folder) for folder in folders]
    survey = survey_pages(found, store.text, store.cut, config_folder, on_page, key=SPLIT_KEYS[Split.OLD_HAND])
    parts = dict.fromkeys((page.file.name for page in survey.pages), Split.OLD_HAND)
    return PagesTruth(survey, PageSplit(parts, ()), None, store, survey.findings)


class _Collector:
    def __init__(self, data: DataConfig, config_folder: Path, on_line: Callable[[int, int], None]) -> None:
        self._on_line = on_line
        self.splits: dict[Split, tuple[GroundTruthLine, ...]] = {}
        self.skipped: list[tuple[Split, SkippedLine]] = []
        self.findings: list[Finding] = []
        self._finder = ImageFinder(data.root)
        self._root = data.root
        self._root_is_there = data.root is None or is_folder(data.root)
        #: lines without an image, by the folder of their list
        self._unplaced: dict[Path, list[LineSample]] = {}
        self._config_folder = config_folder

    def add(self, split: Split, paths: tuple[Path, ...]) -> None:
        lists = [read_list(path, SPLIT_KEYS[split], self._config_folder) for path in paths]
        self.findings += [finding for each in lists for finding in each.findings]
        listed = [(sample, each.folder) for each in lists for sample in each.samples]
        if not self._root_is_there:
            # no image can be found: that is one fault, told once, not one of every list
            self.splits[split] = ()
            for sample, folder in listed:
                self._unplaced.setdefault(folder, []).append(sample)
            return
        lines: list[GroundTruthLine] = []
        missing: dict[Path, list[LineSample]] = {}
        skipped = [line for each in lists for line in each.skipped]
        for number, (sample, folder) in enumerate(listed, start=1):
            if number % _TELL_EVERY == 0 and len(listed) >= _MANY:
                self._on_line(number, len(listed))
            found = self._finder.find(sample, folder)
            if isinstance(found, GroundTruthLine):
                lines.append(found)
                continue
            skipped.append(found)
            if found.reason is SkipReason.MISSING_IMAGE:
                missing.setdefault(folder, []).append(sample)
        self.splits[split] = tuple(lines)
        self.skipped += [(split, line) for line in skipped]
        self.findings += self._skip_findings(split, len(lines), skipped, missing)
        trimmed = sum(each.trimmed for each in lists)
        if trimmed:
            message = f"{trimmed} {SPLIT_WORDS[split]} texts have blanks before or after them; these are taken off"
            self.findings.append(Finding(Severity.INFO, "data.trimmed", message, SPLIT_KEYS[split]))
        self.findings += _retried(lines, self._root)

    def add_pages(self, pages: PagesTruth) -> None:
        for split, lines in pages.lines().items():
            self.splits[split] = (*self.splits.get(split, ()), *lines)
        self.skipped += pages.skipped()
        self.findings += pages.findings

    def check_root(self) -> None:
        """Say that data.root is not there; to be called after all lists were added."""
        if self._root_is_there:
            return
        fault = "is a file" if self._root is not None and is_file(self._root) else "does not exist"
        hint = "Name the folder where the image paths in the lists begin, or leave data.root out."
        proposal = propose_root(self._unplaced, self._config_folder)
        if proposal is not None:
            hint = f"Set data.root: {proposal.root} (there is, for example, {proposal.example})."
        message = f"the folder {self._root} {fault}, so no line image can be looked for"
        self.findings.append(Finding(Severity.ERROR, "data.missing_root", message, "data.root", hint))

    def _skip_findings(
        self, split: Split, kept: int, skipped: Sequence[SkippedLine], missing: Mapping[Path, Sequence[LineSample]]
    ) -> Iterator[Finding]:
        groups, total, words = by_reason(skipped), kept + len(skipped), SPLIT_WORDS[split]
        severity = Severity.WARNING if kept else Severity.ERROR
        if len(groups) > 1 and not kept:
            reasons = "; ".join(f"{SKIP_SENTENCES[reason]} ({len(lines)}x)" for reason, lines in groups)
            message = f"none of the {total} {words} lines can be used: {reasons}"
            hint = "The findings below say what to do."
            yield Finding(severity, "data.all_skipped", message, SPLIT_KEYS[split], hint)
        for reason, lines in groups:
            first = lines[0]
            count = f"all {total}" if len(lines) == total else f"{len(lines)} of {total}"
            if reason is SkipReason.MISSING_IMAGE:
                yield self._missing(severity, f"{count} {words}", first, missing)
            else:
                detail = f" ({first.detail})" if first.detail else ""
                message = (
                    f"{count} {words} lines are skipped: {SKIP_SENTENCES[reason]}; the first is {first.where}{detail}"
                )
                yield Finding(severity, f"data.{reason.value}", message, first.where, _SKIP_HINTS.get(reason))

    def _missing(
        self, severity: Severity, which: str, first: SkippedLine, missing: Mapping[Path, Sequence[LineSample]]
    ) -> Finding:
        message = f"{which} images do not exist; the first is {first.detail}"
        hint = "Image paths are relative to the list's own folder; `data.root` says where else they begin."
        if self._root is not None:
            hint = f"They were looked for in data.root, {self._root}: correct it, or the list."
        proposal = propose_root(missing, self._config_folder)
        folder, samples = next(iter(missing.items()))
        if self._is_swapped(samples[0], folder):
            hint = "Image and text are swapped: a line is `image<TAB>text`."
        elif proposal is not None:
            found = "all that were tried are" if proposal.found == proposal.tried else "some are"
            hint = f"Set data.root: {proposal.root} ({found} there, such as {proposal.example})."
        elif (
            foreign := next((said for form, said in _FOREIGN_FORMS if form.match(samples[0].image)), None)
        ) is not None:
            hint = f"{foreign} {hint}"
        return Finding(severity, "data.missing_images", message, first.where, hint)

    def _is_swapped(self, sample: LineSample, folder: Path) -> bool:
        turned = replace(sample, image=sample.text.strip())
        return isinstance(self._finder.find(turned, folder), GroundTruthLine)


#: How paths look that other programs and machines write, and what to say of them.
_FOREIGN_FORMS = (
    (re.compile(r"[A-Za-z]:[\\/]|[^/]*\\"), "These are paths of Windows: write them with /, and without a drive."),
    (re.compile(r"\w+://"), "These are addresses (URLs): write paths, without what ends with ://."),
    (re.compile(r'"'), "The paths stand in quotes, as spreadsheets write them: save the list without quotes."),
)


def _retried(lines: list[GroundTruthLine], root: Path | None) -> Iterator[Finding]:
    retried = [line for line in lines if line.retried]
    if not retried:
        return
    example = f"{retried[0].sample.image} is {retried[0].image}"
    message = f"{len(retried)} images were found in data.root by the end of their path: {example}"
    yield Finding(Severity.INFO, "data.found_by_tail", message, "data.root")
    listed_of: dict[Path, str] = {}
    for line in retried:
        other = listed_of.setdefault(line.image, line.sample.image)
        if other != line.sample.image:
            message = (
                f"two different images of the lists would be the same file in data.root, {root}: "
                f"{other} and {line.sample.image} are both {line.image}"
            )
            hint = "Set data.root to the folder that holds the images' folders, or correct the paths in the list."
            yield Finding(Severity.ERROR, "data.ambiguous_root", message, line.sample.where, hint)
            return


def _no_test(*, from_pages: bool) -> Finding:
    message = "there are no test lines: the verdict will rest on the validation lines, which also choose the best epoch"
    of_pages = "Give data.split.test a share, such as 0.1, and more pages than two."
    of_lists = "Give data.test a list of lines that are in no other list."
    if from_pages:
        return Finding(Severity.INFO, "data.no_test", message, "data.split.test", of_pages)
    return Finding(Severity.INFO, "data.no_test", message, "data.test", of_lists)
