"""What is told to those who change the code or cite it: true to the Makefile, the licence and the version."""

import re
from pathlib import Path

import yaml

from loghi_contract import __version__

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_a_commit_is_checked_as_make_check_does() -> None:
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    (hook,) = repository["hooks"]
    # of this machine, over everything, whatever was changed
    assert (repository["repo"], hook["language"]) == ("local", "system")
    assert (hook["entry"], hook["always_run"], hook["pass_filenames"]) == ("make check", True, False)


def test_contributors_are_told_of_verbs_that_exist() -> None:
    told = set(re.findall(r"`make ([a-z-]+)", read("CONTRIBUTING.md")))
    assert told
    assert told <= set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def test_who_cites_names_this_version_its_authors_and_its_licence() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    (author,) = citation["authors"]
    assert str(citation["version"]) == __version__
    assert read("LICENSE").startswith(f"{citation['license']} License")
    assert f"Copyright (c) 2026 {author['name']}\n" in read("LICENSE")
