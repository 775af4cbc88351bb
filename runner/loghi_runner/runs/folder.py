"""The run folder: its names, whose it is, where things are in it, and its record run.json."""

import contextlib
import errno
import json
import os
import pwd
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path, PurePath

from loghi_contract.events import Chosen
from loghi_contract.files import read_plain
from loghi_contract.job import DeviceKind, JobSpec, Split, dump_job, load_job
from loghi_contract.lines import SKIPPED_COLUMNS, LineSample, parse_line_list
from loghi_contract.model_folder import MODEL_FILE
from loghi_contract.places import BEAT_FILE, BEST_VAL, EVENTS_FILE, LAST, MORE_TEXTS_FILE, REPORT_DIR, SAVING_DIR
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_contract.trials import read_trials
from loghi_runner.clock import utc_now
from loghi_runner.engines.base import PLACES, Handle
from loghi_runner.engines.card_queue import Waiting
from loghi_runner.engines.gpus import Card
from loghi_runner.errors import EngineError, RunnerError, UsageError
from loghi_runner.files import cannot_write, is_file, write_atomically

RECORD_FILE = "run.json"
_OUT = PurePath("out")

#: What a run folder's name begins with until it is whole.
HALF_MADE_PREFIX = "."

#: A record names each page of a run; with so many bytes it could name a hundred thousand.
_MAX_RECORD_BYTES = 16 << 20
_RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z2-7]{4}")
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # base32: no letter is taken for a digit

#: What `open` answers where files cannot be made without a name: there one with a name is made, and removed.
_NO_NAMELESS_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


class RunState(str, Enum):
    QUEUED = "queued"
    PREPARED = "prepared"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        return self not in (RunState.QUEUED, RunState.PREPARED, RunState.RUNNING)

    @property
    def word(self) -> str:
        """For people: what ends a run is called `stop` everywhere."""
        return "stopped" if self is RunState.CANCELLED else self.value


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
class UsedCard:
    """A graphics card; `capability` is CUDA's, such as 9.0, None where the driver does not tell."""

    name: str
    capability: str | None = None

    @property
    def words(self) -> str:
        return f"{self.name} (compute capability {self.capability})" if self.capability else self.name


@dataclass(frozen=True)
class Resumption:
    """The run went on after an interruption, or after its end; `after` is the number of the last event until then."""

    at: str
    machine: str
    engine: str
    after: int


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
    #: of the base model on the same lines
    base_val_cer: float | None = None
    verdict: str | None = None
    #: that it was still getting better when its epochs were over, in words; None where it was not
    still_improving: str | None = None
    error: RunFailure | None = None
    #: how it waits for graphics cards, while it does
    waiting: Waiting | None = None
    #: the engine kept something (a container, links) for whoever looks into a failure; `clean` removes it
    kept: bool = False
    #: folders of line images cut from pages that the run uses; `clean` keeps them
    prepared: tuple[str, ...] = ()
    base_model_sha256: str | None = None
    #: where the base model was on this machine
    base_model_folder: str | None = None
    #: of each split's lines, images and texts (`data_hashes`)
    data_sha256: dict[str, str] = field(default_factory=dict)
    #: where /in/data/<n> was on this machine, for the line images of the report
    data_folders: tuple[str, ...] = ()
    #: the graphics cards of `gpus`, in their order, and the driver's version
    cards: tuple[UsedCard, ...] = ()
    driver: str | None = None
    #: what the cards took in joules, neighbours on them included; None on a processor, and where nobody followed
    energy_j: float | None = None
    #: the id of the run that this one is made again from
    reproduces: str | None = None
    resumptions: tuple[Resumption, ...] = ()
    #: which of several ways to come by line images was taken, and what each read; None where none was tried
    chosen: Chosen | None = None

    def with_failure(self, failure: RunFailure, state: RunState = RunState.FAILED) -> "RunRecord":
        return replace(self, state=state, error=failure, exit_code=failure.exit_code, ended=utc_now(), waiting=None)


class _Place:
    """A file or folder in a run folder: its path is made when it is asked for, as a list of runs asks for few."""

    def __init__(self, place: str | PurePath) -> None:
        self._place = place

    def __get__(self, folder: "RunFolder", _owner: type["RunFolder"]) -> Path:
        return folder.path / self._place


class RunFolder:
    """Where things are in a run folder."""

    record_file = _Place(RECORD_FILE)
    config_file = _Place("config.yaml")
    console_log = _Place("console.log")
    job_dir = _Place("in")
    job_file = _Place("in/job.json")
    #: the hash of each line image, as `sha256sum` writes them, with the paths of the lists
    images_file = _Place("in/images.sha256")
    #: where the engine `local` lays out the container's folders as links
    places = _Place(PLACES)
    #: made by `stop` before it kills, so that the follower does not take the kill for lack of memory
    kill_mark = _Place("killed")
    out = _Place(_OUT)
    events_file = _Place(_OUT / EVENTS_FILE)
    #: touched by a trainer that lives; gone after its end
    beat_file = _Place(_OUT / BEAT_FILE)
    best_val = _Place(_OUT / BEST_VAL)
    model_file = _Place(_OUT / BEST_VAL / MODEL_FILE)
    #: where the trainer writes a model before it is put into best_val; gone between two saves
    saving = _Place(_OUT / SAVING_DIR)
    #: checkpoints that the run can be resumed from
    last = _Place(_OUT / LAST)
    report_dir = _Place(_OUT / REPORT_DIR)
    report_file = _Place(_OUT / REPORT_DIR / "report.html")
    skipped_file = _Place(_OUT / REPORT_DIR / "skipped_lines.tsv")
    split_file = _Place(_OUT / REPORT_DIR / "split.tsv")

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> RunRecord:
        """The run's record.

        Raises:
            UsageError: this is no run folder, or its run.json is damaged.
        """
        try:
            record = parse_json(read_plain(self.record_file, _MAX_RECORD_BYTES))
            return from_json(RunRecord, record, allow_unknown=True)
        except FileNotFoundError as error:
            message = f"{self.path} is not a run folder: it has no {RECORD_FILE}"
            hint = "`loghi-runner runs DIR` lists the runs of an output folder."
            raise UsageError("run.not_a_run", message, hint=hint) from error
        except (OSError, RecordError) as error:
            message = f"the record of this run cannot be read: {error}"
            hint = "The model is not touched by this: look in out/model/best_val of the same folder."
            raise UsageError("run.broken_record", message, where=str(self.record_file), hint=hint) from error

    def read_job(self) -> JobSpec | None:
        """What the trainer was told; None where it is damaged, taken away, or of another version."""
        try:
            job = load_job(read_plain(self.job_file, _MAX_RECORD_BYTES).decode())
        except (OSError, ValueError):
            return None
        return job if isinstance(job, JobSpec) else None

    def list_file(self, split: str) -> Path:
        return self.job_dir / "lists" / f"{split}.txt"

    def read_list(self, split: str) -> list[LineSample] | None:
        """The lines of a split that the run trained on, or was judged by; None where it has no such list.

        Of a run that tried several cuts it is the list of the one that was kept.
        """
        tried = read_trials(self.out)
        in_cut = self.read_named_list(f"{tried.chosen}/{split}") if tried is not None and tried.chosen else None
        return self.read_named_list(split) if in_cut is None else in_cut

    def list_names(self) -> list[str]:
        """All lists that the trainer was told: the splits, and `<cut>/<split>` of other cuts that it was to try."""
        found = [split.value for split in Split if is_file(self.list_file(split.value))]
        job = self.read_job() if found else None
        ways = job.trials.ways if job is not None and job.trials is not None else ()
        named = [f"{way.cut.value}/{split}" for way in ways if way.cut is not None for split in found]
        return [*found, *(name for name in named if is_file(self.list_file(name)))]

    def read_named_list(self, name: str) -> list[LineSample] | None:
        """The lines of one of `list_names`."""
        file = self.list_file(name)
        try:
            text = read_plain(file).decode(errors="replace")
        except OSError:
            return None
        return [sample for sample in parse_line_list(text, file.name) if isinstance(sample, LineSample)]

    def read_more_texts(self) -> tuple[str, ...]:
        """What only the language model was told; none where it was told nothing else."""
        try:
            text = read_plain(self.job_dir / "lists" / MORE_TEXTS_FILE.name).decode(errors="replace")
        except OSError:
            return ()
        return tuple(text.split("\n")[:-1])

    def write(self, record: RunRecord) -> None:
        """Write run.json.

        Raises:
            EngineError: the run goes on elsewhere.
            OSError: the disk does not take it.
        """
        self.require_turn(record)
        self.restore(record)

    def restore(self, record: RunRecord) -> None:
        """Write run.json, be it as it was before the run went on. Raises OSError."""
        write_atomically(self.record_file, json.dumps(to_json(record), indent=2) + "\n")

    def require_turn(self, record: RunRecord) -> None:
        """Raise EngineError where the run was resumed, perhaps on another machine, since the record was read."""
        with contextlib.suppress(UsageError):
            resumptions = self.read().resumptions
            if len(resumptions) > len(record.resumptions):
                newest = resumptions[-1]
                message = f"the run was resumed on {newest.machine} at {newest.at} and goes on there: here it ends"
                hint = f"`loghi-runner logs -f RUN` follows it; `loghi-runner stop RUN` on {newest.machine} ends it."
                raise EngineError("run.taken_over", message, where=str(self.path), hint=hint)

    def change_device(self, device: DeviceKind) -> None:
        """Have the trainer told another device than the run was planned for. Raises OSError."""
        job = load_job(read_plain(self.job_file, _MAX_RECORD_BYTES).decode())
        write_atomically(self.job_file, dump_job(replace(job, device=device)))


def used_cards(cards: Iterable[Card]) -> tuple[UsedCard, ...]:
    return tuple(UsedCard(card.name, card.capability_words) for card in cards)


def new_run_id(now_s: float | None = None) -> str:
    """`YYYYMMDD-HHMMSS-xxxx`, UTC: sorts by time, and two runs of one second differ."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now_s))
    return stamp + "-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(4))


def is_run_id(name: str) -> bool:
    return _RUN_ID.fullmatch(name) is not None


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


def is_ours(folder: RunFolder) -> bool:
    """Whether the run's folder belongs to this account.

    Where a mount gives all files one owner (Docker Desktop, a network disk that maps accounts) it says nothing about
    who made the folder. There the trainer decides: an engine finds none but this account's, or this run's container.

    Raises:
        OSError: the folder cannot be seen.
    """
    owner = folder.path.stat().st_uid
    return owner == os.geteuid() or _owner_of_new_files(folder.path) == owner


def owner_name(folder: RunFolder) -> str:
    """Raises OSError."""
    owner = folder.path.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"the account number {owner}"


def require_ours(folder: RunFolder, doing: str) -> None:
    """Raises UsageError where the run belongs to another account."""
    if is_ours(folder):
        return
    owner = owner_name(folder)
    message = f"the run is not ours: it belongs to {owner}, who alone can {doing} it"
    hint = f"Ask its owner, or work under that account, such as with `sudo -u {owner}`."
    raise UsageError("run.not_ours", message, where=str(folder.path), hint=hint)


def _owner_of_new_files(folder: Path) -> int | None:
    """Whom a file would belong to that this account made in the folder; None where it may make none."""
    try:
        # without a name: nobody sees it, and the folder stays as it is
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600)
    except AttributeError:
        descriptor = None  # macOS
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES:
            return None
        descriptor = None
    named = folder / f".owner-{secrets.token_hex(6)}"
    try:
        if descriptor is None:
            descriptor = os.open(named, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            named.unlink()
        owner = os.fstat(descriptor).st_uid
        os.close(descriptor)
    except OSError:
        return None
    return owner
