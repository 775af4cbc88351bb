"""Lines that nobody transcribed, for self-training: found, and kept apart from all that a model is judged by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from loghi_contract.cut import Cut
from loghi_contract.job import Split
from loghi_contract.lines import SkippedLine, SkipReason
from loghi_runner.config.choices import UnreadUse
from loghi_runner.cutting.cut import LineShape
from loghi_runner.errors import DataError
from loghi_runner.files import file_sha256, is_file, real_path
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.line_store import LineStore, cut_in
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.lists import read_image_list
from loghi_runner.ground_truth.survey import SurveyedPage, survey_pages
from loghi_runner.line_pages import page_names
from loghi_runner.pages.find import IMAGE_SUFFIXES, XML_FOLDERS, FoundPages, PageFile, find_pages
from loghi_runner.wording import SPLIT_WORDS, plural

KEY = "training.unread"

#: So many lines of a page lie where those of another page lie, whose image has the same name: it is that page.
_SAME_LINES = 0.5
_HINT = "training.unread names folders or files of pages with marked lines, or lists of line images."


@dataclass(frozen=True)
class UnreadLines:
    """`lines` have no texts; those of `pages` are cut into `store` when the run starts."""

    lines: tuple[GroundTruthLine, ...] = ()
    pages: tuple[SurveyedPage, ...] = ()
    skipped: tuple[SkippedLine, ...] = ()
    findings: tuple[Finding, ...] = ()
    store: LineStore | None = None

    def in_cut(self, cut: Cut) -> "UnreadLines":
        if self.store is None:
            return self
        store = replace(self.store, cut=cut)
        return replace(self, lines=(*_cut_into(store, self.pages), *filter(_is_listed, self.lines)), store=store)


def read_unread(
    named: UnreadUse | Sequence[Path],
    truth: GroundTruth,
    store: LineStore,
    config_folder: Path,
    on_page: Callable[[int, int], None],
) -> UnreadLines:
    """Find the lines; whatever text they have is not looked at.

    Args:
        named: what the config names; or that the pages of the ground truth without a text are meant.
        truth: pages and lines that are learnt from are left out, those that judge or choose are refused.
        store: where lines of pages are kept once they are cut.
    """
    if named is UnreadUse.OFF:
        return UnreadLines()
    store = replace(store, cut=_own_cut(truth) or store.cut, every_line=True)
    images: list[GroundTruthLine] = []
    findings: list[Finding] = []
    if isinstance(named, UnreadUse):
        found = [FoundPages(tuple(_without_text(truth)), ())]
    else:
        found = [_pages_at(path) for path in named if not _is_list(path)]
        for path in filter(_is_list, named):
            listed, faults = _listed(path)
            images += listed
            findings += faults
    survey = survey_pages(found, store.text, store.cut, config_folder, on_page, every_line=True)
    # what is told of the pages' geometry is no concern where nothing is learnt from it by itself
    told = (each for each in survey.findings if each.severity is not Severity.INFO)
    findings += (replace(each, where=KEY) if each.where == "data.pages" else each for each in told)
    own = _Own(truth)
    of_page = {page.file.name: own.split_of_page(page) for page in survey.pages if page.lines}
    of_image = own.splits_of_images(images)
    findings += _overlaps({**of_page, **{str(image): split for image, split in of_image.items()}})
    pages = tuple(page for page in survey.pages if page.lines and of_page[page.file.name] is None)
    lines = [*_cut_into(store, pages)]
    lines += (line for line in images if of_image[line.image] is None)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings.insert(0, _summary(lines, pages, is_auto=isinstance(named, UnreadUse)))
    skipped = tuple(line for page in pages for line in page.skipped)
    return UnreadLines(tuple(lines), pages, skipped, tuple(findings), store)


def _cut_into(store: LineStore, pages: Sequence[SurveyedPage]) -> Iterator[GroundTruthLine]:
    return (replace(line, image=store.page_folder(page) / line.image) for page in pages for line in page.lines)


def _is_listed(line: GroundTruthLine) -> bool:
    """Whether there is an image of it already."""
    return line.is_cut


def _own_cut(truth: GroundTruth) -> Cut | None:
    """How the training images of line lists were cut, where `prepare` did it."""
    if truth.pages is not None:
        return None
    cuts = {cut_in(folder) for folder in {line.image.parent for line in truth.splits.get(Split.TRAIN, ())}}
    return cuts.pop() if len(cuts) == 1 else None


def _without_text(truth: GroundTruth) -> Iterator[PageFile]:
    """Pages of `data.pages` on which no line has a text, but for those of documents that judge."""
    if truth.pages is None:
        return
    for page in truth.pages.survey.pages:
        has_text = page.lines or any(line.reason is not SkipReason.EMPTY_TEXT for line in page.skipped)
        if page.skipped and not has_text and truth.pages.split.parts[page.file.name] is Split.TRAIN:
            yield page.file


def _is_list(path: Path) -> bool:
    return is_file(path) and path.suffix.lower() not in (".xml", *IMAGE_SUFFIXES)


def _pages_at(path: Path) -> FoundPages:
    """The pages of a folder, or that of one image or XML file."""
    if not is_file(path):
        return find_pages(path)
    folder = path.parent.parent if path.parent.name in XML_FOLDERS else path.parent
    pages = tuple(page for page in find_pages(folder).pages if path in (page.image, page.xml))
    message = f"there is no page image for {path}" if path.suffix.lower() == ".xml" else f"{path} has no XML"
    return FoundPages(pages, () if pages else (Finding(Severity.ERROR, "data.no_pages", message, KEY, _HINT),))


def _listed(path: Path) -> tuple[tuple[GroundTruthLine, ...], list[Finding]]:
    """The images of a line list, and what is wrong with them."""
    try:
        found = read_image_list(path)
    except DataError as error:
        return (), [Finding(Severity.ERROR, "data.unread_list", error.message, KEY, error.hint)]
    if not found.failed:
        return found.lines, []
    first, why = next(iter(found.failed.items()))
    message = f"{plural(len(found.failed), 'line image')} of {path.name} cannot be read: {first}: {why}"
    return found.lines, [Finding(Severity.WARNING, "data.unread_list", message, KEY)]


def _overlaps(found: dict[str, Split | None]) -> Iterator[Finding]:
    """What is told of pages and images, by name, that have a split of the run already."""
    judged = [(name, split) for name, split in found.items() if split not in (None, Split.TRAIN)]
    if judged:
        name, split = judged[0]
        words = SPLIT_WORDS[split] if split is not None else ""
        more = f"; so it is with {len(judged) - 1} more" if judged[1:] else ""
        message = f"{Path(name).name} is among the unread pages, and has {words} lines of the run{more}"
        hint = "Take it out of training.unread: what a model has learnt, read as it may be, must not judge it."
        yield Finding(Severity.ERROR, "data.unread_judges", message, KEY, f"{hint} Another page: rename its files.")
    if learnt := [name for name, split in found.items() if split is Split.TRAIN]:
        verb = "is" if len(learnt) == 1 else "are"
        message = f"{len(learnt)} of the unread pages {verb} learnt from already, and left out: {Path(learnt[0]).name}"
        yield Finding(Severity.INFO, "data.unread_learnt", message, KEY)


def _summary(lines: Sequence[GroundTruthLine], pages: Sequence[SurveyedPage], *, is_auto: bool) -> Finding:
    if not lines:
        message = "there is no line without a text that could be read and learnt"
        if is_auto:
            return Finding(Severity.INFO, "data.unread_none", f"{message}: `auto` looks in data.pages", KEY, _HINT)
        return Finding(Severity.ERROR, "data.unread_none", message, KEY, _HINT)
    of_pages = f" on {plural(len(pages), 'page')}" if pages else ""
    message = (
        f"{plural(len(lines), 'line')}{of_pages} without a text: in the end the model reads them, and learns those "
        "that it is sure of; validation lines decide whether that is kept"
    )
    return Finding(Severity.INFO, "data.unread", message, KEY)


class _Own:
    """The pages and lines that the run has already, each with its split; where there are several, one that judges."""

    def __init__(self, truth: GroundTruth) -> None:
        self._digest = cache(file_sha256)
        self._files: dict[Path, Split] = {}
        self._by_size: dict[int, list[Path]] = {}
        self._shapes: dict[str, dict[LineShape, Split]] = {}
        self._names: dict[str, Split] = {}
        for pages in (truth.old_pages, truth.pages):
            for page in pages.survey.pages if pages is not None else ():
                if page.lines and pages is not None:
                    split = _what_it_does(pages.split.parts[page.file.name])
                    self._add(page.file.image, split)
                    self._shapes.setdefault(page.file.image.stem, {}).update(dict.fromkeys(page.shapes, split))
        self._lines = {
            line.image: _what_it_does(split) for split, lines in truth.splits.items() for line in lines if line.is_cut
        }
        for image, split in self._lines.items():
            self._add(image, split)
            self._names[image.stem] = _graver(split, self._names.get(image.stem))

    def split_of_page(self, page: SurveyedPage) -> Split | None:
        """By the image's file or content; by where lines lie, where the name is the same; by lines of these names."""
        shapes = self._shapes.get(page.file.image.stem, {})
        same = [shapes[shape] for shape in page.shapes if shape in shapes]
        found = [self._split_of_file(page.file.image), *(self._names.get(Path(line.image).stem) for line in page.lines)]
        if len(same) >= _SAME_LINES * len(page.shapes):
            found += same
        return _gravest(found)

    def splits_of_images(self, images: Sequence[GroundTruthLine]) -> dict[Path, Split | None]:
        """Of listed line images: by file or content, and by page."""
        listed = {line.image for line in images}
        pages = page_names({*listed, *self._lines}, unknown_apart=True) if listed else {}
        of_page = {pages[image]: split for image, split in self._lines.items() if split is not Split.TRAIN and listed}
        return {image: _gravest([self._split_of_file(image), of_page.get(pages[image])]) for image in listed}

    def _add(self, file: Path, split: Split) -> None:
        real = real_path(file)
        self._files[real] = _graver(split, self._files.get(real))
        self._by_size.setdefault(_size(real), []).append(real)

    def _split_of_file(self, file: Path) -> Split | None:
        real = real_path(file)
        alike = [other for other in self._by_size.get(_size(real), ()) if other != real]
        same = [other for other in alike if self._digest(other) == self._digest(real)]
        return _gravest([self._files.get(real), *map(self._files.get, same)])


def _what_it_does(split: Split) -> Split:
    """Lines of the old hand are learnt from, and judge nothing."""
    return Split.TRAIN if split is Split.OLD_HAND else split


def _graver(split: Split, other: Split | None) -> Split:
    return split if other in (None, Split.TRAIN) or other is None else other


def _gravest(found: Sequence[Split | None]) -> Split | None:
    """One that judges, else that of training, else none."""
    splits = [split for split in found if split is not None]
    return next((split for split in splits if split is not Split.TRAIN), next(iter(splits), None))


def _size(path: Path) -> int:
    return path.stat().st_size
