"""Decides what each value of a script becomes in the config."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from loghi_contract.job import Augmentation, CharsetPolicy, Precision
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.config.names import plain_name
from loghi_runner.config.schema import TrainingConfig
from loghi_runner.errors import UsageError
from loghi_runner.upstream_script import tables
from loghi_runner.upstream_script.script import Script, read_script
from loghi_runner.upstream_script.shell import Setting, shorten

ConfigValue: TypeAlias = str | int | float | list[str] | dict[str, "ConfigValue"]
#: Keys whose values are paths.
PATHS = ("base_model", "data.train", "data.validation", "data.test", "output")


class Severity(str, Enum):
    """What became of a value of the script."""

    CARRIED = "carried"
    NOT_CARRIED = "not_carried"
    CHECK = "check"


@dataclass(frozen=True)
class Note:
    """One sentence about one value; `key` is the place in the config, such as `data.train`, where there is one."""

    severity: Severity
    line: int
    variable: str
    sentence: str
    key: str | None = None


@dataclass(frozen=True)
class CarriedOver:
    """`config` has the shape of the YAML file and holds only what the script sets; paths in it are absolute.

    `output` is always there: `runs`, beside the config, where the script names no lasting folder.
    """

    config: dict[str, ConfigValue]
    notes: tuple[Note, ...]


def read_upstream_script(text: str, script_dir: Path, gpu_uuid: Callable[[int], str | None]) -> CarriedOver:
    """Return what a training script says, as a config; nothing of the script is executed.

    Args:
        script_dir: the folder it lies in; relative paths in it are taken to start there.
        gpu_uuid: the UUID of the card with this number, None where it cannot be known.

    Raises:
        UsageError: not a shell script, or one that does not train a model.
    """
    carrier = _Carrier(read_script(text, script_dir.absolute()))
    carrier.refuse_other_scripts()
    carrier.name()
    is_new = carrier.model()
    carrier.lists()
    carrier.output()
    carrier.training()
    carrier.charset(is_new=is_new)
    carrier.gpus(gpu_uuid)
    carrier.leftovers(text)
    return CarriedOver(carrier.config, tuple(sorted(carrier.notes, key=lambda note: note.line)))


class _Carrier:
    """Every value goes in through `_carry`, so that each has its note; keys come in the order of the config file."""

    def __init__(self, script: Script) -> None:
        self.config: dict[str, ConfigValue] = {}
        self.notes: list[Note] = []
        self._script = script
        for place, sentence in script.remarks:
            self._note(place, sentence)

    def refuse_other_scripts(self) -> None:
        models = (*tables.BASE_MODEL_VARIABLES, "HTRNEWMODEL")
        is_there = {
            "trainlist": self._find(("trainlist",), "train_list"),
            "HTRBASEMODEL or HTRNEWMODEL": self._find(models, "model") or self._find((), "existing_model"),
        }
        if missing := [name for name, found in is_there.items() if not found]:
            message = f"the script does not train a handwriting model: it never sets {' nor '.join(missing)}"
            hint = "Give the edited finetune.sh or htr-train-pipeline.sh; the other scripts hold no training settings."
            raise UsageError("init.not_a_training_script", message, hint=hint)

    def name(self) -> None:
        hint = "Without it the config's file name is the name."
        found = self._take("name", self._reaching(("model_name",), "model_name"), hint)
        name = plain_name(found.text) if found else ""
        if found and not name:
            self._leave(found, "no letter or digit is left in it", "Write a name of letters, digits, . _ -", "name")
        elif found:
            self._carry("name", name, found)
            if name != found.text:
                sentence = f"Names have only letters, digits, . _ and -: {shorten(found.text)} became {name}."
                self._note(found, sentence, "name")
            if name == tables.UNTOUCHED_NAME:
                self._note(found, f"{found.label} is still the example's {name}: a name of its own helps.", "name")

    def model(self) -> bool:
        """Return whether it is a new model; USEBASEMODEL counts, and a model written into the call counts more."""
        switch, new = self._find(("USEBASEMODEL",)), self._find(("HTRNEWMODEL",))
        base = self._find(tables.BASE_MODEL_VARIABLES) or self._find((), "existing_model")
        if written := self._written_in_call(base, new):
            base, new = (written, None) if "/" in written.text else (None, written)
        elif switch and (problem := self._problem(switch)):
            self._leave(switch, problem, "It was read as 1: fine-tune a base model.")
        elif switch and switch.text != "1":
            if base and not self._problem(base, is_path=True) and tables.IN_IMAGE_MODELS not in base.text:
                sentence = f"{switch.label} is {shorten(switch.text)}, so Loghi trains a new model and never opens "
                sentence += f"{base.label}. To fine-tune, write base_model: {shorten(base.text)}"
                self._note(switch, sentence, "base_model")
            new = new or self._find((), "model")
            base, new = (new, None) if new and "/" in new.text else (None, new)
        if base:
            self._fine_tune(base)
        elif new:
            self._start_new(new)
        return base is None and new is not None

    def _written_in_call(self, base: Setting | None, new: Setting | None) -> Setting | None:
        """Return a model that the call names by itself, not through the script's own variables."""
        ours = [found.text for found in (base, new) if found]
        # the oldest scripts name the shape in the call, whatever model is used: beside a variable it does not count
        for option, counts in (("existing_model", ""), ("model", "/" if ours else "")):
            found = self._find((), option)
            if found and not self._problem(found) and found.text not in ours and counts in found.text:
                return found
        return None

    def _fine_tune(self, found: Setting) -> None:
        key, hint = "base_model", "Write the folder of the base model, the one that holds model.keras, as base_model."
        if found.text.startswith(tables.IN_IMAGE_MODELS):
            self._leave(found, "that folder is inside an old image of Loghi, not on this machine", hint, key)
        elif self._take(key, found, hint) and (path := self._path(found.text, found, key)):
            self._carry(key, path, found)

    def _start_new(self, found: Setting) -> None:
        key, hint = "base_model", "Write base_model: {vgsl: recommended}, or the folder of a base model."
        if not self._take(key, found, hint):
            return
        self._carry("base_model.vgsl", found.text, found)
        sentence = "This trains a new model from nothing, which needs thousands of lines; for one hand, fine-tune."
        self._note(found, sentence, key)
        if not re.search(r"[ ,]", found.text) and found.text not in tables.MODEL_LIBRARY:
            self._note(found, f"Loghi 2 has no model shape called {shorten(found.text)}; recommended is one.", key)
        elif re.match(r"None,\d+,None,", found.text):
            self._note(found, f"{found.label} is written for Loghi 1; Loghi 2 has the width first: None,None,64,1", key)

    def lists(self) -> None:
        lists: dict[str, list[str]] = {}
        for name, words in {"train": "training", "validation": "validation", "test": "test"}.items():
            key = f"data.{name}"
            hint = f"Write the path of the {words} line list as {key}"
            hint += "; without one the runner splits by page." if name == "validation" else "."
            found = self._take(key, self._reaching((f"{name}list",), f"{name}_list"), hint)
            pieces = found.text.split() if found else []
            # several lists, if every piece is one by itself: all end alike
            endings = {Path(piece).suffix for piece in pieces}
            texts = [found.text] if found and (len(endings) > 1 or "" in endings) else pieces
            lists[key] = paths = [path for text in texts if found and (path := self._path(text, found, key))]
            if not found or not paths:
                continue
            self._carry(key, paths[0] if len(paths) == 1 else paths, found)
            if len(texts) > 1:
                self._note(found, f"{found.label} was read as {len(texts)} line lists, one at each space.", key)
            elif " " in texts[0]:
                self._note(found, f"{found.label} was read as one path with spaces in it; Loghi cannot open it.", key)
            if key == "data.validation" and paths == lists["data.train"]:
                self._note(found, "Training and validation are the same list: the score will flatter the model.", key)
        if (datadir := self._find(("datadir",))) and not tables.UNTOUCHED_DATADIRS.fullmatch(datadir.text):
            hint = "If the lists hold relative image paths, write it as root under data."
            self._leave(datadir, "the runner finds images by the paths in the line lists", hint)

    def output(self) -> None:
        self._put("output", str(DEFAULT_OUTPUT))
        hint = f"Runs are kept in {DEFAULT_OUTPUT}, beside the config."
        found = self._take("output", self._reaching(("outputdir",), "output"), hint)
        path = self._path(found.text, found, "output") if found else None
        if found and path and re.match(r"/(tmp|dev/shm)(/|$)", path):
            self._leave(found, f"what is in {shorten(path)} is gone after a restart", hint, "output")
        elif found and path:
            self._carry("output", path, found)

    def training(self) -> None:
        for name, option in _NUMBERS.items():
            key = f"training.{name}"
            given = self._reaching((name,) if name in tables.VARIABLES else (), option)
            found = self._take(key, given, f"The runner's own {key} counts until you fill it in.")
            number = _number(name, found.text) if found else None
            if found and number is None:
                hint = "Write the number with a decimal point." if "," in found.text else f"Fill in {key}."
                self._leave(found, f"{shorten(found.text)} is no number that fits", hint, key)
            elif found and number is not None:
                self._carry(key, number, found)
                if name == "learning_rate" and number < _DEFAULTS.learning_rate:
                    self._note(found, f"{number:g} was carried over as {key}. {_SLOW_RATE}", key)
        options = self._script.options
        if light := [name for name in options if name in tables.LIGHT_OPTIONS]:
            self._carry("training.augmentation", Augmentation.LIGHT.value, options[light[0]])
            names = ", ".join(f"--{name}" for name in light)
            sentence = f"augmentation: light takes the place of {names}: of the same kind, not the same to the digit."
            self._note(options[light[0]], sentence, "training.augmentation")
        if found := options.get("use_float32"):
            self._carry("training.precision", Precision.FLOAT32.value, found)
        if frozen := {part.value: options[name] for name, part in tables.FREEZE_OPTIONS.items() if name in options}:
            self._carry("training.freeze", list(frozen), next(iter(frozen.values())))
        if not self._script.line:
            return
        here = Setting("main.py", self._script.line)
        if "early_stopping_patience" not in options:
            sentence = f"The script leaves it to Loghi to stop after {tables.LOGHI_PATIENCE} epochs without a better "
            self._note(here, sentence + "score; the runner's own training.early_stopping counts now.")
        if not light:
            sentence = "The script trains on unchanged images; the runner changes them a little unless you write "
            self._note(here, sentence + "augmentation: none under training.")

    def charset(self, *, is_new: bool) -> None:
        asked = self._find(("REPLACEFINALLAYER",))
        found = asked if asked and asked.text == "1" else self._script.options.get("replace_final_layer")
        if found and is_new:
            self._leave(found, "a new model takes its alphabet from the training lines anyway")
        elif found:
            self._carry("charset", CharsetPolicy.REPLACE.value, found)
            sentence = "charset: replace forgets how every letter was written; extend adds the missing ones and keeps "
            self._note(found, sentence + "the rest, which needs far fewer lines.", "charset")
        elif self._script.line and not is_new:
            sentence = "Loghi skips lines with letters the base model lacks; the runner adds these letters to it "
            self._note(Setting("main.py", self._script.line), sentence + "(charset: extend).")

    def gpus(self, gpu_uuid: Callable[[int], str | None]) -> None:
        key, hint = "engine.gpus", "The runner takes a free card (gpus: auto)."
        if not (found := self._take(key, self._find(("GPU",)) or self._find((), "gpu"), hint)):
            return
        if found.text == "-1":
            self._carry(key, "none", found)
        elif not re.fullmatch(r"[0-9]{1,3}(,[0-9]{1,3})*", found.text):
            self._leave(found, f"{shorten(found.text)} is not the number of a card", hint, key)
        else:
            uuids = [gpu_uuid(int(index)) for index in found.text.split(",")]
            known = list(dict.fromkeys(uuid for uuid in uuids if uuid))
            self._carry(key, known if all(uuids) else "auto", found)
            if not all(uuids):
                self._note(found, f"Which card {found.text} is cannot be known here: the runner takes a free one.", key)
        inside, words = self._script.options.get("gpu"), self._script.launcher
        is_given = any(word.strip('"').endswith(f"device={found.text}") for word in words)
        if is_given and inside and inside.text == found.text != "0":
            sentence = f"With {found.label}={found.text} Loghi trains on the processor without saying so: the one card "
            self._note(found, sentence + "it is given is number 0 inside the container.", key)

    def leftovers(self, text: str) -> None:
        """Say what is lost of the script besides, and of the options that nothing above has asked for."""
        if batch := re.search(r"^#SBATCH\b", text, re.MULTILINE):
            place = Setting("#SBATCH", text.count("\n", 0, batch.start()) + 1)
            self._leave(place, "these lines belong in a batch script that starts loghi-runner")
        repeats, options = ("aug_multiply", "multiply"), self._script.options
        if multiply := self._find(("multiply",)):
            # the call only passes it on
            options = {"multiply": multiply} | {name: options[name] for name in options if name not in repeats}
        for name, found in options.items():
            why = tables.LOST.get(name, "it is not an option of Loghi that this program knows")
            if why and not (found.text == "1" and name in ("beam_width", *repeats)):
                self._leave(found, why)

    def _find(self, variables: tuple[str, ...], option: str = "") -> Setting | None:
        """Return the value that reaches main.py; the variable's own where the call does not show it."""
        own = next((self._script.settings[name] for name in variables if name in self._script.settings), None)
        given = self._script.options.get(option)
        if given and given.text and (not own or not self._script.shell.problem_in(given.text)):
            return own if own and own.text == given.text else given
        return own

    def _reaching(self, variables: tuple[str, ...], option: str) -> Setting | None:
        """Return what reaches main.py, and say where the script's variable and its call differ."""
        variable, found = self._find(variables), self._find(variables, option)
        if variable and found and found.label != variable.label:
            self._note(variable, f"{variable.label} has no effect: the call says {found.label} {shorten(found.text)}.")
        elif variable and (line := self._script.line) and option not in self._script.options:
            self._note(variable, f"The call on line {line} does not pass {variable.label} on, but it was read.")
        return found

    def _take(self, key: str, found: Setting | None, hint: str) -> Setting | None:
        if not found or not (problem := self._problem(found, is_path=key in PATHS)):
            return found
        self._leave(found, problem, hint, key)
        return None

    def _problem(self, found: Setting, *, is_path: bool = False) -> str | None:
        """Return why a value cannot be used, as the end of a sentence; None if it can."""
        if problem := self._script.shell.problem_in(found.text):
            return problem
        if not found.text:
            return "it is empty"
        if example := _EXAMPLE.search(found.text):
            return f"it still holds the example text {shorten(example.group())}"
        if is_path and re.match(r"[A-Za-z]:", found.text):
            return "it is a Windows path, and the script runs on Linux (WSL calls drive C /mnt/c)"
        return None

    def _path(self, text: str, found: Setting, key: str) -> str | None:
        folder = self._script.folder
        if not text.startswith("/"):
            if problem := self._script.shell.problem_in(folder):
                self._leave(found, f"it is relative to a folder that is not known: {problem}", key=key)
                return None
            self._note(found, f"{found.label} is a relative path; it was read as starting from {folder}.", key)
        return Path(folder, text).as_posix()

    def _put(self, key: str, value: ConfigValue) -> None:
        section, _, name = key.rpartition(".")
        place = self.config.setdefault(section, {}) if section else self.config
        if isinstance(place, dict):
            place[name] = value

    def _carry(self, key: str, value: ConfigValue, found: Setting) -> None:
        """Carry a value and say what it rests on besides the script's text."""
        self._put(key, value)
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        self._note(found, f"{found.label} became {key}: {shorten(shown)}", key, Severity.CARRIED)
        for assumed in sorted(found.assumed):
            self._note(found, f"{found.label} {_assumption(assumed)}", key)

    def _leave(self, found: Setting, problem: str, hint: str = "", key: str | None = None) -> None:
        self._note(found, f"{found.label} was not carried over: {problem}. {hint}".rstrip(), key, Severity.NOT_CARRIED)

    def _note(self, found: Setting, sentence: str, key: str | None = None, severity: Severity = Severity.CHECK) -> None:
        self.notes.append(Note(severity, found.line, found.label, sentence, key))


def _number(name: str, text: str) -> int | float | None:
    try:
        number = (float if name == "learning_rate" else int)(text) if text.isascii() and "_" not in text else None
        TrainingConfig.model_validate({name: number})
    except ValueError:  # pydantic's ValidationError is one
        return None
    return number


def _assumption(assumed: str) -> str:
    if assumed == "pwd":
        return "starts at the folder the script is run from; the script's own folder was taken."
    if assumed.strip("$").isdigit():
        return f"takes {assumed} if the script is started with it; the value without it was taken."
    if assumed in ("~", "$HOME", "$USER", "$LOGNAME"):
        return f"uses {assumed}; your own was filled in."
    return f"uses {assumed} if that is set outside the script; the script's own value was taken."


_DEFAULTS = TrainingConfig()
# Source: measured on real pages, see docs/architecture/03-trainer.md
_SLOW_RATE = (
    f"Without that line the runner's {_DEFAULTS.learning_rate:g} counts: on pages that both were tried on, it misread "
    "17.8 % of the characters after 8 epochs, and 0.0003 misread 20.1 %."
)
#: Keys of `training` that are numbers, and the options of main.py; what the scripts call them is a key's name.
_NUMBERS = {name: name for name in ("epochs", "batch_size", "learning_rate")}
_NUMBERS |= {"early_stopping": "early_stopping_patience", "seed": "seed"}
_PLACEHOLDERS = "INSERT|PATH_TO|FULL_PATH|YOUR|FILL_IN|CHANGE_?ME|REPLACE_ME|REPLACE_WITH"
_EXAMPLE = re.compile(rf"(?:{_PLACEHOLDERS})(?:_[A-Z0-9_]+|\b)|/path/to/\S*|/\.\.\.(?=/|$)")
