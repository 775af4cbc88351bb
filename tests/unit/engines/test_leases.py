"""Leases are kernel locks: one run has a card, also between accounts, and it is free the moment its trainer is gone."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loghi_runner.engines import leases
from loghi_runner.engines.card_use import tmpfiles_text
from loghi_runner.engines.leases import (
    GATE,
    Claim,
    Lease,
    LeaseFolder,
    Ticket,
    close_all,
    in_order,
    lease_folder,
    share_out,
)
from loghi_runner.errors import EngineError
from loghi_runner.locks import Locked, hold

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be other accounts")
A, B = "GPU-a", "GPU-b"


@pytest.fixture
def folder(tmp_path: Path) -> LeaseFolder:
    (tmp_path / "leases").mkdir()
    (tmp_path / "leases" / GATE).touch()
    return LeaseFolder(tmp_path / "leases", is_shared=False)


def claim(run_id: str = "run", *, count: int = 1, holds: tuple[str, ...] = ()) -> Claim:
    return Claim(run_id, f"/runs/{run_id}", os.getpid(), "2026-11-28T10:00:00Z", (A, B), count, holds)


def ticket(name: str, uid: int, placed: int, **changes: object) -> Ticket:
    return Ticket(Path(name), uid, placed, claim(name, **changes))  # type: ignore[arg-type]


def taken(folder: LeaseFolder, uuid: str) -> Lease:
    with folder.deciding():
        path, held = folder.place(claim())
        return Lease(folder, (uuid,), [path, folder.card_file(uuid)], [held, folder.free([uuid])[uuid]])


def is_leased(folder: LeaseFolder, uuid: str) -> bool:
    with folder.deciding():
        return uuid in folder.leased([uuid])


@pytest.fixture
def forked() -> Iterator[Callable[[Callable[[], None]], int]]:
    """Starts a process that does something and then waits for its end; the id of it."""
    started: list[int] = []

    def start(do: Callable[[], None], *, waits: bool = True) -> int:
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                do()
                os.write(tell, b"1")
                while waits:
                    signal.pause()
            except BaseException as error:  # noqa: BLE001  # the top of this process
                os.write(tell, f"{type(error).__name__}: {error}".encode())
            finally:
                os._exit(0)
        os.close(tell)
        started.append(pid)
        answer = os.read(told, 1000)
        os.close(told)
        assert answer == b"1", answer
        return pid

    yield start
    for pid in started:
        end(pid)


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass  # ended before


def test_a_card_is_had_by_one_and_free_when_that_is_killed(folder: LeaseFolder, forked) -> None:
    holder = forked(lambda: taken(folder, A))
    assert (is_leased(folder, A), is_leased(folder, B)) == (True, False)
    end(holder)
    assert not is_leased(folder, A)


def test_a_trainer_keeps_the_card_of_a_host_that_was_killed_and_frees_it_with_its_own_end(
    folder: LeaseFolder, forked, tmp_path: Path
) -> None:
    def start_trainer() -> None:
        lease = taken(folder, A)
        program = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
        with (tmp_path / "pid").open("w") as out:
            subprocess.Popen(
                [sys.executable, "-c", program], pass_fds=lease.descriptors, stdout=out, start_new_session=True
            )
        lease.let_go()

    end(forked(start_trainer))
    assert is_leased(folder, A)
    while not (written := (tmp_path / "pid").read_text()):
        os.sched_yield()
    with folder.deciding():
        assert [found.claim.run_id for found in folder.tickets()] == ["run"]
    trainer = int(written)
    os.kill(trainer, signal.SIGKILL)
    while Path(f"/proc/{trainer}").exists() and "\nState:\tZ" not in Path(f"/proc/{trainer}/status").read_text():
        os.sched_yield()
    assert not is_leased(folder, A)
    with folder.deciding():
        assert folder.tickets() == []
    assert not list(folder.path.glob("run-*"))


def test_a_trainer_that_opens_the_files_itself_takes_them_over(folder: LeaseFolder) -> None:
    """As in a container, which gets them by a mount."""
    lease = taken(folder, A)
    lease.share()
    assert lease.hand_over() is False
    assert is_leased(folder, A)
    (folder.path / "mounts").mkdir()
    for number, path in enumerate(lease.files):
        os.link(path, folder.path / "mounts" / str(number))
    trainer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import pathlib, sys; from loghi_trainer.leases import hold_leases\n"
            "hold_leases(pathlib.Path(sys.argv[1])); print('has it', flush=True); sys.stdin.read()",
            str(folder.path / "mounts"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert trainer.stdout is not None
    assert trainer.stdout.readline() == "has it\n"
    assert lease.hand_over() is True
    assert lease.descriptors == ()
    assert is_leased(folder, A)
    trainer.kill()
    trainer.communicate()
    assert not is_leased(folder, A)


def test_a_trainer_whose_card_another_run_has_meanwhile_ends(folder: LeaseFolder, monkeypatch, tmp_path) -> None:
    from loghi_trainer import leases as trainer
    from loghi_trainer.errors import DeviceError

    monkeypatch.setattr(trainer, "_PATIENCE_S", 0.0)
    lease = taken(folder, A)
    with pytest.raises(DeviceError) as caught:
        trainer.hold_leases(folder.path)
    assert (caught.value.code, caught.value.exit_code) == ("device.lease_lost", 4)
    lease.end()
    trainer.hold_leases(tmp_path / "none")


def test_a_lock_is_that_of_what_the_path_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was replaced while it was opened is held by nobody who looks later."""
    path, other = tmp_path / "card", tmp_path / "other"
    path.touch()
    other.touch()
    opened = os.open

    def replaced(*arguments: object) -> int:
        descriptor = opened(*arguments)  # type: ignore[arg-type]
        if other.exists():
            other.replace(path)
        return descriptor

    monkeypatch.setattr(os, "open", replaced)
    held = hold(path)
    monkeypatch.undo()
    assert os.path.samestat(os.fstat(held), path.stat())
    with pytest.raises(Locked):
        hold(path)
    os.close(held)


def test_a_link_or_a_pipe_is_no_lock_file(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=r"symbolic|plain"):
            hold(tmp_path / name)


def test_a_gate_that_somebody_holds_is_told(folder: LeaseFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_GATE_S", 0.0)
    with folder.deciding(), pytest.raises(EngineError) as caught, folder.deciding():
        pass
    assert (caught.value.code, caught.value.exit_code) == ("gpu.gate_held", 4)
    assert "fuser" in (caught.value.hint or "")


def test_a_ticket_that_says_nonsense_is_passed_over(folder: LeaseFolder) -> None:
    bad = folder.path / "run-bad"
    bad.write_text("{")
    held = hold(bad)
    with folder.deciding():
        assert folder.tickets() == []
    os.close(held)


def test_accounts_take_turns_and_who_has_cards_has_had_them() -> None:
    of_one = [ticket(f"a{number}", 1, number) for number in range(3)]
    late = ticket("b", 2, 10)
    assert [each.claim.run_id for each in in_order([*of_one, late])] == ["a0", "b", "a1", "a2"]
    holding = ticket("a", 1, -1, holds=(A,))
    assert [each.claim.run_id for each in in_order([holding, *of_one, late])] == ["b", "a0", "a1", "a2"]


def test_a_run_that_wants_two_cards_is_kept_the_one_that_is_there() -> None:
    two, one = ticket("two", 1, 1, count=2), ticket("one", 2, 2)
    assert share_out([two, one], [A]) == {two.path: [], one.path: []}
    assert share_out([two, one], [A, B]) == {two.path: [A, B], one.path: []}
    assert share_out([two, one], [A], passed={two.path}) == {two.path: [], one.path: [A]}


# -- between accounts


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeaseFolder]:
    """A folder as the operator's text makes it."""
    place = tmp_path_factory.mktemp("run-lock")
    for parent in (place, *place.parents[:2]):
        parent.chmod(0o755)
    monkeypatch.setattr(leases, "SHARED_FOLDER", place / "loghi-runner")
    monkeypatch.setattr("loghi_runner.engines.card_use.SHARED_FOLDER", place / "loghi-runner")
    for line in tmpfiles_text([A]):
        kind, path, mode, _user, _group, _age = line.split()
        Path(path).mkdir() if kind == "d" else Path(path).touch()
        Path(path).chmod(int(mode, 8))
    folder = lease_folder()
    assert (folder.is_shared, folder.path) == (True, place / "loghi-runner")
    return folder


def as_user(uid: int, do: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        os.umask(0o077)
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        do()

    return run


@AS_ROOT
@pytest.mark.parametrize("uuid", [A, B], ids=["ready", "made by the first"])
def test_accounts_see_each_others_leases(shared: LeaseFolder, forked, uuid: str) -> None:
    holder = forked(as_user(12345, lambda: taken(shared, uuid)))

    def look() -> None:
        with shared.deciding():
            assert shared.leased([uuid]) == {uuid}
            (found,) = shared.tickets()
            assert (found.uid, found.claim.run_id) == (12345, "run")

    forked(as_user(12346, look))
    end(holder)

    def take() -> None:
        # the dead run's ticket is another account's: it stays, and is nobody's any more
        with shared.deciding():
            assert shared.tickets() == []
        taken(shared, uuid)

    forked(as_user(12346, take))
    assert is_leased(shared, uuid)


@AS_ROOT
def test_a_colleague_can_replace_neither_gate_nor_cards_nor_tickets(shared: LeaseFolder, forked) -> None:
    forked(as_user(12345, lambda: taken(shared, B)))
    named = [GATE, A, next(shared.path.glob("run-*")).name]

    def attack() -> None:
        (shared.path / "mine").touch()
        for name in named:
            for spoil in (
                lambda name=name: (shared.path / name).unlink(),
                lambda name=name: (shared.path / "mine").replace(shared.path / name),
                lambda name=name: (shared.path / name).write_text("x"),
                lambda name=name: (shared.path / name).rename(shared.path / "away"),
            ):
                with pytest.raises(PermissionError):
                    spoil()

    forked(as_user(12346, attack), waits=False)


@AS_ROOT
@pytest.mark.parametrize("spoil", ["theirs", "a link", "not sticky"])
def test_a_folder_that_is_not_roots_is_not_believed(shared: LeaseFolder, spoil: str) -> None:
    if spoil == "theirs":
        os.chown(shared.path, 12345, 12345)
    elif spoil == "a link":
        shared.path.rename(shared.path.with_name("elsewhere"))
        shared.path.symlink_to("elsewhere")
    else:
        shared.path.chmod(0o777)
    found = lease_folder()
    assert not found.is_shared
    assert str(shared.path) in found.remark
    assert "not used" in found.remark


def test_without_the_operators_folder_it_is_this_accounts_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(leases, "SHARED_FOLDER", tmp_path / "none")
    found = lease_folder()
    assert (found.is_shared, found.remark) == (False, "")
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o700
    lease = taken(found, A)
    assert is_leased(found, A)
    lease.end()
    assert sorted(path.name for path in found.path.iterdir()) == [A, GATE]


def test_where_no_lease_can_be_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(leases, "SHARED_FOLDER", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EngineError) as caught:
        lease_folder()
    assert (caught.value.code, caught.value.exit_code) == ("gpu.no_leases", 4)


def test_nothing_that_was_closed_stays_open(folder: LeaseFolder) -> None:
    before = {path.name for path in Path("/proc/self/fd").iterdir()}
    lease = taken(folder, A)
    with folder.deciding():
        close_all(folder.free([A, B]).values())
    lease.end()
    assert {path.name for path in Path("/proc/self/fd").iterdir()} == before
