"""How a ranking of pages reads, on a screen and for programs."""

from typing import Any  # JSON values have no narrower type

from loghi_contract.records import to_json
from loghi_runner.recognition.next_pages.rank import NextPages
from loghi_runner.wording import aligned, percent, plural

#: Pages shown; nobody transcribes more before training again.
_SHOWN = 15


def next_table(found: NextPages) -> list[tuple[str, ...]]:
    """Header and rows, the least confident page first."""
    rows: list[tuple[str, ...]] = [("confidence", "lines", "page")]
    for page in found.pages[:_SHOWN]:
        lines = str(page.lines) if page.lines == page.marked else f"{page.lines} of {page.marked}"
        rows.append((percent(page.confidence), lines, page.page))
    return rows


def next_lines(found: NextPages) -> list[str]:
    """The table and what belongs to it."""
    lines = ["pages to transcribe next, the least confident first", *(f"  {row}" for row in aligned(next_table(found)))]
    return [*lines, *next_remarks(found)]


def next_remarks(found: NextPages) -> list[str]:
    remarks = []
    if len(found.pages) > _SHOWN:
        remarks.append(f"{plural(len(found.pages) - _SHOWN, 'more page')} are read with more confidence.")
    if found.transcribed:
        verb = "is" if len(found.transcribed) == 1 else "are"
        remarks.append(f"{plural(len(found.transcribed), 'page')} {verb} transcribed already.")
    remarks.append(
        found.confidence.sentence
        if found.confidence
        else "How confidence relates to errors is not known: the model is not in a run folder with test lines."
    )
    return remarks


def next_json(found: NextPages) -> dict[str, Any]:
    """All pages; confidence and CER are fractions."""
    return {"kind": "next_pages", **to_json(found)}
