"""An engine that is added is one file and one line: this one is put into a copy of the host, as its author would."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, Result, Workplace, read_until

_MODULE = "loghi_runner.engines.queue_engine"
LINE = f'    "queue": Registered("{_MODULE}:QueueEngine", "{_MODULE}:QueueKeys"),\n'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host's package with the file and the line."""
    copy = tmp_path_factory.mktemp("host")
    shutil.copytree(ROOT / "runner" / "loghi_runner", copy / "loghi_runner")
    shutil.copy(ROOT / "tests" / "made_engine.py", copy / "loghi_runner" / "engines" / "queue_engine.py")
    registry = copy / "loghi_runner" / "engines" / "__init__.py"
    before, first, after = registry.read_text(encoding="utf-8").partition("ENGINES = {\n")
    registry.write_text(before + first + LINE + after, encoding="utf-8")
    return copy


class Queued(Workplace):
    """A workplace whose commands are those of the copy, with the made-up engine in its config."""

    host: Path

    def answer_of(self, program: str, *arguments: str) -> Any:
        """What a program prints as JSON."""
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def commands(self, *lines: str) -> list[Result]:
        """One after the other, in one process."""
        return [Result(*answer) for answer in self.answer_of(_COMMANDS, *lines)]

    @property
    def own_environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.host), str(ROOT / "container"), str(ROOT)])
        return super().own_environment | {"PYTHONPATH": path, "MADE_QUEUES": str(self.folder / "queues")}

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.own_environment}

    def ask_for(self, engine: str) -> None:
        config = self.config.read_text(encoding="utf-8").partition("engine:")[0]
        self.config.write_text(f"{config}engine: {engine}\n", encoding="utf-8")


@pytest.fixture
def place(workplace: Workplace, host: Path) -> Queued:
    queued = Queued(workplace.folder)
    queued.host = host
    queued.ask_for("{kind: queue, queue: long, minutes: 90}")
    return queued


def test_it_runs_a_whole_fine_tuning(place: Queued) -> None:
    done, shown = place.commands("finetune config.yaml", "show last")
    assert done.returncode == 0, done.stderr
    assert "queue long for 90 minutes" in done.stderr
    assert "finished: best CER 9.8 %" in done.stdout
    record = place.record()
    assert (record["engine"], record["handle"]["engine"], record["state"]) == ("queue", "queue", "finished")
    assert "queue, on " in shown.stdout
    assert not list((place.folder / "queues").iterdir())


def test_what_it_keeps_of_a_failure_is_named_and_cleaned(place: Queued) -> None:
    place.scenario = "failed"
    done, cleaned = place.commands("finetune config.yaml", "clean --yes")
    assert done.returncode != 0
    assert "its ticket" in cleaned.stderr
    assert not list((place.folder / "queues").iterdir())


def test_a_run_in_it_is_stopped_by_another_command(place: Queued) -> None:
    place.scenario = "stops_when_asked"
    running = place.start_finetune()
    read_until(running, lambda event: event["kind"] == "epoch")
    (ticket,) = (place.folder / "queues").iterdir()
    assert ticket.read_text(encoding="utf-8") == "long 90"
    (stopped,) = place.commands("stop last")
    assert stopped.returncode == 0, stopped.stderr
    running.communicate()
    assert place.record()["state"] == "cancelled"


def test_its_runs_are_seen_from_any_machine(place: Queued) -> None:
    place.commands("finetune config.yaml")
    record = place.record()
    record |= {"state": "running", "ended": None, "host": {"machine": "another", "process": "1:0.00"}}
    (place.run_dir / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (shown,) = place.commands("show last --json")
    answer = json.loads(shown.stdout)
    assert (answer["state"], answer["remark"]) == ("finished", None)


def test_its_keys_are_checked_with_all_others(place: Queued) -> None:
    wrong, foreign = place.commands(
        "check config.yaml --set engine.minutes=601 --set engine.queue= --set engine.gpus=some",
        "check config.yaml --set engine.kind=local",
    )
    assert "engine.minutes must be at most 600, not 601" in wrong.stderr
    assert "engine.queue must be text" in wrong.stderr
    assert "engine.gpus must be auto" in wrong.stderr
    assert "engine.minutes is a key of the engine queue, and the engine here is local" in foreign.stderr


def test_commands_that_read_take_its_keys(place: Queued) -> None:
    read = "recognize base data/train.txt --output read --engine"
    wrong, foreign, done = place.commands(
        f"{read} queue --set engine.minutes=601",
        f"{read} local --set engine.minutes=5",
        f"{read} queue --set engine.minutes=5",
    )
    assert "--set engine.minutes must be at most 600, not 601" in wrong.stderr
    assert "--set engine.minutes is a key of the engine queue" in foreign.stderr
    assert done.returncode == 0, done.stderr


def test_its_keys_are_in_the_schema_and_the_page_of_the_config(place: Queued) -> None:
    page, service_page, schema = place.answer_of(_DOCS)
    assert (
        "| `engine.minutes` | whole number from 1 to 600 | `60` | Longest time that a run may take. "
        "Only with `kind: queue`. |"
    ) in page
    assert "`queue`" in service_page
    assert schema["$defs"]["EngineConfig"]["properties"]["minutes"]["maximum"] == 600
    assert "queue" in schema["$defs"]["EngineKind"]["enum"]


def test_a_request_may_set_the_key_that_is_marked_and_no_other(place: Queued) -> None:
    answer = place.answer_of(_SERVICE)
    assert answer["manifest"] == ["minutes"]
    assert answer["form"] == {"queue": [["engine.minutes"]] * 2, "local": [[], []]}
    assert answer["config"] == {"kind": "queue", "queue": "night", "minutes": 30}
    assert answer["left_out"] == {"kind": "queue", "queue": "night"}
    assert answer["reading"] == {"kind": "queue", "queue": "night", "minutes": 30}
    assert "engine.minutes is a key of the engine queue, and the engine here is auto" in answer["operator"]
    assert answer["refused"] == {"queue": 422, "foreign": 400}


_COMMANDS = """
import contextlib, io, json, shlex, sys
from loghi_runner.cli.main import run

answers = []
for line in sys.argv[1:]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(shlex.split(line))
    answers.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""

_DOCS = f"""
import json, sys
sys.path.insert(0, {str(ROOT / "docs")!r})
import generate_configuration, generate_service_configuration
from loghi_runner.config.schema import RunConfig
pages = [generate_configuration.page(), generate_service_configuration.page()]
print(json.dumps([*pages, RunConfig.model_json_schema()]))
"""

_SERVICE = """
import json, re
from pathlib import Path
import yaml
from loghi_runner.config.file import ConfigError
from loghi_runner.orders.asked import OrderAsked
from loghi_runner.orders.config import load_service_config
from loghi_runner.orders.lookup import Lookup
from loghi_runner.orders.processes import Given
from loghi_runner.web.manifest import make_manifest
from tests.made_service import MadeService

own = {"kind": "queue", "queue": "night"}
made = MadeService(Path("service"), engine=own)

def asked_by(order_id):
    # as the order's process gets it
    given = Given.load(Given(made.config, None).dump())
    folder = made.order_folder(order_id)
    folder.work.mkdir(parents=True)
    return OrderAsked(folder.read_order(), folder, Lookup(given.config), given.token)

def config_of(**parameters):
    config, _ = asked_by(made.order(**parameters)).training()
    return yaml.safe_load(config.read_text())["engine"]

def form_of(service):
    pages = [service.get(f"/start?pages=bonnevie{model}").text for model in ("", "&model=base")]
    return [re.findall(r'name="(engine[^"]*)"', page) for page in pages]

def status_of(service, **engine):
    parameters = {"name": "b", "base_model": "base", "source": {"pages": "bonnevie"}, "engine": engine}
    return service.post("/api/v1/orders", {"action": "finetune", "parameters": parameters}).status_code

def operator_told(text):
    Path("service.yaml").write_text(text)
    try:
        load_service_config(Path("service.yaml"))
    except ConfigError as error:
        return error.message

actions = make_manifest().model_dump(mode="json", by_alias=True)["actions"]
reading = {"name": "r", "model": "base", "source": {"pages": "bonnevie"}, "engine": {"minutes": 30}}
read = made.post("/api/v1/orders", {"action": "recognize", "parameters": reading}).json()["id"]
wish = asked_by(read).reading(None).options.reader.wish
local = MadeService(Path("local"))
print(json.dumps({
    "manifest": list(actions["finetune"]["parameters"]["properties"]["engine"]["properties"]),
    "form": {"queue": form_of(made), "local": form_of(local)},
    "config": config_of(engine={"minutes": 30}),
    "left_out": config_of(),
    "reading": wish.model_dump(mode="json", exclude_unset=True),
    "operator": operator_told("engine: {minutes: 5}"),
    "refused": {"queue": status_of(made, queue="x"), "foreign": status_of(local, minutes=5)},
}))
"""
