"""Ways to come by the line images of a run that are tried before it trains: which, and on which lists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from loghi_contract.cut import Cut
from loghi_contract.job import ListsSpec, Split, TrialsSpec, Way
from loghi_contract.places import LISTS_DIR
from loghi_runner.config.choices import CutChoice
from loghi_runner.config.schema import DataConfig
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth, PagesTruth
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.unread import UnreadLines
from loghi_runner.wording import way_words

#: Two short epochs tell ways apart that a whole training would; a third costs half as much again.
TRIAL_EPOCHS = 2
#: A way is tried where so many lines have what it needs; the others would be cut in another way.
_HAVE_IT = 0.9


_Cuttable = TypeVar("_Cuttable", PagesTruth, UnreadLines)


@dataclass(frozen=True)
class Ways:
    """What is tried, None where all is decided; and the lines of each list beside the run's own, by its name.

    `cut` and `straighten` are as of a job: of what is decided, or of the way that is kept unless another is better.
    """

    cut: Cut | None
    straighten: bool
    trials: TrialsSpec | None = None
    lines: Mapping[str, tuple[GroundTruthLine, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def lists_of(truth: GroundTruth, cut: Cut | None = None) -> ListsSpec:
    """Where the trainer finds the lists; those of another cut than the run's own are in a folder of its name."""
    folder = LISTS_DIR if cut is None else LISTS_DIR / cut.value

    def place(split: Split) -> str:
        return str((LISTS_DIR if split is Split.BASE_DOMAIN else folder) / f"{split.value}.txt")

    return ListsSpec(
        train=place(Split.TRAIN),
        val=place(Split.VAL),
        test=place(Split.TEST) if Split.TEST in truth.splits else None,
        base_domain=place(Split.BASE_DOMAIN) if Split.BASE_DOMAIN in truth.splits else None,
    )


def plan_ways(data: DataConfig, truth: GroundTruth, unread: UnreadLines) -> Ways:
    """What of the ways is decided, and what has to be tried."""
    own = lists_of(truth)
    if data.straighten == "auto":
        trials = TrialsSpec("data.straighten", TRIAL_EPOCHS, (Way("false", own), Way("true", own, straighten=True)))
        return Ways(None, False, trials, findings=(_told(trials),))
    if data.cut is not CutChoice.AUTO or truth.pages is None:
        cut = data.cut.cut if truth.pages is not None else None
        return Ways(None if cut is Cut.LOGHI else cut, data.straighten)
    others = _that_pages_allow(truth.pages)
    if not others:
        message = "the lines of the pages lack the baselines or outlines that other cuts need: they are cut as loghi"
        return Ways(None, False, findings=(Finding(Severity.INFO, "data.nothing_to_try", message, "data.cut"),))
    ways = [Way(Cut.LOGHI.value, own)]
    lines: dict[str, tuple[GroundTruthLine, ...]] = {}
    for cut in others:
        ways.append(Way(cut.value, lists_of(truth, cut), cut))
        lines |= {f"{cut.value}/{split.value}": found for split, found in _in_cut(cut, truth, unread).items()}
    trials = TrialsSpec("data.cut", TRIAL_EPOCHS, tuple(ways))
    return Ways(None, False, trials, lines, (_told(trials),))


def in_every_way(pages: _Cuttable, trials: TrialsSpec | None) -> Iterator[_Cuttable]:
    """The pages as each way cuts them, the run's own first."""
    yield pages
    for way in trials.ways if trials is not None else ():
        if way.cut is not None:
            yield pages.in_cut(way.cut)


def extra_epochs(trials: TrialsSpec | None) -> int:
    """How many epochs the trials train, all together."""
    return 0 if trials is None else trials.epochs * len(trials.ways)


def _in_cut(cut: Cut, truth: GroundTruth, unread: UnreadLines) -> dict[Split, tuple[GroundTruthLine, ...]]:
    """The lists of a way: line images that were cut before are in all of them."""
    found = dict[Split, tuple[GroundTruthLine, ...]]()
    for pages in (truth.pages, truth.old_pages):
        found |= pages.in_cut(cut).lines() if pages is not None else {}
    if Split.OLD_HAND in truth.splits:
        listed = (line for line in truth.splits[Split.OLD_HAND] if line.is_cut)
        found[Split.OLD_HAND] = (*listed, *found.get(Split.OLD_HAND, ()))
    if unread.lines:
        found[Split.UNREAD] = unread.in_cut(cut).lines
    return found


def _that_pages_allow(pages: PagesTruth) -> list[Cut]:
    shapes = [page.shapes[line.place] for page in pages.survey.pages for line in page.lines]
    with_outline = sum(len(shape.outline) > 2 for shape in shapes)
    with_both = sum(len(shape.outline) > 2 and len(shape.baseline) > 1 for shape in shapes)
    least = _HAVE_IT * max(len(shapes), 1)
    return [cut for cut, count in ((Cut.POLYGON, with_outline), (Cut.STRAIGHT, with_both)) if count >= least]


def _told(trials: TrialsSpec) -> Finding:
    named = ", ".join(way_words(way.name) for way in trials.ways)
    message = (
        f"before the training {trials.epochs} epochs are trained in each of {len(trials.ways)} ways ({named}); "
        f"another than the first is taken where it reads the validation lines better by more than chance"
    )
    return Finding(Severity.INFO, "data.ways_to_try", message, trials.key)
