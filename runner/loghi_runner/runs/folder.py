"""The run folder: its names, where things are in it, and its record run.json, written whole or not at all."""

import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.job import JobSpec, load_job
from loghi_contract.lines import SKIPPED_COLUMNS, LineSample, parse_line_list
from loghi_contract.places import BEST_VAL, EVENTS_FILE, REPORT_DIR, SAVING_DIR
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import PLACES, Handle
from loghi_runner.errors import EngineError, RunnerError, UsageError
from loghi_runner.files import cannot_write, write_atomically

RECORD_FILE = "run.json"

#: What a run folder's name begins with until it is whole.
HALF_MADE_PREFIX = "."

#: A record names each page of a run; with so many bytes it could name a hundred thousand.
_MAX_RECORD_BYTES = 16 << 20

_RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z2-7]{4}")
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # base32: no letter is taken for a digit


class RunState(str, Enum):
    PREPARED = "prepared"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        return self not in (RunState.PREPARED, RunState.RUNNING)


@dataclass(frozen=True)
class RunFailure:
    """Why a run has no good end, as it is shown and kept."""

    code: str
    message: str
    exit_code: int
    hint: str | None = None
    where: str | None = None

    @classmethod
    def of(cls, error: RunnerError) -> "RunFailure":
        return cls(error.code, error.message, int(error.exit_code), error.hint, error.where)


@dataclass(frozen=True)
class Host:
    """The loghi-runner process that follows the run; while it lives, nobody else concludes the run."""

    machine: str
    process: str


@dataclass(frozen=True)
class RunRecord:
    """run.json. Times are UTC, ISO 8601; `gpus` holds UUIDs; `exit_code` is what `finetune` ended with.

    `epochs` is how many were planned.
    """

    run_id: str
    name: str
    state: RunState
    created: str
    versions: dict[str, str]
    engine: str
    device: str
    gpus: tuple[str, ...]
    config_sha256: str
    image: str | None = None
    image_digest: str | None = None
    #: of the image that `image` was built on, as it says; None where it does not
    base_image_digest: str | None = None
    handle: Handle | None = None
    host: Host | None = None
    overrides: tuple[str, ...] = ()
    ended: str | None = None
    exit_code: int | None = None
    epochs: int | None = None
    status: str | None = None
    best_epoch: int | None = None
    best_val_cer: float | None = None
    verdict: str | None = None
    error: RunFailure | None = None
    #: the engine kept something (a container, links) for whoever looks into a failure; `clean` removes it
    kept: bool = False
    #: folders of line images cut from pages that the run uses; `clean` keeps them
    prepared: tuple[str, ...] = ()
    base_model_sha256: str | None = None
    #: of each split's lines, images and texts (`data_hashes`)
    data_sha256: dict[str, str] = field(default_factory=dict)
    #: where /in/data/<n> was on this machine, for the line images of the report
    data_folders: tuple[str, ...] = ()

    def with_failure(self, failure: RunFailure, state: RunState = RunState.FAILED) -> "RunRecord":
        return replace(self, state=state, error=failure, exit_code=failure.exit_code, ended=utc_now())


@dataclass(frozen=True)
class RunFolder:
    """Where things are in a run folder."""

    path: Path

    @property
    def record_file(self) -> Path:
        return self.path / RECORD_FILE

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def console_log(self) -> Path:
        return self.path / "console.log"

    @property
    def job_dir(self) -> Path:
        return self.path / "in"

    @property
    def out(self) -> Path:
        return self.path / "out"

    @property
    def events_file(self) -> Path:
        return self.out / EVENTS_FILE

    @property
    def best_val(self) -> Path:
        return self.out / BEST_VAL

    @property
    def saving(self) -> Path:
        """Where the trainer writes a model before it is put into best_val; gone between two saves."""
        return self.out / SAVING_DIR

    @property
    def skipped_file(self) -> Path:
        return self.out / REPORT_DIR / "skipped_lines.tsv"

    @property
    def report_file(self) -> Path:
        return self.out / REPORT_DIR / "report.html"

    @property
    def split_file(self) -> Path:
        return self.out / REPORT_DIR / "split.tsv"

    @property
    def places(self) -> Path:
        """Where the engine `local` lays out the container's folders as links."""
        return self.path / PLACES

    @property
    def kill_mark(self) -> Path:
        """Made by `stop` before it kills, so that the follower does not take the kill for lack of memory."""
        return self.path / "killed"

    def read(self) -> RunRecord:
        """The run's record.

        Raises:
            UsageError: this is no run folder, or its run.json is damaged.
        """
        try:
            record = parse_json(read_plain(self.record_file, _MAX_RECORD_BYTES))
            return from_json(RunRecord, record, allow_unknown=True)
        except FileNotFoundError as error:
            raise UsageError(
                "run.not_a_run",
                f"{self.path} is not a run folder: it has no {RECORD_FILE}",
                hint="`loghi-runner runs DIR` lists the runs of an output folder.",
            ) from error
        except (OSError, RecordError) as error:
            raise UsageError(
                "run.broken_record",
                f"the record of this run cannot be read: {error}",
                where=str(self.record_file),
                hint="The model is not touched by this: look in out/model/best_val of the same folder.",
            ) from error

    def read_job(self) -> JobSpec | None:
        """What the trainer was told; None where it is damaged, taken away, or of another version."""
        try:
            job = load_job(read_plain(self.job_dir / "job.json", _MAX_RECORD_BYTES).decode())
        except (OSError, ValueError):
            return None
        return job if isinstance(job, JobSpec) else None

    def read_list(self, split: str) -> list[LineSample] | None:
        """The lines of a split as the trainer was told them; None where the run has no such list."""
        file = self.job_dir / "lists" / f"{split}.txt"
        try:
            text = read_plain(file).decode(errors="replace")
        except OSError:
            return None
        return [sample for sample in parse_line_list(text, file.name) if isinstance(sample, LineSample)]

    def write(self, record: RunRecord) -> None:
        write_atomically(self.record_file, json.dumps(to_json(record), indent=2) + "\n")


def new_run_id(now_s: float | None = None) -> str:
    """`YYYYMMDD-HHMMSS-xxxx`, UTC: sorts by time, and two runs of one second differ."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_s))
    return stamp + "-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(4))


def is_run_id(name: str) -> bool:
    return _RUN_ID.fullmatch(name) is not None


def config_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def cannot_write_run(error: OSError, path: Path) -> EngineError:
    """The error for a run folder that cannot be written."""
    hint = "Name another `output` in the config, or free space there."
    return cannot_write("the run folder", error, path, error.filename or path, hint)


def skipped_counts(folder: RunFolder) -> dict[str, int]:
    """How many lines were skipped for each reason, host and trainer together; empty when the file is gone."""
    try:
        rows = read_plain(folder.skipped_file).decode(errors="replace").splitlines()[1:]
    except OSError:
        return {}
    counts: dict[str, int] = {}
    for row in rows:
        fields = row.split("\t")
        if len(fields) == len(SKIPPED_COLUMNS):
            counts[fields[4]] = counts.get(fields[4], 0) + 1
    return counts
