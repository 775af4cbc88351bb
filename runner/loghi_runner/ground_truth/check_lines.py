"""Lines that are probably not what they should be: by their size and text, and by how their images look."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from loghi_contract.files import open_plain
from loghi_contract.job import Split
from loghi_contract.lines import SKIP_SENTENCES, SkipReason
from loghi_contract.model_folder import ModelFacts
from loghi_contract.text import Normalization, normalize
from loghi_contract.widths import MARGIN_PX, WIDEST_PX, frames_of, steps_for_labels
from loghi_runner.config.choices import CutChoice
from loghi_runner.config.schema import RunConfig
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.lists import SPLIT_KEYS
from loghi_runner.wording import SPLIT_WORDS, plural

#: Loghi's models read lines of this height; used where there is no base model.
_HEIGHT_PX = 64
#: Wider than so many median lines is absurd; such a line decides how much memory its step takes.
_ABSURD = 6
#: So many characters per pixel more or fewer than usual, as a factor, are suspicious.
_SUSPICIOUS = 3.0
#: Shorter texts and fewer lines tell nothing about what is usual.
_MIN_CHARACTERS, _MIN_LINES = 6, 20
_NAMED = 3
#: Below this the score of a split is a matter of luck.
_FEW_LINES, _FEW_CHARACTERS = 50, 1000
#: A usual CER, for saying how wide the interval around a score would be.
_USUAL_CER = 0.1
#: Errors come in clusters: the interval is wider than that of independent characters by about this factor.
_CLUSTERED = 2.0
#: So many lines of each kind are looked at.
_LOOKED_AT = 12
#: A share of pixels of one and the same grey that only a mask gives: paper has 3 to 11 %, masked lines 29 to 64 %.
_MASKED = 0.33


@dataclass(frozen=True)
class _Measured:
    line: GroundTruthLine
    text: str
    width_px: int


def check_lines(
    base: ModelFacts | None, normalization: Normalization, truth: GroundTruth, *, straighten: bool = False
) -> Iterator[Finding]:
    """Each split's lines looked at by their size and the length of their text; no pixel is read.

    Args:
        straighten: the images are made level first, which gives a line that has too little room more of it.
    """
    height_px = base.height_px if base else _HEIGHT_PX
    measured = {
        split: [_measure(line, normalization, height_px) for line in lines] for split, lines in truth.splits.items()
    }
    everything = [_measure(line, normalization, height_px) for line in truth.lines()]
    if base is not None and not straighten:
        yield from _without_room(base, measured.get(Split.TRAIN, []))
    yield from _too_wide(everything)
    yield from _absurdly_wide(everything)
    yield from _suspicious(everything)
    yield from _few(measured)


def check_look(config: RunConfig, base: ModelFacts | None, truth: GroundTruth) -> Iterator[Finding]:
    """Whether the lines look like those the base model knows, as far as any of those are given."""
    if truth.pages is not None and config.data.cut is CutChoice.LOGHI and base is not None and base.channels < 4:
        message = (
            f"the base model sees {plural(base.channels, 'channel')}: it does not see the line's shape that Loghi's "
            "way of cutting adds, so parts of neighbouring lines stay visible to it"
        )
        hint = "That is right for a model trained on lines cut so; `data.cut: polygon` paints over what is outside."
        yield Finding(Severity.INFO, "data.no_mask", message, "data.cut", hint)
    known = _one_grey(truth.splits.get(Split.BASE_DOMAIN, ()))
    given = _one_grey(truth.splits.get(Split.TRAIN, ()))
    if known is None:
        return
    own_masked = known > _MASKED
    masked = given > _MASKED if given is not None else config.data.cut is CutChoice.POLYGON
    if masked is own_masked:
        return
    message, other = "your lines are masked by their outline, the base model's own are not", "loghi"
    if own_masked:
        message = (
            f"the base model's own lines are masked by their outline ({100 * known:.0f} % of one grey), yours are not"
        )
        other = "polygon"
    hint = f"`data.cut: {other}` may suit it better, if you have the pages."
    yield Finding(Severity.WARNING, "data.other_look", message, "data.base_domain", hint)


def check_transparency(config: RunConfig, base: ModelFacts | None, truth: GroundTruth) -> Iterator[Finding]:
    """Transparent line images given to a model that cannot see transparency."""
    if base is None or base.channels == 4:
        return
    transparent = [line for line in truth.lines() if line.has_transparency]
    if transparent:
        message = (
            f"{len(transparent)} line images have a transparent background, but the base model sees "
            f"{plural(base.channels, 'channel')}: what is hidden behind the transparency becomes visible to it; "
            f"the first is {transparent[0].image}"
        )
        hint = "Cut the line images without transparency, as for the base model."
        yield Finding(Severity.WARNING, "data.transparency", message, transparent[0].sample.where, hint)


def _measure(line: GroundTruthLine, normalization: Normalization, height_px: int) -> _Measured:
    text = normalize(line.sample.text, normalization)
    return _Measured(line, text, max(round(line.width_px * height_px / max(line.height_px, 1)), 1))


def _without_room(base: ModelFacts, lines: Sequence[_Measured]) -> Iterator[Finding]:
    crowded = [
        each
        for each in lines
        if steps_for_labels(each.text)
        > frames_of(base.windows, each.line.width_px, max(each.line.height_px, 1), base.height_px)
    ]
    if crowded:
        first = crowded[0].line.sample
        message = (
            f"{len(crowded)} of {len(lines)} training lines will be skipped: "
            f"{SKIP_SENTENCES[SkipReason.TEXT_TOO_LONG]}; the first is {first.where}: {first.text[:60]!r}"
        )
        hint = "Text and image probably do not belong together."
        yield Finding(Severity.WARNING, "data.text_too_long", message, first.where, hint)


def _too_wide(lines: Sequence[_Measured]) -> Iterator[Finding]:
    wide = [each.line for each in lines if each.width_px + 2 * MARGIN_PX > WIDEST_PX]
    if wide:
        first = wide[0]
        verb = "is" if len(wide) == 1 else "are"
        message = (
            f"{plural(len(wide), 'line')} {verb} left out by the trainer: {SKIP_SENTENCES[SkipReason.TOO_WIDE]}; "
            f"the first is {first.image.name}, {first.width_px} x {first.height_px} pixels"
        )
        hint = "A rule or a seam marked as a line, most often: take it out, or cut it again."
        yield Finding(Severity.WARNING, f"data.{SkipReason.TOO_WIDE.value}", message, first.sample.where, hint)


def _absurdly_wide(lines: Sequence[_Measured]) -> Iterator[Finding]:
    if len(lines) < _MIN_LINES:
        return
    usual = statistics.median(each.width_px for each in lines)
    wide = [each for each in lines if each.width_px > _ABSURD * usual]
    if wide:
        widest = max(wide, key=lambda each: each.width_px).line
        message = (
            f"{plural(len(wide), 'line')} of more than {_ABSURD} times the usual width; the widest is {widest.image}, "
            f"{widest.width_px} x {widest.height_px} pixels"
        )
        hint = "The step of the widest line takes the most memory and time: take it out, or cut it again."
        yield Finding(Severity.WARNING, "data.absurdly_wide", message, widest.sample.where, hint)


def _suspicious(lines: Sequence[_Measured]) -> Iterator[Finding]:
    """Texts far too long or short for their image: the text of another line, most often."""
    long_enough = [each for each in lines if len(each.text) >= _MIN_CHARACTERS]
    if len(long_enough) < _MIN_LINES:
        return
    usual = statistics.median(len(each.text) / each.width_px for each in long_enough)
    factors = [(len(each.text) / each.width_px / usual, each) for each in lines]
    too_long = [(factor, each) for factor, each in factors if factor > _SUSPICIOUS]
    # a short image with little text is nothing: it may be a page number
    too_short = [
        (1 / factor if factor else math.inf, each)
        for factor, each in factors
        if factor < 1 / _SUSPICIOUS and each.width_px * usual >= _MIN_CHARACTERS * _SUSPICIOUS
    ]
    for code, words, odd in (
        ("data.text_suspiciously_long", "much more", too_long),
        ("data.text_suspiciously_short", "much less", too_short),
    ):
        if odd:
            odd.sort(key=lambda pair: -pair[0])
            worst = [each.line.sample for _, each in odd[:_NAMED]]
            named = "; ".join(f"{sample.where}: {sample.text[:40]!r}" for sample in worst)
            verb = "has" if len(odd) == 1 else "have"
            message = f"{plural(len(odd), 'line')} {verb} {words} text than such an image usually holds: {named}"
            hint = "Look whether these texts belong to their images; a shifted line is learnt as it is."
            yield Finding(Severity.WARNING, code, message, worst[0].where, hint)


def _few(measured: dict[Split, list[_Measured]]) -> Iterator[Finding]:
    for split in (Split.VAL, Split.TEST):
        lines = measured.get(split, [])
        characters = sum(len(each.text) for each in lines)
        if not lines or (len(lines) >= _FEW_LINES and characters >= _FEW_CHARACTERS):
            continue
        reach = 1.96 * _CLUSTERED * math.sqrt(_USUAL_CER * (1 - _USUAL_CER) / max(characters, 1))
        severity = Severity.WARNING if len(lines) < _FEW_LINES // 2 else Severity.INFO
        message = (
            f"there are only {plural(len(lines), f'{SPLIT_WORDS[split]} line')} ({characters} characters): a CER of "
            f"{100 * _USUAL_CER:.0f} % on them could as well be {100 * max(_USUAL_CER - reach, 0):.0f} % or "
            f"{100 * (_USUAL_CER + reach):.0f} %"
        )
        hint = f"{_FEW_LINES} lines or more tell models apart."
        yield Finding(severity, "data.few_lines", message, SPLIT_KEYS[split], hint)


def _one_grey(lines: Sequence[GroundTruthLine]) -> float | None:
    """The share of pixels with the most common grey, in a usual line; None where no line can be looked at."""
    cut = [line for line in lines if line.is_cut]
    shares = []
    for line in cut[:: max(len(cut) // _LOOKED_AT, 1)][:_LOOKED_AT]:
        try:
            with open_plain(line.image) as file, Image.open(file) as image:
                grey = np.asarray(image.convert("L"))
        except (OSError, ValueError, SyntaxError):
            continue  # an unreadable image is the trainer's to report
        shares.append(np.bincount(grey.ravel()).max() / grey.size)
    return float(statistics.median(shares)) if shares else None
