"""Hashes of what a run learns from: by them it is known later whether lines are still those, and which one is not."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Mount
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.files import file_sha256
from loghi_runner.runs.folder import RunFolder, RunRecord
from loghi_runner.wording import split_word

#: Of a list with a million lines.
_MAX_BYTES = 1 << 30
_NAMED = 3


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


def data_faults(folder: RunFolder, record: RunRecord, mounts: Sequence[Mount]) -> list[str]:
    """What is not as the run's lines were when it began: each image that is gone or another, and changed lists.

    Args:
        mounts: where the line images of the run's lists are now.
    """
    lists = {name: lines for name in folder.list_names() if (lines := folder.read_named_list(name))}
    images, noted = image_hashes(lists, mounts), read_hashes(folder.images_file)
    now = data_sha256(lists, images)
    faults = [f"the list of the {split_word(split)} is gone" for split in record.data_sha256 if split not in lists]
    for split, lines in lists.items():
        words = split_word(split)
        named = [
            f"a line image is {'gone' if image not in images else 'not what it was'} ({words}): {_place(mounts, image)}"
            for image in dict.fromkeys(line.image for line in lines)
            if image not in images or noted.get(image, images[image]) != images[image]
        ]
        if not named and split in record.data_sha256 and now.get(split) != record.data_sha256[split]:
            which = "texts or their order in the run's own list" if noted else "images or texts"
            named = [f"the {words} are not what they were: {which} were changed"]
        faults += named
    return faults


def _place(mounts: Sequence[Mount], image: str) -> str:
    try:
        return str(on_this_machine(mounts, image))
    except ValueError:
        return image  # of a list that somebody else has written into


def in_one_sentence(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(faults[:_NAMED]) + more
