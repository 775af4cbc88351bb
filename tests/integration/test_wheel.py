"""The wheel, as somebody installs it who has no checkout: all that loghi-runner needs is in it.

The package itself comes from the wheel alone; what it depends on is borrowed from the environment of the tests.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import pytest
import yaml

from tests.integration.conftest import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what belongs to a checkout is asked of git")

#: Prints what a build of the image is given: the digest of each file by its place.
CONTEXT = """
import hashlib, json
from loghi_runner.engines.image import build_context
with build_context() as context:
    files = [path for path in context.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    places = {path.relative_to(context).as_posix(): path for path in files}
    print(json.dumps({place: hashlib.sha256(path.read_bytes()).hexdigest() for place, path in places.items()}))
"""
#: As container/.dockerignore has it.
_REACHES_THE_BUILD = re.compile(r"Dockerfile|\.dockerignore|requirements-.*\.txt|loghi_(contract|trainer)/.*")


class Installed:
    """A fresh environment with the wheel in it, and a working folder that is far from any checkout."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder / "somewhere"
        self.folder.mkdir()
        environment = folder / "venv"
        venv.create(environment, with_pip=False, symlinks=True)
        self.bin = environment / "bin"
        install = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(self.bin / "python"))
        subprocess.run((sys.executable, *install, "install", "--no-deps", "--no-index", str(wheel)), check=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        # the folder alone: a .pth in it, such as that of the checkout, means nothing here
        (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.packages = packages

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env={**kept, "PATH": f"{self.bin}{os.pathsep}{os.defpath}", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def answer(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("loghi_runner-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


def tracked(folder: str) -> dict[str, str]:
    """Digests of the checkout's own files below a folder, by their place there."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return {path.relative_to(ROOT / folder).as_posix(): digest(path) for path in paths if path.is_file()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_code_comes_from_the_wheel(installed: Installed) -> None:
    places = "import loghi_runner, loghi_trainer; print(loghi_runner.__file__, loghi_trainer.__file__)"

    assert ROOT.as_posix() not in installed.answer("python", "-c", places)


def test_an_image_is_built_from_the_same_files_as_in_a_checkout(installed: Installed) -> None:
    made = json.loads(installed.answer("python", "-c", CONTEXT))

    there = {name: found for name, found in tracked("container").items() if _REACHES_THE_BUILD.fullmatch(name)}
    assert made == there


def test_image_build_hands_the_builder_a_whole_folder(installed: Installed, tmp_path: Path) -> None:
    # a docker program that says what it was given, for a daemon that is there or not
    program = tmp_path / "docker"
    listing = 'for last; do :; done; cd "$last" && ls -A'
    program.write_text(f'#!/bin/sh\ncase "$1" in --version) echo "Docker version 20.10.24";; build) {listing};; esac\n')
    program.chmod(0o755)
    build = (
        "from loghi_runner.engines.image import *\n"
        "build_image(BuildRequest(Variant.CPU, 'loghi-runner:test', None, None))"
    )

    done = installed.run("python", "-c", build, PATH=f"{tmp_path}{os.pathsep}{installed.bin}{os.pathsep}{os.defpath}")

    assert done.returncode == 0, done.stderr
    assert {"Dockerfile", ".dockerignore", "loghi_contract", "loghi_trainer"} <= set(done.stderr.split())


def test_the_sample_is_written_out_whole_and_can_be_checked(installed: Installed) -> None:
    config = installed.answer("loghi-runner", "init", "--sample", "sample").strip()

    assert config == "sample/demo.yaml"
    written = installed.folder / "sample"
    files = {path.relative_to(written).as_posix(): digest(path) for path in written.rglob("*") if path.is_file()}
    assert files == tracked("examples/sample")
    # the trainer's packages may be missing: what is looked at here is the sample
    found = installed.run("loghi-runner", "check", config, "--set", "engine.kind=local", "--json")
    plan = [json.loads(line) for line in found.stdout.splitlines()]
    assert not [item for item in plan if item.get("kind") == "error"], found.stdout
    assert installed.run("loghi-runner", "init", "--sample", "sample").returncode == 2


def test_the_manifest_is_the_one_of_the_checkout(installed: Installed) -> None:
    shown = yaml.safe_load(installed.answer("loghi-runner", "manifest", "show"))

    assert shown == yaml.safe_load((ROOT / "plugin_manifest.yaml").read_text("utf-8"))
    assert digest(installed.packages / "loghi_runner" / "plugin_manifest.yaml") == digest(ROOT / "plugin_manifest.yaml")


def test_the_service_has_its_pages_words_and_files(installed: Installed) -> None:
    installed.answer("loghi-runner", "serve", "--help")
    ask = """
import json, pathlib
from fastapi.testclient import TestClient
from loghi_runner.web.app import create_app
from loghi_runner.orders.config import plain_service_config
from loghi_runner.orders.state import open_state
config = plain_service_config(pathlib.Path.cwd())
http = TestClient(create_app(config, open_state(config.state)), base_url="http://127.0.0.1:8765")
names = ("style.css", "service.css", "start.js", "run.js", "escriptorium.js")
pages = {language: http.get(f"/sign-in?lang={language}").text for language in ("en", "de", "nl")}
print(json.dumps({"static": [http.get(f"/static/{name}").status_code for name in names], "pages": pages}))
"""
    seen: dict[str, Any] = json.loads(installed.answer("python", "-W", "ignore", "-c", ask))

    assert seen["static"] == [200] * 5
    assert "Access code" in seen["pages"]["en"]
    assert len(set(seen["pages"].values())) == 3


def test_every_file_of_the_packages_is_in_the_wheel(installed: Installed) -> None:
    for package in (
        "runner/loghi_runner",
        "runner/loghi_kraken",
        "container/loghi_contract",
        "container/loghi_trainer",
    ):
        there = installed.packages / Path(package).name
        missing = [name for name, found in tracked(package).items() if digest(there / name) != found]
        assert missing == [], package


def test_what_to_install_is_said_with_the_wheels_own_place(installed: Installed, wheel: Path) -> None:
    said = installed.answer("python", "-c", "from loghi_runner.installed import pip_install; print(pip_install('cpu'))")

    assert said.strip() == f"pip install '{wheel}[cpu]'"


def test_nobody_is_told_to_install_it_from_an_index_that_has_not_got_it() -> None:
    listed = subprocess.run(
        ("git", "grep", "-nIE", r"pip3? +install.*(['\" ]|^)loghi-runner", "--", ":!tests", ":!CHANGELOG.md"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert listed.stdout == ""
