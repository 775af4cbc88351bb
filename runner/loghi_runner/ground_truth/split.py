"""Whole pages (or folders of pages) become training, validation and test pages: none is both learnt from and judged by.

Transcribed pages are split once and for all; of the pages of line lists some are set aside for validation.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from loghi_contract.files import read_plain
from loghi_contract.job import Split
from loghi_runner.config.choices import SplitUnit
from loghi_runner.config.schema import SplitConfig
from loghi_runner.errors import DataError
from loghi_runner.files import write_atomically
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.line_pages import page_names
from loghi_runner.wording import SPLIT_WORDS, plural

COLUMNS = ("split", "page", "document", "lines", "sha256")

#: With fewer pages one is left out for the test, another for validation, and the rest is learnt from.
_ENOUGH = 6
_PARTS = (Split.TRAIN, Split.VAL, Split.TEST)
#: The share of the lines of lists that becomes validation, about; never more than twice that.
_SHARE = 0.1


@dataclass(frozen=True)
class EarlierPage:
    """What an earlier run decided about a page, and what the page was then."""

    split: Split
    sha256: str


@dataclass(frozen=True)
class PageSplit:
    """The split of every page by its name."""

    parts: Mapping[str, Split]
    findings: tuple[Finding, ...]


def split_pages(pages: Sequence[SurveyedPage], options: SplitConfig, earlier: Mapping[str, EarlierPage]) -> PageSplit:
    """Decide which pages are learnt from; the same pages and seed always give the same split, in any order.

    Args:
        earlier: pages with a split already: it is kept, only new pages are distributed.
    """
    units = _units(pages, options.by)
    order = _shuffled(units, options.seed)
    if not order:
        return PageSplit({page.file.name: Split.TRAIN for page in pages}, ())
    if len(order) < _ENOUGH:
        earlier = {}
        parts, findings = _leave_one_out(order, options)
    else:
        parts, findings = _by_share(units, order, options, _known_units(pages, options.by, earlier))
    # a page without lines takes no part in anything; a page that an earlier run knew keeps its own split
    of_page = {page.file.name: parts.get(_unit_of(page, options.by), Split.TRAIN) for page in pages}
    of_page |= {name: earlier[name].split for name in of_page.keys() & earlier.keys()}
    if len(order) >= _ENOUGH:
        findings += _too_few_to_learn_from([page.file.name for page in pages if page.lines], of_page, options)
    findings += _kept(pages, earlier)
    findings += _copies(pages, of_page)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings = [_summary(pages, of_page, options), *findings]
    return PageSplit(of_page, tuple(findings))


def set_pages_aside(
    lines: Sequence[GroundTruthLine], seed: int
) -> tuple[tuple[GroundTruthLine, ...], tuple[GroundTruthLine, ...], Finding]:
    """Training and validation lines, split by page; the same lines and seed always give the same pages."""
    page_of = page_names([line.image for line in lines], unknown_apart=True)
    sizes = Counter(page_of[line.image] for line in lines)
    if len(sizes) < 2:
        message = f"there is no validation list, and all {len(lines)} training lines come from one page"
        hint = "Give data.validation a list of other lines, or add lines of another page."
        return tuple(lines), (), Finding(Severity.ERROR, "data.one_page", message, "data.validation", hint)
    chosen = _draw(sizes, _shuffled(sizes, seed), _SHARE)
    train = tuple(line for line in lines if page_of[line.image] not in chosen)
    validation = tuple(line for line in lines if page_of[line.image] in chosen)
    pages = "1 page is" if len(chosen) == 1 else f"{len(chosen)} pages are"
    message = (
        f"there is no validation list: {pages} set aside for it, {len(validation)} lines of {len(lines)}: "
        f"{_some(Path(page).name for page in sorted(chosen))} (of {len(sizes)} pages, seed {seed})"
    )
    hint = "Give data.validation a list to choose yourself."
    return train, validation, Finding(Severity.INFO, "data.split_by_page", message, "data.validation", hint)


def deal_folds(images: Sequence[PurePosixPath], folds: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """The images that each fold holds out: whole pages, or, with fewer pages than folds, lines that stand together."""
    page_of = page_names(images, unknown_apart=True)
    sizes = Counter(page_of[image] for image in images)
    if len(sizes) < folds:
        bounds = [len(images) * number // folds for number in range(folds + 1)]
        return tuple(tuple(map(str, images[start:end])) for start, end in pairwise(bounds))
    held: list[list[str]] = [[] for _ in range(folds)]
    counts = [0] * folds
    for page in sorted(_shuffled(sizes, seed), key=lambda page: -sizes[page]):
        smallest = counts.index(min(counts))
        counts[smallest] += sizes[page]
        held[smallest] += [str(image) for image in images if page_of[image] == page]
    return tuple(map(tuple, held))


def read_split(path: Path) -> dict[str, EarlierPage]:
    """The split of an earlier run; empty when there was none.

    Raises:
        DataError: somebody wrote something into it that cannot be understood.
    """
    try:
        rows = read_plain(path).decode().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("data.split_unreadable", f"the split cannot be read: {error}", where=str(path)) from error
    earlier = {}
    for number, row in enumerate(rows[1:], start=2):
        fields = row.split("\t")
        names = [split.value for split in _PARTS]
        if len(fields) != len(COLUMNS) or fields[0] not in names:
            message = f"line {number} of the split is not understood: {row[:80]!r}"
            hint = (
                f"It begins with one of {', '.join(names)}, then TAB, page, TAB, document, TAB, lines, TAB, hash. "
                "Without the file the pages are split anew."
            )
            raise DataError("data.split_malformed", message, where=f"{path}:{number}", hint=hint)
        earlier[fields[1]] = EarlierPage(Split(fields[0]), fields[4])
    return earlier


def unlearnt_pages(split_file: Path) -> set[str]:
    """Names of a run's test pages; of its validation pages where it has none.

    Raises:
        DataError: the file cannot be understood.
    """
    split_of = {name: page.split for name, page in read_split(split_file).items()}
    unlearnt = Split.TEST if Split.TEST in split_of.values() else Split.VAL
    return {name for name, split in split_of.items() if split is unlearnt}


def format_split(pages: Iterable[SurveyedPage], parts: Mapping[str, Split]) -> str:
    """split.tsv: which page went where, and what it was."""
    rows = ["\t".join(COLUMNS)]
    for page in sorted(pages, key=lambda page: page.file.name):
        fields = (parts[page.file.name].value, page.file.name, page.file.document, str(len(page.lines)), page.sha256)
        rows.append("\t".join(fields))
    return "\n".join(rows) + "\n"


def write_split(path: Path, pages: Iterable[SurveyedPage], parts: Mapping[str, Split]) -> None:
    """Write split.tsv whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, format_split(pages, parts))


def _unit_of(page: SurveyedPage, by: SplitUnit) -> str:
    return page.file.document if by is SplitUnit.FOLDER else page.file.name


def _units(pages: Sequence[SurveyedPage], by: SplitUnit) -> dict[str, int]:
    """What is kept together, with its number of lines; pages without usable lines do not count."""
    sizes: Counter[str] = Counter()
    for page in pages:
        sizes[_unit_of(page, by)] += len(page.lines)
    return {unit: size for unit, size in sizes.items() if size}


def _known_units(pages: Sequence[SurveyedPage], by: SplitUnit, earlier: Mapping[str, EarlierPage]) -> dict[str, Split]:
    known = [page for page in pages if page.file.name in earlier]
    known.sort(key=lambda page: page.file.name, reverse=True)
    return {_unit_of(page, by): earlier[page.file.name].split for page in known}


def _leave_one_out(order: Sequence[str], options: SplitConfig) -> tuple[dict[str, Split], list[Finding]]:
    parts = dict.fromkeys(order, Split.TRAIN)
    things = "folder" if options.by is SplitUnit.FOLDER else "page"
    if len(order) == 1:
        message = f"all lines are from one {things}, so nothing is left to judge the model by"
        hint = "Transcribe a second page." if things == "page" else "Write `by: page` under data.split."
        return parts, [Finding(Severity.ERROR, "data.one_page", message, "data.pages", hint)]
    if options.fold > len(order):
        message = f"fold {options.fold} of {len(order)} {things}s does not exist"
        hint = f"Write a number from 1 to {len(order)}."
        return parts, [Finding(Severity.ERROR, "data.no_such_fold", message, "data.split.fold", hint)]
    left_out = order[options.fold - 1]
    if len(order) == 2 or options.test == 0:
        parts[left_out] = Split.VAL
        words = "validation"
    else:
        parts[left_out] = Split.TEST
        parts[order[options.fold % len(order)]] = Split.VAL
        words = "the test"
    following = options.fold % len(order) + 1
    message = (
        f"there are only {len(order)} {things}s, so one is left out: {left_out} for {words} "
        f"({options.fold} of {len(order)})"
    )
    hint = f"`--set data.split.fold={following}` leaves out the next; the mean over all of them says more than one."
    return parts, [Finding(Severity.INFO, "data.leave_one_out", message, "data.split", hint)]


def _by_share(
    units: Mapping[str, int], order: Sequence[str], options: SplitConfig, known: Mapping[str, Split]
) -> tuple[dict[str, Split], list[Finding]]:
    parts = {unit: known[unit] for unit in order if unit in known}
    for split, share, for_others in ((Split.TEST, options.test, 2), (Split.VAL, options.validation, 1)):
        free = [unit for unit in order if unit not in parts]
        count = sum(units[unit] for unit, part in parts.items() if part is split)
        parts |= dict.fromkeys(_draw(units, free, share, count, leave=for_others), split)
    for unit in order:
        parts.setdefault(unit, Split.TRAIN)
    hint = "Correct the kept split (split.tsv), or give other shares."
    return parts, [
        Finding(Severity.ERROR, "data.empty_split", f"no page is left for {SPLIT_WORDS[split]}", "data.split", hint)
        for split in (Split.TRAIN, Split.VAL)
        if split not in parts.values()
    ]


def _too_few_to_learn_from(names: Sequence[str], parts: Mapping[str, Split], options: SplitConfig) -> Iterator[Finding]:
    """One page is one look of the hand: nobody who has more to learn from means that by a share."""
    if sum(parts[name] is Split.TRAIN for name in names) == 1:
        message = (
            f"data.split leaves 1 of {len(names)} pages to learn from "
            f"(validation {options.validation:g}, test {options.test:g})"
        )
        hint = "Give smaller shares, such as validation: 0.1 and test: 0.1; or correct the kept split (split.tsv)."
        yield Finding(Severity.ERROR, "data.one_training_page", message, "data.split", hint)


def _shuffled(units: Iterable[str], seed: int) -> list[str]:
    """In an order that depends on their names and the seed alone."""
    order = sorted(units)
    random.Random(seed).shuffle(order)  # noqa: S311  # a split, not a secret
    return order


def _draw(sizes: Mapping[str, int], free: Sequence[str], share: float, count: int = 0, *, leave: int = 1) -> set[str]:
    """The first units that make up the share of all lines, about; at least one, where so many are free.

    Args:
        count: lines that the split has already.
        leave: so many units stay free.
    """
    total = sum(sizes.values())
    drawn: set[str] = set()
    for unit in free:
        # a large page would take more than was asked for: another one may fit
        fits = count < share * total and count + sizes[unit] <= max(2 * share * total, 1)
        if fits and len(free) - len(drawn) > leave:
            drawn.add(unit)
            count += sizes[unit]
    if share and not count and len(free) > leave:
        drawn.add(min(free, key=lambda unit: sizes[unit]))
    return drawn


def _kept(pages: Sequence[SurveyedPage], earlier: Mapping[str, EarlierPage]) -> list[Finding]:
    if not earlier:
        return []
    names = {page.file.name for page in pages}
    new = sorted(names - set(earlier))
    gone = sorted(set(earlier) - names)
    changed = sorted(
        page.file.name for page in pages if page.file.name in earlier and earlier[page.file.name].sha256 != page.sha256
    )
    told = [
        f"{plural(len(found), 'page')} {words}: {_some(found)}"
        for found, words in ((new, "new"), (changed, "changed since"), (gone, "gone"))
        if found
    ]
    message = "; ".join(["the split of an earlier run is kept", *told])
    return [Finding(Severity.INFO, "data.split_kept", message, "data.split")]


def _some(names: Iterable[str]) -> str:
    named = list(names)
    return ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")


def _copies(pages: Sequence[SurveyedPage], parts: Mapping[str, Split]) -> list[Finding]:
    """One page under two names, in two parts: its score is that of lines the model has learnt."""
    first: dict[str, str] = {}
    twice = [
        (known, page.file.name)
        for page in pages
        if (known := first.setdefault(page.sha256, page.file.name)) != page.file.name
    ]
    apart = [(one, other) for one, other in twice if parts[one] is not parts[other]]
    if not apart:
        return []
    one, other = apart[0]
    message = f"{plural(len(apart), 'page')} is there under two names and in two splits: {one} and {other}"
    return [Finding(Severity.WARNING, "data.page_twice", message, "data.pages", "Take one of each two out.")]


def _summary(pages: Sequence[SurveyedPage], parts: Mapping[str, Split], options: SplitConfig) -> Finding:
    counts = Counter(parts[page.file.name] for page in pages if page.lines)
    lines = Counter(parts[page.file.name] for page in pages for _ in page.lines)
    told = ", ".join(
        f"{counts[split]} {SPLIT_WORDS[split]} ({plural(lines[split], 'line')})" for split in _PARTS if counts[split]
    )
    kept = "folders" if options.by is SplitUnit.FOLDER else "pages"
    message = f"{plural(sum(counts.values()), 'page')}: {told}; whole {kept}, seed {options.seed}"
    return Finding(Severity.INFO, "data.split", message, "data.split")
