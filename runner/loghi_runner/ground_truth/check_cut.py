"""Whether the way in which lines are cut suits them, and the base model: a cut can do more harm than a bad setting."""

import statistics
from collections.abc import Iterator
from pathlib import PurePosixPath

from loghi_contract.cut import Cut
from loghi_contract.job import Split
from loghi_contract.model_folder import ModelFacts
from loghi_contract.saved_epoch import read_saved_epoch
from loghi_contract.text import Normalization, normalize
from loghi_runner.config.choices import CutChoice
from loghi_runner.config.schema import DataConfig
from loghi_runner.cutting.cut import estimated_size
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth, PagesTruth
from loghi_runner.line_pages import page_names
from loghi_runner.wording import plural

#: A box so many times as high as its line would be straightened squeezes its letters by as much.
_SQUEEZED = 1.3
#: Letters of so few pixels in the model's eyes, in the middle of a page: lines that models are usually taught have 15
#: to 23, and pages of sloping boxes with 11 were read at 40 % CER where others had 20.
_NARROW_PX = 12.0
_MIN_CHARACTERS, _MIN_LINES = 6, 5
#: So many of the training lines are worth a word.
_SHARE = 0.1
_HEIGHT_PX = 64


def check_cut(
    data: DataConfig, base: ModelFacts | None, normalization: Normalization, truth: GroundTruth
) -> Iterator[Finding]:
    """What of the cut does harm: boxes around sloping lines, and lines cut otherwise than those the model knows."""
    if truth.pages is not None and data.cut is CutChoice.POLYGON:
        yield from _high_boxes(truth.pages)
    elif truth.pages is None and data.straighten is False:
        yield from _narrow_letters(truth, normalization, base.height_px if base is not None else _HEIGHT_PX)
    saved = read_saved_epoch(base.model_file) if base is not None else None
    if saved is None:
        return
    asked = data.cut.cut
    known = saved.cut or Cut.LOGHI
    # a model of elsewhere that says nothing may have been taught any lines
    if truth.pages is not None and asked is not None and known is not asked and Cut.LOGHI is not known:
        message = f"the base model learnt from lines cut as {known.value}, these are cut as {asked.value}"
        hint = f"`data.cut: {known.value}` shows it what it knows; `auto` tries."
        yield Finding(Severity.WARNING, "data.other_cut", message, "data.cut", hint)
    if truth.pages is None and saved.straighten and data.straighten is False:
        message = "the base model learnt from line images that were made level, these are taken as they are"
        yield Finding(Severity.WARNING, "data.other_cut", message, "data.straighten", "Write `data.straighten: true`.")


def _high_boxes(pages: PagesTruth) -> Iterator[Finding]:
    factors: dict[str, list[float]] = {}
    for page in pages.survey.pages:
        for line in page.lines:
            shape = page.shapes[line.place]
            box, level = estimated_size(shape, Cut.POLYGON), estimated_size(shape, Cut.STRAIGHT)
            if box is not None and level is not None:
                factors.setdefault(page.file.name, []).append(box[1] / max(level[1], 1))
    all_lines = [factor for found in factors.values() for factor in found]
    high = [factor for factor in all_lines if factor > _SQUEEZED]
    if len(high) <= _SHARE * len(all_lines):
        return
    worst = max(factors, key=lambda name: statistics.median(factors[name]))
    message = (
        f"cut as polygon, {len(high)} of {plural(len(all_lines), 'line')} slope or bend so much that their box is more "
        f"than {_SQUEEZED:g} times as high as the line itself: scaled to the model's height, their letters are "
        f"squeezed (on {worst} by a factor of {statistics.median(factors[worst]):.1f})"
    )
    hint = "`data.cut: loghi` or `straight` follow the baseline; `auto` tries all three."
    yield Finding(Severity.WARNING, "data.squeezed", message, "data.cut", hint)


def _narrow_letters(truth: GroundTruth, normalization: Normalization, height_px: int) -> Iterator[Finding]:
    lines = [(line, normalize(line.sample.text, normalization)) for line in truth.splits.get(Split.TRAIN, ())]
    pages = page_names([PurePosixPath(line.image) for line, _ in lines])
    widths: dict[str, list[float]] = {}
    for line, text in lines:
        if len(text) >= _MIN_CHARACTERS:
            px = line.width_px * height_px / max(line.height_px, 1) / len(text)
            widths.setdefault(pages[PurePosixPath(line.image)], []).append(px)
    narrow = {name: found for name, found in widths.items() if statistics.median(found) < _NARROW_PX}
    squeezed = sum(map(len, narrow.values()))
    if squeezed < _MIN_LINES or squeezed <= _SHARE * len(lines):
        return
    worst = min(narrow, key=lambda name: statistics.median(narrow[name]))
    name, px = PurePosixPath(worst).name, statistics.median(narrow[worst])
    message = (
        f"{squeezed} of {plural(len(lines), 'training line')} are from pages whose letters are narrow once a line is "
        f"scaled to {height_px} px (on {name} {px:.0f} px each): boxes around lines that slope or bend look so and are "
        "learnt badly"
    )
    hint = "`data.straighten: auto` tries whether levelling helps; better still, give the pages as `data.pages`."
    yield Finding(Severity.WARNING, "data.squeezed", message, "data.train", hint)
