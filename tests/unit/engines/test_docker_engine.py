"""How the engine `docker` reads a daemon's answers and its silence, those a real daemon cannot be made to give."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON
from loghi_runner.engines.base import NOT_OURS, Handle, Launch, ProcessEnd, Wish
from loghi_runner.engines.docker import RUN_LABEL, SILENCE_GRACE_S, DockerEngine
from loghi_runner.engines.leases import Claim, Lease, lease_folder
from loghi_runner.errors import EngineError, UsageError
from loghi_runner.runs.find import clean_run
from loghi_runner.runs.folder import RunFolder, RunState
from loghi_runner.runs.look import fetch_console, look_at, stop_run
from tests.fake_daemon import HANDLE, FakeDaemon
from tests.made_runs import make_run

# the docker package drops a socket that it could not connect
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ({"Status": "running"}, None),
        ({"Status": "paused"}, None),
        ({"Status": "exited", "ExitCode": 0}, ProcessEnd(0)),
        ({"Status": "exited", "ExitCode": 130}, ProcessEnd(130)),
        ({"Status": "exited", "ExitCode": 143}, ProcessEnd(143)),
        ({"Status": "exited", "ExitCode": 139}, ProcessEnd(-11)),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, ProcessEnd(-9, out_of_memory=True)),
        ({"Status": "exited", "ExitCode": 0, "OOMKilled": True}, ProcessEnd(0)),
        ({"Status": "created"}, ProcessEnd(None)),
    ],
)
def test_a_container_state_says_how_the_trainer_ended(
    daemon: FakeDaemon, state: dict[str, object], end: ProcessEnd | None
) -> None:
    daemon.set_state(**state)
    assert DockerEngine(daemon.url).poll(HANDLE) == end


def test_a_container_that_somebody_removed_has_an_unknown_end(daemon: FakeDaemon) -> None:
    assert DockerEngine(daemon.url).poll(HANDLE) == ProcessEnd(None)


def test_a_silent_daemon_is_no_end_of_the_run(daemon: FakeDaemon) -> None:
    daemon.set_state()
    now = [0.0]
    engine = DockerEngine(daemon.url, clock=lambda: now[0])
    assert engine.poll(HANDLE) is None
    daemon.stop()
    assert engine.poll(HANDLE) is None
    now[0] = SILENCE_GRACE_S - 1
    assert engine.poll(HANDLE) is None
    now[0] = SILENCE_GRACE_S + 1
    with pytest.raises(EngineError) as caught:
        engine.poll(HANDLE)
    assert caught.value.code == "engine.docker_unreachable"


def test_who_looks_at_a_run_without_a_daemon_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        DockerEngine(f"unix://{tmp_path}/absent.sock").poll(HANDLE)


def test_no_daemon_is_told_from_one_that_fails(daemon: FakeDaemon, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        DockerEngine(f"unix://{tmp_path}/absent.sock").check()
    assert caught.value.code == NO_DAEMON
    daemon.answers["GET /version"] = (500, {"message": "the disk is on fire"})
    with pytest.raises(EngineError) as caught:
        DockerEngine(daemon.url).check()
    assert caught.value.code == "engine.docker_unreachable"


def test_a_wrong_docker_host_is_asked_after_without_the_packages_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://no host.invalid:2375")
    with pytest.raises(EngineError) as caught:
        DockerEngine().check()
    assert caught.value.code == "engine.docker_unreachable"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Is the environment variable DOCKER_HOST right?")
    assert "HTTPConnectionPool" not in caught.value.message


def test_a_left_over_socket_means_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    with pytest.raises(EngineError) as caught:
        DockerEngine(f"unix://{tmp_path}/dead.sock").check()
    assert caught.value.code == NO_DAEMON


def test_a_failed_start_leaves_no_container(daemon: FakeDaemon, launch: Launch) -> None:
    daemon.answers[f"POST /containers/{HANDLE.id}/start"] = (
        500,
        {"message": 'could not select device driver "nvidia"'},
    )
    with pytest.raises(EngineError) as caught:
        DockerEngine(daemon.url).start(launch, launch.run_dir / "console.log")
    assert caught.value.code == "engine.gpu_no_toolkit"
    assert daemon.asked[-1] == f"DELETE /containers/{HANDLE.id}"


START = f"POST /containers/{HANDLE.id}/start"
NO_DRIVER = (500, {"message": 'could not select device driver "nvidia" with capabilities: [[gpu]]'})


@pytest.fixture
def on_a_card(launch: Launch) -> Launch:
    return Launch(launch.run_id, launch.run_dir, launch.image, DeviceKind.GPU, ("GPU-0",), ())


def test_a_daemon_with_a_list_of_devices_only_is_asked_by_it(daemon: FakeDaemon, on_a_card: Launch) -> None:
    daemon.answers[START] = [NO_DRIVER, (204, None)]
    assert DockerEngine(daemon.url).start(on_a_card, on_a_card.run_dir / "console.log") == HANDLE
    (request,) = daemon.created["HostConfig"]["DeviceRequests"]
    assert (request["Driver"], request["DeviceIDs"]) == ("cdi", ["nvidia.com/gpu=GPU-0"])


@pytest.mark.parametrize(
    ("second", "code"),
    [
        # Docker before 25 knows no such list: what it lacks is the toolkit
        ('could not select device driver "cdi" with capabilities: []', "engine.gpu_no_toolkit"),
        ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=GPU-0", "engine.gpu_cdi"),
    ],
)
def test_a_daemon_that_cannot_give_cards_either_way_says_what_it_lacks(
    daemon: FakeDaemon, on_a_card: Launch, second: str, code: str
) -> None:
    daemon.answers[START] = [NO_DRIVER, (500, {"message": second})]
    with pytest.raises(EngineError) as caught:
        DockerEngine(daemon.url).start(on_a_card, on_a_card.run_dir / "console.log")
    assert (caught.value.code, '"cdi"' in caught.value.message) == (code, False)
    assert daemon.asked.count(f"DELETE /containers/{HANDLE.id}") == 2


def _kernel_cache(created: dict[str, Any]) -> dict[str, Any] | None:
    return next((mount for mount in created["HostConfig"]["Mounts"] if mount["Target"] == "/cuda_cache"), None)


def test_kernels_compiled_for_a_card_are_kept_for_the_next_run(daemon: FakeDaemon, on_a_card: Launch) -> None:
    DockerEngine(daemon.url).start(on_a_card, on_a_card.run_dir / "console.log")
    mount = _kernel_cache(daemon.created)
    assert mount is not None
    folder = Path(mount["Source"])
    assert (mount["ReadOnly"], folder.stat().st_mode & 0o777) == (False, 0o700)
    assert folder == Path(os.environ["XDG_CACHE_HOME"]) / "loghi-runner" / "cuda"
    assert "CUDA_CACHE_PATH=/cuda_cache" in daemon.created["Env"]


def test_a_run_on_the_cpu_can_write_nothing_more(daemon: FakeDaemon, launch: Launch) -> None:
    DockerEngine(daemon.url).start(launch, launch.run_dir / "console.log")
    assert _kernel_cache(daemon.created) is None


def test_a_home_that_docker_may_not_enter_costs_the_cache_and_not_the_run(
    daemon: FakeDaemon, on_a_card: Launch
) -> None:
    """A home on a network disk is closed to the daemon's root."""
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "loghi-runner" / "cuda"
    refusal = f"error while creating mount source path '{folder}': mkdir {folder}: permission denied"
    daemon.answers[START] = [(500, {"message": refusal}), (204, None)]
    DockerEngine(daemon.url).start(on_a_card, on_a_card.run_dir / "console.log")
    assert _kernel_cache(daemon.created) is None
    assert not [variable for variable in daemon.created["Env"] if variable.startswith("CUDA_CACHE")]


def _lease_mounts(created: dict[str, Any]) -> list[tuple[str, bool]]:
    mounts = created["HostConfig"]["Mounts"]
    return [(mount["Source"], mount["ReadOnly"]) for mount in mounts if mount["Target"].startswith("/in/leases/")]


@pytest.mark.parametrize("is_seen", [True, False], ids=["here", "a daemon elsewhere"])
def test_a_container_gets_the_locks_of_its_cards_where_its_daemon_sees_them(
    daemon: FakeDaemon, on_a_card: Launch, is_seen: bool
) -> None:
    """Where it does not, the host goes on holding them: what nobody shares is not let go."""
    folder = lease_folder()
    with folder.deciding():
        ticket, held = folder.place(Claim("run", "/run", os.getpid(), "2026-11-28T10:00:00Z", ("GPU-0",), 1))
        files = [ticket, folder.card_file("GPU-0")]
        lease = Lease(folder, ("GPU-0",), files, [held, *folder.free(["GPU-0"]).values()])
    if not is_seen:
        gone = f'invalid mount config for type "bind": bind source path does not exist: {ticket}'
        daemon.answers[START] = [(500, {"message": gone}), (204, None)]
    DockerEngine(daemon.url).start(replace(on_a_card, lease=lease), on_a_card.run_dir / "console.log")
    assert _lease_mounts(daemon.created) == ([(str(path), True) for path in files] if is_seen else [])
    assert lease.hand_over() is False
    with folder.deciding():
        assert folder.leased(["GPU-0"]) == {"GPU-0"}
    lease.end()


@pytest.fixture
def context(daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a Docker context named `other`, whose daemon answers; another one is chosen."""
    home = tmp_path / "home"
    file = home / ".docker" / "contexts" / "meta" / hashlib.sha256(b"other").hexdigest() / "meta.json"
    file.parent.mkdir(parents=True)
    endpoints = {"docker": {"Host": daemon.url, "SkipTLSVerify": False}}
    file.write_text(json.dumps({"Name": "other", "Metadata": {}, "Endpoints": endpoints}))
    (home / ".docker" / "config.json").write_text('{"currentContext": "default"}')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    return file


def test_the_context_that_the_environment_names_is_taken(daemon: FakeDaemon, context: Path) -> None:
    assert DockerEngine().check() == f"docker, Docker 20.10.24 at {daemon.url}"


def test_a_context_that_is_not_there_is_named(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(EngineError) as caught:
        DockerEngine().check()
    assert caught.value.code == "engine.docker_context"
    assert caught.value.message.endswith("gone")


def test_a_damaged_context_is_no_fault_of_ours(context: Path) -> None:
    context.write_text("{")
    with pytest.raises(EngineError) as caught:
        DockerEngine().check()
    assert caught.value.code == "engine.docker_context"


def test_docker_by_tls_without_certificates_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(EngineError) as caught:
        DockerEngine().check()
    assert (caught.value.code, caught.value.where) == ("engine.docker_tls", "tcp://127.0.0.1:9")
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("address", ["ssh://user@host.invalid", "npipe:////./pipe/docker_engine", "fd://", "ftp://x"])
def test_an_address_that_cannot_be_used_is_told_in_a_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(EngineError) as caught:
        DockerEngine().check()
    assert caught.value.code == "engine.docker_unreachable"


def test_podman_is_not_asked_for_cards_it_would_not_give(daemon: FakeDaemon, on_a_card: Launch) -> None:
    components = [{"Name": "Podman Engine"}]
    daemon.answers["GET /version"] = (200, {"Version": "4.3.1", "ApiVersion": "1.41", "Components": components})
    with pytest.raises(EngineError) as caught:
        DockerEngine(daemon.url).start(on_a_card, on_a_card.run_dir / "console.log")
    assert (caught.value.code, caught.value.exit_code) == ("engine.gpu_podman", 4)
    assert not daemon.created


def test_a_run_on_a_card_without_a_chosen_card_is_never_started(daemon: FakeDaemon, launch: Launch) -> None:
    without = Launch(launch.run_id, launch.run_dir, launch.image, DeviceKind.GPU, (), ())
    with pytest.raises(EngineError):
        DockerEngine(daemon.url).start(without, launch.run_dir / "console.log")
    assert not daemon.created


@pytest.mark.parametrize(
    ("option", "look", "expected"),
    [
        ("name=rootless", lambda made: made["User"], "0:0"),
        ("name=userns", lambda made: made["HostConfig"]["UsernsMode"], "host"),
    ],
)
def test_files_belong_to_the_caller_whatever_the_daemon_maps(
    daemon: FakeDaemon, launch: Launch, option: str, look: Callable[[dict[str, Any]], str], expected: str
) -> None:
    daemon.answers["GET /info"] = (200, {"SecurityOptions": [option]})
    DockerEngine(daemon.url).start(launch, launch.run_dir / "console.log")
    assert look(daemon.created) == expected


def test_a_stop_by_docker_gives_the_trainer_time_to_save(daemon: FakeDaemon, launch: Launch) -> None:
    DockerEngine(daemon.url).start(launch, launch.run_dir / "console.log")
    assert (daemon.created["StopSignal"], daemon.created["StopTimeout"]) == ("SIGINT", 120)


RUN_ID = "20261122-090000-k3f9"


def has_container(daemon: FakeDaemon, name: str, label: str | None) -> None:
    labels = {} if label is None else {RUN_LABEL: label}
    facts = {"Id": HANDLE.id, "State": {"Status": "running"}, "Config": {"Labels": labels}}
    daemon.answers[f"GET /containers/{name}/json"] = (200, facts)


def test_a_container_that_was_not_written_down_is_found_by_the_runs_name(daemon: FakeDaemon, tmp_path: Path) -> None:
    engine = DockerEngine(daemon.url)
    assert engine.find(RUN_ID, tmp_path, None) is None
    has_container(daemon, f"loghi-{RUN_ID}", RUN_ID)
    assert engine.find(RUN_ID, tmp_path, None) == HANDLE


@pytest.mark.parametrize("label", [None, "20261122-090000-aaaa"])
def test_a_container_of_another_run_is_not_given_out(daemon: FakeDaemon, tmp_path: Path, label: str | None) -> None:
    has_container(daemon, "their-database", label)
    with pytest.raises(EngineError) as caught:
        DockerEngine(daemon.url).find(RUN_ID, tmp_path, Handle("docker", "their-database"))
    assert caught.value.code == NOT_OURS
    assert daemon.asked[-1] == "GET /containers/their-database/json"


@pytest.mark.parametrize("name", ["../images/x", "a/../../info?x=", "", "a b", "x" * 10 + "\n"])
def test_a_name_that_is_no_containers_is_not_asked_for(daemon: FakeDaemon, tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineError, match="is not this run's trainer"):
        DockerEngine(daemon.url).find(RUN_ID, tmp_path, Handle("docker", name))
    assert not daemon.asked


def running_in(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, place: Path, handle: Handle) -> RunFolder:
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    folder, record = make_run(place)
    folder.write(replace(record, run_id=RUN_ID, engine="docker", state=RunState.RUNNING, handle=handle, status=None))
    return folder


def test_whoever_looks_at_stops_or_cleans_a_run_asks_only_for_its_own_container(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = running_in(daemon, monkeypatch, tmp_path, Handle("docker", "their-database"))
    has_container(daemon, "their-database", None)
    look = look_at(folder)
    assert look.remark is not None and "is not this run's trainer" in look.remark
    fetch_console(look)
    with pytest.raises(EngineError):
        stop_run(folder, grace_s=0)
    ended = replace(folder.read(), state=RunState.FINISHED, kept=True)
    folder.write(ended)
    with pytest.raises(EngineError):
        clean_run(look_at(folder), really=True)
    assert {asked for asked in daemon.asked if "containers" in asked} == {"GET /containers/their-database/json"}
    assert folder.read() == ended
    assert not folder.console_log.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another account")
def test_of_a_run_of_another_account_docker_is_not_even_asked(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = running_in(daemon, monkeypatch, tmp_path, Handle("docker", "our-database"))
    os.chown(folder.path, 65534, 65534)
    assert "it belongs to" in str(look_at(folder).remark)
    with pytest.raises(UsageError):
        stop_run(folder, grace_s=0)
    assert not daemon.asked


def test_what_is_known_is_told_although_the_image_is_missing(daemon: FakeDaemon) -> None:
    daemon.answers["GET /images/mine:1/json"] = (404, {"message": "No such image"})
    setting = DockerEngine(daemon.url).settle(Wish(gpus="none", image="mine:1"))
    assert setting.engine.startswith("docker, Docker 20.10.24 at unix://")
    assert setting.device.sentence == "CPU, as asked for (gpus: none)"
    with pytest.raises(EngineError, match="the image mine:1 is not on this machine"):
        setting.require_usable()
