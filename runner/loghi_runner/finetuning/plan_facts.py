"""What a plan says of its lines: how many, on how many pages, and which characters the base model lacks."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from loghi_contract.job import Split
from loghi_contract.text import normalize
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.line_pages import page_names


@dataclass(frozen=True)
class SplitFacts:
    """Numbers of one split; `pages` are told apart by `page_names`."""

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
            characters=sum(len(sample.text) for sample in plan.lists[split.value]),
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
