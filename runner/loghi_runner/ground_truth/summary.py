"""What `prepare` tells in the end."""

from collections import Counter
from typing import Any  # JSON values have no narrower type

from loghi_contract.job import Split
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.ground_truth.prepare import ALL_FILE, LIST_FILES, PREVIEW_FILE, SKIPPED_FILE, SPLIT_FILE, Prepared
from loghi_runner.wording import SPLIT_WORDS, counted, plural, short_path

_NAMED_FAILURES = 5


def summary_rows(prepared: Prepared, *, preview: bool) -> list[Row]:
    """Label and text of each row, what to type next last."""
    counts = prepared.counts
    reused = f" ({prepared.reused} unchanged since last time)" if prepared.reused else ""
    rows = [("pages", f"{prepared.pages - len(prepared.failed)} cut{reused}")]
    for number, (page, why) in enumerate(sorted(prepared.failed.items())):
        if number == _NAMED_FAILURES:
            rows.append(("", f"... and {len(prepared.failed) - number} more"))
            break
        rows.append(("failed" if number == 0 else "", f"{page}: {why}"))
    rows += [
        (SPLIT_WORDS[split], f"{plural(counts[split], 'line')}  {short_path(prepared.out / LIST_FILES[split])}")
        for split in LIST_FILES
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
    return {
        "kind": "prepared",
        "out": str(prepared.out.absolute()),
        "pages": prepared.pages,
        "reused": prepared.reused,
        "failed": prepared.failed,
        "lines": {split.value: prepared.counts[split] for split in (Split.TRAIN, Split.VAL, Split.TEST)},
        "lists": {
            "all": str(prepared.out.absolute() / ALL_FILE),
            **{
                split.value: str(prepared.out.absolute() / name)
                for split, name in LIST_FILES.items()
                if prepared.counts[split]
            },
        },
        "skipped": [{"split": split.value, **to_json(line)} for split, line in prepared.skipped],
        "findings": [to_json(finding) for finding in prepared.findings],
    }
