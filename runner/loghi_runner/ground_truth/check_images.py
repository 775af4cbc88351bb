"""Line images: whether they look as the base model's own lines did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from PIL import Image

from loghi_contract.cut import Cut
from loghi_contract.files import open_plain
from loghi_contract.job import Split
from loghi_contract.model_folder import ModelFacts
from loghi_runner.config.load import RunConfig
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.images import GroundTruthLine

#: So many lines of each kind are looked at.
_SAMPLE = 12
#: A share of pixels of one and the same grey that only a mask gives: paper has 3 to 11 %, masked lines 29 to 64 %.
_MASKED = 0.33


@dataclass(frozen=True)
class _Look:
    """How line images look; `one_grey` is the share of pixels with the most common grey, of a usual line."""

    one_grey: float

    @property
    def is_masked(self) -> bool:
        return self.one_grey > _MASKED


def check_look(config: RunConfig, base: ModelFacts | None, truth: GroundTruth) -> Iterator[Finding]:
    """Whether the lines look like those the base model knows, as far as any of those are given."""
    if truth.pages is not None and config.data.cut is Cut.LOGHI and base is not None and base.channels < 4:
        yield Finding(
            Severity.INFO,
            "data.no_mask",
            f"the base model sees {base.channels} channel{'s' if base.channels > 1 else ''}: it does not see the "
            "line's shape that Loghi's way of cutting adds, so parts of neighbouring lines stay visible to it",
            where="data.cut",
            hint="That is right for a model trained on lines cut so; `data.cut: polygon` paints over what is outside.",
        )
    known = _look(truth.splits.get(Split.BASE_DOMAIN, ()))
    given = _look(truth.splits.get(Split.TRAIN, ()))
    if known is None:
        return
    masked = given.is_masked if given is not None else config.data.cut is Cut.POLYGON
    if known.is_masked and not masked:
        yield _other_look(
            f"the base model's own lines are masked by their outline ({100 * known.one_grey:.0f} % of one grey), "
            "yours are not",
            "`data.cut: polygon` may suit it better, if you have the pages.",
        )
    elif masked and not known.is_masked:
        yield _other_look(
            "your lines are masked by their outline, the base model's own are not",
            "`data.cut: loghi` may suit it better, if you have the pages.",
        )


def _other_look(message: str, hint: str) -> Finding:
    return Finding(Severity.WARNING, "data.other_look", message, "data.base_domain", hint)


def _look(lines: Sequence[GroundTruthLine]) -> _Look | None:
    cut = [line for line in lines if line.is_cut]
    sample = cut[:: max(len(cut) // _SAMPLE, 1)][:_SAMPLE]
    if not sample:
        return None
    shares = []
    for line in sample:
        try:
            with open_plain(line.image) as file, Image.open(file) as image:
                grey = np.asarray(image.convert("L"))
        except (OSError, ValueError, SyntaxError):
            continue  # an unreadable image is the trainer's to report
        shares.append(np.bincount(grey.ravel()).max() / grey.size)
    return _Look(float(median(shares))) if shares else None


def check_transparency(config: RunConfig, base: ModelFacts | None, truth: GroundTruth) -> Iterator[Finding]:
    """Transparent line images given to a model that cannot see transparency."""
    if base is None or base.channels == 4:
        return
    transparent = [line for line in truth.lines() if line.has_transparency]
    if transparent:
        first = transparent[0]
        yield Finding(
            Severity.WARNING,
            "data.transparency",
            f"{len(transparent)} line images have a transparent background, but the base model sees {base.channels} "
            f"channel{'s' if base.channels > 1 else ''}: what is hidden behind the transparency becomes visible to it; "
            f"the first is {first.image}",
            where=first.sample.where,
            hint="Cut the line images without transparency, as for the base model.",
        )
