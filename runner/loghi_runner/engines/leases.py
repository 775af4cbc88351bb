"""Who has which card, and who waits for one: locks that the kernel frees with the process that computes.

A lease folder has a file for each card, which whoever computes on it has locked; one for each run, its ticket, locked
from the moment it begins to wait until its trainer has ended; and the gate, which is held while somebody decides.
What a ticket says is for people and for the order of those who wait: no card is given out by it.
"""

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import stat
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.engines.gpus import Card
from loghi_runner.engines.processes import machine_name
from loghi_runner.errors import EngineError
from loghi_runner.files import cache_folder
from loghi_runner.locks import Locked, NoLocks, hold

#: For all accounts of this machine; made by its operator, see docs/gpus.md.
SHARED_FOLDER = Path("/run/lock/loghi-runner")
GATE = "gate"
_TICKET = "run-"

#: Whoever decides needs milliseconds.
_GATE_S = 10.0
_GATE_PAUSE_S = 0.02
_MOST_TICKET_BYTES = 8192


@dataclass(frozen=True)
class Claim:
    """What a run says of itself: any `count` of the cards `wants` will do; it `holds` none while it waits."""

    run_id: str
    run_dir: str
    pid: int
    since: str
    wants: tuple[str, ...]
    count: int
    holds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ticket:
    """A living run that has cards or waits for them; whose it is, and since when, the kernel says."""

    path: Path
    uid: int
    placed_ns: int
    claim: Claim

    @property
    def user(self) -> str:
        return user_name(self.uid)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the account number {uid}"


class LeaseFolder:
    """Where this machine's leases are; `is_shared` with all its accounts, else of this account alone.

    `remark` says why a shared one that is there is not used.
    """

    def __init__(self, path: Path, *, is_shared: bool, remark: str = "") -> None:
        self.path = path
        self.is_shared = is_shared
        self.remark = remark

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Hold the gate: nobody else looks at, takes or gives back a lease meanwhile.

        Raises:
            EngineError: somebody holds it all the time, or there can be no locks here.
        """
        descriptor = self._gate()
        try:
            yield
        finally:
            os.close(descriptor)

    def _gate(self) -> int:
        deadline = time.monotonic() + _GATE_S
        while True:
            try:
                return hold(self.path / GATE)
            except Locked:
                if time.monotonic() > deadline:
                    message = f"somebody holds the gate of the cards' queue for more than {_GATE_S:.0f} s"
                    hint = f"`fuser -v {self.path / GATE}` shows who; whoever decides needs it for a moment only."
                    raise EngineError("gpu.gate_held", message, where=str(self.path), hint=hint) from None
                time.sleep(_GATE_PAUSE_S)
            except (NoLocks, OSError) as error:
                raise _no_leases(self.path, error) from error

    # -- all below: while the gate is held

    def tickets(self) -> list[Ticket]:
        """Those of living runs, in no order; what dead runs of ours left goes."""
        found = []
        for path in self.path.glob(f"{_TICKET}*"):
            try:
                os.close(hold(path))
            except Locked:
                if (ticket := _read(path)) is not None:
                    found.append(ticket)
            except (NoLocks, OSError):
                continue
            else:
                with contextlib.suppress(OSError):  # another account's stays, and says nothing
                    path.unlink()
        return found

    def place(self, claim: Claim) -> tuple[Path, int]:
        """A new ticket, and the descriptor that keeps it alive. Raises EngineError."""
        path = self.path / f"{_TICKET}{claim.run_id}-{secrets.token_hex(4)}"
        try:
            return path, self._placed(path, claim)
        except OSError as error:
            raise _no_leases(self.path, error) from error

    def _placed(self, path: Path, claim: Claim) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.fchmod(descriptor, 0o644)  # whatever the umask: others see who waits
            write_claim(descriptor, claim)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return descriptor

    def card_file(self, uuid: str) -> Path:
        """The card's file, made where there is none: one of root's no other account can replace."""
        path = self.path / uuid
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
            os.fchmod(descriptor, 0o444)  # whatever the umask: others are to lock it
            os.close(descriptor)
        return path

    def free(self, uuids: Iterable[str]) -> dict[str, int]:
        """The cards that nobody has leased, each with a descriptor that has it now."""
        found = {}
        for uuid in uuids:
            with contextlib.suppress(Locked, NoLocks, OSError):
                found[uuid] = hold(self.card_file(uuid))
        return found

    def leased(self, uuids: Iterable[str]) -> frozenset[str]:
        """The cards that somebody has leased."""
        asked = tuple(uuids)
        free = self.free(asked)
        close_all(free.values())
        return frozenset(asked) - frozenset(free)


def write_claim(descriptor: int, claim: Claim) -> None:
    """Replace what a ticket of ours says. Raises OSError."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(to_json(claim)).encode("utf-8", "replace"), 0)


def close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def in_order(tickets: Sequence[Ticket]) -> list[Ticket]:
    """Those that wait, the next one first: accounts take turns, whose own come as they were placed.

    Who has cards has had as many turns.
    """
    had = Counter(ticket.uid for ticket in tickets if ticket.claim.holds)
    turns = []
    waiting = [ticket for ticket in tickets if not ticket.claim.holds]
    for ticket in sorted(waiting, key=lambda ticket: (ticket.placed_ns, ticket.path.name)):
        turns.append((had[ticket.uid], ticket))
        had[ticket.uid] += 1
    return [ticket for _turn, ticket in sorted(turns, key=lambda pair: pair[0])]


def share_out(order: Sequence[Ticket], free: Collection[str], passed: Collection[Path] = ()) -> dict[Path, list[str]]:
    """Which of the free cards each ticket gets, by its path; nothing where they are fewer than it wants.

    A run that wants several is kept what is there, so that runs that want one do not go before it for ever.

    Args:
        free: UUIDs, in the order in which they are given out.
        passed: tickets that did not take what they could have: theirs goes to the next.
    """
    left, given = list(free), {}
    for ticket in order:
        found = [uuid for uuid in left if uuid in ticket.claim.wants][: ticket.claim.count]
        given[ticket.path] = found if len(found) == ticket.claim.count else []
        if ticket.path not in passed:
            left = [uuid for uuid in left if uuid not in found]
    return given


class Lease:
    """The cards of one run. Whoever has a descriptor, or shares the lock of the file, keeps them."""

    def __init__(
        self,
        folder: LeaseFolder,
        uuids: tuple[str, ...],
        files: Sequence[Path],
        held: Sequence[int],
        cards: tuple[Card, ...] = (),
    ) -> None:
        """`files` are the run's ticket and its cards', `held` a descriptor for each; `cards` as the driver told."""
        self.cards = cards
        self._folder = folder
        self._held = dict(zip(files, held, strict=True))
        self.uuids = uuids
        self.files = tuple(files)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """For a trainer that is our child to inherit."""
        return tuple(self._held.values())

    def share(self) -> None:
        """Let a trainer lock the files as well: it opens them itself. Raises EngineError."""
        with self._folder.deciding():
            for descriptor in self._held.values():
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def hand_over(self) -> bool:
        """Let go of what the trainer has locked as well, and say whether that is all.

        What it has not (it is of an older version, or on another machine) stays ours. Raises EngineError.
        """
        with self._folder.deciding():
            for path, descriptor in list(self._held.items()):
                try:
                    # lost by this attempt, if somebody shares it. Source: flock(2), "Converting a lock"
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(self._held.pop(path))
                else:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return not self._held

    def let_go(self) -> None:
        """Close what we hold; a trainer that holds it, too, keeps it."""
        close_all(self._held.values())
        self._held.clear()

    def end(self) -> None:
        """The trainer has ended, or was never started: nothing is left of the lease."""
        with contextlib.suppress(OSError):
            self.files[0].unlink()
        self.let_go()


def lease_folder() -> LeaseFolder:
    """The machine's, if its operator made one; else one of this account, which sees its own runs only.

    Raises:
        EngineError: there can be none.
    """
    remark = _why_not_shared()
    if remark == "":
        return LeaseFolder(SHARED_FOLDER, is_shared=True)
    # by machine: homes are shared between machines, cards are not
    path = cache_folder() / "leases" / machine_name()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path / GATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except (OSError, RuntimeError) as error:  # a closed home, or none at all
        raise _no_leases(path, error) from error
    return LeaseFolder(path, is_shared=False, remark=remark or "")


def _why_not_shared() -> str | None:
    """Why the machine's folder is not used; "" where it is, None where there is none."""
    try:
        folder, gate = SHARED_FOLDER.lstat(), (SHARED_FOLDER / GATE).lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{SHARED_FOLDER} cannot be used: {error.strerror}"
    if not stat.S_ISDIR(folder.st_mode) or not stat.S_ISREG(gate.st_mode) or folder.st_uid or gate.st_uid:
        # anybody may make something of that name
        return f"{SHARED_FOLDER} is not root's folder with root's gate in it, so it is not used"
    if folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX:
        return f"{SHARED_FOLDER} lets accounts replace each other's files (it is not sticky), so it is not used"
    return ""


def _read(path: Path) -> Ticket | None:
    """A living ticket; None where it says nothing that can be understood."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            facts, content = os.fstat(descriptor), os.read(descriptor, _MOST_TICKET_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    claim = _claim_of(content)
    # nobody can set when a file changed last: none goes before others by saying that it is older
    return None if claim is None else Ticket(path, facts.st_uid, facts.st_ctime_ns, claim)


@lru_cache(maxsize=1024)  # whoever waits reads the same tickets each second
def _claim_of(content: bytes) -> Claim | None:
    try:
        return from_json(Claim, parse_json(content), allow_unknown=True)
    except RecordError:
        return None


def _no_leases(path: Path, error: Exception) -> EngineError:
    why = getattr(error, "strerror", None) or str(error) or "its file system knows no locks"
    message = f"no card can be leased, so two runs could take the same one: {why}"
    hint = f"Set XDG_CACHE_HOME to a disk of this machine, or let the operator make {SHARED_FOLDER} (docs/gpus.md)."
    if path == SHARED_FOLDER:
        hint = "Is it full, or read-only here, as for a service of systemd without ReadWritePaths? See docs/gpus.md."
    return EngineError("gpu.no_leases", message, where=str(path), hint=hint)
