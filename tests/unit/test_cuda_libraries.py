"""Libraries in packages' folders are found by their names once the trainer opened them, as TensorFlow needs it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from loghi_trainer import cuda

ASK = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
OPEN_FIRST = "from loghi_trainer import cuda; cuda._LIBRARIES = (sys.argv[2],); print(cuda.open_cuda_libraries())"


@pytest.fixture
def library(tmp_path: Path) -> str:
    """A library that lies as NVIDIA's packages put theirs; a real one, that NumPy's wheel brought."""
    folder = Path(numpy.__file__).parents[1] / "numpy.libs"
    found = next(folder.glob("libquadmath*.so.*"), None)
    if found is None:
        pytest.skip("this NumPy brought no such library")
    place = tmp_path / "nvidia" / "blas" / "lib"
    place.mkdir(parents=True)
    shutil.copy(found, place / found.name)
    return found.name


def asked_for(name: str, site: Path, program: str) -> subprocess.CompletedProcess[str]:
    stem = name.removeprefix("lib").partition(".so")[0]
    environment = {"PYTHONPATH": f"{site}:{Path(cuda.__file__).parents[1]}", "PATH": ""}
    command = [sys.executable, "-c", program, name, stem]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_library_that_was_opened_is_found_by_its_name(library: str, tmp_path: Path) -> None:
    assert "cannot open shared object file" in asked_for(library, tmp_path, ASK).stderr
    opened = asked_for(library, tmp_path, f"import sys; {OPEN_FIRST}; {ASK}")
    assert (opened.returncode, opened.stdout) == (0, "[]\n"), opened.stderr


@pytest.mark.parametrize("name", ["libcudart.so.12", "libcupti.so.12"])
def test_the_libraries_of_the_images_lock_are_found(name: str) -> None:
    """With the small ones of NVIDIA's packages, which `make setup` brings; `make test-cuda` has all of them."""
    site = Path(sys.prefix) / "cuda-small"
    if not site.is_dir():
        pytest.skip("`make setup` brings NVIDIA's small packages")
    assert "cannot open shared object file" in asked_for(name, site, ASK).stderr
    opened = asked_for(name, site, f"import sys; {OPEN_FIRST}; {ASK}")
    assert (opened.returncode, opened.stdout) == (0, "[]\n"), opened.stderr


def test_the_lock_brings_all_that_tensorflow_opens_and_a_cudnn_that_knows_volta() -> None:
    lock = (Path(__file__).parents[2] / "container" / "requirements-cuda.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)", lock, re.MULTILINE))
    packages = "cublas cuda-cupti cuda-nvcc cuda-runtime cudnn cufft cusolver cusparse nccl nvjitlink"
    assert {f"nvidia-{package}-cu12" for package in packages.split()} <= locked.keys()
    # later ones begin at compute capability 7.5; `make test-cuda` reads what is in it
    assert (9, 3) <= tuple(map(int, locked["nvidia-cudnn-cu12"].split(".")))[:2] < (9, 11)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nvidia" / "cudnn" / "lib").mkdir(parents=True)
    (tmp_path / "nvidia" / "cudnn" / "lib" / "libcudnn.so.9").write_bytes(b"no library")
    monkeypatch.setattr(cuda, "_packages", lambda: [tmp_path / "nvidia"])
    monkeypatch.setattr(cuda, "_LIBRARIES", ("cudnn", "cusolver"))
    monkeypatch.setattr(cuda, "_OF_THE_DRIVER", ("libcuda.of.no.machine.so",))
    reason = cuda.why_no_card()
    assert "libcuda.of.no.machine.so: cannot open shared object file" in reason
    assert "libcusolver.so: it is not among the installed packages" in reason
    assert "libcudnn.so.9" in reason
