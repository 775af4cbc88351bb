"""Hashes of what a run learns from: by them it is known later whether lines are still those, and which one is not."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from loghi_contract.files import read_plain
from loghi_contract.job import Split
from loghi_contract.lines import LineSample
from loghi_runner.engines.base import Mount
from loghi_runner.engines.mounts import on_this_machine
from loghi_runner.errors import DataError
from loghi_runner.files import as_utf8, file_sha256, is_there
from loghi_runner.runs.folder import RunFolder, RunRecord
from loghi_runner.runs.made_of import MORE_TEXTS
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


def data_sha256(
    lists: Mapping[str, Sequence[LineSample]], images: Mapping[str, str], more_texts: Sequence[str]
) -> dict[str, str]:
    """The hash of each split: over the content of each image with its weight and text, in the order of the lines.

    A split with an image that cannot be read has none. Texts for the language model alone have one, too.

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
    if more_texts:
        found[MORE_TEXTS] = hashlib.sha256(format_texts(more_texts)).hexdigest()
    return found


def format_texts(more_texts: Sequence[str]) -> bytes:
    """As the trainer reads them, one a line."""
    return as_utf8("".join(f"{text}\n" for text in more_texts))


def require_unread_apart(lists: Mapping[str, Sequence[LineSample]], images: Mapping[str, str]) -> None:
    """Raise DataError where an unread line is one that the model is judged by, now that all lines have an image.

    Args:
        images: as of `image_hashes`.
    """
    unread = {images[line.image]: line.image for line in lists.get(Split.UNREAD.value, ()) if line.image in images}
    for split in (Split.VAL, Split.TEST, Split.BASE_DOMAIN):
        for line in lists.get(split.value, ()):
            if (image := unread.get(images.get(line.image, ""))) is not None:
                message = f"an unread line is one of the {split_word(split)}: {PurePosixPath(image).name}"
                hint = "Take its page out of training.unread: what a model has learnt must not judge it."
                raise DataError("data.unread_judges", message, where="training.unread", hint=hint)


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
    now = data_sha256(lists, images, folder.read_more_texts())
    known = {*lists, MORE_TEXTS}
    faults = [_lost_list(folder, split) for split in record.data_sha256 if split not in known]
    if MORE_TEXTS in record.data_sha256 and now.get(MORE_TEXTS) != record.data_sha256[MORE_TEXTS]:
        faults.append(f"the {split_word(MORE_TEXTS)} in the run's own folder are not what they were")
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


def _lost_list(folder: RunFolder, split: str) -> str:
    file = folder.list_file(split)
    why = f"empty or damaged: {file.relative_to(folder.path)}" if is_there(file) else "gone"
    return f"the list of the {split_word(split)} is {why}"


def _place(mounts: Sequence[Mount], image: str) -> str:
    try:
        return str(on_this_machine(mounts, image))
    except ValueError:
        return image  # of a list that somebody else has written into


def in_one_sentence(faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(faults[:_NAMED]) + more
