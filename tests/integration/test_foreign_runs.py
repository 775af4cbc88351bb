"""Runs of another account are shown, and nothing of them is touched; neither is anything that their records name."""

import json
import os
import pickle
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from loghi_runner import files
from loghi_runner.engines.base import Handle
from loghi_runner.engines.processes import name_process
from loghi_runner.ground_truth.line_store import lines_in_use
from loghi_runner.platform.base import PlatformKind
from loghi_runner.platform.of_run import Parked, write_parked
from loghi_runner.runs import folder as run_folder
from loghi_runner.runs.folder import Host, RunFolder, RunState
from tests.integration.conftest import Result, Workplace

#: `nobody`: another account that every machine has.
OTHER = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another account")

LOOKING = (["runs"], ["show", "last"], ["logs", "last"], ["logs", "last", "--console"], ["runs", "--json"])
TOUCHING = (["stop", "last", "--grace", "0"], ["clean", "--yes"], ["report", "last"], ["resume", "last"])


def contents(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every name below a folder, with its last change and what it holds."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *sorted(folder.rglob("*")))
    }


def given_to(uid: int, folder: RunFolder) -> None:
    for path in (folder.path, *folder.path.rglob("*")):
        os.lchown(path, uid, uid)


@contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended_unseen(workplace: Workplace, handle: Handle) -> RunFolder:
    """A run that seems to have ended while nobody followed it: whoever may, concludes it."""
    workplace.scenario = "silent_end"
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    record = replace(folder.read(), state=RunState.RUNNING, handle=handle, host=Host("gone", "1:1:gone"), error=None)
    folder.write(replace(record, ended=None, exit_code=None, kept=True))
    return folder


@needs_root
@pytest.mark.parametrize("arguments", [*LOOKING, *TOUCHING], ids=" ".join)
def test_no_command_changes_or_signals_anything_of_another_account(workplace, arguments: list[str]) -> None:
    with bystander() as process:
        folder = ended_unseen(workplace, Handle("local", name_process(process.pid)))
        precious = workplace.folder / "precious"
        precious.write_text("thesis", encoding="utf-8")
        for number in range(os.getpid(), os.getpid() + 10):
            (folder.path / f".run.json.{number}").symlink_to(precious)
        given_to(OTHER, folder)
        before = contents(folder.path)
        result = workplace.run(*arguments)
        assert contents(folder.path) == before
        assert process.poll() is None
        assert precious.read_text(encoding="utf-8") == "thesis"
    if arguments[0] in ("stop", "report", "resume"):
        assert result.returncode == 2
        assert "the run is not ours: it belongs to" in result.stderr
    else:
        assert result.returncode == 0, result.stderr


@needs_root
def test_who_only_looks_is_told_whose_the_run_is(workplace) -> None:
    folder = ended_unseen(workplace, Handle("local", "1:1:gone"))
    given_to(OTHER, folder)
    shown = json.loads(workplace.run("show", "last", "--json").stdout)
    assert shown["state"] == "running"
    assert "who alone can bring it up to date or stop it" in shown["remark"]


@needs_root
def test_clean_says_that_it_leaves_another_accounts_run_alone(workplace) -> None:
    workplace.scenario = "crash"
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    given_to(OTHER, folder)
    result = workplace.run("clean", "--yes")
    assert folder.places.is_dir()
    assert "nothing to remove" in result.stdout


@needs_root
def test_nobodys_token_goes_where_a_run_of_another_account_says(workplace) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    token = workplace.folder / "token"
    token.write_text("0123456789abcdef" * 2, encoding="utf-8")
    token.chmod(0o600)
    asked = Parked(PlatformKind.ESCRIPTORIUM, "http://127.0.0.1:9", 1, str(workplace.folder), 1, "loghi", str(token))
    write_parked(folder, asked)
    given_to(OTHER, folder)
    before = contents(folder.path)
    result = workplace.run("platform", "push", "last")
    assert contents(folder.path) == before
    assert result.returncode == 2
    assert "the run is not ours: it belongs to" in result.stderr


@needs_root
def test_a_learning_curve_neither_relies_on_a_run_of_another_account_nor_writes_into_it(workplace) -> None:
    workplace.scenario = "learns_from_more"
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    given_to(OTHER, folder)
    before = contents(folder.path)
    result = workplace.run("learning-curve", "config.yaml")
    assert result.returncode == 0, result.stderr
    assert "did exactly this" not in result.stderr
    assert contents(folder.path) == before


@needs_root
def test_another_account_neither_concludes_nor_stops_a_run_of_ours(workplace, until, tmp_path: Path) -> None:
    workplace.scenario = "stops_when_asked"
    host = workplace.start_finetune()
    until(host, lambda value: value["kind"] == "step")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, 0o755)  # noqa: PTH101  # pytest makes them for its own account alone
    workplace.run("show", "last")  # what another account could not import is there now
    before = contents(workplace.run_dir)
    assert as_other(lambda: workplace.run("show", "last")).returncode == 0
    refused = as_other(lambda: workplace.run("stop", "last"))
    assert refused.returncode == 2
    assert "the run is not ours: it belongs to root" in refused.stderr
    assert contents(workplace.run_dir) == before
    assert workplace.run("stop", "last").returncode == 0


def as_other(work: Callable[[], Result]) -> Result:
    """What a command answers another account: in a child, as there is no way back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(OTHER)
        os.setuid(OTHER)
        with os.fdopen(writer, "wb") as answer:
            answer.write(pickle.dumps(work()))
            answer.flush()
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        result: Result = pickle.loads(answer.read())  # our own child's
    os.waitpid(child, 0)
    return result


def one_owner_for_all(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a mount that maps all accounts to one: whatever we write there belongs to the folder's owner."""
    given_to(OTHER, folder)
    monkeypatch.setattr(run_folder, "_owner_of_new_files", lambda _folder: OTHER)


@needs_root
def test_where_all_files_have_one_owner_a_run_is_concluded_and_cleaned(workplace, monkeypatch) -> None:
    folder = ended_unseen(workplace, Handle("local", "1:1:gone"))
    folder.write(replace(folder.read(), host=None))
    one_owner_for_all(folder, monkeypatch)
    assert json.loads(workplace.run("show", "last", "--json").stdout)["state"] in ("failed", "lost")
    assert "removed what 1 run had left" in workplace.run("clean", "--yes").stdout


@needs_root
def test_where_all_files_have_one_owner_the_trainers_account_decides(workplace, monkeypatch) -> None:
    folder = ended_unseen(workplace, Handle("local", "1:1:gone"))
    with subprocess.Popen(["sleep", "60"], user=OTHER, cwd="/", start_new_session=True) as theirs:
        folder.write(replace(folder.read(), host=None, handle=Handle("local", name_process(theirs.pid))))
        one_owner_for_all(folder, monkeypatch)
        assert workplace.run("stop", "last", "--grace", "0").returncode == 4
        assert "not ours" in json.loads(workplace.run("show", "last", "--json").stdout)["remark"]
        assert theirs.poll() is None
        theirs.kill()


def test_files_of_ours_are_ours_without_a_trace(tmp_path: Path) -> None:
    before = contents(tmp_path)
    assert run_folder.is_ours(RunFolder(tmp_path))
    assert run_folder._owner_of_new_files(tmp_path) == os.geteuid()
    assert list(contents(tmp_path)) == list(before)


def test_what_holds_the_line_images_is_never_made_through_a_link(tmp_path: Path) -> None:
    (tmp_path / ".prepared").mkdir()
    (tmp_path / ".prepared" / "in-use").symlink_to(tmp_path / "made for somebody")
    with lines_in_use(tmp_path):
        pass
    assert not (tmp_path / "made for somebody").exists()


def test_a_record_is_never_written_through_a_link(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "precious").write_text("thesis", encoding="utf-8")
    monkeypatch.setattr(files.secrets, "token_hex", lambda _bytes: "guessed")
    (tmp_path / ".guessed.new").symlink_to(tmp_path / "precious")
    with pytest.raises(FileExistsError):
        files.write_atomically(tmp_path / "run.json", "{}")
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "thesis"
