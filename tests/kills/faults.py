"""A disk of one's own, in memory, that fails while a run writes its checkpoints; needs root, as mounting does."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_runner.runs.folder import RunFolder
from tests.kills.place import Place
from tests.kills.promises import Undisturbed, break_of_end, break_of_model, break_of_resumed, read_events

#: The last stands for a disk that became read-only, which no mount does while files are written.
FAULTS = ("full", "nearly full", "no inode", "a file in the place")

_SIZE = 500_000_000
#: Enough for the next best_val of the sample's model, and not for a checkpoint.
_NEARLY_BYTES = 7_000_000
_LONGEST_S = 300.0


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 500 MB at a new folder. Raises OSError where this account may mount none."""
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
        folder.rmdir()


def carry_out(place: Place, disk: Path, fault: str, undisturbed: Undisturbed) -> tuple[str, list[str]]:
    """A run whose disk fails once it trains, and is mended when it is over: how it ended, and what was broken."""
    output = disk / fault.replace(" ", "_")
    host = place.start("finetune", str(place.config), "--set", f"output={output}")
    run = _until_it_trains(output, host)
    _break(disk, fault, run)
    deadline = time.monotonic() + _LONGEST_S
    while host.poll() is None and time.monotonic() < deadline:
        if fault == "full":
            _fill(disk, 0)  # others go on, and take what the run gives back
        time.sleep(0.05)
    told_full = b'"code":"last.not_written"' in run.events_file.read_bytes()
    _mend(disk, run)
    # whoever looks when the disk is mended writes down what nobody could
    shown = str(place.call("show", str(run.path), "--json").last_json().get("state"))
    record = run.read()
    _epoch, broken = break_of_model(run, record, undisturbed)
    broken = [what for what in broken if "half a line" not in what]
    broken += break_of_end(run, record, shown, shown)
    if fault in ("nearly full", "a file in the place") and not (told_full and shown == "finished"):
        broken.append(f"without room for a checkpoint alone: {shown}, told {told_full}")
    if shown != "finished":
        answer = place.call("resume", str(run.path), "--json")
        if answer.exit_code != 0:
            broken.append(f"it cannot be resumed: {answer.stdout[-500:]} {answer.stderr[-500:]}")
        else:
            broken += break_of_resumed(run, undisturbed)
    shutil.rmtree(output)
    return f"{record.state.value} {record.error.code if record.error else ''}".strip(), broken


def break_disk_in_all_ways(place: Place, undisturbed: Undisturbed, deadline: float) -> list[str]:
    """Carry out each fault for which there is time; prints it, and returns the broken promises."""
    broken: list[str] = []
    with contextlib.suppress(PermissionError), small_disk(place.folder / "disk") as disk:
        for fault in FAULTS:
            if time.monotonic() > deadline:
                break
            became, wrong = carry_out(place, disk, fault, undisturbed)
            print(f"     disk: {fault:<64}  {became:<24}  {'; '.join(wrong) or 'nothing'}", flush=True)
            broken += wrong
        return broken
    print("     no disk is broken: only root can mount one")
    return broken


def _until_it_trains(output: Path, host: "subprocess.Popen[bytes]") -> RunFolder:
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline and host.poll() is None:
        for path in output.glob("[!.]*"):
            run = RunFolder(path)
            if run.events_file.is_file() and any(event["kind"] == "step" for event in read_events(run)[0]):
                return run
        time.sleep(0.01)
    raise RuntimeError("the run does not train")


def _break(disk: Path, fault: str, run: RunFolder) -> None:
    filler = disk / "filler"
    filler.mkdir()
    if fault in ("full", "nearly full"):
        _fill(disk, _NEARLY_BYTES if fault == "nearly full" else 0)
    elif fault == "no inode":
        used = int(subprocess.run(["df", "--output=iused", disk], capture_output=True, text=True).stdout.split()[-1])
        _mount("-o", f"remount,nr_inodes={used}", str(disk))
    else:
        run.last.rename(filler / "last")
        run.last.touch()


def _fill(disk: Path, left: int) -> None:
    with (disk / "filler" / "file").open("ab") as file, contextlib.suppress(OSError):
        # bit by bit, as the run takes some of it, too
        while (free := shutil.disk_usage(disk).free - left) > 0:
            os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, max(free // 2, 4096))


def _mend(disk: Path, run: RunFolder) -> None:
    _mount("-o", f"remount,rw,size={_SIZE},nr_inodes=100000", str(disk))
    if run.last.is_file():
        run.last.unlink()
        (disk / "filler" / "last").rename(run.last)
    shutil.rmtree(disk / "filler", ignore_errors=True)


def _mount(*arguments: str) -> None:
    """Raises PermissionError where it may not be done."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermissionError(done.stderr)
