"""Images that are in two splits, or nearly: a score on lines the model has learnt says nothing."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loghi_contract.files import open_plain, read_plain
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.line_pages import page_names
from loghi_runner.wording import plural

_Lines = Sequence[GroundTruthLine]
_PAIRS = (("train", "val"), ("train", "test"), ("val", "test"), ("train", "base_domain"))
_KEYS = {"train": "data.train", "val": "data.validation", "test": "data.test", "base_domain": "data.base_domain"}

#: Thumbnails of one line image are at least so alike, whatever its size, format or a shift by two pixels; those of two
#: images with the same text were 0.48 at most, on 733 real lines.
_ALIKE = 0.7
_THUMBNAIL = (48, 12)
#: Images of one line differ in shape by so little, as a factor.
_SAME_SHAPE = 1.06


def find_leaks(splits: Mapping[str, _Lines], words: Mapping[str, str]) -> Iterator[Finding]:
    """Compare splits by path, by content, by look and by page.

    Args:
        words: what to call a split, such as `validation`.
    """
    digests = _Digests()
    # lines that are not cut yet have no image to compare; their pages are split whole
    cut = {name: [line for line in lines if line.is_cut] for name, lines in splits.items()}
    for name, lines in cut.items():
        yield from _repeated(name, lines, words)
    for first, second in _PAIRS:
        learnt, judged = cut.get(first, ()), cut.get(second, ())
        shared = _shared(learnt, judged, digests)
        if shared:
            yield _leak(first, second, shared, len(judged), words)
        known = {line.image for line in shared}
        rest = [line for line in judged if line.image not in known]
        yield from _alike(first, second, learnt, rest, words)
        yield from _same_page(first, second, learnt, rest, words)


def _repeated(name: str, lines: _Lines, words: Mapping[str, str]) -> Iterator[Finding]:
    counts = Counter(line.image for line in lines)
    repeated = [image for image, count in counts.items() if count > 1]
    if repeated:
        verb = "stands" if len(repeated) == 1 else "stand"
        message = f"{plural(len(repeated), f'{words[name]} image')} {verb} in the list more than once: {repeated[0]}"
        hint = "Each of them counts so many times more than the others."
        yield Finding(Severity.WARNING, "data.repeated", message, _KEYS[name], hint)


def _leak(first: str, second: str, shared: _Lines, total: int, words: Mapping[str, str]) -> Finding:
    spoils_all = (first, second) == ("train", "val") and len(shared) == total
    example = shared[0]
    count = f"all {total}" if len(shared) == total else f"{len(shared)} of {total}"
    return Finding(
        Severity.ERROR if spoils_all else Severity.WARNING,
        "data.leak",
        f"{count} {words[second]} images are also {words[first]} images, so their score is too good; "
        f"the first is {example.image}",
        where=example.sample.where,
        hint=f"Take these lines out of one of the two lists ({_KEYS[second]}).",
    )


def _alike(first: str, second: str, learnt: _Lines, judged: _Lines, words: Mapping[str, str]) -> Iterator[Finding]:
    """Images of one line in another size or format: with the same text, of the same shape, and alike to the eye."""
    by_text: dict[str, list[GroundTruthLine]] = {}
    texts = {line.sample.text.strip() for line in judged}
    for line in learnt:
        if line.sample.text.strip() in texts:
            by_text.setdefault(line.sample.text.strip(), []).append(line)
    thumbnails = _Thumbnails()
    pairs = []
    for line in judged:
        for other in by_text.get(line.sample.text.strip(), ()):
            if _is_same_shape(line, other) and thumbnails.likeness(line.image, other.image) > _ALIKE:
                pairs.append((line, other))
                break
    if pairs:
        line, other = pairs[0]
        yield Finding(
            Severity.WARNING,
            "data.near_leak",
            f"{len(pairs)} of {len(judged)} {words[second]} images look just like a {words[first]} image with the same "
            f"text, so the score is too good: {line.image} and {other.image}",
            where=line.sample.where,
            hint=f"Take one of each two out ({_KEYS[second]}).",
        )


def _same_page(first: str, second: str, learnt: _Lines, judged: _Lines, words: Mapping[str, str]) -> Iterator[Finding]:
    if not learnt or not judged:
        return
    pages = page_names([line.image for line in (*learnt, *judged)], unknown_apart=True)
    both = {pages[line.image] for line in learnt} & {pages[line.image] for line in judged}
    concerned = [line for line in judged if pages[line.image] in both]
    if concerned:
        verb = "has" if len(both) == 1 else "have"
        yield Finding(
            Severity.WARNING,
            "data.shared_page",
            f"{plural(len(both), 'page')} {verb} {words[first]} lines and {words[second]} lines ({len(concerned)} of "
            f"{len(judged)}), so the score is better than on a page the model has never seen; the first is "
            f"{Path(min(both)).name}",
            where=_KEYS[second],
            hint="Split by page: `loghi-runner prepare`, or `data.pages`, does it.",
        )


def _shared(first: _Lines, second: _Lines, digests: "_Digests") -> _Lines:
    by_path = {line.image for line in first}
    by_size: dict[int, list[Path]] = {}
    for line in first:
        by_size.setdefault(line.bytes, []).append(line.image)
    by_content: dict[int, set[bytes]] = {}
    shared = []
    for line in second:
        same_size = by_size.get(line.bytes)
        if line.image in by_path:
            shared.append(line)
        elif same_size:
            if line.bytes not in by_content:
                by_content[line.bytes] = {digests.of(image) for image in same_size}
            if digests.of(line.image) in by_content[line.bytes]:
                shared.append(line)
    return shared


def _is_same_shape(first: GroundTruthLine, second: GroundTruthLine) -> bool:
    factor = (first.width_px * second.height_px) / max(first.height_px * second.width_px, 1)
    return 1 / _SAME_SHAPE < factor < _SAME_SHAPE


class _Digests:
    """Content digests, each file read once and only when another split has one of its size."""

    def __init__(self) -> None:
        self._known: dict[Path, bytes] = {}

    def of(self, image: Path) -> bytes:
        digest = self._known.get(image)
        if digest is None:
            digest = self._known[image] = hashlib.blake2b(read_plain(image), digest_size=16).digest()
        return digest


class _Thumbnails:
    """Small grey versions of images, without their mean and of length one; made only where they are asked for."""

    def __init__(self) -> None:
        self._known: dict[Path, NDArray[np.float64] | None] = {}

    def likeness(self, first: Path, second: Path) -> float:
        """The correlation of two images, 1 at most; 0 where one cannot be read or is of one grey."""
        one, other = self._of(first), self._of(second)
        return 0.0 if one is None or other is None else float(one @ other)

    def _of(self, path: Path) -> NDArray[np.float64] | None:
        if path not in self._known:
            self._known[path] = _thumbnail(path)
        return self._known[path]


def _thumbnail(path: Path) -> NDArray[np.float64] | None:
    try:
        with open_plain(path) as file, Image.open(file) as image:
            small = image.convert("L").resize(_THUMBNAIL, Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError):
        return None  # an unreadable image is the trainer's to report
    grey = np.asarray(small, np.float64).ravel()
    grey -= grey.mean()
    size = float(np.linalg.norm(grey))
    return grey / size if size else None
