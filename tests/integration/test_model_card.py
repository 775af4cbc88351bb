"""The card beside an exported model: valid for the repository, true to the run, open about what is missing."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from loghi_runner.models.model_card import codes_of
from tests.schemas import card_vocabularies, model_card_faults


def parts_of(card: str) -> tuple[Any, str]:
    begin, head, body = card.split("---\n", 2)
    assert begin == ""
    return yaml.safe_load(head), body


@pytest.fixture
def run(workplace) -> Path:
    workplace.scenario = "learns_from_more"
    assert workplace.finetune().returncode == 0
    return workplace.run_dir


def test_a_card_without_words_of_a_person_is_valid_and_says_what_is_not_known(workplace, run: Path) -> None:
    result = workplace.run("export", "last", "copy")
    head, body = parts_of((workplace.folder / "copy/README.md").read_text(encoding="utf-8"))

    assert model_card_faults(head) == []
    assert (head["language"], head["script"]) == (["und"], ["Zyyy"])
    assert (head["license"], head["authors"]) == ("notspecified", [])
    told = " ".join(result.stderr.split())
    assert "what --author, --licence, --language, --script would say stands in it as not known" in told
    assert head["metrics"] == {"cer": 15.48, "wer": 38.89}
    assert "| 6 validation lines; they chose the best epoch, so this is a little too good | 15.5 % (" in body
    record = json.loads((run / "run.json").read_text())
    for known in (record["base_model_sha256"], record["data_sha256"]["train"], "- seed: 1", "keras 3, fake 1"):
        assert known in body
    assert str(workplace.folder) not in body + str(head)


def test_what_a_person_says_stands_in_the_card(workplace, run: Path) -> None:
    told = [
        *("--author", "Kari Nordmann (Nasjonalbiblioteket) 0000-0002-1825-0097", "--author", "Ola Nordmann"),
        *("--author", "Ola Nordmann"),
        *("--licence", "CC-BY-4.0", "--language", "nob", "--language", "dan", "--script", "Latn"),
        *("--dataset", "https://doi.org/10.5281/zenodo.1", "--base-model", "https://doi.org/10.5281/zenodo.2"),
    ]
    result = workplace.run("export", "last", "hand.mlmodel", *told, "--json")
    assert result.returncode == 0, result.stderr
    card = Path(json.loads(result.stdout)["model_card"])
    head, _body = parts_of(card.read_text(encoding="utf-8"))

    assert card == workplace.folder / "hand.README.md"
    assert model_card_faults(head) == []
    assert head["authors"] == [
        {
            "name": "Kari Nordmann",
            "affiliation": "Nasjonalbiblioteket",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
        },
        {"name": "Ola Nordmann"},
    ]
    other = workplace.run("export", "last", "copy", "--author", "Kari Nordmann https://orcid.org/0000-0002-1825-0097")
    assert other.returncode == 0
    alone, _body = parts_of((workplace.folder / "copy/README.md").read_text(encoding="utf-8"))
    assert alone["authors"] == [{"name": "Kari Nordmann", "orcid": "https://orcid.org/0000-0002-1825-0097"}]
    assert (head["license"], head["language"], head["script"]) == ("CC-BY-4.0", ["nob", "dan"], ["Latn"])
    assert head["base_model"] == ["https://doi.org/10.5281/zenodo.2"]
    with zipfile.ZipFile(workplace.folder / "hand.mlmodel") as archive:
        assert archive.read("README.md").decode() == card.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--language", "no", "--language is 'no'"),
        ("--language", "zzz", "--language is 'zzz', which the list of languages does not have"),
        ("--script", "Latin", "Did you mean Latn?"),
        ("--licence", "cc-by-4.0", "Did you mean CC-BY-4.0?"),
        ("--author", "Kari Nordmann 0000-0002-1825-0079", "an ORCID that cannot be"),
        ("--author", "Kari Nordmann 0000-0002-1825-009", "which is no name"),
        ("--script", "latin", "--script is 'latin'"),
        ("--licence", "CC BY 4.0", "--licence is 'CC BY 4.0'"),
        ("--author", "(Institute)", "--author is '(Institute)', which is no name"),
        ("--dataset", "my shelf", "--dataset is 'my shelf'"),
    ],
)
def test_what_the_repository_would_refuse_is_refused_before_anything_is_written(
    workplace, option: str, value: str, says: str
) -> None:
    result = workplace.run("export", "base", "copy", option, value)

    assert result.returncode == 2
    assert says in result.stderr
    assert "fix: Write " in result.stderr
    assert not (workplace.folder / "copy").exists()


def test_a_model_from_elsewhere_keeps_its_own_card_or_gets_a_valid_one(workplace) -> None:
    assert workplace.run("export", "base", "first").returncode == 0
    head, body = parts_of((workplace.folder / "first/README.md").read_text(encoding="utf-8"))
    assert model_card_faults(head) == []
    assert "How it was trained is not known here." in body

    (workplace.folder / "base/README.md").write_text("Our own words.", encoding="utf-8")
    assert workplace.run("export", "base", "second").returncode == 0
    assert (workplace.folder / "second/README.md").read_text(encoding="utf-8") == "Our own words."


def test_a_card_never_replaces_a_file(workplace) -> None:
    (workplace.folder / "hand.README.md").write_text("precious", encoding="utf-8")
    result = workplace.run("export", "base", "hand.mlmodel")

    assert result.returncode == 2
    assert (workplace.folder / "hand.README.md").read_text(encoding="utf-8") == "precious"
    assert not (workplace.folder / "hand.mlmodel").exists()


def test_the_codes_are_those_of_the_repository() -> None:
    assert {kind: set(codes_of(kind)) for kind in ("languages", "scripts", "licences")} == card_vocabularies()
