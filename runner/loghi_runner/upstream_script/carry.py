"""Decides what each value of a script becomes in the config."""

import re
import unicodedata
from collections.abc import Callable

from loghi_contract.job import Augmentation, CharsetPolicy, Precision
from loghi_runner.config.schema import TrainingConfig
from loghi_runner.config.values import NAME_PATTERN
from loghi_runner.upstream_script.builder import Builder
from loghi_runner.upstream_script.carried import CarriedOver
from loghi_runner.upstream_script.carry_model import carry_model
from loghi_runner.upstream_script.found import Found, find, shorten
from loghi_runner.upstream_script.script import Option, Script
from loghi_runner.upstream_script.tables import (
    CARRIED,
    FREEZE_OPTIONS,
    LIGHT_OPTIONS,
    LOGHI_PATIENCE,
    NOT_CARRIED,
    UNTOUCHED_DATADIRS,
    UNTOUCHED_NAME,
    VARIABLES,
)
from loghi_runner.upstream_script.values import Value

DEFAULT_OUTPUT = "runs"


def carry_over(script: Script, gpu_uuid: Callable[[int], str | None]) -> CarriedOver:
    """Return the config and the notes; keys come in the order of the config file."""
    builder = Builder(script)
    _name(builder)
    is_new = carry_model(builder)
    _lists(builder)
    _output(builder)
    _training(builder)
    _charset(builder, is_new=is_new)
    _gpus(builder, gpu_uuid)
    _leftovers(builder)
    return builder.result()


def _name(builder: Builder) -> None:
    found = builder.look_up(("model_name",), "model_name")
    if not found or not builder.usable(found, "name", "Without it the config's file name is the name."):
        return
    name = _clean_name(found.text)
    if not name:
        builder.leave(found, "no letter or digit is left in it", "Write a name of letters, digits, . _ -", "name")
        return
    builder.carry_found("name", name, found)
    if name != found.text:
        sentence = f"Names have only letters, digits, . _ and -: {shorten(found.text)} became {name}."
        builder.check(found, sentence, "name")
    if name == UNTOUCHED_NAME:
        builder.check(found, f"{found.label} is still the example's {UNTOUCHED_NAME}: a name of its own helps.", "name")


def _clean_name(text: str) -> str:
    spelled = "".join(_LETTERS.get(char, char) for char in text)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("_").lstrip(".-_")[:100]
    return name if re.fullmatch(NAME_PATTERN, name) else ""


def _lists(builder: Builder) -> None:
    lists: dict[str, list[str]] = {}
    for key, variables, option, hint in _LIST_KEYS:
        found = builder.look_up(variables, option)
        if not found or not builder.usable(found, key, hint, is_path=True):
            continue
        texts = _list_paths(found.text)
        paths = [path for text in texts if (path := builder.path(text, found, key))]
        if not paths:
            continue
        lists[key] = paths
        builder.carry_found(key, paths[0] if len(paths) == 1 else paths, found)
        if len(texts) > 1:
            builder.check(found, f"{found.label} was read as {len(texts)} line lists, one at each space.", key)
        elif " " in texts[0]:
            builder.check(found, f"{found.label} was read as one path with spaces in it; Loghi cannot open it.", key)
        if key == "data.validation" and paths == lists.get("data.train"):
            builder.check(found, "Training and validation are the same list, so the score will flatter the model.", key)
    datadir = find(builder.script, ("datadir",))
    if datadir and datadir.text and datadir.text.rstrip("/") not in UNTOUCHED_DATADIRS:
        hint = "If the lists hold relative image paths, write it as root under data."
        builder.leave(datadir, "the runner finds images by the paths in the line lists", hint)


def _list_paths(text: str) -> list[str]:
    """Split a value at its spaces if every piece is a list by itself: all end as the last one does."""
    pieces = text.split()
    ending = re.search(r"\.\w+$", pieces[-1])
    return pieces if ending and all(piece.endswith(ending.group()) for piece in pieces) else [text]


def _output(builder: Builder) -> None:
    found = builder.look_up(("outputdir",), "output")
    builder.put("output", DEFAULT_OUTPUT)
    hint = f"Runs are kept in {DEFAULT_OUTPUT}, beside the config."
    if not found or not builder.usable(found, "output", hint, is_path=True):
        return
    path = builder.path(found.text, found, "output")
    if path and re.match(r"/(tmp|dev/shm)(/|$)", path):
        builder.leave(found, f"what is in {shorten(path)} is gone after a restart", hint, "output")
    elif path:
        builder.carry_found("output", path, found)


def _training(builder: Builder) -> None:
    for key, variables, option, kind in _NUMBERS:
        found = builder.look_up(variables, option)
        if not found or not builder.usable(found, key, f"The runner's own {key} counts until you fill it in."):
            continue
        number = _number(key.rpartition(".")[2], found.text, kind)
        if number is None:
            hint = "Write the number with a decimal point." if "," in found.text else f"Fill in {key}."
            builder.leave(found, f"{shorten(found.text)} is no number that fits", hint, key)
        else:
            builder.carry_found(key, number, found)
    call = builder.script.call
    options = call.options if call else {}
    light = [name for name in options if name in LIGHT_OPTIONS]
    if light:
        builder.carry("training.augmentation", Augmentation.LIGHT.value, options[light[0]].line, f"--{light[0]}")
        names = ", ".join(f"--{name}" for name in light)
        sentence = f"augmentation: light takes the place of {names}; it is of the same kind, not the same to the digit."
        builder.check(Found(f"--{light[0]}", options[light[0]].line, Value("")), sentence, "training.augmentation")
    if "use_float32" in options:
        builder.carry("training.precision", Precision.FLOAT32.value, options["use_float32"].line, "--use_float32")
    frozen = [name for name in FREEZE_OPTIONS if name in options]
    if frozen:
        parts = [FREEZE_OPTIONS[name].value for name in frozen]
        builder.carry("training.freeze", parts, options[frozen[0]].line, f"--{frozen[0]}")
    if call:
        here = Found("main.py", call.line, Value(""))
        if "early_stopping_patience" not in options:
            sentence = f"The script leaves it to Loghi to stop after {LOGHI_PATIENCE} epochs without a better score; "
            builder.check(here, sentence + "the runner's own training.early_stopping counts now.")
        if not light:
            sentence = "The script trains on unchanged images; the runner changes them a little unless you write "
            builder.check(here, sentence + "augmentation: none under training.")


def _number(name: str, text: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        number = kind(text) if text.isascii() and "_" not in text else None
        TrainingConfig.model_validate({name: number})
    except ValueError:  # pydantic's ValidationError is one
        return None
    return number


def _charset(builder: Builder, *, is_new: bool) -> None:
    script = builder.script
    asked = find(script, ("REPLACEFINALLAYER",))
    option = script.call.options.get("replace_final_layer") if script.call else None
    found = asked if asked and asked.text == "1" else _place(script, "replace_final_layer", option) if option else None
    if found:
        if is_new:
            builder.leave(found, "a new model takes its alphabet from the training lines anyway", "")
        else:
            builder.carry("charset", CharsetPolicy.REPLACE.value, found.line, found.label)
            sentence = "charset: replace forgets how every letter was written; extend adds the missing ones and keeps "
            builder.check(found, sentence + "the rest, which needs far fewer lines.", "charset")
    elif script.call and not is_new:
        sentence = "Loghi skips lines with letters the base model lacks; the runner adds these letters to it "
        builder.check(Found("main.py", script.call.line, Value("")), sentence + "(charset: extend).")


def _gpus(builder: Builder, gpu_uuid: Callable[[int], str | None]) -> None:
    found = find(builder.script, ("GPU",)) or find(builder.script, (), "gpu")
    hint = "The runner takes a free card (gpus: auto)."
    if not found or not builder.usable(found, "engine.gpus", hint):
        return
    if found.text == "-1":
        builder.carry("engine.gpus", "none", found.line, found.label)
        return
    if not re.fullmatch(r"[0-9]{1,3}(,[0-9]{1,3})*", found.text):
        builder.leave(found, f"{shorten(found.text)} is not the number of a card", hint, "engine.gpus")
        return
    uuids = [gpu_uuid(int(index)) for index in found.text.split(",")]
    known = [uuid for uuid in uuids if uuid]
    if len(known) == len(uuids):
        builder.carry_found("engine.gpus", list(dict.fromkeys(known)), found)
    else:
        builder.carry("engine.gpus", "auto", found.line, found.label)
        sentence = f"Which card {found.text} is cannot be known on this machine, so the runner takes a free one."
        builder.check(found, sentence, "engine.gpus")
    call = builder.script.call
    inside = call.options.get("gpu") if call else None
    if call and inside and inside.value and inside.value.text == found.text != "0":
        device = any(word.strip('"').endswith(f"device={found.text}") for word in call.launcher)
        if device:
            sentence = f"With {found.label}={found.text} Loghi trains on the processor without saying so: the one card "
            builder.check(found, sentence + "it is given is number 0 inside the container.", "engine.gpus")


def _leftovers(builder: Builder) -> None:
    script = builder.script
    for name, line in script.not_followed:
        if name in VARIABLES:
            sentence = f"Line {line} sets {name} only under a condition; that line was not followed."
            builder.check(Found(name, line, Value("")), sentence)
    multiply = find(script, ("multiply",))
    options = dict(script.call.options) if script.call else {}
    if multiply and multiply.text != "1":
        builder.leave(multiply, NOT_CARRIED["multiply"], "")
    if multiply or any(name in options and _is_one(options[name].value) for name in ("aug_multiply", "multiply")):
        options.pop("aug_multiply", None)
        options.pop("multiply", None)
    for name, option in options.items():
        why = NOT_CARRIED.get(name, "it is not an option of Loghi that this program knows")
        if name in CARRIED or not why or (name == "beam_width" and _is_one(option.value)):
            continue
        builder.leave(_place(script, name, option), why, "")


def _place(script: Script, name: str, option: Option) -> Found:
    """Return where a reader finds an option: at the variable it came from, or in the call."""
    if option.variable in script.settings:
        return Found(option.variable, script.settings[option.variable].line, Value(""))
    return Found(f"--{name}", option.line, Value(""))


def _is_one(value: Value | None) -> bool:
    return value is not None and value.text == "1"


_LIST_KEYS = (
    ("data.train", ("trainlist",), "train_list", "Write the path of the training line list as data.train."),
    (
        "data.validation",
        ("validationlist",),
        "validation_list",
        "Write the path of the validation line list as data.validation; without one the runner splits by page.",
    ),
    ("data.test", ("testlist",), "test_list", "Write the path of the test line list as data.test."),
)
_NUMBERS: tuple[tuple[str, tuple[str, ...], str, type[int] | type[float]], ...] = (
    ("training.epochs", ("epochs",), "epochs", int),
    ("training.batch_size", ("batch_size",), "batch_size", int),
    ("training.learning_rate", ("learning_rate",), "learning_rate", float),
    ("training.early_stopping", (), "early_stopping_patience", int),
    ("training.seed", (), "seed", int),
)
_LETTERS = {"ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "å": "aa", "Å": "Aa", "ß": "ss", "ð": "d", "þ": "th", "ł": "l"}
