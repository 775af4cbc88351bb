"""A config is read as a person means it, and refused with everything that is wrong with it."""

from pathlib import Path
from typing import Any  # config values have no narrower type

import pytest

from loghi_contract.exit_codes import ExitCode
from loghi_contract.job import Augmentation, CharsetPolicy, Part, Precision
from loghi_runner.config.choices import NormalizationChoice, UnreadUse
from loghi_runner.config.file import ConfigError
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.config.schema import VgslModel
from loghi_runner.config.yaml_values import Problem
from loghi_runner.engines import EngineKind

SMALLEST = "base_model: base\ndata: {train: train.txt}\noutput: runs\n"


def load(folder: Path, text: str, *overrides: str, name: str = "bonnevie.yaml") -> LoadedConfig:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


def problems(folder: Path, text: str, *overrides: str, name: str = "bonnevie.yaml") -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, *overrides, name=name)
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value.problems


def only_problem(folder: Path, text: str, *overrides: str, name: str = "bonnevie.yaml") -> Problem:
    found = problems(folder, text, *overrides, name=name)
    assert len(found) == 1, found
    return found[0]


def test_three_values_are_enough_and_the_rest_are_the_documented_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, SMALLEST).config
    training = config.training
    assert config.name == "bonnevie"
    assert (training.epochs, training.batch_size, training.learning_rate) == ("auto", 8, 1e-3)
    assert (training.early_stopping, training.seed, training.freeze) == ("auto", 1, ())
    assert (training.augmentation, training.precision) == (Augmentation.LIGHT, Precision.AUTO)
    assert (config.charset, config.text.normalization) == (CharsetPolicy.EXTEND, NormalizationChoice.AUTO)
    assert (config.engine.kind, config.engine.gpus, config.engine.image) == (EngineKind.AUTO, "auto", None)
    assert (config.data.validation, config.data.test, config.data.base_domain, config.data.root) == (None,) * 4


def test_paths_are_relative_to_the_folder_of_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path)
    text = "base_model: ../models/b\ndata: {train: [a.txt, b c.txt], root: /srv}\noutput: ~/runs\n"
    config = load(tmp_path / "project", text).config
    assert config.base_model == tmp_path / "models/b"
    assert config.data.train == (tmp_path / "project/a.txt", tmp_path / "project/b c.txt")
    assert config.data.root == Path("/srv")
    assert config.output == Path.home() / "runs"


def test_a_config_named_relative_to_the_current_folder_still_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.yaml").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)
    loaded = load_config(Path("c.yaml"))
    assert (loaded.path, loaded.config.output) == (tmp_path / "c.yaml", tmp_path / "runs")


def test_the_text_of_the_file_is_kept_byte_for_byte(tmp_path: Path) -> None:
    content = "\ufeff# hånd\r\nbase_model: base\r\ndata: {train: t.txt}\r\noutput: runs".encode()
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    assert load_config(path).text.encode() == content


def test_a_network_from_scratch_takes_the_place_of_a_base_model(tmp_path: Path) -> None:
    text = SMALLEST.replace("base_model: base", "base_model: {vgsl: recommended}")
    assert load(tmp_path, text).config.base_model == VgslModel(vgsl="recommended")


def test_a_section_with_all_its_keys_commented_out_is_no_problem(tmp_path: Path) -> None:
    text = SMALLEST + "training:\n#  epochs: 3\ntext:\nengine:\n"
    assert load(tmp_path, text).config.training.epochs == "auto"


@pytest.mark.parametrize(
    ("written", "read"), [("3e-4", 3e-4), ("1e-05", 1e-5), ("0.001", 0.001), ("1", 1.0), (".5", 0.5)]
)
def test_a_learning_rate_may_be_written_in_any_usual_way(tmp_path: Path, written: str, read: float) -> None:
    assert load(tmp_path, SMALLEST, f"training.learning_rate={written}").config.training.learning_rate == read


@pytest.mark.parametrize("name", ["no", "on", "2026-11-22", "1:30"])
def test_words_that_older_yaml_takes_for_something_else_are_names(tmp_path: Path, name: str) -> None:
    text = SMALLEST + (f"name: {name}\n" if ":" not in name else "name: a\n")
    assert load(tmp_path, text).config.name == (name if ":" not in name else "a")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("none", "none"),
        ("2", 2),
        ("GPU-1b2c", ("GPU-1b2c",)),
        ("[GPU-1b2c, MIG-77]", ("GPU-1b2c", "MIG-77")),
    ],
)
def test_gpus_are_given_as_none_a_number_or_uuids(tmp_path: Path, value: str, expected: Any) -> None:
    assert load(tmp_path, SMALLEST, f"engine.gpus={value}").config.engine.gpus == expected


def test_overrides_win_over_the_file_and_are_recorded(tmp_path: Path) -> None:
    overrides = ("training.epochs=3", "data.validation=[a.txt, b.txt]", "training.freeze=conv", "name=other")
    loaded = load(tmp_path, SMALLEST + "training: {epochs: 9, seed: 4}\n", *overrides)
    assert (loaded.config.training.epochs, loaded.config.training.seed) == (3, 4)
    assert loaded.config.data.validation == (tmp_path / "a.txt", tmp_path / "b.txt")
    assert loaded.config.training.freeze == (Part.CONV,)
    assert loaded.config.name == "other"
    assert loaded.overrides == overrides


def test_an_override_can_take_a_value_away(tmp_path: Path) -> None:
    text = SMALLEST.replace("train.txt}", "train.txt, validation: missing.txt}")
    assert load(tmp_path, text, "data.validation=").config.data.validation is None


def test_the_message_tells_problems_in_the_order_of_the_file_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "basemodel: base\n" + SMALLEST + "training: {epochs: many}\n")
    lines = caught.value.message.splitlines()[1:]
    assert [line.split(": ")[0].strip() for line in lines] == ["bonnevie.yaml:1", "bonnevie.yaml:5"]


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
name: my model
base_modle: base
data: {trian: train.txt}
output:
training:
  epochs: 0
  learning_rate: "0,0003"
  augmentation: Light
charset: extnd
epochs: 5
"""
    found = problems(tmp_path, text, "engine.kind=slurm")
    assert [str(problem) for problem in found] == [
        "bonnevie.yaml: base_model is missing. Folder of the Loghi model to adapt, often named best_val; "
        "or `{vgsl: ...}` to begin from scratch.",
        "--set engine.kind=slurm: engine.kind must be one of auto, docker, local, not 'slurm'",
        "bonnevie.yaml:1: name is 'my model'; only letters, digits, `.`, `_` and `-` work in Loghi's scripts. "
        "Write `name: my_model`.",
        "bonnevie.yaml:2: base_modle is not a key of a config. Did you mean base_model?",
        "bonnevie.yaml:3: data.train is missing. Name a line list to learn from; or instead, as data.pages, a folder "
        "of pages with PAGE XML or ALTO.",
        "bonnevie.yaml:3: data.trian is not a key of a config. Did you mean train?",
        "bonnevie.yaml:4: output is not filled in. Folder for the runs; each run makes its own folder in it.",
        "bonnevie.yaml:6: training.epochs must be a whole number from 1 to 10000, or auto, or quick, not 0",
        "bonnevie.yaml:7: training.learning_rate must be a number, not '0,0003'. Write it with a decimal point.",
        "bonnevie.yaml:8: training.augmentation must be one of none, light, not 'Light'. Did you mean light?",
        "bonnevie.yaml:9: charset must be one of extend, fail, replace, not 'extnd'. Did you mean extend?",
        "bonnevie.yaml:10: epochs is not a key of a config. It belongs into the section training.",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("training: {epochs: 2.5}", "must be a whole number from 1 to 10000, or auto, or quick, not 2.5"),
        ("training: {epochs: true}", "must be a whole number from 1 to 10000, or auto, or quick, not True"),
        ("training: {epochs: many}", "must be a whole number from 1 to 10000, or auto, or quick, not 'many'"),
        ("engine: {wait: maybe}", "must be true or false, not 'maybe'"),
        ("training: {learning_rate: 0}", "must be more than 0, not 0"),
        ("training: {learning_rate: .nan}", "must be a number, not nan"),
        ("training: {learning_rate: 2}", "must be at most 1, not 2"),
        ("training: {batch_size: 0}", "must be a whole number from 1 to 1024, or auto, not 0"),
        ("training: {batch_size: Auto}", "must be a whole number from 1 to 1024, or auto, not 'Auto'"),
        ("training: {freeze: [conv, dens]}", "must be one of conv, recurrent, dense, not 'dens'"),
        ("training: 3", "must be a section, not 3"),
        ("engine: {gpus: 0}", "must be none to train on the processor, not 0"),
        (
            "engine: {gpus: [0, 1]}",
            "must be auto, auto-or-cpu, none, a number of cards, or a list such as [GPU-<uuid>], not [0, 1]",
        ),
        ("engine: {gpus: [GPU-1, GPU-1]}", "must name each graphics card once, not ['GPU-1', 'GPU-1']"),
        ("engine: {image: 5}", "must be text, not 5"),
        ("text: {normalization: nfd}", "must be one of auto, nfc, none, not 'nfd'"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_is_allowed(tmp_path: Path, line: str, message: str) -> None:
    problem = only_problem(tmp_path, SMALLEST + line + "\n")
    assert (problem.where, problem.message) == ("bonnevie.yaml:4", message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            r"C:\Users\ada\list.txt",
            "must be a path of this machine (of a Windows drive WSL makes /mnt/c/Users/ada/list.txt)",
        ),
        ("“list.txt”", "must stand without curly quotes, which would be part of the name"),
    ],
)
def test_a_path_as_another_program_writes_it_is_told_as_such(tmp_path: Path, value: str, message: str) -> None:
    problem = only_problem(tmp_path, f"base_model: base\noutput: runs\ndata:\n  train: {value}\n")
    assert (problem.where, problem.message.partition(", not ")[0]) == ("bonnevie.yaml:4", message)


@pytest.mark.parametrize("value", ["5", "true", "''", "[[a]]", "{a: b}"])
def test_a_list_path_that_is_no_path_is_refused(tmp_path: Path, value: str) -> None:
    problem = only_problem(tmp_path, f"base_model: base\noutput: runs\ndata:\n  train: {value}\n")
    assert problem.where == "bonnevie.yaml:4"
    assert "must be a path" in problem.message


def test_no_list_at_all_is_refused(tmp_path: Path) -> None:
    assert only_problem(tmp_path, SMALLEST, "data.train=[]").message == "names nothing"


@pytest.mark.parametrize("name", ["my model", "a/b", "../x", "-x", "model\u00e9", "x" * 101])
def test_a_name_that_breaks_loghis_scripts_is_refused(tmp_path: Path, name: str) -> None:
    problem = only_problem(tmp_path, SMALLEST + f'name: "{name}"\n')
    assert problem.key == "name"
    assert problem.hint and problem.hint.startswith("Write `name: ")


@pytest.mark.parametrize(
    ("name", "proposal"),
    [("Brønnøy/Müller æ", "Bronnoy_Muller_ae"), ("été", "ete"), ("..", "my_model"), ("日本", "my_model")],
)
def test_a_refused_name_is_answered_with_one_that_can_still_be_read(tmp_path: Path, name: str, proposal: str) -> None:
    assert only_problem(tmp_path, SMALLEST + f'name: "{name}"\n').hint == f"Write `name: {proposal}`."


def test_a_name_that_is_only_too_long_is_told_so(tmp_path: Path) -> None:
    assert (
        "that is 150 characters, 100 are allowed" in only_problem(tmp_path, SMALLEST + f"name: {'x' * 150}\n").message
    )


def test_a_file_name_that_cannot_be_the_models_name_asks_for_one(tmp_path: Path) -> None:
    problem = only_problem(tmp_path, SMALLEST, name="my config.yaml")
    assert "taken from the file's name, 'my config'" in problem.message
    assert problem.hint == "Write `name: my_config`."


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("name: a\nname: b\n" + SMALLEST, "bonnevie.yaml:2", "name is given twice; first on line 1", "Remove one"),
        (
            SMALLEST + "training:\n\tepochs: 3\n",
            "bonnevie.yaml:5",
            "the line begins with a TAB",
            "Indent with spaces",
        ),
        (
            SMALLEST + "training:\n  epochs:\t3\n",
            "bonnevie.yaml:5",
            "there is a TAB between key and value",
            "Write a space",
        ),
        ("", "bonnevie.yaml", "the file is empty", "loghi-runner init"),
        ("# only comments\n", "bonnevie.yaml", "the file is empty", "loghi-runner init"),
        ("- a\n- b\n", "bonnevie.yaml:1", "the file is not a list of `key: value` lines", "loghi-runner init"),
        ("name: a: b\n", "bonnevie.yaml:1", "this is not YAML", "Look at this line and the one above"),
        ("data: {train: t\noutput: runs\n", "bonnevie.yaml:2", "this is not YAML", "bracket"),
        ("a: &x 1\nb: *x\n", "bonnevie.yaml:2", "anchors and aliases", "Write the value out"),
        ("a: 1\n--- \nb: 2\n", "bonnevie.yaml:2", "this is not YAML", "Look at this line"),
        ("a: !!python/object:os.system x\n", "bonnevie.yaml:1", "the tag ", "Remove it"),
        ("a: " + "[" * 5000 + "]" * 5000, "bonnevie.yaml:1", "nested far too deep", "sections"),
    ],
)
def test_a_file_that_is_no_config_says_what_is_wrong_and_where(
    tmp_path: Path, text: str, where: str, message: str, hint: str
) -> None:
    problem = next(problem for problem in problems(tmp_path, text) if message in problem.message)
    assert problem.where == where
    assert problem.hint is not None
    assert hint in problem.hint


def test_a_key_given_twice_inside_a_section_is_found(tmp_path: Path) -> None:
    problem = only_problem(tmp_path, SMALLEST + "training:\n  epochs: 3\n  seed: 1\n  epochs: 4\n")
    assert (problem.where, problem.key) == ("bonnevie.yaml:7", "training.epochs")


def test_a_config_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"name: a\n# h\xe5nd\n")
    with pytest.raises(ConfigError, match=r"c.yaml: is not UTF-8 text \(line 2\)"):
        load_config(path)


def test_an_image_given_as_config_is_no_encoding_trouble(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert "is not a text file. Name your config" in caught.value.message


def test_a_config_that_does_not_exist_points_to_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not exist: .*nowhere.yaml. `loghi-runner init`"):
        load_config(tmp_path / "nowhere.yaml")


def test_a_folder_given_as_config_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [("epochs", "is not `key=value`"), ("=3", "is not `key=value`"), ("a..b=3", "is not `key=value`")],
)
def test_an_override_without_key_or_value_is_refused(tmp_path: Path, override: str, message: str) -> None:
    problem = only_problem(tmp_path, SMALLEST, override)
    assert (problem.where, problem.message) == (f"--set {override}", message)


def test_an_override_that_is_no_yaml_value_is_refused(tmp_path: Path) -> None:
    problem = only_problem(tmp_path, SMALLEST, "name=[a")
    assert problem.message.startswith("has a value that is not YAML")


def test_an_override_below_a_value_is_named_where_it_breaks_it(tmp_path: Path) -> None:
    assert only_problem(tmp_path, SMALLEST, "data.train.x=3").where == "--set data.train.x=3"


def test_a_problem_in_an_override_names_the_override(tmp_path: Path) -> None:
    problem = only_problem(tmp_path, SMALLEST + "training: {epochs: 3}\n", "training.epochs=x")
    assert problem.where == "--set training.epochs=x"


@pytest.mark.parametrize(
    ("data", "key", "message"),
    [
        ("{}", "data.train", "is missing"),
        ("{train: , validation: v.txt}", "data.train", "is not filled in"),
        ("{train: t.txt, pages: p}", "data.pages", "stands beside data.train; only one of the two can be learnt from"),
        ("{pages: p, validation: v.txt}", "data.validation", "cannot stand beside data.pages"),
        ("{pages: p, root: r}", "data.root", "cannot stand beside data.pages"),
        ("{train: t.txt, cut: polygon}", "data.cut", "says how pages are read, but there is no data.pages"),
    ],
)
def test_keys_that_do_not_go_together_are_named(tmp_path: Path, data: str, key: str, message: str) -> None:
    problem = only_problem(tmp_path, f"base_model: base\noutput: runs\ndata: {data}\n")
    assert (problem.where, problem.key, problem.message) == ("bonnevie.yaml:3", key, message)


def test_pages_can_take_the_place_of_line_lists(tmp_path: Path) -> None:
    text = "base_model: base\noutput: runs\ndata: {pages: [a, b], split: {test: 0}, skip_tags: []}\n"
    data = load(tmp_path, text).config.data
    assert data.pages is not None
    assert [folder.name for folder in data.pages] == ["a", "b"]
    assert (data.split.test, data.split.validation, data.skip_tags) == (0, 0.1, ())


@pytest.mark.parametrize("written", ["more", "[more, /srv/page.xml]"])
def test_unread_pages_are_off_found_or_named(tmp_path: Path, written: str) -> None:
    def unread(value: str) -> Any:
        return load(tmp_path, f"{SMALLEST}training: {{unread: {value}}}\n").config.training.unread

    assert [unread(word) for word in ("off", "auto")] == [UnreadUse.OFF, UnreadUse.AUTO]
    assert unread(written) == (tmp_path / "more", Path("/srv/page.xml"))[: 1 + written.count(",")]
    problem = only_problem(tmp_path, f"{SMALLEST}training: {{unread: []}}\n")
    assert problem.message.startswith("must be off, auto, or folders of pages")


def test_an_override_with_a_question_mark_gives_way_to_the_file(tmp_path: Path) -> None:
    asked = "training.unread?=auto"

    assert load(tmp_path, SMALLEST, asked).config.training.unread is UnreadUse.AUTO
    named = load(tmp_path, f"{SMALLEST}training: {{unread: more}}\n", asked)
    assert named.config.training.unread == (tmp_path / "more",)
    assert named.overrides == (asked,)
