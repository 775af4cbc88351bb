"""What many fine-tunings that are followed at once cost: python -m benchmarks.hosts [--hosts 20] [--engine docker]

So many `finetune` of the sample, whose trainers are stand-ins that tell steps and train nothing; told is what all hosts
together take of one core, on terminals with the live display and without, once they all run. With the engine docker
also what its daemon takes, which answers others, too; a small image is made from the one that is there.
"""

import argparse
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.measure import told
from loghi_runner.engines.local import TEST_TRAINER_VARIABLE
from loghi_runner.runs.find import list_runs
from loghi_runner.runs.folder import RunState

_HERE = Path(__file__).parent
_SAMPLE = _HERE.parent / "examples" / "sample" / "demo.yaml"
_TRAINER = _HERE.parent / "tests" / "paced_trainer.py"
_IMAGE = "loghi-runner-paced"
_LOG = os.O_CREAT | os.O_RDWR
_BEGIN_S = 300.0
_SETTLES_S = 5.0


class Hosts:
    """So many hosts that follow their trainers; `stop` ends all."""

    def __init__(self, count: int, steps: int, engine: str, *, on_terminals: bool, output: Path) -> None:
        self._outputs: list[int] = []
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
        settings = [f"output={output}", f"engine.kind={engine}", "engine.gpus=none"]
        settings += [f"training.seed={steps}", "training.epochs=1000"]
        if engine == "docker":
            settings.append(f"engine.image={_IMAGE}")
        else:
            environment[TEST_TRAINER_VARIABLE] = str(_TRAINER)
        command = [sys.executable, "-m", "loghi_runner", "finetune", str(_SAMPLE)]
        command += [word for setting in settings for word in ("--set", setting)]
        self._output = output
        self._started = []
        for number in range(count):
            out = self._open_terminal() if on_terminals else os.open(output.parent / f"host_{number}.log", _LOG, 0o600)
            self._outputs.append(out)
            self._started.append(subprocess.Popen(command, env=environment, stdin=out, stdout=out, stderr=out))
        self._processes = [psutil.Process(host.pid) for host in self._started]

    def wait_until_all_run(self) -> None:
        deadline = time.monotonic() + _BEGIN_S
        while time.monotonic() < deadline:
            runs = list_runs(self._output) if self._output.is_dir() else []
            if sum(run.events_file.is_file() and run.read().state is RunState.RUNNING for run in runs) == len(
                self._started
            ):
                time.sleep(_SETTLES_S)
                return
            time.sleep(1)
        raise SystemExit(f"not all runs have begun after {_BEGIN_S:.0f} s; see {self._output.parent}")

    def processor_s(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes)

    def stop(self) -> None:
        for host in self._started:
            host.send_signal(signal.SIGINT)
        for host in self._started:
            host.wait()
        for output in self._outputs:
            os.close(output)

    @staticmethod
    def _open_terminal() -> int:
        ours, theirs = pty.openpty()
        threading.Thread(target=_read_all, args=(ours,), daemon=True).start()
        return theirs


def measure(arguments: argparse.Namespace, place: Path, *, on_terminals: bool) -> tuple[float, float]:
    """The share of a core that the hosts take, and that the daemon takes."""
    output = place / f"runs_{time.monotonic_ns()}"
    hosts = Hosts(arguments.hosts, arguments.steps, arguments.engine, on_terminals=on_terminals, output=output)
    try:
        hosts.wait_until_all_run()
        began, before_s, daemon_s = time.monotonic(), hosts.processor_s(), _daemon_s()
        time.sleep(arguments.seconds)
        took = time.monotonic() - began
        return (hosts.processor_s() - before_s) / took, (_daemon_s() - daemon_s) / took
    finally:
        hosts.stop()


def _daemon_s() -> float:
    processes = psutil.process_iter(["name", "cpu_times"])
    return sum(sum(each.info["cpu_times"][:2]) for each in processes if each.info["name"] in ("dockerd", "containerd"))


def _read_all(terminal: int) -> None:
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # closed
        pass


def _make_image(base: str) -> None:
    text = f'FROM {base}\nCOPY {_TRAINER.name} /\nENTRYPOINT ["python", "/{_TRAINER.name}"]\n'
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", _IMAGE, "--file", "-", _TRAINER.parent], input=text.encode(), check=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hosts", description=__doc__)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="how many each trainer tells in a second (10)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long it is measured (30)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=["local", "docker"], default="local")
    parser.add_argument("--base", default="loghi-runner:0.1.0-cpu", help="the image to make the small one from")
    arguments = parser.parse_args()
    # in a script's background it arrives ignored, and every host would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if arguments.engine == "docker":
        _make_image(arguments.base)
    with tempfile.TemporaryDirectory(prefix="loghi-runner-bench-") as place:
        for on_terminals in (True, False):
            shares = [measure(arguments, Path(place), on_terminals=on_terminals) for _round in range(arguments.rounds)]
            hosts = told([100 * of_hosts for of_hosts, _of_daemon in shares])
            daemon = told([100 * of_daemon for _of_hosts, of_daemon in shares])
            where = "on terminals" if on_terminals else "without one"
            beside = f", the daemon {daemon} %" if arguments.engine == "docker" else ""
            print(f"{arguments.hosts} hosts {where}: {hosts} % of a core{beside}", flush=True)


if __name__ == "__main__":
    main()
