"""Lets these tests import the sample maker, which is a script and no part of the distribution."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_MISSING = [package for package in ("cv2", "numpy", "PIL") if find_spec(package) is None]

if str(_EXAMPLES) not in sys.path:
    sys.path.insert(0, str(_EXAMPLES))

collect_ignore_glob = ["test_*.py"] if _MISSING else []


def pytest_report_header() -> list[str]:
    """Say which tests are left out and why."""
    if not _MISSING:
        return []
    return [f"left out: tests/examples, which draws pages and needs {', '.join(_MISSING)} (extra [trainer])"]


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """Return the folder of the shipped sample."""
    return _EXAMPLES / "sample"
