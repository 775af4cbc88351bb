"""Edited training scripts of Loghi become configs, and what could not be carried over is said."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from loghi_runner.config.file import ConfigError
from loghi_runner.config.load import load_config
from loghi_runner.upstream_script.carry import CarriedOver, Note, Severity, read_upstream_script

SCRIPTS = Path(__file__).parent / "upstream_scripts"
SCRIPT_DIR = Path("/home/anna/scripts")
CARDS = {0: "GPU-aaaa", 1: "GPU-bbbb"}

BASE = "HTRBASEMODEL=/models/base/best_val\nUSEBASEMODEL=1\n"
LISTS = "trainlist=/lines/train.txt\nvalidationlist=/lines/val.txt\n"
CALL = "docker run image python3 /src/main.py --train_list $trainlist --validation_list $validationlist"


def read(text: str, gpu_uuid: Callable[[int], str | None] = CARDS.get) -> CarriedOver:
    return read_upstream_script(text, SCRIPT_DIR, gpu_uuid)


def read_file(name: str) -> CarriedOver:
    return read((SCRIPTS / name).read_text(encoding="utf-8"))


def notes(carried: CarriedOver, severity: Severity, variable: str) -> list[Note]:
    return [note for note in carried.notes if (note.severity, note.variable) == (severity, variable)]


def only_note(carried: CarriedOver, severity: Severity, variable: str, words: str = "") -> Note:
    found = [note for note in notes(carried, severity, variable) if words in note.sentence]
    assert len(found) == 1, carried.notes
    return found[0]


def data(carried: CarriedOver) -> object:
    return carried.config["data"]


# Whole scripts


def test_an_edited_finetune_script_becomes_a_config() -> None:
    assert read_file("finetune.sh").config == {
        "name": "bonnevie_finetuned",
        "base_model": "/home/anna/models/ibsen/best_val",
        "data": {
            "train": "/home/anna/bonnevie/lines/training_all_train.txt",
            "validation": "/home/anna/bonnevie/lines/training_all_val.txt",
        },
        "output": "/home/anna/loghi/bonnevie_finetuned",
        "training": {"epochs": 5, "batch_size": 8, "learning_rate": 0.0003, "seed": 1},
        "engine": {"gpus": "none"},
    }


def test_a_complete_finetune_script_loses_nothing() -> None:
    assert not [note for note in read_file("finetune.sh").notes if note.severity is Severity.NOT_CARRIED]


def test_a_pipeline_of_2023_becomes_a_config() -> None:
    assert read_file("pipeline_2023.sh").config == {
        "name": "letters",
        "base_model": "/models/generic-2023-02-15",
        "data": {"train": "/data/lines/train.txt", "validation": "/data/lines/val.txt"},
        "output": "runs",
        "training": {"epochs": 12, "batch_size": 4, "learning_rate": 0.0001, "seed": 1},
        "engine": {"gpus": ["GPU-aaaa"]},
    }


def test_what_a_pipeline_of_2023_loses_is_said_once_each() -> None:
    lost = {note.variable for note in read_file("pipeline_2023.sh").notes if note.severity is Severity.NOT_CARRIED}
    assert lost == {"channels", "height", "multiply", "--beam_width", "--output"}


def test_options_of_the_call_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert read_file("by_hand.sh").config == {
        "name": "hand",
        "base_model": "/models/base/best_val",
        "data": {
            "train": "/home/anna/scripts/lists/train.txt",
            "validation": "/home/anna/scripts/lists/val.txt",
            "test": "/home/anna/scripts/lists/test.txt",
        },
        "output": "/home/anna/models",
        "training": {
            "epochs": 50,
            "batch_size": 16,
            "learning_rate": 0.0001,
            "early_stopping": 10,
            "seed": 7,
            "augmentation": "light",
            "precision": "float32",
            "freeze": ["conv", "dense"],
        },
        "charset": "replace",
    }


def test_options_the_config_lacks_are_named() -> None:
    lost = {note.variable for note in read_file("by_hand.sh").notes if note.severity is Severity.NOT_CARRIED}
    assert lost == {"#SBATCH", "--optimizer", "--decay_rate", "--normalization_file", "--blow_whistle"}


def test_every_value_in_the_config_has_its_note() -> None:
    carried = read_file("finetune.sh")
    keys = {note.key for note in carried.notes if note.severity is Severity.CARRIED}
    assert keys == {
        "name",
        "base_model",
        "data.train",
        "data.validation",
        "output",
        "training.epochs",
        "training.batch_size",
        "training.learning_rate",
        "training.seed",
        "engine.gpus",
    }


def test_a_note_names_the_line_of_the_script() -> None:
    assert only_note(read_file("finetune.sh"), Severity.CARRIED, "model_name").line == 22


def test_defaults_that_differ_from_loghis_are_pointed_out() -> None:
    sentences = " ".join(note.sentence for note in notes(read_file("finetune.sh"), Severity.CHECK, "main.py"))
    assert "early_stopping" in sentences
    assert "augmentation: none" in sentences
    assert "charset: extend" in sentences


# Traps


def test_windows_line_endings_and_a_byte_order_mark_are_read() -> None:
    text = (SCRIPTS / "finetune.sh").read_text(encoding="utf-8")
    carried = read("\ufeff" + text.replace("\n", "\r\n"))
    assert carried.config == read(text).config
    assert only_note(carried, Severity.CHECK, "line endings").line == 1


def test_spaces_around_the_equals_sign_set_nothing() -> None:
    carried = read(f"{BASE}{LISTS}epochs = 5\n")
    assert "training" not in carried.config
    assert "spaces around" in only_note(carried, Severity.CHECK, "epochs").sentence


def test_a_value_with_spaces_and_no_quotes_is_read_whole_and_said() -> None:
    carried = read(f"HTRBASEMODEL=/my models/best_val\n{LISTS}")
    assert carried.config["base_model"] == "/my models/best_val"
    assert "no quotes" in only_note(carried, Severity.CHECK, "HTRBASEMODEL").sentence


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"my first model"', "my_first_model"),
        ("my first model", "my_first_model"),
        ("Hånd-2.ø", "Haand-2.o"),
        ("-1er", "1er"),
        ('"Élise (1850)"', "Elise_1850"),
    ],
)
def test_a_name_loghi_cannot_have_is_cleaned(written: str, name: str) -> None:
    carried = read(f"{BASE}{LISTS}model_name={written}\n")
    assert carried.config["name"] == name
    assert only_note(carried, Severity.CHECK, "model_name", f"became {name}")


def test_a_name_without_usable_letters_is_not_carried() -> None:
    carried = read(f"{BASE}{LISTS}model_name='…'\n")
    assert "name" not in carried.config
    assert only_note(carried, Severity.NOT_CARRIED, "model_name").key == "name"


def test_the_name_of_the_example_is_pointed_out() -> None:
    carried = read(f"{BASE}{LISTS}model_name=myfirstmodel\n")
    assert carried.config["name"] == "myfirstmodel"
    assert only_note(carried, Severity.CHECK, "model_name")


def test_several_lists_in_one_variable_become_several() -> None:
    carried = read(f'{BASE}d=/lines\ntrainlist="$d/a.txt $d/b.txt"\n')
    assert data(carried) == {"train": ["/lines/a.txt", "/lines/b.txt"]}
    assert "2 line lists" in only_note(carried, Severity.CHECK, "trainlist").sentence


def test_several_lists_reach_an_unquoted_option() -> None:
    carried = read(f'{BASE}trainlist="/a.txt /b.txt"\npython3 main.py --train_list $trainlist --epochs 3\n')
    assert data(carried) == {"train": ["/a.txt", "/b.txt"]}


def test_a_list_path_with_a_space_stays_one_path() -> None:
    carried = read(f'{BASE}trainlist="/my lines/train.txt"\n')
    assert data(carried) == {"train": "/my lines/train.txt"}
    assert "one path with spaces" in only_note(carried, Severity.CHECK, "trainlist").sentence


def test_training_and_validating_on_one_list_is_pointed_out() -> None:
    carried = read(f"{BASE}trainlist=/lines/train.txt\nvalidationlist=$trainlist\n")
    assert "same list" in only_note(carried, Severity.CHECK, "validationlist").sentence


def test_without_a_base_model_a_new_one_is_trained() -> None:
    carried = read(f"USEBASEMODEL=0\nHTRBASEMODEL=PATH_TO_HTR_BASE_MODEL\nHTRNEWMODEL=recommended\n{LISTS}")
    assert carried.config["base_model"] == {"vgsl": "recommended"}
    assert "from nothing" in only_note(carried, Severity.CHECK, "HTRNEWMODEL").sentence


def test_a_base_model_that_is_switched_off_is_pointed_out() -> None:
    carried = read(f"USEBASEMODEL=0\nHTRBASEMODEL=/models/ibsen\nHTRNEWMODEL=recommended\n{LISTS}")
    assert carried.config["base_model"] == {"vgsl": "recommended"}
    assert "/models/ibsen" in only_note(carried, Severity.CHECK, "USEBASEMODEL").sentence


def test_a_network_written_for_loghi_1_is_pointed_out() -> None:
    carried = read(f'USEBASEMODEL=0\nHTRNEWMODEL="None,64,None,3 Cr3,3,24 O1s92"\n{LISTS}')
    assert only_note(carried, Severity.CHECK, "HTRNEWMODEL", "Loghi 1")


def test_a_model_folder_in_the_call_is_the_base_model() -> None:
    carried = read(f"USEBASEMODEL=0\nHTRNEWMODEL=recommended\n{LISTS}{CALL} --model /models/ibsen\n")
    assert carried.config["base_model"] == "/models/ibsen"


def test_a_model_inside_an_old_image_is_not_carried() -> None:
    carried = read(f"USEBASEMODEL=1\nHTRLOGHIMODEL=/src/loghi-htr-models/model-new12\n{LISTS}")
    assert "base_model" not in carried.config
    assert only_note(carried, Severity.NOT_CARRIED, "HTRLOGHIMODEL").key == "base_model"


def test_multiply_is_said_to_do_nothing() -> None:
    carried = read(f"{BASE}{LISTS}multiply=3\n{CALL} --aug_multiply $multiply\n")
    assert "does nothing" in only_note(carried, Severity.NOT_CARRIED, "multiply").sentence


@pytest.mark.parametrize("folder", ["$(mktemp -d)/output", "/tmp/loghi", "`mktemp -d`"])
def test_a_temporary_output_folder_is_left_for_a_lasting_one(folder: str) -> None:
    carried = read(f"{BASE}{LISTS}tmpdir={folder}\noutputdir=$tmpdir/x\n")
    assert carried.config["output"] == "runs"
    assert "Runs are kept in runs" in only_note(carried, Severity.NOT_CARRIED, "outputdir").sentence


def test_replacing_the_final_layer_is_carried_with_a_better_proposal() -> None:
    carried = read(f"{BASE}{LISTS}REPLACEFINALLAYER=1\n")
    assert carried.config["charset"] == "replace"
    assert "extend" in only_note(carried, Severity.CHECK, "REPLACEFINALLAYER").sentence


def test_the_early_2024_way_to_replace_the_final_layer_is_read() -> None:
    carried = read(f'{BASE}{LISTS}replacefinallayer=" --replace_final_layer "\n{CALL} $replacefinallayer\n')
    assert carried.config["charset"] == "replace"
    assert only_note(carried, Severity.CARRIED, "replacefinallayer").line == 5


def test_no_card_becomes_none() -> None:
    assert read(f"{BASE}{LISTS}GPU=-1\n").config["engine"] == {"gpus": "none"}


def test_a_card_becomes_its_uuid() -> None:
    assert read(f"{BASE}{LISTS}GPU=1\n").config["engine"] == {"gpus": ["GPU-bbbb"]}


def test_two_cards_become_their_uuids() -> None:
    assert read(f"{BASE}{LISTS}GPU=0,1\n").config["engine"] == {"gpus": ["GPU-aaaa", "GPU-bbbb"]}


def test_a_card_nobody_knows_becomes_auto_with_a_note() -> None:
    carried = read(f"{BASE}{LISTS}GPU=7\n")
    assert carried.config["engine"] == {"gpus": "auto"}
    assert "cannot be known" in only_note(carried, Severity.CHECK, "GPU").sentence


def test_something_else_than_a_card_is_not_carried() -> None:
    carried = read(f"{BASE}{LISTS}GPU=all\n")
    assert "engine" not in carried.config
    assert only_note(carried, Severity.NOT_CARRIED, "GPU").key == "engine.gpus"


def test_a_script_that_trained_on_the_processor_unnoticed_is_told() -> None:
    text = (SCRIPTS / "finetune.sh").read_text(encoding="utf-8").replace("GPU=-1", "GPU=1")
    assert only_note(read(text), Severity.CHECK, "GPU", "without saying so")


def test_what_the_default_would_bring_is_told_of_a_slower_learning_rate() -> None:
    note = only_note(read_file("finetune.sh"), Severity.CHECK, "learning_rate")

    assert note.sentence.startswith("0.0003 was carried over as training.learning_rate. Without that line ")
    assert "0.001" in note.sentence and "17.8 %" in note.sentence
    assert not notes(read(f"{BASE}{LISTS}learning_rate=0.001\n"), Severity.CHECK, "learning_rate")


@pytest.mark.parametrize("value", ["0,0003", "0", "-1", "fast", "2", "nan", "1_0"])
def test_a_learning_rate_that_does_not_fit_is_not_carried(value: str) -> None:
    carried = read(f"{BASE}{LISTS}learning_rate={value}\n")
    assert "training" not in carried.config
    assert only_note(carried, Severity.NOT_CARRIED, "learning_rate").key == "training.learning_rate"


def test_a_windows_path_is_not_carried() -> None:
    carried = read(f"HTRBASEMODEL='C:\\models\\best_val'\n{LISTS}")
    assert "base_model" not in carried.config
    assert "/mnt/c" in only_note(carried, Severity.NOT_CARRIED, "HTRBASEMODEL").sentence


def test_a_folder_of_images_is_explained() -> None:
    carried = read(f"{BASE}{LISTS}datadir=/images\n")
    assert "root" in only_note(carried, Severity.NOT_CARRIED, "datadir").sentence


@pytest.mark.parametrize(
    "example", ["PATH_TO_HTR_BASE_MODEL", "INSERT_FULL_PATH_HERE", "/path/to/model", "/home/.../best_val"]
)
def test_example_text_is_not_taken_for_a_path(example: str) -> None:
    carried = read(f"HTRBASEMODEL={example}\n{LISTS}")
    assert "base_model" not in carried.config
    assert "example text" in only_note(carried, Severity.NOT_CARRIED, "HTRBASEMODEL").sentence


@pytest.mark.parametrize("written", ["Ålesund brev", "Bjørnson, 1. utkast", "Þór – ł", "Mu\u0308ller-"])
def test_a_script_and_a_config_name_a_model_alike(written: str, tmp_path: Path) -> None:
    (tmp_path / f"{written}.yaml").write_text("base_model: b\ndata: {train: t}\noutput: o\n", encoding="utf-8")
    name = read(f"{BASE}{LISTS}model_name='{written}'\n").config["name"]
    with pytest.raises(ConfigError, match=re.escape(f"Write `name: {name}`.")):
        load_config(tmp_path / f"{written}.yaml")
