"""The engine `local`: the trainer as a process of this machine, without a container."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata, util
from pathlib import Path
from signal import SIGINT, SIGKILL

import psutil

from loghi_contract.job import DeviceKind
from loghi_contract.places import ROOT_VARIABLE
from loghi_runner.engines.base import (
    PLACES,
    Handle,
    Launch,
    ProcessEnd,
    Setting,
    Signal,
    Wish,
    memory_not_applied,
    not_ours,
)
from loghi_runner.engines.card_queue import choose_here
from loghi_runner.engines.gpus import Cards, check_cards, kernel_cache, kernel_cache_variables, with_cuda
from loghi_runner.engines.processes import find_process, is_by_clock, machine_name, name_process
from loghi_runner.errors import EngineError, RunnerError
from loghi_runner.findings import Finding, Severity
from loghi_runner.installed import pip_install

#: For tests only: the path of a Python program that is started in place of the trainer.
TEST_TRAINER_VARIABLE = "LOGHI_RUNNER_TEST_TRAINER"

_REAL_COMMAND = (sys.executable, "-m", "loghi_trainer")
#: What finds programs, folders and languages.
_PASSED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)  # fmt: skip
#: What Python, the frameworks, their mathematics and the cards are told; the last is for the tests' stand-in.
_PASSED_ON_PREFIXES = (
    "LC_", "PYTHON", "KERAS_", "TF_", "XLA_", "JAX_", "PYTORCH_", "TORCH_", "CUDA", "NVIDIA_", "NCCL_", "OMP_", "KMP_",
    "MKL_", "OPENBLAS_", "MALLOC_", "LOGHI_FAKE_",
)  # fmt: skip
_TRAINER_MODULES = ("keras", "tensorflow", "cv2", "loghi_trainer")


class LocalEngine:
    """Starts `python -m loghi_trainer` in a session of its own, the container's folders laid out as links."""

    name = "local"
    poll_every_s = 0.0

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = tuple(command) if command else _trainer_command()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def check(self) -> str:
        if self._command != _REAL_COMMAND:
            return f"local, with the test trainer {self._command[-1]}"
        missing = [module for module in _TRAINER_MODULES if util.find_spec(module) is None]
        if missing:
            message = f"the engine local needs Python packages that are not installed: {', '.join(missing)}"
            hint = f"Install them: {pip_install('cpu')} (with an NVIDIA card: [cuda] in place of [cpu])."
            raise EngineError("engine.local_packages", message, hint=hint)
        return f"local, Keras {metadata.version('keras')} on {_tensorflow()}"

    def why_no_card(self) -> str:
        """Why the installed framework can compute on no card, "" where it may."""
        is_other = self._command != _REAL_COMMAND or os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow"
        if is_other or _is_installed("tensorflow") or not _is_installed("tensorflow-cpu"):
            return ""
        return f"the installed {_tensorflow()} (tensorflow-cpu) can use no graphics card"

    def examine(self, found: Cards) -> list[Finding]:
        findings = [Finding(Severity.INFO, "engine.local", f"engine {self.check()}")]
        if found.cards and (lack := self.why_no_card()):
            message = f"{lack}: runs go on the CPU"
            findings.append(Finding(Severity.WARNING, "engine.local_without_cuda", message, hint=with_cuda()))
        return findings

    def settle(self, wish: Wish) -> Setting:
        setting = Setting(wish, f"{wish.kind.value}: cannot be used")
        try:
            setting = replace(setting, engine=self.check())
            device = choose_here(wish, self.why_no_card())
        except RunnerError as error:
            return replace(setting, engine_error=error)
        findings = check_cards(device, own_image=wish.image is None)
        if wish.memory is not None:
            # RLIMIT_AS counts addresses, not memory: TensorFlow reserves far more of them than it uses
            findings = (*findings, memory_not_applied(wish))
        return replace(setting, device=device, findings=findings)

    def start(self, launch: Launch, console_log: Path) -> Handle:
        root = launch.run_dir / PLACES
        try:
            _lay_out(root, launch)
            with console_log.open("ab") as log:
                child = subprocess.Popen(
                    self._command,
                    cwd=launch.run_dir,
                    env=_environment(root, launch),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,  # Ctrl+C in the terminal reaches the host only
                    pass_fds=launch.lease.descriptors if launch.lease else (),
                )
        except OSError as error:
            shutil.rmtree(root, ignore_errors=True)
            raise EngineError(
                "engine.local_start",
                f"the trainer could not be started: {error.strerror or error}",
                where=str(error.filename or launch.run_dir),
                hint="Is the disk full, or the output folder on a file system without links?",
            ) from error
        if launch.lease is not None:
            launch.lease.let_go()  # the trainer has inherited it: its end frees the cards, whether we live or not
        handle = Handle(self.name, name_process(child.pid))
        self._children[handle.id] = child
        return handle

    def find(self, run_id: str, run_dir: Path, handle: Handle | None) -> Handle | None:
        if handle is not None and handle.id in self._children:
            return handle
        process = find_process(handle.id) if handle is not None else None
        if process is not None:
            if not _is_trainer_of(process, run_dir):
                raise not_ours(f"the process {process.pid}", run_dir)
            return handle
        if handle is not None and not is_by_clock(handle.id):
            return None
        # started, but not written down; or written down by a clock that was set since
        found = next((each for each in psutil.process_iter() if _is_trainer_of(each, run_dir)), None)
        return None if found is None else Handle(self.name, name_process(found.pid))

    def poll(self, handle: Handle) -> ProcessEnd | None:
        child = self._children.get(handle.id)
        if child is not None:
            exit_code = child.poll()
            return None if exit_code is None else ProcessEnd(exit_code)
        return None if find_process(handle.id) else ProcessEnd(None)

    def signal(self, handle: Handle, signal: Signal) -> None:
        process = find_process(handle.id)
        if process is None:
            return
        if signal is Signal.INTERRUPT:
            process.send_signal(SIGINT)
        else:
            # its whole session: helpers of the trainer must not outlive it
            os.killpg(process.pid, SIGKILL)

    def bring_console(self, handle: Handle, console_log: Path) -> None:
        """Nothing to do: the process writes into console_log itself."""

    def clean_up(self, handle: Handle, console_log: Path, *, keep: bool) -> None:
        self._children.pop(handle.id, None)
        if not keep:
            shutil.rmtree(console_log.parent / PLACES, ignore_errors=True)

    def kept(self, handle: Handle) -> None:
        """Nothing outside the run folder."""

    def reachable_from(self, machine: str) -> bool:
        return machine == machine_name()


def _is_trainer_of(process: psutil.Process, run_dir: Path) -> bool:
    """Whether it was started by this engine, by this account, for this run: helpers that it started itself are not."""
    try:
        if process.uids().real != os.getuid() or os.getsid(process.pid) != process.pid:
            return False
        if process.status() == psutil.STATUS_ZOMBIE or not run_dir.samefile(process.cwd()):
            return False
        return tuple(process.cmdline()[1:3]) == _REAL_COMMAND[1:] or ROOT_VARIABLE in process.environ()
    except (psutil.Error, OSError):
        return False


def _trainer_command() -> tuple[str, ...]:
    stand_in = os.environ.get(TEST_TRAINER_VARIABLE)
    return (sys.executable, stand_in) if stand_in else _REAL_COMMAND


def _is_installed(distribution: str) -> bool:
    return any(metadata.distributions(name=distribution))


def _tensorflow() -> str:
    for distribution in ("tensorflow", "tensorflow-cpu"):
        try:
            return f"TensorFlow {metadata.version(distribution)}"
        except metadata.PackageNotFoundError:
            continue
    return "TensorFlow"


def _lay_out(root: Path, launch: Launch) -> None:
    root.mkdir()
    for mount in launch.mounts:
        link = root / mount.target.relative_to("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(mount.source, target_is_directory=True)


def _environment(root: Path, launch: Launch) -> dict[str, str]:
    # "-1" hides every card from CUDA: a CPU run must not take one by accident
    cards = ",".join(launch.gpus) if launch.device is DeviceKind.GPU else "-1"
    cache = kernel_cache() if launch.device is DeviceKind.GPU else None
    kept = kernel_cache_variables(str(cache)) if cache else {}
    ours = {ROOT_VARIABLE: str(root), "CUDA_VISIBLE_DEVICES": cards, "PYTHONUNBUFFERED": "1"}
    # no more than it needs: it opens models of others, and tokens of ours may stand beside
    passed_on = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    return {**kept, **passed_on, **ours}
