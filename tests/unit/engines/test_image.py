"""Images: which one a run gets, whether it fits, and how it is built."""

import os
import re
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from loghi_contract import CONTRACT, CONTRACT_LABEL, __version__
from loghi_contract.job import DeviceKind
from loghi_runner.cli.setup import base_digest
from loghi_runner.engines import image
from loghi_runner.engines.image import (
    BASE_DIGEST_LABEL,
    VERSION_LABEL,
    BuildRequest,
    ImageFacts,
    Variant,
    build_command,
    build_context,
    build_image,
    default_image,
    digest_in,
    find_docker_cli,
    has_fitting_image,
    require_image,
)
from loghi_runner.errors import ContractError, EngineError, UsageError

ROOT = Path(__file__).parents[3]
CONTAINER = ROOT / "container"
NAME = default_image(DeviceKind.CPU)
OURS = {CONTRACT_LABEL: str(CONTRACT), VERSION_LABEL: __version__}


@dataclass
class Store:
    """One image of the name `NAME` with these labels, or none."""

    labels: dict[str, str] | None

    def find_image(self, name: str) -> ImageFacts | None:
        return ImageFacts(name, "sha256:1", 1_500_000_000, self.labels) if self.labels is not None else None


def test_the_device_chooses_the_image() -> None:
    assert default_image(DeviceKind.CPU) == f"loghi-runner:{__version__}-cpu"
    assert default_image(DeviceKind.GPU) == f"loghi-runner:{__version__}-cuda"


def test_a_missing_image_names_the_command_that_builds_it() -> None:
    with pytest.raises(EngineError) as caught:
        require_image(Store(None), default_image(DeviceKind.GPU))
    assert caught.value.exit_code == 4
    assert "loghi-runner image build --variant cuda" in str(caught.value.hint)


def test_an_image_of_another_contract_is_refused() -> None:
    with pytest.raises(ContractError) as caught:
        require_image(Store({CONTRACT_LABEL: "2", VERSION_LABEL: "9.0"}), NAME)
    assert caught.value.exit_code == 6
    assert "(loghi-runner 9.0) speaks contract 2" in caught.value.message


def test_a_foreign_image_is_refused() -> None:
    with pytest.raises(ContractError) as caught:
        require_image(Store({}), "debian:12")
    assert caught.value.code == "contract.no_label"


def test_an_image_of_an_older_version_is_built_again() -> None:
    assert has_fitting_image(Store(OURS), NAME)
    assert not has_fitting_image(Store(OURS | {VERSION_LABEL: "0.0.1"}), NAME)
    assert not has_fitting_image(Store(None), NAME)


def test_a_build_passes_versions_proxy_and_certificate(tmp_path: Path) -> None:
    request = BuildRequest(Variant.CUDA, "name:tag", "our/python", tmp_path / "ca.pem")
    environment = {"https_proxy": "http://user:password@proxy:3128", "no_proxy": ""}
    command = build_command(Path("/usr/bin/docker"), request, tmp_path, environment)
    arguments = [value for option, value in pairwise(command) if option == "--build-arg"]
    assert arguments == [
        "VARIANT=cuda",
        f"CONTRACT={CONTRACT}",
        f"VERSION={__version__}",
        "BASE_IMAGE=our/python",
        "https_proxy",
    ]
    assert f"id=ca,src={tmp_path}/ca.pem" in command
    assert "password" not in " ".join(command)
    assert command[-1] == str(tmp_path)


def test_the_machines_own_certificates_are_found(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("x")
    found = image.find_ca_file({"PIP_CERT": str(tmp_path / "gone"), "SSL_CERT_FILE": str(certificates)})
    assert found == ("SSL_CERT_FILE", certificates)
    assert image.find_ca_file({}) is None


def test_a_missing_certificate_file_is_an_error_before_the_build(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        build_image(BuildRequest(Variant.CPU, "name", None, tmp_path / "gone"))


def _program(folder: Path, version: str, *, buildx: bool = False) -> Path:
    folder.mkdir()
    program = folder / "docker"
    answer = "echo buildx 1" if buildx else "exit 1"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in --version) echo "{version}";; buildx) {answer};; build) exit 7;; esac\n'
    )
    program.chmod(0o755)
    return program


def test_a_docker_program_without_buildkit_is_passed_over(tmp_path: Path) -> None:
    _program(tmp_path / "new", "Docker version 28.2.2, build e6534b4")
    debian = _program(tmp_path / "debian", "Docker version 20.10.24+dfsg1, build 297e128")
    assert find_docker_cli(f"{tmp_path}/new:{tmp_path}/debian") == debian


def test_a_new_docker_program_needs_its_plugin(tmp_path: Path) -> None:
    with_plugin = _program(tmp_path / "new", "Docker version 28.2.2, build e6534b4", buildx=True)
    assert find_docker_cli(f"{tmp_path}/new") == with_plugin


def test_a_machine_without_buildkit_is_told_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "USUAL_FOLDER", tmp_path / "none")
    _program(tmp_path / "new", "Docker version 28.2.2, build e6534b4")
    _program(tmp_path / "podman", "podman version 4.3.1")
    with pytest.raises(EngineError) as caught:
        find_docker_cli(f"{tmp_path}/new:{tmp_path}/podman")
    assert caught.value.code == "engine.no_buildkit"
    assert "28.2.2" in caught.value.message
    assert "podman version 4.3.1" in caught.value.message
    with pytest.raises(EngineError) as caught:
        find_docker_cli(str(tmp_path / "empty"))
    assert caught.value.code == "engine.no_docker_cli"


def test_a_failed_build_is_an_error_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "Docker version 20.10.24, build 1")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(EngineError) as caught:
        build_image(BuildRequest(Variant.CPU, "name:tag", None, None))
    assert "ended with code 7" in caught.value.message
    assert "--base-image" in str(caught.value.hint)


def test_a_checkout_builds_from_its_container_folder() -> None:
    with build_context() as context:
        assert context == CONTAINER


@pytest.mark.parametrize("variant", ["cpu", "cuda"])
def test_the_image_and_the_extra_name_the_same_packages(variant: str) -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][variant]
    lines = (CONTAINER / f"requirements-{variant}.in").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == extra


def _pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_the_image_has_the_versions_that_are_tested() -> None:
    tested = _pins(ROOT / "requirements" / "dev.txt")
    image = _pins(CONTAINER / "requirements-cpu.txt")
    assert image.items() <= tested.items()


@pytest.mark.parametrize("variant", ["cpu", "cuda"])
def test_no_package_of_the_host_is_in_the_image(variant: str) -> None:
    host = {"docker", "typer", "pydantic", "lxml", "pyyaml", "psutil", "pillow", "nvidia-ml-py"}
    assert not host & _pins(CONTAINER / f"requirements-{variant}.txt").keys()


LOCKS = sorted([*(ROOT / "requirements").glob("*"), *CONTAINER.glob("requirements-*")])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_host_and_pins_by_hash(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "index-url" not in text
    if lock.suffix == ".txt":
        assert len(_pins(lock)) == len(re.findall(r"^\S+==.* \\$", text, re.MULTILINE)) > 0


def test_the_dockerfile_asks_a_registry_for_the_base_image_only() -> None:
    lines = (CONTAINER / "Dockerfile").read_text().splitlines()
    assert not lines[0].startswith("# syntax=")
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {"${BASE_IMAGE}"}


_DIGEST = "sha256:" + "0a" * 32


def test_a_base_image_can_be_named_by_its_digest_which_the_image_then_tells(tmp_path: Path) -> None:
    base = f"python@{_DIGEST}"
    assert digest_in(base) == _DIGEST
    request = BuildRequest(Variant.CPU, "name:tag", base, None, _DIGEST)
    command = build_command(Path("/usr/bin/docker"), request, tmp_path, {})
    assert f"BASE_IMAGE={base}" in command
    assert f"BASE_DIGEST={_DIGEST}" in command
    dockerfile = (CONTAINER / "Dockerfile").read_text(encoding="utf-8")
    assert f'{BASE_DIGEST_LABEL}="${{BASE_DIGEST}}"' in dockerfile


@pytest.mark.parametrize("name", ["python@sha256:0a", "python@latest", "python@", f"python@{_DIGEST}0", "a@b@c"])
def test_what_is_no_digest_is_told_before_anything_is_built(name: str) -> None:
    with pytest.raises(UsageError, match="is no digest of an image"):
        digest_in(name)


def test_a_base_image_of_this_machine_is_told_by_its_digest_too() -> None:
    store = Store(OURS)
    assert base_digest(store, "own:1") == "sha256:1"
    assert base_digest(Store(None), "own:1") == ""
    assert base_digest(store, None) == ""
