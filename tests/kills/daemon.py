"""The Docker daemon is killed while a run trains in one of its containers: one of our own, so that nobody else has it.

It needs root, dockerd, and the trainer's CPU image in the daemon that is there already. The code in the image is
replaced by that of this checkout, so that its epochs are those of the run that nobody kills.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind
from loghi_runner.engines.docker import SILENCE_GRACE_S
from loghi_runner.engines.image import default_image
from tests.kills.faults import Happened, until_it_trains
from tests.kills.place import Place
from tests.kills.promises import Undisturbed, break_of_end, break_of_model, break_of_resumed

IMAGE = "loghi-runner-kills"
#: What is done to the daemon: options of dockerd, and for how long it is away.
DEATHS = {
    "ends its containers when it is back": ((), 2.0),
    "keeps its containers (live-restore)": (("--live-restore",), 2.0),
    "keeps its containers, away for too long": (("--live-restore",), SILENCE_GRACE_S + 30.0),
}
_ROOT = Path(__file__).parents[2]
_SCRIPT = _ROOT / ".ci" / "docker-daemon.sh"
#: A second daemon on a machine must leave the first one's network alone.
_BESIDE_ANOTHER = ("--bridge=none", "--iptables=false", "--ip6tables=false")
_LONGEST_S = 300.0


class NoDaemon(Exception):
    """None can be started here; the message says why."""


def kill_daemons(place: Place, undisturbed: Undisturbed) -> Iterator[Happened]:
    """How each daemon died, how its run stood then, and which promises were broken."""
    try:
        with _made_image(place.folder / "image.tar") as packed:
            for name, (options, away_s) in DEATHS.items():
                with _running(place.folder / "dockerd", options) as daemon:
                    daemon.load(packed)
                    yield f"daemon killed: it {name}", *_kill(place, daemon, away_s, undisturbed)
    except NoDaemon as error:
        yield "daemon killed", f"not here: {error}", []


class _Daemon:
    def __init__(self, folder: Path, options: tuple[str, ...]) -> None:
        self._folder = folder
        self._options = options
        self.environment = {"DOCKER_HOST": f"unix://{folder}/docker.sock"}

    def start(self) -> None:
        self._script("start", *_BESIDE_ANOTHER, *self._options)

    def kill(self) -> None:
        pid_file = self._folder / "dockerd.pid"
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGKILL)

    def load(self, packed: Path) -> None:
        command = ["docker", "load", "--quiet", "--input", str(packed)]
        done = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoDaemon(done.stderr.strip())

    def stop(self) -> None:
        self._script("stop")
        # one that was killed has mounted its folder on itself once more than it takes away
        data = self._folder / "data"
        subprocess.run(["umount", "--recursive", "--lazy", data], capture_output=True, check=False)

    def _script(self, command: str, *options: str) -> None:
        done = subprocess.run([_SCRIPT, command, self._folder, *options], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoDaemon(done.stderr.strip())


@contextmanager
def _running(folder: Path, options: tuple[str, ...]) -> Iterator[_Daemon]:
    daemon = _Daemon(folder, options)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def _kill(place: Place, daemon: _Daemon, away_s: float, undisturbed: Undisturbed) -> tuple[str, list[str]]:
    output = place.folder / "in_containers"
    words = ("--set", f"output={output}", "--set", "engine.kind=docker", "--set", f"engine.image={IMAGE}")
    host = place.start("finetune", str(place.config), *words, more=daemon.environment)
    run = until_it_trains(output, host)
    daemon.kill()
    time.sleep(away_s)
    is_given_up = host.poll() is not None
    daemon.start()
    broken = []
    if host.wait(_LONGEST_S) != ExitCode.OK and is_given_up != (away_s > SILENCE_GRACE_S):
        broken.append(f"finetune gave up: {is_given_up}, after {away_s:.0f} s")
    deadline = time.monotonic() + _LONGEST_S
    while True:  # where nobody follows it any more, it may be going on
        shown = str(place.call("show", str(run.path), "--json", more=daemon.environment).last_json().get("state"))
        if shown != "running" or time.monotonic() > deadline:
            break
        time.sleep(1)
    record = run.read()
    became = f"{record.state.value} {record.error.code if record.error else ''}".strip()
    _epoch, wrong = break_of_model(run, record, undisturbed)
    broken += [*wrong, *break_of_end(run, record, shown, shown)]
    if shown != "finished":
        answer = place.call("resume", str(run.path), "--json", more=daemon.environment)
        if answer.exit_code != ExitCode.OK:
            return became, [*broken, f"it cannot be resumed: {answer.stdout[-500:]} {answer.stderr[-500:]}"]
        became += ", resumed"
    broken += break_of_resumed(run, undisturbed)
    shutil.rmtree(output)
    return f"{became} (finetune: {host.returncode})", broken


@contextmanager
def _made_image(packed: Path) -> Iterator[Path]:
    """A file with the image of this checkout's trainer, made on the one that is there."""
    base = default_image(DeviceKind.CPU)
    text = f"FROM {base}\nCOPY loghi_contract /opt/loghi/loghi_contract\nCOPY loghi_trainer /opt/loghi/loghi_trainer\n"
    build = ["docker", "build", "--quiet", "--tag", IMAGE, "--file", "-", str(_ROOT / "container")]
    try:
        subprocess.run(build, input=text.encode(), check=True, capture_output=True)
        subprocess.run(["docker", "save", "--output", packed, IMAGE], check=True, capture_output=True)
        yield packed
    except FileNotFoundError as error:
        raise NoDaemon("Docker is not installed") from error
    except subprocess.CalledProcessError as error:
        raise NoDaemon(error.stderr.decode().strip().splitlines()[-1]) from error
    finally:
        packed.unlink(missing_ok=True)
        if shutil.which("docker"):
            subprocess.run(["docker", "image", "rm", "--force", IMAGE], capture_output=True, check=False)
