"""Each row of the table is recognised in the words a daemon really used, and unknown words are passed on."""

import pytest

from loghi_runner.engines.docker_messages import EXPLANATIONS, explain

MESSAGES = {
    "engine.gpu_no_toolkit": 'could not select device driver "nvidia" with capabilities: [[gpu]]',
    "engine.gpu_cdi": "unresolvable CDI devices nvidia.com/gpu=all",
    "engine.gpu_unknown": "OCI runtime create failed: runc create failed: error running hook #0: "
    "exit status 1, stderr: nvidia-container-cli: device error: GPU-7: unknown device: unknown",
    "engine.gpu_driver_restart": "nvidia-container-cli: initialization error: nvml error: "
    "driver/library version mismatch",
    "engine.gpu_driver_old": "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.5, "
    "please update your driver to a newer version",
    "engine.gpu_driver_missing": "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: "
    "cannot open shared object file: no such file or directory: unknown",
    "engine.disk_full": "mkdir /var/lib/docker/overlay2/abc-init: no space left on device",
    "engine.container_name": 'Conflict. The container name "/loghi-20261122" is already in use by container "3f". '
    "You have to remove (or rename) that container to be able to reuse that name.",
    "engine.image_name": "no such image: My Image!: invalid reference format: repository name must be lowercase",
    "engine.image_missing": "No such image: loghi-runner:0.1.0-cpu",
    "engine.mount_missing": 'invalid mount config for type "bind": bind source path does not exist: /data/gone',
    "engine.mount_permission": "error while creating mount source path '/home/anna/data': "
    "mkdir /home/anna: permission denied",
    "engine.image_platform": "exec /opt/venv/bin/python: exec format error",
    "engine.docker_init": 'exec: "docker-init": executable file not found in $PATH: unknown',
    "engine.image_not_ours": 'runc create failed: exec: "python": executable file not found in $PATH: unknown',
}


@pytest.mark.parametrize("code", MESSAGES)
def test_a_daemon_message_is_put_in_plain_words(code: str) -> None:
    error = explain(MESSAGES[code], doing="start the container", where="loghi-runner:0.1.0-cpu")
    assert error.code == code
    assert error.hint
    assert error.message.endswith(f"(Docker: {MESSAGES[code]})")
    assert (error.where, error.exit_code) == ("loghi-runner:0.1.0-cpu", 4)


@pytest.mark.parametrize(
    "message",
    [
        "failed to create task for container: failed to discover GPU vendor from CDI: no known GPU vendor found",
        "unknown or invalid runtime name: nvidia",
    ],
)
def test_a_missing_toolkit_is_known_in_the_words_of_newer_daemons(message: str) -> None:
    error = explain(message, doing="start the container")
    assert (error.code, error.exit_code) == ("engine.gpu_no_toolkit", 4)
    assert "NVIDIA Container Toolkit" in (error.hint or "")


def test_every_row_has_its_message_here() -> None:
    assert [row.code for row in EXPLANATIONS] == list(MESSAGES)


def test_an_unknown_message_is_passed_on_without_a_guess() -> None:
    error = explain("flux capacitor\n  empty", doing="start the container")
    assert error.code == "engine.docker"
    assert error.message == "Docker could not start the container: flux capacitor empty"
