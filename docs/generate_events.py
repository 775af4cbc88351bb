"""Writes docs/events.md from the contract; `--check` exits 1 when the page is stale."""

import dataclasses
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from generated_page import write_or_check

from loghi_contract.event_lines import EVENT_VERSION, MAX_LINE_BYTES
from loghi_contract.events import KINDS, TERMINAL_KINDS

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "events.md"
EXAMPLES = ROOT / "tests" / "unit" / "golden_events.jsonl"

_HEAD = f"""\
# Events

<!-- Written by docs/generate_events.py from the contract; do not edit. -->

A run's record is `out/events.jsonl`: UTF-8, one JSON object a line, at most {MAX_LINE_BYTES} bytes. The same lines
are the trainer's standard output, and `loghi-runner finetune --json` and `loghi-runner logs RUN --json` print them.

- Readers leave out kinds and keys they do not know; a line that is no event is left out too.
- There are no NaN: a number that is not finite is `null`.
- `cer` and `wer` are fractions, pooled over the split, and may be above 1. Times are seconds.
- A run ends with exactly one of {" and ".join(f"`{kind}`" for kind in TERMINAL_KINDS)}. When the process dies before
  it, the host concludes from the exit code and the end of `console.log`.
- A run that goes on after an interruption, or after its end, writes on in the same file: `resumed` says from where, and
  what was told before of later epochs and steps, and of an end, holds no longer.

Every event has these keys:

| key | type | meaning |
|---|---|---|
| `v` | integer | version of this format, {EVENT_VERSION} |
| `seq` | integer | number of the event, from 0 |
| `t` | number | time, in seconds since 1970 (UTC) |
| `run` | text | the run's id |
| `kind` | text | one of the kinds below |

`finetune --json` prints, besides, lines of its own: `plan` and `run` before the events; `queued` while it waits for a
card (`position`, `of`, `since`, `summary`, `reason`, `advice`), again when that changes; `note` when the user stops the
run; and at the end `run_record` (run.json with the path of the model), or `error` when nothing was started.
"""

#: What the fields mean where their name does not say it.
_MEANINGS = {
    ("started", "device"): "what the training really runs on; `kind` is cpu or gpu, `cards` how many of it",
    ("started", "pid"): "process id, as the trainer sees it",
    ("started", "machine"): "the processor, the cores that may be used, and into how many parts a batch is divided",
    ("resumed", "epoch"): "so many epochs hold",
    ("resumed", "step"): "so many steps of the next epoch are done",
    ("phase", "name"): "trying, reading_data, loading_model, folds, training, self_training, evaluating or saving",
    ("trial", "way"): "what is tried: a cut, or whether line images are straightened",
    (
        "chosen",
        "tried",
    ): "each way with its CER on the validation lines that all have, and the gain over the first: the "
    "CER of the first less its own, which lies between `low` and `high`",
    ("data_summary", "split"): "train, val, test, base_domain, old_hand or unread",
    ("data_summary", "skipped"): "how many lines were left out, by reason",
    ("charset", "policy"): "extend, fail, replace; new when trained from scratch",
    ("warning", "code"): "see errors.md",
    ("step", "steps"): "steps in this epoch",
    ("epoch", "epoch"): "0 is the base model before any step",
    ("epoch", "epochs"): "how many are planned; early stopping may end before",
    ("epoch", "lr"): "learning rate of the last step",
    ("epoch", "is_best"): "best_val is this epoch now",
    ("epoch", "val_loss"): "null in runs of older versions",
    ("checkpoint", "name"): "best_val or last",
    ("checkpoint", "path"): "relative to the out folder; the file is there and was opened again",
    ("evaluation", "split"): "test or base_domain",
    ("self_training", "best_epoch"): "the epoch of best_val, which read them",
    ("self_training", "confidence"): "null where none is learnt",
    ("finished", "best_epoch"): "0 reads: keep the base model",
    ("finished", "model"): "folder of best_val, relative to the out folder",
    ("failed", "code"): "see errors.md",
    ("failed", "exit_code"): "see errors.md",
    ("failed", "traceback_file"): "relative to the out folder",
}
_TYPE_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false"}


def page() -> str:
    """The whole page."""
    examples = {json.loads(line)["kind"]: line for line in EXAMPLES.read_text(encoding="utf-8").splitlines()}
    parts = [_HEAD]
    for kind, payload in KINDS.items():
        own_words = inspect.getdoc(payload) or ""
        description = "" if own_words.startswith(f"{payload.__name__}(") else f"{own_words}\n\n"
        rows = "\n".join(_rows(kind, payload))
        parts.append(
            f"## `{kind}`\n\n{description}| key | type | meaning |\n|---|---|---|\n{rows}\n\n"
            f"```json\n{examples[kind]}\n```\n"
        )
    return "\n".join(parts)


def _rows(kind: str, payload: type) -> Iterator[str]:
    hints = typing.get_type_hints(payload)
    for field in dataclasses.fields(payload):
        meaning = _MEANINGS.get((kind, field.name), "")
        yield re.sub(" +", " ", f"| `{field.name}` | {_type_words(hints[field.name])} | {meaning} |")


def _type_words(hint: typing.Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return f"{_type_words(inner[0])} or null"
    if origin is tuple:
        return f"list of {_type_words(inner[0])}"
    if origin is dict:
        return f"object of {_type_words(inner[1])}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    if dataclasses.is_dataclass(hint):
        return f"object: {', '.join(f'`{field.name}`' for field in dataclasses.fields(hint))}"
    return _TYPE_WORDS[hint]


def main() -> int:
    return write_or_check(PAGE, page, __doc__)


if __name__ == "__main__":
    sys.exit(main())
