"""How the engine `docker` reads a daemon's answers and its silence, those a real daemon cannot be made to give."""

import gc
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest

from loghi_contract.job import DeviceKind
from loghi_runner.engines import NO_DAEMON
from loghi_runner.engines.base import NOT_OURS, Handle, Launch, ProcessEnd
from loghi_runner.engines.docker import RUN_LABEL, SILENCE_GRACE_S, DockerEngine
from loghi_runner.errors import EngineError, UsageError
from loghi_runner.run.look import look_at
from loghi_runner.run.rundir import RunFolder, RunState
from loghi_runner.run.runs import clean_run, fetch_console, stop_run
from tests.made_runs import make_run

Answer = tuple[int, Any]
HANDLE = Handle("docker", "c0ffee")

# the docker package drops a socket that it could not connect
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_dropped_sockets() -> Iterator[None]:
    yield
    gc.collect()


class FakeDaemon:
    """A Docker API on a socket, answering from a table; what was asked for is kept in `asked`."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self.asked: list[str] = []
        self.created: dict[str, Any] = {}
        self.answers: dict[str, Answer] = {
            "GET /version": (200, {"Version": "20.10.24", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}),
            "GET /info": (200, {"SecurityOptions": ["name=seccomp,profile=default"]}),
            "POST /containers/create": (201, {"Id": HANDLE.id}),
            f"POST /containers/{HANDLE.id}/start": (204, None),
            f"DELETE /containers/{HANDLE.id}": (204, None),
        }
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                path = self.path.partition("?")[0]
                _, first, *rest = path.split("/")
                wanted = f"{self.command} /" + "/".join(rest if first.startswith("v1.") else [first, *rest])
                daemon.asked.append(wanted)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if wanted == "POST /containers/create":
                    daemon.created = json.loads(body)
                status, value = daemon.answers.get(wanted, (404, {"message": f"no answer for {wanted}"}))
                content = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if content:
                    self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the names http.server asks for

            def address_string(self) -> str:
                return "test"

            def log_message(self, *_: object) -> None:
                pass

        self.server = UnixStreamServer(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()
            self.path.unlink()

    @property
    def path(self) -> Path:
        return Path(self.url.removeprefix("unix://"))

    def set_state(self, **state: object) -> None:
        whole = {"Status": "running", "ExitCode": 0, "OOMKilled": False} | state
        self.answers[f"GET /containers/{HANDLE.id}/json"] = (200, {"State": whole})


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(tmp_path / "docker.sock")
    yield fake
    fake.stop()


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    return Launch("20261122-090000-k3f9", tmp_path, "loghi-runner:test", DeviceKind.CPU, (), ())


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


def test_podman_is_not_asked_for_cards_it_would_not_give(daemon: FakeDaemon, launch: Launch) -> None:
    components = [{"Name": "Podman Engine"}]
    daemon.answers["GET /version"] = (200, {"Version": "4.3.1", "ApiVersion": "1.41", "Components": components})
    with_card = Launch(launch.run_id, launch.run_dir, launch.image, DeviceKind.GPU, ("GPU-0",), ())
    with pytest.raises(EngineError) as caught:
        DockerEngine(daemon.url).start(with_card, launch.run_dir / "console.log")
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
