"""`loghi-runner prepare`: transcribed pages into line images, texts and line lists in Loghi's layout."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.cut import Cut
from loghi_contract.job import Split
from loghi_contract.lines import SkippedLine, format_skipped
from loghi_contract.records import to_json
from loghi_runner.aliases import OnProgress, Row
from loghi_runner.config.schema import SplitConfig
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import breaks_lines, cannot_write, is_utf8, real_path, write_together
from loghi_runner.findings import Finding, Severity, errors, for_folder
from loghi_runner.ground_truth.cut_pages import cut_pages
from loghi_runner.ground_truth.line_store import RECORD_FILE, read_record
from loghi_runner.ground_truth.lines import GroundTruthLine
from loghi_runner.ground_truth.page_preview import PreviewLine, choose_lines, write_preview
from loghi_runner.ground_truth.split import format_split, read_split, split_pages
from loghi_runner.ground_truth.survey import SurveyedPage, survey_pages
from loghi_runner.locks import FileLock, Timeout, take
from loghi_runner.pages.find import find_pages
from loghi_runner.pages.texts import TextOptions
from loghi_runner.wording import SPLIT_WORDS, counted, plural, short_path

SPLIT_FILE = "split.tsv"
SKIPPED_FILE = "skipped_lines.tsv"
PREVIEW_FILE = "preview.html"

#: Loghi's own names for its lists.
LIST_FILES = {
    Split.TRAIN: "training_all_train.txt",
    Split.VAL: "training_all_val.txt",
    Split.TEST: "training_all_test.txt",
}
ALL_FILE = "training_all.txt"

_NAMED_FAILURES = 5


@dataclass(frozen=True)
class PrepareOptions:
    """`relative` lists name images relative to themselves: for a folder that will be moved."""

    text: TextOptions
    split: SplitConfig
    cut: Cut = Cut.LOGHI
    channels: int = 4
    workers: int | None = None
    relative: bool = False
    preview: bool = False


@dataclass(frozen=True)
class Prepared:
    """What came out; `reused` pages were there already and unchanged."""

    out: Path
    lines: tuple[tuple[Split, GroundTruthLine], ...]
    skipped: tuple[tuple[Split, SkippedLine], ...]
    pages: int
    reused: int
    failed: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> Counter[Split]:
        return Counter(split for split, _line in self.lines)


def prepare(folder: Path, out: Path, options: PrepareOptions, on_progress: OnProgress) -> Prepared:
    """Read, split and cut all pages of a folder; nothing but what is in `out` and ours is written or replaced.

    Raises:
        DataError: no page can be used.
        EngineError: `out` cannot be written, or another `prepare` writes there.
        UsageError: `out` and the pages' folder lie in each other, or no list could name what is in `out`.
    """
    _require_apart(real_path(folder), real_path(out))
    if not options.relative:
        _require_listable(real_path(out))
    survey = survey_pages(
        [find_pages(folder)], options.text, options.cut, folder, partial(on_progress, "reading pages")
    )
    division = split_pages(survey.pages, options.split, read_split(out / SPLIT_FILE))
    # one page is enough to be cut; only a training needs another to be judged by
    findings = tuple(
        replace(finding, severity=Severity.WARNING) if finding.code == "data.one_page" else finding
        for finding in for_folder((*survey.findings, *division.findings), folder)
    )
    for wrong in errors(findings):
        raise DataError(wrong.code, wrong.message, where=wrong.where, hint=wrong.hint)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with take(FileLock(out / ".lock"), timeout_s=0):
            return _write(survey.pages, division.parts, out, options, findings, on_progress)
    except Timeout as error:
        hint = "Wait until it is done, or name another folder."
        raise EngineError("prepare.busy", f"another prepare writes into {out}", hint=hint) from error
    except OSError as error:
        hint = "Name another folder, or free space there; the lists of an earlier time are as they were."
        raise cannot_write("the line images", error, out, error.filename or out, hint) from error


def summary_rows(prepared: Prepared, *, preview: bool) -> list[Row]:
    """What `prepare` tells in the end: label and text of each row, what to type next last."""
    counts = prepared.counts
    reused = f" ({prepared.reused} unchanged since last time)" if prepared.reused else ""
    rows = [("pages", f"{prepared.pages - len(prepared.failed)} cut{reused}")]
    for number, (page, why) in enumerate(sorted(prepared.failed.items())):
        if number == _NAMED_FAILURES:
            rows.append(("", f"... and {len(prepared.failed) - number} more"))
            break
        rows.append(("failed" if number == 0 else "", f"{page}: {why}"))
    rows += [
        (SPLIT_WORDS[split], f"{plural(counts[split], 'line')}  {short_path(prepared.out / name)}")
        for split, name in LIST_FILES.items()
        if counts[split]
    ]
    if prepared.skipped:
        reasons = Counter(line.reason.value for _, line in prepared.skipped)
        skipped = f"{plural(len(prepared.skipped), 'line')}: {counted(reasons)}"
        rows.append(("skipped", f"{skipped}  {short_path(prepared.out / SKIPPED_FILE)}"))
    rows.append(("split", short_path(prepared.out / SPLIT_FILE)))
    if preview:
        rows.append(("preview", short_path(prepared.out / PREVIEW_FILE)))
    rows.append(("next", "loghi-runner init CONFIG, then give data.train, data.validation and data.test these lists"))
    return rows


def prepared_json(prepared: Prepared) -> dict[str, Any]:
    """What `prepare --json` says; the keys are a promise to scripts."""
    out, counts = prepared.out.absolute(), prepared.counts
    lists = {split.value: str(out / name) for split, name in LIST_FILES.items() if counts[split]}
    return {
        "kind": "prepared",
        "out": str(out),
        "pages": prepared.pages,
        "reused": prepared.reused,
        "failed": prepared.failed,
        "lines": {split.value: counts[split] for split in LIST_FILES},
        "lists": {"all": str(out / ALL_FILE), **lists},
        "skipped": [{"split": split.value, **to_json(line)} for split, line in prepared.skipped],
        "findings": [to_json(finding) for finding in prepared.findings],
    }


def _require_apart(pages: Path, out: Path) -> None:
    if out.is_relative_to(pages) or pages.is_relative_to(out):
        message = f"the pages in {pages} and the line images in {out} would lie in each other"
        hint = f"Name a folder beside the pages, such as {pages.parent / (pages.name + '_lines')}."
        raise UsageError("prepare.mixed", message, hint=hint)


def _require_listable(out: Path) -> None:
    if not is_utf8(out) or breaks_lines(out):
        message = f"the path of the output has a TAB, a line break or bytes that are no UTF-8: {str(out)!r}"
        hint = "Name another folder, or give `--relative`: line lists cannot hold such a path."
        raise UsageError("output.odd_name", message, hint=hint)


def _write(
    surveyed: Sequence[SurveyedPage],
    parts: Mapping[str, Split],
    out: Path,
    options: PrepareOptions,
    findings: tuple[Finding, ...],
    on_progress: OnProgress,
) -> Prepared:
    pages = [page for page in surveyed if page.lines]
    cut = cut_pages(
        pages,
        lambda page: out / page.file.name,
        cut=options.cut,
        channels=options.channels,
        workers=options.workers,
        on_page=partial(on_progress, "cutting pages"),
    )
    lines = tuple((parts[page.file.name], line) for page in pages for line in cut.lines(page))
    skipped = tuple((parts[page.file.name], line) for page in surveyed for line in (*page.skipped, *cut.not_cut(page)))
    lists = {ALL_FILE: [line for _, line in lines]}
    for split, line in lines:
        lists.setdefault(LIST_FILES[split], []).append(line)
    tables = {
        out / SPLIT_FILE: format_split(surveyed, parts),
        out / SKIPPED_FILE: format_skipped((split.value, line) for split, line in skipped),
    }
    write_together(
        tables | {out / name: _format(found, out, relative=options.relative) for name, found in lists.items()}
    )
    for name in LIST_FILES.values() - lists.keys():
        # of an earlier split with other shares: training on it now would be a leak
        (out / name).unlink(missing_ok=True)
    if options.preview:
        shown = [
            PreviewLine(line.image, line.sample.text, SPLIT_WORDS[split], line.width_px / line.height_px)
            for split, line in lines
        ]
        write_preview(out / PREVIEW_FILE, choose_lines(shown), title=f"{out.name}: lines and their texts")
    reused = sum(page.reused for page in cut.pages.values())
    gone = _no_longer_made(out, {page.file.name for page in pages})
    return Prepared(out, lines, skipped, len(pages), reused, cut.failed, (*findings, *gone))


def _format(lines: Iterable[GroundTruthLine], out: Path, *, relative: bool) -> str:
    rows = ((line.image.relative_to(out) if relative else line.image.absolute(), line.sample.text) for line in lines)
    return "".join(f"{image}\t{text}\n" for image, text in rows)


def _no_longer_made(out: Path, names: set[str]) -> list[Finding]:
    """Folders of pages that are gone now: left alone, as everything is that a person may still want."""
    gone = sorted(
        entry.name
        for entry in out.iterdir()
        if entry.is_dir() and entry.name not in names and (entry / RECORD_FILE).is_file() and read_record(entry)
    )
    if not gone:
        return []
    message = (
        f"{len(gone)} folders in {out} are of pages that are no longer there, such as {gone[0]}; no list names them"
    )
    return [Finding(Severity.INFO, "prepare.gone", message, str(out), "Remove them if nothing else needs them.")]
