"""What a container may take of its machine, and what is said when that is not enough."""

from pathlib import Path
from typing import Any

import pytest

from loghi_runner.cli.options import reader_options
from loghi_runner.config.file import ConfigError
from loghi_runner.engines import EngineKind
from loghi_runner.engines.base import Launch, ProcessEnd
from loghi_runner.engines.container import memory_limit
from loghi_runner.engines.docker import DockerEngine
from loghi_runner.errors import UsageError
from loghi_runner.finetuning.finetune import check_run
from loghi_runner.runs.conclude import conclude
from loghi_runner.terminal.views import plan_rows
from tests.attacks.hostile_files import project  # noqa: F401  # a fixture
from tests.fake_daemon import HANDLE, FakeDaemon
from tests.unit.config.test_config import SMALLEST, load
from tests.unit.made_project import Findings, Project
from tests.unit.runs.test_conclude import RECORD, progress

MACHINE = {"MemoryLimit": True, "MemTotal": 100 * 10**9, "NCPU": 8, "CpuCfsQuota": True, "SecurityOptions": []}


class Quiet:
    """A view that shows nothing."""

    def progress(self, _doing: str, _done: int, _total: int) -> None: ...


def host_of(daemon: FakeDaemon, launch: Launch, info: dict[str, Any], memory: int | None) -> dict[str, Any]:
    """What the container's machine is asked to limit."""
    daemon.answers["GET /info"] = (200, info)
    engine = DockerEngine(daemon.url)
    limited = Launch(**{**launch.__dict__, "memory_bytes": memory_limit(info, memory)})
    engine.start(limited, launch.run_dir / "console.log")
    host: dict[str, Any] = daemon.created["HostConfig"]
    return host


@pytest.mark.parametrize(("asked", "given"), [(None, 80 * 10**9), (16 * 10**9, 16 * 10**9)])
def test_a_container_takes_neither_all_memory_nor_swap_beyond_nor_all_processors(
    daemon: FakeDaemon,
    launch: Launch,
    asked: int | None,
    given: int,
) -> None:
    host = host_of(daemon, launch, MACHINE, asked)
    assert (host["Memory"], host["MemorySwap"]) == (given, given)
    assert host["NanoCpus"] == 7 * 10**9


def test_a_small_machine_gives_all_its_processors(daemon: FakeDaemon, launch: Launch) -> None:
    assert "NanoCpus" not in host_of(daemon, launch, MACHINE | {"NCPU": 3}, None)


def test_a_daemon_that_can_limit_nothing_is_not_asked_to(daemon: FakeDaemon, launch: Launch) -> None:
    host = host_of(daemon, launch, MACHINE | {"MemoryLimit": False, "CpuCfsQuota": False}, 16 * 10**9)
    assert not {"Memory", "MemorySwap", "NanoCpus"} & set(host)


def test_an_end_for_lack_of_memory_tells_the_limit_and_its_key(daemon: FakeDaemon) -> None:
    daemon.set_state(Status="exited", ExitCode=137, OOMKilled=True)
    status, answer = daemon.answers[f"GET /containers/{HANDLE.id}/json"]
    daemon.answers[f"GET /containers/{HANDLE.id}/json"] = (status, answer | {"HostConfig": {"Memory": 16 * 10**9}})
    end = DockerEngine(daemon.url).poll(HANDLE)
    assert end == ProcessEnd(-9, out_of_memory=True, memory_bytes=16 * 10**9)
    error = conclude(RECORD, progress(), end, "").error
    assert error is not None
    assert (error.code, error.exit_code) == ("memory.out_of_memory", 4)
    assert "it may take 16.0 GB" in error.message
    assert error.hint is not None and "engine.memory" in error.hint


@pytest.mark.parametrize(("written", "gigabytes"), [("16 GB", 16), ("1.5tb", 1500), ("2048MB", 2.048), ('"8 gb"', 8)])
def test_memory_is_written_with_its_unit(tmp_path: Path, written: str, gigabytes: float) -> None:
    config = load(tmp_path, SMALLEST + f"engine:\n  memory: {written}\n").config
    assert config.engine.memory_bytes == gigabytes * 10**9


@pytest.mark.parametrize("written", ["16", "16 GiB", "-16 GB", "900 MB", "0 TB", "much", "[16 GB]", "true", "1e9 GB"])
def test_what_is_no_size_of_memory_is_refused_with_an_example(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"engine\.memory must be a size of 1 GB at least, such as 16 GB, not"):
        load(tmp_path, SMALLEST + f"engine:\n  memory: {written}\n")


def test_commands_that_read_take_the_same_sizes() -> None:
    assert reader_options(EngineKind.AUTO, "none", None, "16GB", None, 16).wish.memory_bytes == 16 * 10**9
    assert reader_options(EngineKind.AUTO, "none", None, None, None, 16).wish.memory_bytes is None
    with pytest.raises(UsageError, match="--memory must be a size"):
        reader_options(EngineKind.AUTO, "none", None, "16", None, 16)


def test_the_plan_tells_the_limit(
    project: Project,  # noqa: F811
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = {"org.loghi-runner.contract": "1"}
    daemon.answers |= {
        "GET /info": (200, MACHINE),
        "GET /images/own:1/json": (200, {"Id": "sha256:0", "Size": 1, "Config": {"Labels": labels}}),
    }
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    project.values["engine"] = {"kind": "docker", "gpus": "none", "image": "own:1"}
    checked = check_run(project.config(), (), Quiet())  # type: ignore[arg-type]  # nothing else of a view is asked
    assert checked.setting.image is not None
    assert ("memory", "at most 80.0 GB") in plan_rows(checked.plan, checked.setting)
    assert "engine.memory_not_applied" not in [finding.code for finding in checked.plan.findings]


def test_an_engine_that_cannot_limit_memory_says_so(
    project: Project,  # noqa: F811
    ask: type[Findings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGHI_RUNNER_TEST_TRAINER", "a stand-in")
    project.values["engine"] = {"kind": "local", "gpus": "none", "memory": "16 GB"}
    checked = check_run(project.config(), (), Quiet())  # type: ignore[arg-type]  # nothing else of a view is asked
    finding = ask(checked.plan.findings).one("engine.memory_not_applied")
    assert finding.where == "engine.memory"
    assert "16 GB" in finding.message
    assert "memory" not in dict(plan_rows(checked.plan, checked.setting))
