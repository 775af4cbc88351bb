"""Images that are in two splits: a score on lines the model has learnt says nothing."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.images import GroundTruthLine

_Lines = Sequence[GroundTruthLine]
_PAIRS = (("train", "val"), ("train", "test"), ("val", "test"), ("train", "base_domain"))
_KEYS = {"val": "data.validation", "test": "data.test", "base_domain": "data.base_domain"}


def find_leaks(splits: Mapping[str, _Lines], words: Mapping[str, str]) -> Iterator[Finding]:
    """Compare splits by real path and by content.

    Args:
        words: what to call a split, such as `validation`.
    """
    digests = _Digests()
    # lines that are not cut yet have no image to compare; their pages are split whole
    cut = {name: [line for line in lines if line.is_cut] for name, lines in splits.items()}
    for first, second in _PAIRS:
        shared = _shared(cut.get(first, ()), cut.get(second, ()), digests)
        if shared:
            yield _finding(first, second, shared, len(splits[second]), words)


def _finding(first: str, second: str, shared: _Lines, total: int, words: Mapping[str, str]) -> Finding:
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


class _Digests:
    """Content digests, each file read once and only when another split has one of its size."""

    def __init__(self) -> None:
        self._known: dict[Path, bytes] = {}

    def of(self, image: Path) -> bytes:
        digest = self._known.get(image)
        if digest is None:
            digest = self._known[image] = hashlib.blake2b(image.read_bytes(), digest_size=16).digest()
        return digest
