"""The config made from a script reads well, and its YAML says what the script said, whatever the text."""

from pathlib import Path

import pytest
import yaml

from loghi_runner.config.load import load_config
from loghi_runner.init import render_config
from loghi_runner.upstream_script.carry import CarriedOver, read_upstream_script

SCRIPTS = Path(__file__).parent / "upstream_scripts"
SCRIPT_DIR = Path("/home/anna/scripts")


def read(text: str) -> CarriedOver:
    return read_upstream_script(text, SCRIPT_DIR, {0: "GPU-aaaa"}.get)


def read_file(name: str) -> CarriedOver:
    return read((SCRIPTS / name).read_text(encoding="utf-8"))


def test_the_config_of_a_script_reads_like_this() -> None:
    assert render_config(read_file("finetune.sh"), Path("/home/anna")) == (
        """\
# Made by loghi-runner from a Loghi training script; the lines of the script are named in brackets.
# Relative paths start at this file's folder. Check it with: loghi-runner check <this file>
name: bonnevie_finetuned  # the new model's name (model_name, line 22)
base_model: models/ibsen/best_val  # folder of the model that is fine-tuned (HTRBASEMODEL, line 7)
data:
  train: bonnevie/lines/training_all_train.txt  # line list to learn from (trainlist, line 14)
  # line list that picks the best epoch (validationlist, line 15)
  validation: bonnevie/lines/training_all_val.txt
output: loghi/bonnevie_finetuned  # every run gets its own folder in here (outputdir, line 26)
training:
  epochs: 5  # times through all training lines, at most (epochs, line 18)
  batch_size: 8  # lines per step; what does not fit in memory is taken in rounds (batch_size, line 21)
  learning_rate: 0.0003  # how big each step is (learning_rate, line 23)
  seed: 1  # start of the random numbers (--seed, line 41)
engine:
  gpus: none  # graphics card: auto, none, or its UUID (GPU, line 10)
"""
    )


def test_what_was_never_filled_in_is_a_comment_that_says_what_to_write() -> None:
    text = render_config(read_file("never_edited.sh"), SCRIPT_DIR)
    assert yaml.safe_load(text) == {"name": "myfirstmodel", "output": "runs", "engine": {"gpus": ["GPU-aaaa"]}}
    assert "# base_model: <folder of the base model, the one with model.keras in it>" in text
    assert "# data:\n#   train: <path of the training line list>  (trainlist, line 7" in text


def test_one_missing_list_is_a_comment_in_its_section() -> None:
    carried = read("HTRBASEMODEL=/models/base\ntrainlist=PATH_TO_LIST\nvalidationlist=/lines/val.txt\n")
    text = render_config(carried, SCRIPT_DIR)
    assert "data:\n  # train: <path of the training line list>" in text
    assert yaml.safe_load(text)["data"] == {"validation": "/lines/val.txt"}


def test_paths_outside_the_configs_folder_stay_absolute() -> None:
    text = render_config(read_file("finetune.sh"), Path("/home/anna/models/ibsen"))
    config = yaml.safe_load(text)
    assert config["base_model"] == "best_val"
    assert config["data"]["train"] == "/home/anna/bonnevie/lines/training_all_train.txt"


@pytest.mark.parametrize("name", ["finetune.sh", "pipeline_2023.sh", "by_hand.sh"])
def test_the_runner_accepts_the_config_of_a_script(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(render_config(read_file(name), tmp_path), encoding="utf-8")
    assert load_config(path).config.name == read_file(name).config["name"]


def test_settings_keep_their_kinds_through_the_yaml() -> None:
    carried = read_file("by_hand.sh")
    assert yaml.safe_load(render_config(carried, Path("/elsewhere"))) == carried.config


NASTY = [
    "no",
    "Yes",
    "y",
    "null",
    "~",
    "1e5",
    "1e-05",
    "0x1F",
    "0o17",
    "1_000",
    "12:30",
    "2024-01-01",
    ".5",
    ".inf",
    "-",
    "--x",
    "a b",
    " a",
    "a ",
    "a: b",
    "a:b",
    "a #b",
    "#a",
    "'a'",
    '"a"',
    "a\\b",
    "C:\\new",
    "[a]",
    "{a: b}",
    "a,b",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "a\tb",
    "a\nb",
    "a\u2028b\x85c",
    "\u200fעברית",
    "ſtaðr 𐐷",
    "\udc80",
    "\ufeffa",
    "a\x7fb\x00c",
    "",
    ".",
    "..",
    "a//b",
    "a.b-c/d_e",
    "<<",
    "=",
]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_survives_the_yaml(text: str) -> None:
    config = CarriedOver({"name": text, "base_model": {"vgsl": text}, "training": {"freeze": [text, text]}}, ())
    assert yaml.safe_load(render_config(config, SCRIPT_DIR)) == config.config


@pytest.mark.parametrize("text", NASTY)
def test_any_path_survives_the_yaml(text: str) -> None:
    path = f"/lines/{text}/x.txt"
    config = CarriedOver({"base_model": path, "data": {"train": [path, "/b"]}, "output": "runs"}, ())
    assert yaml.safe_load(render_config(config, SCRIPT_DIR)) == config.config


@pytest.mark.parametrize("number", [0.0003, 1e-05, 1.0, 0.1, 1e-10, 123456.789])
def test_any_number_survives_the_yaml(number: float) -> None:
    config = CarriedOver({"training": {"learning_rate": number}}, ())
    assert yaml.safe_load(render_config(config, SCRIPT_DIR)) == config.config


def test_a_relative_path_is_never_taken_for_a_home_folder() -> None:
    config = CarriedOver({"base_model": str(SCRIPT_DIR / "~old" / "best_val")}, ())
    assert yaml.safe_load(render_config(config, SCRIPT_DIR)) == {"base_model": "./~old/best_val"}
