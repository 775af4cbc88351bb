"""Lines of the old hand that are mixed in: how many an epoch takes, and that none is of a page that judges."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loghi_contract.job import Split, mixed_in
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.lists import SPLIT_KEYS
from loghi_runner.line_pages import page_name, page_names
from loghi_runner.wording import SPLIT_WORDS, plural

_KEY = SPLIT_KEYS[Split.OLD_HAND]
#: Pages of other places are the same when they have one name, and so many of the texts of that with fewer lines.
_SAME_TEXTS = 0.5

_Lines = Sequence[GroundTruthLine]


def check_old_hand(splits: Mapping[Split, _Lines], *, from_scratch: bool) -> Iterator[Finding]:
    """What is mixed in, and what forbids it. Nothing where there is nothing to mix in."""
    if not (lines := splits.get(Split.OLD_HAND, ())):
        return
    if from_scratch:
        hint = "Leave data.old_hand out, or name these lines as data.train or data.pages: they can be learnt, too."
        yield Finding(Severity.ERROR, "data.no_old_hand", "a model from scratch has no old hand to forget", _KEY, hint)
    own = len(splits.get(Split.TRAIN, ()))
    message = (
        f"{plural(len(lines), 'line')} of the old hand are mixed in: "
        f"{mixed_in(own, len(lines))} an epoch, beside {own} training lines"
    )
    yield Finding(Severity.INFO, "data.old_hand", message, _KEY)
    for split in (Split.VAL, Split.TEST, Split.BASE_DOMAIN):
        if shared := _shared_pages(lines, splits.get(split, ())):
            verb = "is" if len(shared) == 1 else "are"
            message = (
                f"{plural(len(shared), 'page')} of the {SPLIT_WORDS[split]} lines {verb} among what is mixed in of the "
                f"old hand, so these lines could tell nothing; the first is {shared[0]}"
            )
            hint = f"Take whole pages out of {_KEY}, or out of {SPLIT_KEYS[split]}."
            yield Finding(Severity.ERROR, "data.old_hand_judges", message, _KEY, hint)


def _shared_pages(mixed: _Lines, judged: _Lines) -> list[str]:
    pages = page_names([line.image for line in (*mixed, *judged)], unknown_apart=True)
    known = _texts_of_pages(mixed, pages)
    by_name: dict[str, set[str]] = {}
    for page, texts in known.items():
        by_name.setdefault(page_name(page), set()).update(texts)
    return [
        page_name(page)
        for page, texts in _texts_of_pages(judged, pages).items()
        if page in known or _are_same(by_name.get(page_name(page), set()), texts)
    ]


def _texts_of_pages(lines: _Lines, pages: Mapping[Path, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(pages[line.image], set()).add(line.sample.text.strip())
    return found


def _are_same(first: set[str], second: set[str]) -> bool:
    return bool(first) and len(first & second) >= _SAME_TEXTS * min(len(first), len(second))
