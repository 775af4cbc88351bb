"""How documents, pages, and what was pulled and pushed read on a screen; pure."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from loghi_runner.aliases import Row
from loghi_runner.platform.base import Document, PageSummary, Pulled, Pushed
from loghi_runner.wording import counted, percent, plural, short_path, shown

#: So many sentences of one kind are shown; the rest is counted.
_SHOWN = 5


def document_rows(documents: Sequence[Document]) -> Iterable[str]:
    if not documents:
        yield "no documents: none is yours, or shared with this account"
        return
    width = max(len(str(document.id)) for document in documents)
    for document in documents:
        layers = ", ".join(layer.name for layer in document.layers)
        yield shown(f"{document.id:>{width}}  {document.name}: {plural(document.pages, 'page')}; {layers}")


def page_rows(document: Document, pages: Sequence[PageSummary]) -> Iterable[str]:
    yield shown(f"{document.name}: {document.script}, {document.direction}")
    yield shown("layers: " + ", ".join(f"{layer.name} ({layer.id})" for layer in document.layers))
    width = max((len(str(page.id)) for page in pages), default=0)
    for page in pages:
        yield shown(f"{page.id:>{width}}  {page.name}, {percent(page.transcribed)} transcribed")


def pulled_rows(pulled: Pulled) -> list[Row]:
    text = sum(pulled.skipped.values())
    skipped = f" ({counted(pulled.skipped)})" if text else ""
    rows = [("pulled", f"{plural(pulled.pages, 'page')}, {plural(pulled.lines, 'line')}{skipped}")]
    rows.append(("to", short_path(pulled.folder)))
    return rows + _some("left out", pulled.problems)


def pushed_rows(pushed: Pushed) -> list[Row]:
    rows = [
        ("layer", pushed.layer.name),
        ("written", f"{plural(pushed.lines, 'line')} on {plural(pushed.pages, 'page')}"),
        ("see", pushed.url),
    ]
    return rows + _some("left out", pushed.left_out)


def parked_rows(run: Path) -> list[Row]:
    return [("later", f"loghi-runner platform push {shlex.quote(short_path(run))}")]


def _some(label: str, sentences: Sequence[str]) -> list[Row]:
    rows = [(label if not number else "", sentence) for number, sentence in enumerate(sentences[:_SHOWN])]
    if len(sentences) > _SHOWN:
        rows.append(("", f"and {len(sentences) - _SHOWN} more"))
    return rows
