"""Hashes of what a run learns from: by them it is known later whether lines are still those, and which one is not."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Mount
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.files import file_sha256

#: Of a list with a million lines.
_MAX_BYTES = 1 << 30


def image_hashes(lists: Mapping[str, Sequence[LineSample]], mounts: Sequence[Mount]) -> dict[str, str]:
    """The hash of each line image by its path in the container; one that cannot be read has none.

    Args:
        lists: with container paths, which `mounts` leads to files.
    """
    found = {}
    for image in dict.fromkeys(sample.image for samples in lists.values() for sample in samples):
        try:
            found[image] = file_sha256(on_this_machine(mounts, image))
        except (OSError, ValueError):
            continue
    return found


def data_sha256(lists: Mapping[str, Sequence[LineSample]], images: Mapping[str, str]) -> dict[str, str]:
    """The hash of each split: over the content of each image with its weight and text, in the order of the lines.

    A split with an image that cannot be read has none.

    Args:
        images: as of `image_hashes`.
    """
    found = {}
    for split, samples in lists.items():
        total = hashlib.sha256()
        if any(sample.image not in images for sample in samples):
            continue
        for sample in samples:
            # the weight as a list gives it back
            row = f"{images[sample.image]}\t{float(f'{sample.weight:g}')}\t{sample.text}\n"
            total.update(row.encode("utf-8", "surrogateescape"))
        found[split] = total.hexdigest()
    return found


def format_hashes(images: Mapping[str, str]) -> str:
    """One line for each image, hash and path, as `sha256sum` writes them."""
    return "".join(f"{digest}  {image}\n" for image, digest in images.items())


def read_hashes(file: Path) -> dict[str, str]:
    """What `format_hashes` wrote; nothing where there is no such file, as in runs of earlier versions."""
    try:
        rows = read_plain(file, _MAX_BYTES).decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return {}
    pairs = (row.split("  ", 1) for row in rows if row)
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
