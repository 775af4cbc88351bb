"""A run whose machine is gone, or only asleep, goes on on another one: names and processes of its own make that one.

Both see the same folder, as on a network disk. Needs root, as namespaces do.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

from loghi_contract.checkpoint import has_checkpoint
from loghi_contract.exit_codes import ExitCode
from loghi_runner.runs.folder import RunFolder
from tests.kills.faults import Happened, last_word, until_it_trains
from tests.kills.place import COMMAND, Place
from tests.kills.promises import Undisturbed, break_of_end, break_of_model, break_of_resumed

#: What became of the first machine before the run is resumed on the second.
GONE, ASLEEP, AWAKE = "switched off", "asleep, and wakes up while it goes on", "awake"
_OTHER = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "sh", "-c", 'hostname another-node; exec "$@"', "sh")
_LONGEST_S = 300.0
_LOOK_EVERY_S = 0.01


def resume_elsewhere(place: Place, undisturbed: Undisturbed) -> Iterator[Happened]:
    """What the first machine did, what became of the run, and which promises were broken."""
    if subprocess.run([*_OTHER, "true"], capture_output=True, check=False).returncode != 0:
        yield "another machine", "not here: no namespaces", []
        return
    for what in (GONE, ASLEEP, AWAKE):
        yield f"another machine, the first is {what}", *_resume(place, what, undisturbed)


def _resume(place: Place, what: str, undisturbed: Undisturbed) -> tuple[str, list[str]]:
    output = place.folder / "elsewhere" / what.split(",")[0].replace(" ", "_")
    host = place.start("finetune", str(place.config), "--set", f"output={output}")
    run = until_it_trains(output, host)
    while not has_checkpoint(run.out):
        if host.poll() is not None:
            return "over before it had a checkpoint", []
        time.sleep(_LOOK_EVERY_S)
    trainer = place.processes(run.path)[0].pid
    first = (trainer, host.pid)
    if what != AWAKE:
        for pid in first:
            os.kill(pid, signal.SIGKILL if what == GONE else signal.SIGSTOP)
    (place.folder / "host.log").rename(place.folder / "first.log")
    second = place.start("resume", str(run.path), command=(*_OTHER, *COMMAND))
    if what == ASLEEP:
        _until_it_goes_on(run, second)
        for pid in first:
            os.kill(pid, signal.SIGCONT)
    code = second.wait(_LONGEST_S)
    broken = []
    if what == AWAKE:
        if (code, last_word(place).get("code")) != (ExitCode.USAGE, "resume.not_over"):
            broken.append(f"two trainers: the second ended with {code}: {last_word(place)}")
        if host.wait(_LONGEST_S) != ExitCode.OK:
            broken.append(f"the first was disturbed: {host.returncode}")
    else:
        if code != ExitCode.OK:
            broken.append(f"it does not go on: {code}, {last_word(place)}")
        host.wait(_LONGEST_S)
        (place.folder / "first.log").rename(place.folder / "host.log")
        if what == ASLEEP and (host.returncode, last_word(place).get("code")) != (ExitCode.ENGINE, "run.taken_over"):
            broken.append(f"the first did not give way: {host.returncode}, {last_word(place)}")
    broken += [f"a process is left: {process.pid}" for process in place.processes()]
    shown = str(place.call("show", str(run.path), "--json").last_json().get("state"))
    record = run.read()
    _epoch, wrong = break_of_model(run, record, undisturbed)
    broken += [*wrong, *break_of_end(run, record, shown, shown), *break_of_resumed(run, undisturbed)]
    return f"{record.state.value}, {len(record.resumptions)} resumed", broken


def _until_it_goes_on(run: RunFolder, second: "subprocess.Popen[bytes]") -> None:
    """Until the second trainer has spoken."""
    while second.poll() is None:
        if b'"kind":"resumed"' in run.events_file.read_bytes():
            return
        time.sleep(_LOOK_EVERY_S)
