"""What is told of a plan and of a check: numbers, JSON for programs, and the page of `check --html`."""

import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any  # JSON values have no narrower type

from PIL import Image

from loghi_contract.files import open_plain
from loghi_contract.job import Split
from loghi_contract.records import to_json
from loghi_contract.text import normalize
from loghi_runner.cutting.cut import CHANNELS
from loghi_runner.engines.base import Setting
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.files import cannot_write
from loghi_runner.findings import errors
from loghi_runner.finetuning.finetune import Checked
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.finetuning.speeds import estimate_of
from loghi_runner.ground_truth.collect import PagesTruth
from loghi_runner.ground_truth.cut_pages import cut_pages
from loghi_runner.ground_truth.page_preview import PreviewLine, choose_lines, write_preview
from loghi_runner.ground_truth.survey import SurveyedPage
from loghi_runner.line_pages import page_names
from loghi_runner.wording import SPLIT_WORDS

#: Lines of pages are not cut yet: so many pages of each split are, to look at.
_PAGES = 2


@dataclass(frozen=True)
class SplitFacts:
    """Numbers of one split; `pages` are told apart by `page_names`. Unread lines have no characters."""

    pages: int
    lines: int
    characters: int


@dataclass(frozen=True)
class NewCharacter:
    """A character of the training lines that the base model cannot write."""

    character: str
    code_point: str
    name: str
    count: int


def split_facts(plan: RunPlan) -> dict[Split, SplitFacts]:
    return {
        split: SplitFacts(
            pages=len(set(page_names([PurePosixPath(line.image) for line in plan.lists[split.value]]).values())),
            lines=len(plan.lists[split.value]),
            characters=sum(len(sample.text) for sample in plan.lists[split.value] if split is not Split.UNREAD),
        )
        for split in Split
        if split.value in plan.lists
    }


def new_characters(plan: RunPlan) -> list[NewCharacter]:
    """The most frequent first; none where there is no base model to compare with."""
    if plan.base is None:
        return []
    counts: Counter[str] = Counter()
    for sample in plan.lists.get(Split.TRAIN.value, ()):
        counts.update(normalize(sample.text, plan.job.normalization))
    known = set(plan.base.tokenizer.characters)
    return [
        NewCharacter(character, f"U+{ord(character):04X}", unicodedata.name(character, "without a name"), count)
        for character, count in counts.most_common()
        if character not in known
    ]


def plan_json(plan: RunPlan, setting: Setting) -> dict[str, Any]:
    """What `--dry-run --json` says."""
    return {
        "kind": "plan",
        "run_id": plan.run_id,
        "run_dir": str(plan.run_dir),
        "name": plan.config.config.name,
        "engine": setting.engine,
        "image": setting.image.name if setting.image else None,
        "device": setting.device.kind.value,
        "device_reason": setting.device.sentence,
        "gpus": list(setting.device.uuids),
        "lines": {split.value: len(plan.lists[split.value]) for split in Split if split.value in plan.lists},
        "skipped": [{"split": split, **to_json(line)} for split, line in plan.skipped],
        "mounts": [
            {"source": str(mount.source), "target": str(mount.target), "read_only": mount.read_only}
            for mount in plan.mounts
        ],
        "job": to_json(plan.job),
        "estimate": estimate_of(plan),
        "findings": to_json(plan.findings),
    }


def check_json(checked: Checked) -> dict[str, Any]:
    """What `check --json` says: the plan and more."""
    return plan_json(checked.plan, checked.setting) | {
        "kind": "check",
        "findings": to_json(checked.findings),
        "ready": not errors(checked.findings),
        "splits": to_json(split_facts(checked.plan)),
        "new_characters": to_json(new_characters(checked.plan)),
        "charset": checked.plan.job.charset.value,
    }


def write_check_preview(path: Path, plan: RunPlan) -> None:
    """Write the page.

    Raises:
        EngineError: it cannot be written.
    """
    characters = {new.character for new in new_characters(plan)}
    title = f"{plan.config.config.name}: lines and their texts"
    try:
        with tempfile.TemporaryDirectory(prefix="loghi-runner-") as folder:
            shown = list(_of_pages(plan.pages, Path(folder)) if plan.pages else _of_lists(plan))
            write_preview(path, choose_lines(shown), title=title, new_characters=characters)
    except OSError as error:
        raise cannot_write("the preview", error, path, path) from error


def _of_lists(plan: RunPlan) -> Iterator[PreviewLine]:
    for split, samples in plan.lists.items():  # of line lists, which have no others
        if split == Split.UNREAD.value:
            continue  # there is no text to look at beside the image
        for sample in samples[:: max(len(samples) // 200, 1)]:
            image = on_this_machine(plan.mounts, sample.image)
            try:
                with open_plain(image) as file, Image.open(file) as header:
                    aspect = header.width / header.height
            except (OSError, ValueError, SyntaxError):
                continue
            yield PreviewLine(image, normalize(sample.text, plan.job.normalization), SPLIT_WORDS[Split(split)], aspect)


def _of_pages(pages: PagesTruth, folder: Path) -> Iterator[PreviewLine]:
    by_split: dict[Split, list[SurveyedPage]] = {}
    for page in pages.survey.pages:
        if page.lines:
            by_split.setdefault(pages.split.parts[page.file.name], []).append(page)
    chosen = [page for found in by_split.values() for page in found[:_PAGES]]
    cut = cut_pages(chosen, lambda page: folder / page.file.name, cut=pages.store.cut, channels=CHANNELS)
    for page in chosen:
        words = SPLIT_WORDS[pages.split.parts[page.file.name]]
        for line in cut.lines(page):
            yield PreviewLine(line.image, line.sample.text, words, line.width_px / line.height_px)
