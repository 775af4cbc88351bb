"""What a run's container may do, and how it ends, with a real daemon and a real image."""

import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from loghi_contract import CONTRACT_LABEL
from loghi_contract.job import DeviceKind
from loghi_runner.engines.base import Mount, ProcessEnd, Signal
from loghi_runner.engines.docker import DockerEngine
from loghi_runner.engines.image import default_image, require_image
from loghi_runner.engines.setting import EngineConfig
from loghi_runner.errors import ContractError, EngineError
from tests.docker.conftest import STAND_IN_LOG, Bench, wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def report(bench: Bench) -> dict[str, Any]:
    handle = bench.start("report")
    assert bench.wait(handle) == ProcessEnd(0)
    answer: dict[str, Any] = json.loads((bench.out / "report.json").read_text())
    return answer


def test_the_container_runs_as_the_caller(bench: Bench, report: dict[str, Any]) -> None:
    assert (report["uid"], report["gid"]) == (os.getuid(), os.getgid())
    assert set(os.getgroups()) <= {*report["groups"], report["gid"]}
    assert (bench.out / "report.json").stat().st_uid == os.getuid()


def test_a_caller_who_is_not_root_is_not_root_inside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setattr(os, "getgid", lambda: 12346)
    monkeypatch.setattr(os, "getgroups", lambda: [12346, 12347])
    bench.out.chmod(0o777)
    assert bench.wait(bench.start("report")) == ProcessEnd(0)
    report = json.loads((bench.out / "report.json").read_text())
    assert (report["uid"], report["gid"]) == (12345, 12346)
    assert 12347 in report["groups"]
    assert (bench.out / "report.json").stat().st_uid == 12345


def test_the_container_has_no_rights_and_no_network(report: dict[str, Any]) -> None:
    assert int(report["capabilities"], 16) == 0
    assert int(report["bounding"], 16) == 0
    assert report["no_new_privileges"] == "1"
    assert report["interfaces"] == ["lo"]
    assert report["connect"] == "Network is unreachable"


def test_only_the_out_folder_can_be_written(report: dict[str, Any]) -> None:
    read_only = "Read-only file system"
    assert report["write_root"] == report["write_data"] == report["write_job"] == read_only
    assert report["write_tmp"] == "allowed"
    assert report["write_kernel_cache"] == "No such file or directory"
    assert report["data"] == ["line one.png"]


def test_a_run_on_the_cpu_sees_no_card(report: dict[str, Any]) -> None:
    assert report["cards"] == "void"
    assert report["devices"] == []


def test_the_container_has_no_terminal_a_home_and_an_init(report: dict[str, Any]) -> None:
    assert report["terminal"] is False
    assert report["home"] == "/tmp"
    assert report["shared_memory_mb"] == 1024
    assert report["first_process"] == "docker-init"


def test_an_interrupted_trainer_ends_by_itself(bench: Bench) -> None:
    handle = bench.start("wait")
    wait_until(lambda: (bench.out / "ready").exists() or None)
    assert bench.engine.poll(handle) is None
    bench.engine.signal(handle, Signal.INTERRUPT)
    assert bench.wait(handle) == ProcessEnd(130)
    bench.engine.signal(handle, Signal.INTERRUPT)  # over already: no error


def test_a_killed_trainer_shows_the_signal(bench: Bench) -> None:
    handle = bench.start("wait")
    bench.engine.signal(handle, Signal.KILL)
    assert bench.wait(handle) == ProcessEnd(-9)
    bench.engine.signal(handle, Signal.KILL)


def test_another_process_finds_the_container_again(bench: Bench) -> None:
    handle = bench.start("wait")
    wait_until(lambda: (bench.out / "ready").exists() or None)
    other = DockerEngine()
    assert other.poll(handle) is None
    other.signal(handle, Signal.INTERRUPT)
    assert wait_until(lambda: other.poll(handle)) == ProcessEnd(130)


def test_a_container_that_takes_more_than_its_memory_is_ended(bench: Bench) -> None:
    handle = bench.start("grow", memory_bytes=64 << 20)
    wait_until(lambda: (bench.out / "ready").exists() or None)
    bench.engine.signal(handle, Signal.INTERRUPT)
    assert bench.wait(handle) == ProcessEnd(-9, out_of_memory=True, memory_bytes=64 << 20)


def test_four_fifths_of_the_machine_are_a_containers_limit(bench: Bench) -> None:
    limit = bench.engine.settle(EngineConfig(gpus="none")).memory_bytes
    handle = bench.start("wait", memory_bytes=limit)
    host = bench.client.api.inspect_container(handle.id)["HostConfig"]
    assert limit == bench.client.info()["MemTotal"] * 4 // 5
    assert (host["Memory"], host["MemorySwap"]) == (limit, limit)
    bench.engine.signal(handle, Signal.KILL)


def test_a_successful_run_leaves_no_container(bench: Bench) -> None:
    handle = bench.start("0")
    assert bench.wait(handle) == ProcessEnd(0)
    bench.engine.clean_up(handle, bench.console_log, keep=False)
    assert bench.containers() == []
    assert bench.engine.poll(handle) == ProcessEnd(None)


def test_a_failed_run_keeps_its_container(bench: Bench) -> None:
    handle = bench.start("3")
    assert bench.wait(handle) == ProcessEnd(3)
    bench.engine.clean_up(handle, bench.console_log, keep=True)
    assert bench.containers() == ["exited"]
    bench.engine.clean_up(handle, bench.console_log, keep=False)
    assert bench.containers() == []


def test_console_log_is_standard_error_whole_and_once(bench: Bench) -> None:
    bench.console_log.write_text("what a detached host had fetched before\n")
    handle = bench.start("3")
    bench.wait(handle)
    bench.engine.clean_up(handle, bench.console_log, keep=True)
    bench.engine.clean_up(handle, bench.console_log, keep=False)
    bench.engine.clean_up(handle, bench.console_log, keep=False)  # gone: nothing to do, nothing lost
    assert bench.console_log.read_text() == "probe: 3\n"


def test_console_log_can_be_had_while_the_container_runs(bench: Bench) -> None:
    handle = bench.start("wait")
    wait_until(lambda: (bench.out / "ready").exists() or None)
    bench.engine.bring_console(handle, bench.console_log)
    assert bench.console_log.read_text() == "probe: wait\n"
    assert bench.engine.poll(handle) is None


def test_a_second_start_of_one_run_is_refused(bench: Bench) -> None:
    bench.start("wait")
    with pytest.raises(EngineError) as caught:
        bench.start("wait")
    assert caught.value.code == "engine.container_name"
    assert bench.containers() == ["running"]


def test_a_missing_data_folder_is_not_made(bench: Bench, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(EngineError) as caught:
        bench.start("report", mounts=(Mount(gone, PurePosixPath("/in/data/0"), read_only=True),))
    assert caught.value.code == "engine.mount_missing"
    assert not gone.exists()
    assert bench.containers() == []


def test_an_absent_image_is_never_pulled(bench: Bench) -> None:
    with pytest.raises(EngineError) as caught:
        bench.start("report", image="loghi-runner:of-another-time")
    assert caught.value.code == "engine.image_missing"
    with pytest.raises(EngineError) as caught:
        require_image(bench.engine, "loghi-runner:of-another-time")
    assert (caught.value.code, caught.value.exit_code) == ("engine.image_missing", 4)


def test_the_built_image_fits_and_has_a_digest(bench: Bench) -> None:
    facts = require_image(bench.engine, default_image(DeviceKind.CPU))
    assert facts.digest.startswith("sha256:") or "@sha256:" in facts.digest


def _labelled(bench: Bench, labels: dict[str, str]) -> str:
    container = bench.client.containers.create(bench.launch.image)
    name = f"loghi-runner-test-labels:{bench.launch.run_id}"
    changes = [f'LABEL {key}="{value}"' for key, value in labels.items()]
    repository, _, tag = name.partition(":")
    container.commit(repository, tag, changes="\n".join(changes))
    container.remove()
    return name


def test_an_image_of_another_contract_is_refused_before_the_start(bench: Bench) -> None:
    name = _labelled(bench, {CONTRACT_LABEL: "99"})
    try:
        with pytest.raises(ContractError) as caught:
            require_image(bench.engine, name)
    finally:
        bench.client.images.remove(name)
    assert caught.value.exit_code == 6
    assert "speaks contract 99" in caught.value.message


def test_check_names_the_daemon(bench: Bench) -> None:
    assert bench.engine.check().startswith("docker, ")


@pytest.fixture
def card_requests() -> Path:
    """What the stand-in for NVIDIA's hook was asked for."""
    log = os.environ.get(STAND_IN_LOG)
    if not log:
        pytest.skip(f"{STAND_IN_LOG} is not set: needs a daemon started by .ci/docker-daemon.sh")
    return Path(log)


def _requests(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_cards_are_requested_by_uuid(bench: Bench, card_requests: Path) -> None:
    handle = bench.start("report", device=DeviceKind.GPU, gpus=("GPU-fake-1",))
    assert bench.wait(handle) == ProcessEnd(0)
    request = next(entry for entry in _requests(card_requests) if entry["container"] == handle.id)
    assert request["cards"] == ["GPU-fake-1"]
    assert request["capabilities"] == "compute,utility"
    assert json.loads((bench.out / "report.json").read_text())["cards"] == "GPU-fake-1"


def test_compiled_kernels_are_kept_on_the_host_and_nothing_else_more_can_be_written(
    bench: Bench, card_requests: Path
) -> None:
    assert bench.wait(bench.start("report", device=DeviceKind.GPU, gpus=("GPU-fake-1",))) == ProcessEnd(0)
    report = json.loads((bench.out / "report.json").read_text())
    assert (report["kernel_cache"], report["write_kernel_cache"]) == ("/cuda_cache", "allowed")
    assert report["write_root"] == report["write_data"] == report["write_job"] == "Read-only file system"
    kept = Path(os.environ["XDG_CACHE_HOME"]) / "loghi-runner" / "cuda" / "new"
    assert kept.stat().st_uid == os.getuid()


def test_an_unknown_card_is_an_error_and_leaves_nothing(bench: Bench, card_requests: Path) -> None:
    with pytest.raises(EngineError) as caught:
        bench.start("report", device=DeviceKind.GPU, gpus=("GPU-gone",))
    assert (caught.value.code, caught.value.exit_code) == ("engine.gpu_unknown", 4)
    assert bench.containers() == []


def test_a_run_on_the_cpu_asks_for_no_card(bench: Bench, card_requests: Path) -> None:
    handle = bench.start("report")
    bench.wait(handle)
    assert handle.id not in [entry["container"] for entry in _requests(card_requests)]
