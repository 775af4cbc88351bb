"""`loghi-runner finetune` from end to end: the real trainer in the real image, on a handful of drawn lines."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from PIL import Image, ImageDraw

from loghi_contract import CONTRACT_LABEL
from loghi_contract.checkpoint import find_checkpoint
from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import DeviceKind
from loghi_runner.engines.container import RUN_LABEL
from loghi_runner.engines.image import default_image
from loghi_runner.runs.progress import Progress, read_events
from tests.docker.conftest import wait_until

pytestmark = pytest.mark.docker

NETWORK = "None,None,32,1 Cr3,3,4 Mp2,2,2,2 Cr3,3,4 Mp2,2,2,2 Rc3 Bl8 Fs92"
WORDS = ("en gammel mand", "to smaa huse", "tre hvide svaner", "fire lange veie")


def _draw_lines(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    rows = []
    for number, text in enumerate(WORDS):
        image = Image.new("L", (24 + 8 * len(text), 32), 255)
        ImageDraw.Draw(image).text((8, 8), f"{text} {name}", fill=0)
        image.save(folder / f"{name} {number}.png")
        rows.append(f"{name} {number}.png\t{text}\n")
    (folder / f"{name}.txt").write_text("".join(rows))
    return folder / f"{name}.txt"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    data = tmp_path / "my data"
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "base_model": {"vgsl": NETWORK},
                "data": {
                    "train": str(_draw_lines(data / "a", "train")),
                    "validation": str(_draw_lines(data / "b", "val")),
                },
                "output": "runs",
                "training": {"epochs": 1, "batch_size": 4, "augmentation": "none"},
                "engine": {"kind": "docker", "gpus": "none"},
            }
        )
    )
    return path


@dataclass
class Command:
    """A `loghi-runner` process; `errors` and `output` are read from files, so that no pipe fills up."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def output(self) -> str:
        return (self.folder / "stdout").read_text()

    def end(self) -> int:
        return self.process.wait(timeout=300)


@pytest.fixture
def finetune(config: Path, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*overrides: str) -> Command:
        program = "from loghi_runner.cli.main import main; main()"
        arguments = [sys.executable, "-c", program, "finetune", str(config), "--json"]
        for override in overrides:
            arguments += ["--set", override]
        with (tmp_path / "stdout").open("wb") as output, (tmp_path / "stderr").open("wb") as errors:
            # in a session of its own, so that a signal is sent to this process and to nobody else
            process = subprocess.Popen(arguments, cwd=tmp_path, stdout=output, stderr=errors, start_new_session=True)
        started.append(process)
        return Command(process, tmp_path)

    yield start
    for process in started:
        process.kill()
        process.wait()


def _only_run(config: Path) -> Path:
    (run,) = (path.parent for path in (config.parent / "runs").glob("*/run.json"))
    return run


def _record(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "run.json").read_text())
    return record


def _containers(client: docker.DockerClient, run: Path) -> list[Any]:
    found: list[Any] = client.containers.list(all=True, filters={"label": f"{RUN_LABEL}={run.name}"})
    return found


def _wait_for_step(config: Path, command: Command) -> None:
    def look() -> bool | None:
        assert command.process.poll() is None, command.errors
        files = list((config.parent / "runs").glob("*/out/events.jsonl"))
        return True if files and '"kind":"step"' in files[0].read_text() else None

    wait_until(look)


def test_a_run_in_a_container_leaves_a_model_that_belongs_to_the_caller(
    config: Path, finetune: Callable[..., Command], client: docker.DockerClient
) -> None:
    command = finetune()
    assert command.end() == 0, command.errors
    run = _only_run(config)
    model = run / "out" / "model" / "best_val"
    assert {path.name for path in model.iterdir()} >= {"model.keras", "tokenizer.json", "charlist.txt", "config.json"}
    assert {path.stat().st_uid for path in (run / "out").rglob("*")} == {os.getuid()}
    record = _record(run)
    assert (record["engine"], record["state"], record["image"]) == ("docker", "finished", default_image(DeviceKind.CPU))
    assert record["image_digest"].startswith("sha256:")
    assert _containers(client, run) == []


def test_one_ctrl_c_ends_the_run_in_its_container_and_keeps_the_model(
    config: Path, finetune: Callable[..., Command], client: docker.DockerClient
) -> None:
    command = finetune("training.epochs=500", "training.early_stopping=500")
    _wait_for_step(config, command)
    command.process.send_signal(signal.SIGINT)
    assert command.end() == 130, command.errors
    run = _only_run(config)
    assert _record(run)["state"] == "cancelled"
    assert (run / "out" / "model" / "best_val" / "model.keras").is_file()
    assert [container.status for container in _containers(client, run)] in ([], ["exited"])


def test_a_container_that_is_killed_is_a_failed_run_whose_container_stays(
    config: Path, finetune: Callable[..., Command], client: docker.DockerClient
) -> None:
    command = finetune("training.epochs=500", "training.early_stopping=500")
    _wait_for_step(config, command)
    run = _only_run(config)
    (container,) = _containers(client, run)
    container.kill()
    assert command.end() not in (0, 1, 130), command.errors
    assert _record(run)["state"] == "failed"
    assert _record(run)["error"]["message"]
    (container,) = _containers(client, run)
    assert container.status == "exited"
    container.remove()


def test_an_image_of_another_contract_ends_with_6_and_leaves_no_run(
    config: Path, finetune: Callable[..., Command], client: docker.DockerClient, probe_image: str
) -> None:
    made = client.containers.create(probe_image)
    made.commit("loghi-runner-test-contract", "99", changes=f'LABEL {CONTRACT_LABEL}="99"')
    made.remove()
    try:
        command = finetune("engine.image=loghi-runner-test-contract:99")
        exit_code = command.end()
    finally:
        client.images.remove("loghi-runner-test-contract:99")
    assert exit_code == 6, command.errors
    assert "speaks contract 99" in command.output + command.errors
    assert not list(config.parent.glob("runs/*/run.json"))


def test_a_run_whose_container_was_killed_goes_on_without_one_and_in_one_again(
    config: Path, finetune: Callable[..., Command], client: docker.DockerClient
) -> None:
    command = finetune("training.epochs=500", "training.early_stopping=0")
    _wait_for_epoch(config, command, 1)
    run = _only_run(config)
    [container] = _containers(client, run)
    container.kill()
    assert command.end() == ExitCode.ENGINE
    assert [kept.id for kept in _containers(client, run)] == [container.id]

    done = find_checkpoint(run / "out").state.epoch
    local = _resume(run, "--set", "engine.kind=local", "--epochs", str(done + 2))

    assert local.returncode == 0, local.stderr
    assert _containers(client, run) == []
    assert (_record(run)["state"], _record(run)["engine"]) == ("finished", "local")

    docked = _resume(run, "--epochs", "+1")

    assert docked.returncode == 0, docked.stderr
    record = _record(run)
    assert ([each["engine"] for each in record["resumptions"]], record["engine"]) == (["local", "docker"], "docker")
    epochs = Progress.of(read_events(run / "out/events.jsonl")).epochs
    assert [row.epoch for row in epochs] == list(range(done + 4))


def _wait_for_epoch(config: Path, command: Command, epoch: int) -> None:
    def look() -> bool | None:
        assert command.process.poll() is None, command.errors
        files = list((config.parent / "runs").glob("*/out/events.jsonl"))
        return any(f'"kind":"epoch","epoch":{epoch},' in file.read_text() for file in files) or None

    wait_until(look)


def _resume(run: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = "from loghi_runner.cli.main import main; main()"
    command = [sys.executable, "-c", program, "resume", str(run), "--json", *arguments]
    return subprocess.run(command, cwd=run.parent, capture_output=True, text=True, timeout=300)
