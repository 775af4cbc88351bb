"""Jobs in folders of their own, and the real data where it is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.made_jobs import JobFolder
from tests.trainer.made_jobs import make_job as write_job

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., JobFolder]:
    """`make_job(name="run", **keys)` writes a job into a folder of this test."""

    def make(name: str = "run", **keys: Any) -> JobFolder:
        return write_job(tmp_path / name, **keys)

    return make


@pytest.fixture
def real_data() -> Path:
    if not REAL_DATA.is_dir():
        pytest.skip("the real pages and models are not beside this checkout")
    return REAL_DATA
