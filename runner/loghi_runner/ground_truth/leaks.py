"""Images that are in two splits, or nearly: a score on lines the model has learnt says nothing."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loghi_contract.files import open_plain, read_plain
from loghi_contract.job import Split
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.lists import SPLIT_KEYS
from loghi_runner.line_pages import page_names
from loghi_runner.wording import SPLIT_WORDS, plural

_Lines = Sequence[GroundTruthLine]
#: The split that is learnt from, or chooses the best epoch; and the one that is judged by.
_PAIRS = (
    (Split.TRAIN, Split.VAL),
    (Split.TRAIN, Split.TEST),
    (Split.VAL, Split.TEST),
    (Split.TRAIN, Split.BASE_DOMAIN),
)

#: Thumbnails of one line image are at least so alike, whatever its size, format or a shift by two pixels; those of two
#: images with the same text were 0.48 at most, on 733 real lines.
_ALIKE = 0.7
_THUMBNAIL = (48, 12)
#: Images of one line differ in shape by so little, as a factor.
_SAME_SHAPE = 1.06


def find_leaks(splits: Mapping[Split, _Lines]) -> Iterator[Finding]:
    """Compare splits by path, by content, by look and by page."""
    # each file is read once, and only when another split has one of its size, or with its text
    digest_of, thumbnail_of = cache(_digest), cache(_thumbnail)
    # lines that are not cut yet have no image to compare; their pages are split whole
    cut = {split: [line for line in lines if line.is_cut] for split, lines in splits.items()}
    for split, lines in cut.items():
        yield from _repeated(split, lines)
    for first, second in _PAIRS:
        learnt, judged = cut.get(first, ()), cut.get(second, ())
        shared = _shared(learnt, judged, digest_of)
        if shared:
            yield _leak(first, second, shared, len(judged))
        known = {line.image for line in shared}
        rest = [line for line in judged if line.image not in known]
        yield from _alike(first, second, learnt, rest, thumbnail_of)
        yield from _same_page(first, second, learnt, rest)


def _repeated(split: Split, lines: _Lines) -> Iterator[Finding]:
    counts = Counter(line.image for line in lines)
    repeated = [image for image, count in counts.items() if count > 1]
    if repeated:
        verb = "stands" if len(repeated) == 1 else "stand"
        images = plural(len(repeated), f"{SPLIT_WORDS[split]} image")
        message = f"{images} {verb} in the list more than once: {repeated[0]}"
        hint = "Each of them counts so many times more than the others."
        yield Finding(Severity.WARNING, "data.repeated", message, SPLIT_KEYS[split], hint)


def _leak(first: Split, second: Split, shared: _Lines, total: int) -> Finding:
    is_all = len(shared) == total
    count = f"all {total}" if is_all else f"{len(shared)} of {total}"
    message = (
        f"{count} {SPLIT_WORDS[second]} images are also {SPLIT_WORDS[first]} images, so their score is too good; "
        f"the first is {shared[0].image}"
    )
    severity = Severity.ERROR if is_all and (first, second) == (Split.TRAIN, Split.VAL) else Severity.WARNING
    hint = f"Take these lines out of one of the two lists ({SPLIT_KEYS[second]})."
    return Finding(severity, "data.leak", message, shared[0].sample.where, hint)


def _alike(
    first: Split,
    second: Split,
    learnt: _Lines,
    judged: _Lines,
    thumbnail_of: Callable[[Path], NDArray[np.float64] | None],
) -> Iterator[Finding]:
    """Images of one line in another size or format: with the same text, of the same shape, and alike to the eye."""
    by_text: dict[str, list[GroundTruthLine]] = {}
    texts = {line.sample.text.strip() for line in judged}
    for line in learnt:
        if line.sample.text.strip() in texts:
            by_text.setdefault(line.sample.text.strip(), []).append(line)

    def is_alike(line: GroundTruthLine, other: GroundTruthLine) -> bool:
        if not _is_same_shape(line, other):
            return False
        one, another = thumbnail_of(line.image), thumbnail_of(other.image)
        return one is not None and another is not None and float(one @ another) > _ALIKE

    found = (
        (line, next((other for other in by_text.get(line.sample.text.strip(), ()) if is_alike(line, other)), None))
        for line in judged
    )
    pairs = [(line, other) for line, other in found if other is not None]
    if pairs:
        line, other = pairs[0]
        message = (
            f"{len(pairs)} of {len(judged)} {SPLIT_WORDS[second]} images look just like a {SPLIT_WORDS[first]} image "
            f"with the same text, so the score is too good: {line.image} and {other.image}"
        )
        hint = f"Take one of each two out ({SPLIT_KEYS[second]})."
        yield Finding(Severity.WARNING, "data.near_leak", message, line.sample.where, hint)


def _same_page(first: Split, second: Split, learnt: _Lines, judged: _Lines) -> Iterator[Finding]:
    if not learnt or not judged:
        return
    pages = page_names([line.image for line in (*learnt, *judged)], unknown_apart=True)
    both = {pages[line.image] for line in learnt} & {pages[line.image] for line in judged}
    if both:
        concerned = sum(pages[line.image] in both for line in judged)
        verb = "has" if len(both) == 1 else "have"
        message = (
            f"{plural(len(both), 'page')} {verb} {SPLIT_WORDS[first]} lines and {SPLIT_WORDS[second]} lines "
            f"({concerned} of {len(judged)}), so the score is better than on a page the model has never seen; "
            f"the first is {Path(min(both)).name}"
        )
        hint = "Split by page: `loghi-runner prepare`, or `data.pages`, does it."
        yield Finding(Severity.WARNING, "data.shared_page", message, SPLIT_KEYS[second], hint)


def _shared(first: _Lines, second: _Lines, digest_of: Callable[[Path], bytes]) -> _Lines:
    by_path = {line.image for line in first}
    by_size: dict[int, list[Path]] = {}
    for line in first:
        by_size.setdefault(line.bytes, []).append(line.image)

    @cache
    def digests(size: int) -> set[bytes]:
        return {digest_of(image) for image in by_size.get(size, ())}

    return [
        line
        for line in second
        if line.image in by_path or (line.bytes in by_size and digest_of(line.image) in digests(line.bytes))
    ]


def _is_same_shape(first: GroundTruthLine, second: GroundTruthLine) -> bool:
    factor = (first.width_px * second.height_px) / max(first.height_px * second.width_px, 1)
    return 1 / _SAME_SHAPE < factor < _SAME_SHAPE


def _digest(image: Path) -> bytes:
    return hashlib.blake2b(read_plain(image), digest_size=16).digest()


def _thumbnail(path: Path) -> NDArray[np.float64] | None:
    """A small grey version, without its mean and of length one; None where it cannot be read or is of one grey."""
    try:
        with open_plain(path) as file, Image.open(file) as image:
            small = image.convert("L").resize(_THUMBNAIL, Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError):
        return None  # an unreadable image is the trainer's to report
    grey = np.asarray(small, np.float64).ravel()
    grey -= grey.mean()
    size = float(np.linalg.norm(grey))
    return grey / size if size else None
