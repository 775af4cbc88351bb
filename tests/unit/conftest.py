"""Fixtures of the unit tests: a small made project on disk."""

from pathlib import Path

import pytest

from tests.unit.made_project import Findings, Project, page


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def project(empty_project: Project) -> Project:
    """Two training pages, a validation page, a test page, and a base model that knows small letters."""
    empty_project.model()
    empty_project.line_list("lines/train.txt", page("p1", 3) + page("p2", 3))
    empty_project.line_list("lines/val.txt", page("p3", 2))
    empty_project.line_list("lines/test.txt", page("p4", 2))
    empty_project.values["data"] = {
        "train": "lines/train.txt",
        "validation": "lines/val.txt",
        "test": "lines/test.txt",
    }
    return empty_project


@pytest.fixture
def ask() -> type[Findings]:
    return Findings
