"""What `init` writes is a config that works once three values are filled in, and shows every key with its default."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from loghi_runner.config.file import ConfigError, schema_of
from loghi_runner.config.load import load_config
from loghi_runner.config.schema import RunConfig
from loghi_runner.init import config_template

SECTIONS = ("data", "training", "text", "engine")


def test_the_template_loads_with_the_three_required_values(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(config_template(base_model="my models/base", train="train.txt", output="runs"))
    config = load_config(tmp_path / "c.yaml").config
    assert config.base_model == tmp_path / "my models/base"
    assert config.data.train == (tmp_path / "train.txt",)


def test_an_unfilled_template_asks_for_exactly_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(config_template())
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "c.yaml")
    assert [(problem.key, problem.message) for problem in caught.value.problems] == [
        ("base_model", "is not filled in"),
        ("data.train", "is not filled in"),
    ]


def test_the_values_it_shows_are_the_schemas_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(config_template(base_model="b", train="t"))
    shown = load_config(tmp_path / "c.yaml").config
    (tmp_path / "d.yaml").write_text("name: c\nbase_model: b\ndata: {train: t}\noutput: runs\n")
    assert shown == load_config(tmp_path / "d.yaml").config


@pytest.mark.parametrize(
    ("section", "key"),
    [("", key) for key in RunConfig.model_fields]
    + [(section, key) for section in SECTIONS for key in schema_of((section,)).model_fields],
)
def test_every_key_of_the_schema_is_in_it(section: str, key: str) -> None:
    text = config_template()
    if section:
        text = text.partition(f"\n{section}:")[2].partition("\n\n")[0]
    indent = "  " if section else ""
    assert any(line.startswith((f"{indent}{key}:", f"{indent}# {key}:")) for line in text.splitlines())


@pytest.mark.parametrize("path", ["a #1/b", "no: way", "1878", "~", "C:\\x", 'he said "x"', "[a]", "- x", " x "])
def test_an_odd_path_is_quoted(path: str) -> None:
    assert yaml.safe_load(config_template(train=path, base_model="b"))["data"]["train"] == path


def test_it_stays_short_enough_to_read() -> None:
    lines = config_template().splitlines()
    assert len(lines) <= 57
    assert max(map(len, lines)) <= 110


def test_the_reference_page_is_up_to_date() -> None:
    script = Path(__file__).parents[3] / "docs/generate_configuration.py"
    ended = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_stale_reference_page_is_noticed(tmp_path: Path) -> None:
    script = tmp_path / "generate_configuration.py"
    for name in (script.name, "generated_page.py"):
        (tmp_path / name).write_text((Path(__file__).parents[3] / "docs" / name).read_text())
    (tmp_path / "configuration.md").write_text("old")
    ended = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        1,
        "configuration.md is stale: run python docs/generate_configuration.py\n",
    )
