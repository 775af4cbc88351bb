"""Processes without a container: the right command, environment and identity."""

import json
import os
import sys
from pathlib import Path, PurePosixPath

import psutil
import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON, load_engine, local
from loghi_runner.engines.base import Engine, Handle, Launch, Mount, ProcessEnd, Setting, Signal, Wish
from loghi_runner.engines.local import LocalEngine
from loghi_runner.engines.processes import find_process, name_process
from loghi_runner.engines.setting import EngineConfig, settle
from loghi_runner.errors import EngineError


def launch(run_dir: Path, *, gpus: tuple[str, ...] = (), mounts: tuple[Mount, ...] = ()) -> Launch:
    return Launch("run", run_dir, "", DeviceKind.GPU if gpus else DeviceKind.CPU, gpus, mounts)


def wait_for(handle: Handle) -> None:
    """Until the process has ended; its exit code is left for the engine."""
    os.waitid(os.P_PID, int(handle.id.partition(":")[0]), os.WEXITED | os.WNOWAIT)


def run_to_its_end(engine: LocalEngine, work: Launch) -> ProcessEnd:
    handle = engine.start(work, work.run_dir / "console.log")
    wait_for(handle)
    end = engine.poll(handle)
    assert end is not None
    return end


def python(program: str) -> LocalEngine:
    return LocalEngine([sys.executable, "-c", program])


def test_the_trainer_sees_the_containers_folders(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.png").write_text("image", encoding="utf-8")
    mounts = (Mount(tmp_path / "scans", PurePosixPath("/in/data/0"), read_only=True),)
    program = "import os, sys; sys.stderr.write(open(os.environ['LOGHI_ROOT'] + '/in/data/0/a.png').read())"
    end = run_to_its_end(python(program), launch(tmp_path, mounts=mounts))
    assert end == ProcessEnd(0)
    assert (tmp_path / "console.log").read_text(encoding="utf-8") == "image"


@pytest.mark.parametrize(("gpus", "seen"), [((), "-1"), (("GPU-1", "GPU-2"), "GPU-1,GPU-2")])
def test_only_the_chosen_cards_are_visible(tmp_path: Path, gpus: tuple[str, ...], seen: str) -> None:
    program = "import os, sys; sys.stderr.write(os.environ['CUDA_VISIBLE_DEVICES'])"
    run_to_its_end(python(program), launch(tmp_path, gpus=gpus))
    assert (tmp_path / "console.log").read_text(encoding="utf-8") == seen


@pytest.mark.parametrize("gpus", [(), ("GPU-1",)])
def test_compiled_kernels_are_kept_in_the_accounts_cache(tmp_path: Path, gpus: tuple[str, ...]) -> None:
    program = "import os, sys; sys.stderr.write(os.environ.get('CUDA_CACHE_PATH', ''))"
    run_to_its_end(python(program), launch(tmp_path, gpus=gpus))
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "loghi-runner" / "cuda"
    assert (tmp_path / "console.log").read_text(encoding="utf-8") == (str(folder) if gpus else "")
    assert folder.is_dir() == bool(gpus)


def test_a_cache_that_the_user_chose_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_CACHE_PATH", "/their/own")
    program = "import os, sys; sys.stderr.write(os.environ['CUDA_CACHE_PATH'])"
    run_to_its_end(python(program), launch(tmp_path, gpus=("GPU-1",)))
    assert (tmp_path / "console.log").read_text(encoding="utf-8") == "/their/own"


def test_without_a_cache_folder_a_run_goes_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    assert run_to_its_end(python(""), launch(tmp_path, gpus=("GPU-1",))) == ProcessEnd(0)


@pytest.mark.parametrize(
    ("installed", "backend", "can"),
    [
        ({"tensorflow-cpu"}, "tensorflow", False),
        ({"tensorflow"}, "tensorflow", True),
        ({"tensorflow", "tensorflow-cpu"}, "tensorflow", True),
        ({"tensorflow-cpu"}, "torch", True),
    ],
)
def test_a_tensorflow_without_cuda_is_known_before_a_run(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], backend: str, can: bool
) -> None:
    monkeypatch.setattr(local.metadata, "distributions", lambda name: [name] if name in installed else [])
    monkeypatch.setattr(local, "_tensorflow", lambda: "TensorFlow 2.21.0")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert (LocalEngine().why_no_card() == "") == can


def test_the_trainer_gets_what_it_needs_of_the_environment_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"LOGHI_RUNNER_PLATFORM_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s", "SSH_AUTH_SOCK": "/x"}
    needed = {
        "LD_LIBRARY_PATH": "/cuda",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "KERAS_BACKEND": "tensorflow",
        "LC_ALL": "C.UTF-8",
    }
    for name, value in (secrets | needed).items():
        monkeypatch.setenv(name, value)
    run_to_its_end(python("import json, os, sys; json.dump(dict(os.environ), sys.stderr)"), launch(tmp_path))
    seen = json.loads((tmp_path / "console.log").read_text(encoding="utf-8"))
    assert not set(secrets) & set(seen)
    assert needed.items() <= seen.items()
    assert {"PATH", "HOME", "LOGHI_ROOT"} <= set(seen)


def test_the_exit_code_is_known_to_who_started_it_only(tmp_path: Path) -> None:
    engine = python("raise SystemExit(3)")
    work = launch(tmp_path)
    handle = engine.start(work, tmp_path / "console.log")
    wait_for(handle)
    assert LocalEngine().poll(handle) == ProcessEnd(None)
    assert engine.poll(handle) == ProcessEnd(3)


def test_a_process_id_that_was_given_away_is_not_ours() -> None:
    name = name_process(os.getpid())
    pid, ticks, boot_id = name.split(":")
    assert find_process(name) is not None
    for other in (f"{pid}:{int(ticks) - 1}:{boot_id}", f"{pid}:{ticks}:another-boot", f"{pid}:nan", f"{pid}:inf"):
        earlier = Handle("local", other)
        assert LocalEngine().poll(earlier) == ProcessEnd(None)
        LocalEngine().signal(earlier, Signal.KILL)  # must not end this test


def test_a_process_that_an_earlier_version_named_by_its_time_is_found() -> None:
    started = psutil.Process().create_time()
    assert find_process(f"{os.getpid()}:{started:.2f}") is not None
    assert find_process(f"{os.getpid()}:{started - 3600:.2f}") is None


def test_cleaning_up_leaves_the_data_behind_the_links_alone(tmp_path: Path) -> None:
    data = tmp_path / "scans"
    data.mkdir()
    (data / "a.png").write_text("image", encoding="utf-8")
    mounts = (Mount(data, PurePosixPath("/in/data/0"), read_only=True),)
    engine = python("")
    handle = engine.start(launch(tmp_path, mounts=mounts), tmp_path / "console.log")
    wait_for(handle)
    engine.poll(handle)
    engine.clean_up(handle, tmp_path / "console.log", keep=False)
    assert not (tmp_path / "places").exists()
    assert (data / "a.png").exists()


def test_a_command_that_cannot_be_started_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="could not be started"):
        LocalEngine(["/no/such/program"]).start(launch(tmp_path), tmp_path / "console.log")
    assert not (tmp_path / "places").exists()


class FakeDocker:
    name = "docker"

    def __init__(self, error: EngineError | None) -> None:
        self.error = error

    def settle(self, wish: Wish) -> Setting:
        return Setting(wish, "docker, version 28", engine_error=self.error)


def with_docker(monkeypatch: pytest.MonkeyPatch, error: EngineError | None) -> None:
    def load(name: str) -> Engine:
        return FakeDocker(error) if name == "docker" else LocalEngine(["true"])  # type: ignore[return-value]

    monkeypatch.setattr("loghi_runner.engines.setting.load_engine", load)


def test_auto_prefers_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    with_docker(monkeypatch, None)
    assert settle(EngineConfig())[1].engine == "docker, version 28"


def test_auto_goes_without_a_container_only_where_there_is_no_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    with_docker(monkeypatch, EngineError(NO_DAEMON, "no daemon"))
    engine, setting = settle(EngineConfig())
    assert engine.name == "local"
    assert setting.engine_error is None
    assert setting.engine.endswith("no Docker daemon on this machine, so without a container")


def test_auto_does_not_get_round_a_daemon_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with_docker(monkeypatch, EngineError("engine.docker_permission", "your account may not use Docker"))
    with pytest.raises(EngineError, match="may not use Docker"):
        settle(EngineConfig())[1].require_usable()


def test_an_engine_of_a_newer_version_is_named() -> None:
    with pytest.raises(EngineError, match="there is no engine 'slurm'"):
        load_engine("slurm")
