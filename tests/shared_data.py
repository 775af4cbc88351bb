"""Where real pages and a real base model are, when they are there; they do not belong to the project."""

from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(*parts: str) -> Path:
    """A path in the folder of real data; the test is skipped where that folder is absent."""
    path = _FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"real data is not on this machine: ../shared/data/{'/'.join(parts)}")
    return path
