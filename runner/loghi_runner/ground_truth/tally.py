"""Lines left out, counted by reason; and what else was met while pages were read, counted for findings."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from loghi_contract.lines import SKIP_SENTENCES, SkippedLine, SkipReason
from loghi_runner.findings import Finding, Severity
from loghi_runner.wording import plural


@dataclass(frozen=True)
class Skips:
    """How many lines are left out for one reason, and the first of them."""

    reason: SkipReason
    count: int
    first: SkippedLine


def count_skips(skipped: Iterable[SkippedLine]) -> list[Skips]:
    """The most frequent reason first."""
    counts: Counter[SkipReason] = Counter()
    first: dict[SkipReason, SkippedLine] = {}
    for line in skipped:
        counts[line.reason] += 1
        first.setdefault(line.reason, line)
    return [Skips(reason, count, first[reason]) for reason, count in counts.most_common()]


@dataclass
class Tally:
    """Where each thing was met: `file:line` for lines, a sentence or a name for pages."""

    several: list[str] = field(default_factory=list)
    normalized: list[str] = field(default_factory=list)
    trimmed: list[str] = field(default_factory=list)
    machine_read: list[str] = field(default_factory=list)
    scaled: list[str] = field(default_factory=list)
    several_pictures: list[str] = field(default_factory=list)
    as_stored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def findings(self, total: int, skipped: Sequence[SkippedLine]) -> Iterator[Finding]:
        """What is told of so many lines, of which some are left out."""
        for reason, count, first in ((each.reason, each.count, each.first) for each in count_skips(skipped)):
            detail = f" ({first.detail})" if first.detail else ""
            message = (
                f"{count} of {plural(total, 'line')} {'is' if count == 1 else 'are'} left out: "
                f"{SKIP_SENTENCES[reason]}{detail}"
            )
            yield Finding(Severity.WARNING, f"data.{reason.value}", message, first.where)
        for severity, code, wheres, words, hint in (
            (
                Severity.WARNING,
                "data.machine_read",
                self.machine_read,
                "a machine's reading only (texts with index 1 and above, none with 0); it is taken for the truth",
                "data.skip_machine_read: true (`prepare --skip-machine-read`) leaves such lines out.",
            ),
            (
                Severity.INFO,
                "data.several_texts",
                self.several,
                "several texts, and the one with the lowest index is not the last",
                "data.text_equiv chooses: lowest (the default) or last (as Loghi does).",
            ),
            (
                Severity.INFO,
                "data.normalized",
                self.normalized,
                "accents that were written in another Unicode form",
                None,
            ),
            (
                Severity.INFO,
                "data.trimmed",
                self.trimmed,
                "blanks around the text, or a TAB or line break inside; these are taken out, or made a blank",
                None,
            ),
        ):
            if wheres:
                verb = "has" if len(wheres) == 1 else "have"
                message = f"{plural(len(wheres), 'line')} {verb} {words}"
                yield Finding(severity, code, message, wheres[0], hint)
        yield from self._pages()

    def _pages(self) -> Iterator[Finding]:
        if self.several_pictures:
            message = self.several_pictures[0] + _more(self.several_pictures, "files with several pictures")
            hint = "Where another one is meant, save it as a file of its own."
            yield Finding(Severity.WARNING, "data.several_pictures", message, hint=hint)
        if self.as_stored:
            message = (
                f"the coordinates of {plural(len(self.as_stored), 'page')} are for the image as it is stored, "
                f"and not as its orientation mark (EXIF) turns it, so it is not turned: {self.as_stored[0]}"
            )
            yield Finding(Severity.INFO, "data.orientation", message)
        if self.scaled:
            message = (
                f"the coordinates of {plural(len(self.scaled), 'page')} are for an image of another size; "
                f"they were scaled: {self.scaled[0]}"
            )
            yield Finding(Severity.INFO, "data.scaled", message)
        if self.notes:
            message = self.notes[0] + _more(self.notes, "oddities like it")
            yield Finding(Severity.INFO, "data.oddities", message)


def _more(told: list[str], what: str) -> str:
    return f" (and {len(told) - 1} more {what})" if told[1:] else ""
