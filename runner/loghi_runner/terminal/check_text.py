"""What `loghi-runner check` tells: everything that can be known of a run without a graphics card or a framework."""

from collections import Counter

from loghi_contract.job import CharsetPolicy
from loghi_runner.aliases import Row
from loghi_runner.findings import Finding, Severity
from loghi_runner.finetuning.finetune import Checked
from loghi_runner.finetuning.plan_facts import SplitFacts, new_characters, split_facts
from loghi_runner.terminal.plan_text import plan_rows
from loghi_runner.wording import SPLIT_WORDS, plural

_NAMED_CHARACTERS = 12

_POLICIES = {
    CharsetPolicy.EXTEND: "learnt anew",
    CharsetPolicy.FAIL: "refused",
    CharsetPolicy.REPLACE: "learnt, as are all others",
}


def check_rows(checked: Checked) -> list[Row]:
    """Label and text of what was found; numbers of lines, pages and characters instead of the plan's lines."""
    plan = checked.plan
    facts = split_facts(plan)
    rows = []
    for label, text in plan_rows(plan, checked.setting):
        split = next((split for split, words in SPLIT_WORDS.items() if words == label), None)
        rows.append((label, _split_words(facts[split]) if split in facts else text))
    new = new_characters(plan)
    for number, character in enumerate(new[:_NAMED_CHARACTERS]):
        label = "new" if number == 0 else ""
        shown = character.character if character.character.isprintable() else " "
        what = f"{shown}  {character.code_point} {character.name}, {character.count}x"
        rows.append((label, f"{what}: {_POLICIES[plan.job.charset]}"))
    if len(new) > _NAMED_CHARACTERS:
        rows.append(("", f"... and {len(new) - _NAMED_CHARACTERS} more characters"))
    return rows


def conclusion(findings: tuple[Finding, ...]) -> str:
    counts = Counter(finding.severity for finding in findings)
    if counts[Severity.ERROR]:
        return f"not ready: {plural(counts[Severity.ERROR], 'problem')} to solve first"
    if counts[Severity.WARNING]:
        return f"ready, with {plural(counts[Severity.WARNING], 'warning')}"
    return "ready"


def _split_words(facts: SplitFacts) -> str:
    return (
        f"{plural(facts.lines, 'line')} on {plural(facts.pages, 'page')}, {facts.characters} characters "
        f"({facts.characters / max(facts.lines, 1):.0f} a line)"
    )
