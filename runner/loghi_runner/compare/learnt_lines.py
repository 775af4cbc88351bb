"""Lines that a model learnt from, found again among others: a score on them says nothing of lines it has never seen.

A line is known again by its page and id, whatever folder it lies in and however it was cut, and by its image. Names
come again in other documents, so they count only where the texts of a page agree, too; not all, as somebody may have
corrected some since.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from loghi_contract.lines import SkippedLine, SkipReason
from loghi_contract.text import Normalization, normalize
from loghi_runner.compare.truth_lines import Truth, TruthLine
from loghi_runner.engines.mounts import host_image
from loghi_runner.errors import DataError
from loghi_runner.evaluation.counts import Variant, as_variant
from loghi_runner.files import file_sha256, real_path
from loghi_runner.findings import Finding, Severity
from loghi_runner.line_pages import page_name, page_names
from loghi_runner.models.find import NamedModel
from loghi_runner.runs.folder import RunFolder

#: Training lines, those that chose the best epoch, those that were mixed in, those learnt as the model read them.
_SPLITS = ("train", "val", "old_hand", "unread")
#: So many of the texts of a page's lines must be those of the lines of the same names.
_SAME_TEXTS = 0.5

#: A line's page, and the rest of its image's name.
_Key = tuple[str, str]
_T = TypeVar("_T")


@dataclass
class _Learnt:
    texts: dict[_Key, set[str]] = field(default_factory=dict)
    images: set[Path] = field(default_factory=set)


def without_learnt(truth: Truth, models: Sequence[NamedModel]) -> Truth:
    """The lines that no model learnt from; the others are skipped, and a finding says so.

    What a base model learnt from nobody knows, nor what a model from elsewhere did.

    Raises:
        DataError: none is left.
    """
    skipped: dict[str, SkippedLine] = {}
    findings = []
    for model in models:
        found = _found_in(truth.lines, _learnt_by(model.run)) if model.run is not None else []
        for line in found:
            skipped[line.id] = SkippedLine(line.name, line.text, line.name, SkipReason.LEARNT, model.name)
        if found and len(found) < len(truth.lines):
            count, lines = len(found), len(truth.lines)
            message = f"{count} of {lines} lines are taken out: {model.name} learnt from them, or they chose it"
            findings.append(Finding(Severity.WARNING, "evaluate.learnt_lines", message, where=truth.source))
    kept = tuple(line for line in truth.lines if line.id not in skipped)
    if not kept and truth.lines:
        names = " and ".join(dict.fromkeys(line.detail for line in skipped.values()))
        raise DataError(
            "evaluate.all_learnt",
            f"{names} learnt from all {len(truth.lines)} lines of {truth.source}, or they chose it: "
            "a score on them would say nothing of new lines",
            hint="Name lines it has never seen; `loghi-runner evaluate RUN RUN` takes the run's own test lines.",
        )
    skips, told = (*truth.skipped, *skipped.values()), (*truth.findings, *findings)
    return replace(truth, lines=kept, skipped=skips, findings=told)


def _learnt_by(run: RunFolder) -> _Learnt:
    learnt = _Learnt()
    data_folders = run.read().data_folders
    for split in _SPLITS:
        samples = run.read_list(split) or []
        pages = page_names([PurePosixPath(sample.image) for sample in samples])
        for sample in samples:
            image = PurePosixPath(sample.image)
            learnt.texts.setdefault(_key(pages[image], image), set()).add(_comparable(sample.text))
            on_host = host_image(image, data_folders)
            if on_host is not None:
                learnt.images.add(real_path(on_host))
    return learnt


def _found_in(lines: Iterable[TruthLine], learnt: _Learnt) -> list[TruthLine]:
    lines = list(lines)
    by_image = _same_images({line.image for line in lines}, learnt.images)
    found = {line.id for line in lines if line.image in by_image}
    named: dict[str, list[TruthLine]] = {}
    for line in lines:
        if _key(line.page, PurePath(line.name)) in learnt.texts:
            named.setdefault(line.page, []).append(line)
    for of_page in named.values():
        same = sum(_comparable(line.text) in learnt.texts[_key(line.page, PurePath(line.name))] for line in of_page)
        if same >= _SAME_TEXTS * len(of_page):
            found |= {line.id for line in of_page}
    return [line for line in lines if line.id in found]


def _same_images(images: Collection[Path], learnt: Collection[Path]) -> set[Path]:
    """Those whose bytes are an image's that was learnt from, as far as these are still there."""
    sizes = {image: _known(image, _size) for image in images}
    # hardly any image has the size of another: few are read
    wanted = set(sizes.values()) - {None}
    alike = [path for path in learnt if _known(path, _size) in wanted]
    learnt_sizes = {_known(path, _size) for path in alike}
    digests = {_known(path, file_sha256) for path in alike} - {None}
    return {image for image in images if sizes[image] in learnt_sizes and _known(image, file_sha256) in digests}


def _size(path: Path) -> int:
    return path.stat().st_size


def _known(path: Path, ask: Callable[[Path], _T]) -> _T | None:
    try:
        return ask(path)
    except OSError:
        return None


def _key(page: str, image: PurePath) -> _Key:
    name = page_name(page)
    return name, image.stem.removeprefix(f"{name}-")


def _comparable(text: str) -> str:
    """As texts are scored, in one Unicode form."""
    return as_variant(normalize(text, Normalization.NFC), Variant.DIPLOMATIC)
