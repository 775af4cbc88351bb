"""One page of the shipped sample, and its model exported for kraken."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loghi_runner.cli.main import run as run_command
from tests.conftest import kraken_python

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "sample"
READ_PAGE = Path(__file__).parent / "read_page.py"
# one thread: on a busy machine more of them wait for each other
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def in_kraken(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run kraken's Python to its end."""
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "KERAS_BACKEND"}
    command = [str(kraken_python()), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


@dataclass(frozen=True)
class Page:
    """A folder with one page, `letters-03`: image and PAGE XML beside each other, as kraken wants them."""

    folder: Path
    model: Path

    @property
    def xml(self) -> Path:
        return self.folder / "letters-03.xml"

    @property
    def image(self) -> Path:
        return self.folder / "letters-03.jpg"

    def read_by_kraken(self) -> dict[str, Any]:
        done = in_kraken(READ_PAGE, self.model, self.xml, self.image, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    made = Page(tmp_path_factory.mktemp("page"), tmp_path_factory.mktemp("model") / "sample.mlmodel")
    shutil.copy(SAMPLE / "pages/new_hand/letters-03.jpg", made.folder)
    shutil.copy(SAMPLE / "pages/new_hand/page/letters-03.xml", made.folder)
    assert run_command(["export", str(SAMPLE / "base_model"), str(made.model), "--cut", "loghi"]) == 0
    return made


@pytest.fixture(scope="session")
def read(page: Page) -> dict[str, Any]:
    return page.read_by_kraken()
