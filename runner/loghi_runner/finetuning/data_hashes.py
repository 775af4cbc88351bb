"""What a run learnt from, as one hash a split: the same lines give the same hash wherever their files lie."""

import hashlib
from collections.abc import Mapping, Sequence

from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Mount
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.files import file_sha256


def data_sha256(lists: Mapping[str, Sequence[LineSample]], mounts: Sequence[Mount]) -> dict[str, str]:
    """The hash of each split: over the content of each image with its weight and text, in the order of the lines.

    A split with an image that cannot be read has none.

    Args:
        lists: with container paths, which `mounts` leads to files.
    """
    found = {}
    for split, samples in lists.items():
        total = hashlib.sha256()
        try:
            for sample in samples:
                content = file_sha256(on_this_machine(mounts, sample.image))
                total.update(f"{content}\t{sample.weight}\t{sample.text}\n".encode("utf-8", "surrogateescape"))
        except OSError:
            continue
        found[split] = total.hexdigest()
    return found
