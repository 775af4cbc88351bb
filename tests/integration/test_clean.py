"""`clean` never takes what a run that is just being started needs, nor what a run that cannot be read may need."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loghi_contract.lines import LineSample, parse_line_list
from loghi_runner import locks
from loghi_runner.finetuning.finetune import finetune
from loghi_runner.ground_truth.line_store import lines_in_use
from loghi_runner.runs.folder import RunFolder
from tests.integration.conftest import Result, Workplace
from tests.integration.test_interruptions import Watcher
from tests.unit.made_pages import write_pages

RUN_ID = "20200101-000000-aaaa"


@pytest.fixture
def with_pages(workplace) -> Workplace:
    write_pages(workplace.folder / "pages", 8)
    workplace.config.write_text(
        "name: bonnevie\nbase_model: base\ndata: {pages: pages}\noutput: runs\nengine: {kind: local, gpus: none}\n",
        encoding="utf-8",
    )
    return workplace


def clean(workplace: Workplace) -> Result:
    return workplace.run("clean", "runs", "--yes")


def line_images(workplace: Workplace) -> list[Path]:
    return sorted((workplace.folder / "runs" / ".prepared" / "lines").rglob("*.png"))


class CleansWhileItCuts(Watcher):
    """Somebody cleans the output folder after each page that is cut."""

    def __init__(self, workplace: Workplace) -> None:
        super().__init__()
        self.workplace = workplace
        self.said: list[str] = []

    def progress(self, doing, done, total) -> None:
        if doing == "cutting pages":
            self.said.append(clean(self.workplace).stderr)


def test_a_run_that_is_being_cut_keeps_all_its_line_images(with_pages, monkeypatch) -> None:
    for name, value in with_pages.own_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(with_pages.folder)
    view = CleansWhileItCuts(with_pages)
    folder, record = finetune(Path("config.yaml"), [], view)
    assert record.state.value == "finished"
    assert any("a run is being started in this folder" in said for said in view.said)
    listed = [
        line.image
        for file in (folder.job_dir / "lists").iterdir()
        for line in parse_line_list(file.read_text(encoding="utf-8"), file.name)
        if isinstance(line, LineSample)
    ]
    (lines,) = (Path(place) for place in record.data_folders)
    assert listed
    assert [image for image in listed if not (lines / Path(image).relative_to("/in/data/0")).is_file()] == []


def test_the_line_images_that_no_run_needs_are_removed_and_no_others(with_pages) -> None:
    with_pages.finetune()
    needed = line_images(with_pages)
    unused = with_pages.folder / "runs" / ".prepared" / "lines" / "page-0123456789ab"
    half_made = unused.with_name(".page-0123456789ab.x1y2")
    for folder in (unused, half_made):
        shutil.copytree(needed[0].parent, folder)
    os.utime(half_made)
    assert "removed the line images of 1 page" in clean(with_pages).stdout
    assert not unused.exists()
    assert half_made.is_dir(), "somebody may be making it"
    os.utime(half_made, (time.time() - 2 * 86400,) * 2)
    assert "removed the line images of 1 page" in clean(with_pages).stdout
    assert line_images(with_pages) == needed


def unused_images(workplace: Workplace) -> list[Path]:
    """Line images of a run whose folder was removed."""
    workplace.finetune()
    shutil.rmtree(workplace.run_dir)
    return line_images(workplace)


def test_while_somebody_cuts_only_the_line_images_are_left_alone(with_pages) -> None:
    images = unused_images(with_pages)
    with lines_in_use(with_pages.folder / "runs"):
        result = clean(with_pages)
    assert result.returncode == 0
    assert "line images are left alone: a run is being started in this folder" in result.stderr
    assert line_images(with_pages) == images


def test_without_locks_the_start_goes_on_and_clean_leaves_the_images(with_pages, monkeypatch) -> None:
    def no_locks(_file: int, _how: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    monkeypatch.setattr("loghi_runner.finetuning.lay_out.FileLock", _NoLock)
    images = unused_images(with_pages)
    assert images
    assert "the file system knows no locks" in clean(with_pages).stderr
    assert line_images(with_pages) == images


class _NoLock:
    """In place of the lock among those who cut, which is another one."""

    def __init__(self, _path: Path) -> None:
        pass

    def acquire(self, timeout: float = -1) -> None:
        pass

    def release(self) -> None:
        pass


@pytest.mark.parametrize("damage", ["a folder", "damaged", "missing"])
def test_a_run_that_cannot_be_read_is_listed_and_keeps_all_line_images(with_pages, damage: str) -> None:
    with_pages.finetune()
    record = with_pages.run_dir / "run.json"
    record.unlink()
    if damage == "a folder":
        record.mkdir()
    elif damage == "damaged":
        record.write_text("[" * 60_000)
    images = line_images(with_pages)
    assert f"{with_pages.run_dir.name:<20}  unreadable (" in with_pages.run("runs").stdout
    result = clean(with_pages)
    assert f"line images are left alone: {with_pages.run_dir.name} may need them" in result.stderr
    assert line_images(with_pages) == images
    assert (with_pages.run_dir / "out" / "model" / "best_val").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another account, and give up its rights")
def test_a_closed_run_folder_is_listed_and_keeps_all_line_images(with_pages) -> None:
    images = unused_images(with_pages)
    closed = with_pages.folder / "runs" / "of-somebody"
    closed.mkdir(mode=0o700)
    os.chown(closed, 65534, 65534)
    program = "from loghi_runner.cli.main import run; run(['runs', 'runs']); run(['clean', 'runs', '--yes'])"
    # root without its rights: what it may do is what the modes say
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    done = subprocess.run(
        [*command, sys.executable, "-c", program],
        cwd=with_pages.folder, env={**os.environ, **with_pages.own_environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "unreadable (it is closed to this account)" in done.stdout
    assert "line images are left alone: of-somebody may need them" in done.stderr
    assert line_images(with_pages) == images


def test_what_a_start_left_that_was_killed_is_removed(workplace) -> None:
    workplace.finetune()
    runs = workplace.folder / "runs"
    before_it_had_a_name, of_an_earlier_version = runs / f".{RUN_ID}", runs / RUN_ID
    for folder in (before_it_had_a_name, of_an_earlier_version):
        (folder / "in" / "lists").mkdir(parents=True)
    assert "never started" in workplace.run("runs", "runs").stdout
    assert clean(workplace).returncode == 0
    assert before_it_had_a_name.is_dir(), "it was made just now: somebody may be filling it"
    os.utime(before_it_had_a_name, (1e9, 1e9))
    clean(workplace)
    assert sorted(path.name for path in runs.iterdir()) == [workplace.run_dir.name]


def test_a_run_folder_that_somebody_fills_is_left_alone(workplace) -> None:
    half_made = workplace.folder / "runs" / f".{RUN_ID}"
    half_made.mkdir(parents=True)
    os.utime(half_made, (1e9, 1e9))
    maker = os.open(half_made, os.O_RDONLY)
    fcntl.flock(maker, fcntl.LOCK_SH)
    clean(workplace)
    assert half_made.is_dir()
    os.close(maker)
    clean(workplace)
    assert not half_made.exists()


def test_a_folder_with_a_model_is_never_taken_for_a_run_that_was_not_started(workplace) -> None:
    workplace.finetune()
    (workplace.run_dir / "run.json").unlink()
    (workplace.run_dir / "out" / "events.jsonl").unlink()
    clean(workplace)
    assert (workplace.run_dir / "out" / "model" / "best_val" / "model.keras").is_file()
    assert "it has no run.json" in workplace.run("runs").stdout


@pytest.mark.parametrize("refused", ["always", "while it is open"])
def test_a_run_begins_where_folders_cannot_be_renamed(workplace, monkeypatch, refused: str) -> None:
    """Windows' file system under Linux refuses it while any program, also our own, has the folder open."""
    rename = os.rename

    def refuse(source: Path, target: Path) -> None:
        is_open = any(os.path.realpath(each) == str(source) for each in Path("/proc/self/fd").iterdir())
        if Path(source).is_dir() and (is_open or refused == "always"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    assert workplace.finetune().returncode == 0
    assert [path.name for path in (workplace.folder / "runs").iterdir()] == [workplace.run_dir.name]
    assert {"config.yaml", "in", "out", "run.json"} <= {path.name for path in workplace.run_dir.iterdir()}


def test_a_run_has_its_name_once_its_record_is_there(workplace, monkeypatch) -> None:
    seen: list[list[str]] = []
    write = RunFolder.write

    def look(folder: RunFolder, record: object) -> None:
        seen.append([path.name for path in folder.path.parent.iterdir()])
        write(folder, record)  # type: ignore[arg-type]

    monkeypatch.setattr(RunFolder, "write", look)
    workplace.finetune()
    assert seen[0] == [f".{workplace.run_dir.name}"]
    assert json.loads(workplace.run("runs", "--json").stdout)["unreadable"] == []


def test_what_cannot_be_removed_is_told_and_the_rest_is_cleaned(workplace, monkeypatch) -> None:
    workplace.finetune()
    folder = RunFolder(workplace.run_dir)
    (folder.out / "model" / ".saving").mkdir()
    stuck = workplace.folder / "runs" / RUN_ID
    (stuck / "in" / "lists").mkdir(parents=True)
    remove = shutil.rmtree

    def refused(path: Path, **options: object) -> None:
        if Path(path).name == RUN_ID:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        remove(path, **options)

    monkeypatch.setattr("shutil.rmtree", refused)
    result = workplace.run("clean", "runs", "--yes")
    assert result.returncode == 0
    assert f"{RUN_ID}: left alone: Permission denied" in result.stderr
    assert not (folder.out / "model" / ".saving").exists() and stuck.exists()
