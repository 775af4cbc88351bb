"""Named checks before a run: characters, transparency, the output folder, disk space."""

import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from loghi_contract.job import CharsetPolicy
from loghi_contract.model_folder import ModelFacts
from loghi_contract.text import Normalization, normalization_for, normalize
from loghi_runner.config import NormalizationChoice, RunConfig
from loghi_runner.files import is_file, is_folder, is_there, real_path
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.images import GroundTruthLine
from loghi_runner.ground_truth.splits import Split
from loghi_runner.mounts import DataFolders, is_too_wide

_MAX_NAMED = 20
_MEGABYTE = 1_000_000
#: best_val, its replacement being written, and `last` with the optimizer's two numbers per weight, twice.
_MODEL_COPIES = 6
_RESERVE_BYTES = 200 * _MEGABYTE


class DiskUsage(Protocol):
    """What shutil.disk_usage gives, as far as it is needed."""

    @property
    def free(self) -> int: ...


def choose_normalization(config: RunConfig, base: ModelFacts | None) -> tuple[Normalization, tuple[Finding, ...]]:
    """The run's Unicode form; `auto` follows the base model's own characters."""
    choice = config.text.normalization
    if choice is not NormalizationChoice.AUTO:
        return Normalization(choice.value), ()
    keeps_charset = base is not None and config.charset is not CharsetPolicy.REPLACE
    chosen = normalization_for(base.tokenizer.characters) if base and keeps_charset else Normalization.NFC
    why = (
        "the base model writes accents as characters of their own"
        if chosen is Normalization.NONE
        else (
            "accented letters are one character, as the base model writes them"
            if keeps_charset
            else "accented letters are one character"
        )
    )
    message = f"text normalization is {chosen.value}: {why}"
    return chosen, (Finding(Severity.INFO, "charset.normalization", message, "text.normalization"),)


def check_characters(
    config: RunConfig, base: ModelFacts | None, normalization: Normalization, truth: GroundTruth
) -> Iterator[Finding]:
    """Which characters the model cannot write, and what the charset policy makes of them."""
    counts = {split: _count(lines, normalization) for split, lines in truth.splits.items()}
    train = counts.pop(Split.TRAIN, Counter())
    if not train or (base is None and isinstance(config.base_model, Path)):
        return  # no lines, or an unusable base model: said elsewhere
    if base is None or config.charset is CharsetPolicy.REPLACE:
        yield from _own_charset(base, train)
        yield from _never_learnt(_unknown(counts.values(), set(train)))
        return
    known = set(base.tokenizer.characters)
    if config.charset is CharsetPolicy.FAIL:
        yield from _refused(_unknown([train, counts.pop(Split.VAL, Counter())], known), truth, normalization)
    else:
        yield from _new(_unknown([train], known))
        known |= set(train)
    yield from _never_learnt(_unknown(counts.values(), known))


def _count(lines: Sequence[GroundTruthLine], normalization: Normalization) -> Counter[str]:
    counter: Counter[str] = Counter()
    for line in lines:
        counter.update(normalize(line.sample.text, normalization))
    return counter


def _unknown(counts: Iterable[Counter[str]], known: set[str]) -> Counter[str]:
    total = sum(counts, Counter[str]())
    return Counter({character: count for character, count in total.items() if character not in known})


def _own_charset(base: ModelFacts | None, train: Counter[str]) -> Iterator[Finding]:
    if base is None:
        message = f"the model will write the {len(train)} characters of the training lines, and no others"
        yield Finding(Severity.INFO, "charset.from_training", message, "charset")
        return
    lost = [character for character in base.tokenizer.characters if character not in train]
    names = f": {' '.join(map(shown, lost[:_MAX_NAMED]))}{' ...' if len(lost) > _MAX_NAMED else ''}" if lost else ""
    yield Finding(
        Severity.WARNING,
        "charset.replaced",
        f"charset: replace makes the output anew from the {len(train)} characters of the training lines: what the base "
        f"model learnt about its letters is lost, and {len(lost)} of its characters cannot be written any more{names}",
        where="charset",
        hint="`charset: extend` keeps them and adds the new ones.",
    )


def _refused(unknown: Counter[str], truth: GroundTruth, normalization: Normalization) -> Iterator[Finding]:
    if not unknown:
        return
    lines = [*truth.splits.get(Split.TRAIN, ()), *truth.splits.get(Split.VAL, ())]
    first = next(line for line in lines if set(normalize(line.sample.text, normalization)) & set(unknown))
    yield Finding(
        Severity.ERROR,
        "charset.unknown",
        f"{_characters(len(unknown))} in the training and validation lines cannot be written by the base model: "
        f"{_named(unknown)}; the first is in {first.sample.where}",
        where="charset",
        hint="`charset: extend` learns them too; or correct the texts.",
    )


def _new(unknown: Counter[str]) -> Iterator[Finding]:
    if unknown:
        verb = "is" if len(unknown) == 1 else "are"
        message = f"{_characters(len(unknown))} {verb} new to the base model: {_named(unknown)}"
        yield Finding(Severity.INFO, "charset.new", message, "charset")


def _never_learnt(unseen: Counter[str]) -> Iterator[Finding]:
    if unseen:
        verb = "occurs" if len(unseen) == 1 else "occur"
        message = (
            f"{_characters(len(unseen))} {verb} in no training line, only where the model is judged: {_named(unseen)}; "
            "the model cannot learn them, each counts as an error"
        )
        yield Finding(Severity.INFO, "charset.unseen", message, "charset")


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"


def _named(counts: Counter[str]) -> str:
    named = ", ".join(f"{shown(character)} ({count}x)" for character, count in counts.most_common(_MAX_NAMED))
    return named + (", ..." if len(counts) > _MAX_NAMED else "")


def shown(character: str) -> str:
    """A character so that a person can see it: combining marks on a circle, unprintable ones by number."""
    code = f"U+{ord(character):04X}"
    if unicodedata.combining(character):
        return f"◌{character} {code}"
    if character.isprintable() and not character.isspace():
        return character
    return f"{code} {unicodedata.name(character, 'without a name')}"


def check_transparency(config: RunConfig, base: ModelFacts | None, truth: GroundTruth) -> Iterator[Finding]:
    """Transparent line images given to a model that cannot see transparency."""
    if base is None or base.channels == 4:
        return
    transparent = [line for line in truth.lines() if line.has_transparency]
    if transparent:
        first = transparent[0]
        yield Finding(
            Severity.WARNING,
            "data.transparency",
            f"{len(transparent)} line images have a transparent background, but the base model sees {base.channels} "
            f"channel{'s' if base.channels > 1 else ''}: what is hidden behind the transparency becomes visible to it; "
            f"the first is {first.image}",
            where=first.sample.where,
            hint="Cut the line images without transparency, as for the base model.",
        )


def check_output(
    output: Path, data: DataFolders, base_model: Path | None, homes: Sequence[Path], pages: Sequence[Path] = ()
) -> Iterator[Finding]:
    """Whether runs can be written, and lie where they neither mix with the data nor vanish.

    Args:
        pages: the folders with the user's pages, if lines are cut from pages.
    """
    existing = nearest_existing(output)
    if not is_folder(existing):
        what = "a link that leads nowhere" if existing.is_symlink() and not is_file(existing) else "a file"
        message = f"{existing} is {what}, so no runs can be written below it"
        yield Finding(Severity.ERROR, "output.not_a_folder", message, "output", "Name a folder.")
    elif not os.access(existing, os.W_OK | os.X_OK):
        message = f"you may not write in {existing}"
        hint = "Name a folder of your own, or ask for permission."
        yield Finding(Severity.ERROR, "output.not_writable", message, "output", hint)
    real = real_path(output)
    for folder in data.folders:
        if folder == data.made:
            continue
        if real.is_relative_to(folder):
            message = f"the output {output} lies in {folder}, where the line images are"
            hint = f"Name a folder outside the data, such as {folder.parent / 'runs'}."
            yield Finding(Severity.ERROR, "output.in_data", message, "output", hint)
        elif folder.is_relative_to(real):
            message = f"the line images in {folder} lie in the output {output}"
            hint = "Name an output folder that holds nothing but runs."
            yield Finding(Severity.ERROR, "output.holds_data", message, "output", hint)
    for folder in map(real_path, pages):
        if real == folder or (real.is_relative_to(folder) and not _is_hidden_in(real, folder)):
            message = f"the output {output} lies in {folder}, where the pages are"
            hint = f"Name a folder outside of it, such as {folder.parent / 'runs'}."
            yield Finding(Severity.ERROR, "output.in_data", message, "output", hint)
    if base_model is not None and real.is_relative_to(base_model):
        message = f"the output {output} lies in the base model's folder"
        yield Finding(Severity.ERROR, "output.in_base_model", message, "output", "Name a folder of its own.")
    if base_model is not None and is_too_wide(base_model, homes):
        message = f"the base model lies in {base_model} itself; the trainer would see everything in there"
        hint = "Move its files to a folder of their own."
        yield Finding(Severity.ERROR, "model.folder_too_wide", message, "base_model", hint)
    for folder in data.refused:
        message = f"line images lie directly in {folder}; the trainer would see everything in there"
        hint = "Move them to a folder of their own."
        yield Finding(Severity.ERROR, "data.folder_too_wide", message, str(folder), hint)
    yield from _temporary(output, real)


def _is_hidden_in(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _temporary(output: Path, real: Path) -> Iterator[Finding]:
    places = (Path("/tmp"), Path("/var/tmp"), Path(tempfile.gettempdir()).resolve())  # noqa: S108  # to warn of them
    if any(real.is_relative_to(place) for place in places):
        yield Finding(
            Severity.WARNING,
            "output.temporary",
            f"the output {output} is a temporary folder: models have been lost that way, at the next restart",
            where="output",
            hint="Name a folder that is kept.",
        )


def check_disk(output: Path, model_bytes: int, disk_usage: Callable[[Path], DiskUsage]) -> Iterator[Finding]:
    """Whether the run fits on the disk; `model_bytes` 0 is an unusable base model, said elsewhere."""
    if not model_bytes:
        return
    needed = _MODEL_COPIES * model_bytes + _RESERVE_BYTES
    folder = nearest_existing(output)
    if not is_folder(folder):
        return  # said elsewhere
    free = disk_usage(folder).free
    if free < needed:
        yield Finding(
            Severity.ERROR,
            "disk.full",
            f"the run needs about {_megabytes(needed)} MB in {folder}, {_megabytes(free)} MB are free",
            where="output",
            hint="Make room, or name an output folder on another disk.",
        )


def nearest_existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if is_there(folder))


def _megabytes(count: int) -> str:
    return f"{count / _MEGABYTE:.0f}"
