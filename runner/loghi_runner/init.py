"""Writes what one starts from: the commented config, one of what an edited upstream script says, or the sample."""

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml

import loghi_runner
from loghi_contract.files import read_plain
from loghi_runner.aliases import Row
from loghi_runner.engines.nvml import list_cards
from loghi_runner.errors import UsageError
from loghi_runner.files import cannot_write, is_folder, is_there, write_atomically
from loghi_runner.upstream_script.carry import PATHS, CarriedOver, ConfigValue, Note, Severity, read_upstream_script

#: The sample's config.
DEMO = "demo.yaml"

_PACKAGE = Path(loghi_runner.__file__).parent
_MOST_BYTES = 1_000_000
_TITLES = {
    Severity.CARRIED: "carried over",
    Severity.NOT_CARRIED: "not carried over",
    Severity.CHECK: "please check",
}


@dataclass(frozen=True)
class WrittenConfig:
    """`notes` tell what became of the script's values; empty without a script."""

    path: Path
    notes: tuple[Note, ...] = ()

    def note_rows(self) -> list[tuple[str, list[Row]]]:
        """The notes under a title for each kind, what needs a look last."""
        return [
            (title, [(f"line {note.line}  {note.variable}", note.sentence) for note in notes])
            for severity, title in _TITLES.items()
            if (notes := [note for note in self.notes if note.severity is severity])
        ]

    def shell_path(self) -> str:
        return _in_shell(str(self.path))


def write_config(path: Path, script: Path | None, *, force: bool) -> WrittenConfig:
    """Write the config and say what became of the script's values.

    Raises:
        UsageError: the file exists, or the script cannot be carried over.
        EngineError: the disk does not take it.
    """
    if is_folder(path):
        path = path / "config.yaml"
    if is_there(path) and not force:
        message = f"{path} exists already; nothing was written"
        hint = "Name another file, or use --force to replace it."
        raise UsageError("init.exists", message, hint=hint)
    if script is None:
        written, text = WrittenConfig(path), config_template(file=_in_shell(path.name))
    else:
        carried = _carried(script)
        written, text = WrittenConfig(path, carried.notes), render_config(carried, path.absolute().parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise cannot_write("the config", error, path, path, "Name a file in a folder where you may write.") from error
    return written


def write_sample(folder: Path) -> Path:
    """Write the sample into a new or empty folder, and return its config.

    Raises:
        UsageError: something is there.
        EngineError: the disk does not take it.
    """
    if is_there(folder) and not (is_folder(folder) and not any(folder.iterdir())):
        raise UsageError(
            "init.exists", f"{folder} exists already; nothing was written", hint="Name a folder that is new or empty."
        )
    try:
        # what came of trying it in a checkout is not part of it
        shutil.copytree(_sample_folder(), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("runs"))
    except OSError as error:
        raise cannot_write("the sample", error, folder, folder, "Name a folder where you may write.") from error
    return folder / DEMO


def uuid_of_card(index: int) -> str | None:
    """The UUID of the card that `nvidia-smi` gives this number, None where that cannot be known."""
    if os.environ.get("CUDA_VISIBLE_DEVICES"):
        return None  # numbers mean other cards then
    return next((card.uuid for card in list_cards().cards if card.place == str(index)), None)


def _in_shell(path: str) -> str:
    # a name that begins with a dash would be taken for an option
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _carried(script: Path) -> CarriedOver:
    text = _read(script)
    try:
        return read_upstream_script(text, script.absolute().parent, uuid_of_card)
    except UsageError as error:
        error.where = f"{script}, {error.where}" if error.where else str(script)
        raise


def _read(script: Path) -> str:
    try:
        return read_plain(script, _MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        message = f"the script cannot be read: {error.strerror or error}"
        hint = "Name your edited finetune.sh or htr-train-pipeline.sh."
        raise UsageError("init.no_script", message, where=str(script), hint=hint) from error


def _sample_folder() -> Path:
    """In a wheel it lies in the package, in a checkout it has its own place."""
    shipped = _PACKAGE / "sample"
    return shipped if shipped.is_dir() else _PACKAGE.parents[1] / "examples" / "sample"


def render_config(carried: CarriedOver, out_dir: Path) -> str:
    """Return the YAML text; paths inside `out_dir`, where the file will lie, become relative to it."""
    notes = {(note.key, note.severity): note for note in carried.notes}
    lines = list(_HEAD)
    for key in _MEANINGS:
        section, _, name = key.rpartition(".")
        value, missing = _value(carried.config, key), notes.get((key, Severity.NOT_CARRIED))
        indent, is_open = "  " if section else "", not section or section in carried.config
        header = f"{section}:" if is_open else f"# {section}:"
        if value is not None:
            new = _entry(key, f"{indent}{name}:", _shown(key, value, out_dir), notes.get((key, Severity.CARRIED)))
        elif missing and key in _TO_FILL_IN and key not in carried.config:
            commented = f"{indent}# {name}:" if is_open else f"# {indent}{name}:"
            new = [f"{commented} <{_TO_FILL_IN[key]}>  ({missing.variable}, line {missing.line}, could not be used)"]
        else:
            continue
        lines += [header, *new] if section and header not in lines else new
    return "\n".join(lines) + "\n"


def _value(config: dict[str, ConfigValue], key: str) -> ConfigValue | None:
    section, _, name = key.rpartition(".")
    place = config.get(section) if section else config
    value = place.get(name) if isinstance(place, dict) else None
    return None if isinstance(value, dict) else value


def _shown(key: str, value: ConfigValue, folder: Path) -> str | list[str]:
    """Return a value as YAML, several paths one by one."""
    if isinstance(value, list):
        texts = [_shown_text(key, text, folder) for text in value]
        return texts if key in PATHS else f"[{', '.join(texts)}]"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"  # YAML 1.1 takes 1e-05 for text
    return _shown_text(key, str(value), folder) if isinstance(value, str) else str(value)


def _shown_text(key: str, text: str, folder: Path) -> str:
    path = Path(text)
    if key in PATHS and ".." not in path.parts and path.is_relative_to(folder.absolute()):
        text = path.relative_to(folder.absolute()).as_posix()
        text = f"./{text}" if text.startswith("~") else text
    return yaml_text(text)


def _entry(key: str, start: str, value: str | list[str], note: Note | None) -> list[str]:
    comment = f"# {_MEANINGS[key]}" + (f" ({note.variable}, line {note.line})" if note else "")
    indent = " " * (len(start) - len(start.lstrip()))
    if isinstance(value, list):
        return [f"{start}  {comment}", *(f"{indent}  - {item}" for item in value)]
    line = f"{start} {value}"
    return [f"{line}  {comment}"] if len(line) + len(comment) < _WIDTH else [f"{indent}{comment}", line]


_WIDTH = 110
_HEAD = (
    "# Made by loghi-runner from a Loghi training script; the lines of the script are named in brackets.",
    "# Relative paths start at this file's folder. Check it with: loghi-runner check <this file>",
)
_MEANINGS = {
    "name": "the new model's name",
    "base_model": "folder of the model that is fine-tuned",
    "base_model.vgsl": "a new model of this shape, trained from nothing",
    "data.train": "line list to learn from",
    "data.validation": "line list that picks the best epoch",
    "data.test": "line list that chooses nothing: the fair score",
    "output": "every run gets its own folder in here",
    "training.epochs": "times through all training lines, at most",
    "training.batch_size": "lines per step; what does not fit in memory is taken in rounds",
    "training.learning_rate": "how big each step is",
    "training.early_stopping": "stop after so many epochs without a better score",
    "training.seed": "start of the random numbers",
    "training.augmentation": "small changes to the line images while training",
    "training.precision": "kind of numbers to calculate with",
    "training.freeze": "parts that do not learn",
    "training.unread": "pages without a text that help in the end: auto, or folders",
    "charset": "extend adds missing letters, replace starts a new alphabet",
    "engine.gpus": "graphics card: auto, none, or its UUID",
}
_TO_FILL_IN = {
    "name": "name of letters, digits, . _ -",
    "base_model": "folder of the base model, the one with model.keras in it",
    "data.train": "path of the training line list",
    "data.validation": "path of the validation line list",
    "data.test": "path of the test line list",
}

#: The commented config; the values shown are the defaults.
_TEMPLATE = """\
# One fine-tuning run. Fill in base_model and train, then type: loghi-runner check {file}
# Paths begin at this file's folder. A line that begins with # is off; remove the # to use it.

# name: bonnevie_finetuned    # name of the new model; default: this file's name; only letters, digits . _ -
base_model: {base_model} # folder of the Loghi model to start from, often named best_val
# base_model: {{vgsl: recommended}}    # instead of a folder: a new network, trained from scratch

data:                         # line lists: one line image a line, as image<TAB>text
  train: {train} # lines to learn from; several lists: [a.txt, b.txt]
  # validation: val.txt       # lines that choose the best epoch; default: some pages of train
  # test: test.txt            # lines that choose nothing: an honest score, before and after; default: none
  # base_domain: old.txt      # lines in the base model's own hands: does it forget them? default: none
  # old_hand: older.txt       # other such lines, mixed in so that less is forgotten; default: none
  # root: /srv/htr            # where the image paths in the lists begin; default: each list's own folder
  # straighten: false         # true: images of lists are made level first | auto (tries): for sloping boxes
  # pages: my_pages           # instead of lists: page images with PAGE XML or ALTO
  # split: {{validation: 0.1, test: 0.1, seed: 1}}    # shares of the lines; whole pages are set aside
  # cut: loghi                # how lines are cut: loghi | polygon (by outline) | straight | auto (tries all)
  # text_equiv: lowest        # a line with several texts: lowest index | last in the file
  # skip_tags: [unclear]      # lines marked so are left out: unclear, gap, sic
  # skip_machine_read: false  # true: lines that only a machine read (index 1 and above) are left out
  # style_marks: false        # true: Loghi's marks for underlined, struck out, raised and lowered letters

output: {output} # folder for the runs; each run makes its own folder in it

training:
  epochs: auto                # times through the lines: auto (by their number) | quick (a third) | 15
  batch_size: 8               # lines per step, or auto (by the number of lines)
  learning_rate: 0.001        # smaller is slower and safer
  early_stopping: auto        # end after so many epochs without a better score; 0: never
  folds: off                  # for few lines: 5 folds take the place of validation lines, and 5 times as long
  seed: 1                     # the same seed gives the same run
  augmentation: light         # small random changes to the images: light | none
  precision: auto             # auto | float32 (slower, exact everywhere)
  freeze: []                  # parts of the base model that stay as they are: conv, recurrent, dense
  unread: off                 # pages without a text, to learn what it is sure of: off | auto | folders

charset: extend               # letters new to the base model: extend (learn them) | fail (stop) | replace
text:
  normalization: auto         # Unicode form of the texts: auto | nfc | none
  # more: [texts.txt, xml/]   # more texts of the hand or office, for the language model alone
engine:
  kind: auto                  # auto | docker | local (no container)
  gpus: auto                  # auto (a card, waited for) | auto-or-cpu | none | 2 (so many) | [GPU-<uuid>]
  wait: true                  # false: refuse the run when all cards are in use
  # image: my-image:1         # container image; default: the one of this version
  # memory: 16 GB             # most memory of the container; default: four fifths of the machine's
# platform:                   # instead of train or pages: a document of eScriptorium
#   url: https://escriptorium.example.org
#   token_file: token.txt     # your account's token alone, chmod 600
#   document: 12              # its number in the address
#   layer: manual             # the transcription to learn from
#   pages: [101, 102]         # numbers of pages; default: all that have text
#   write_back: pulled        # pages the new model reads for the platform: none | pulled | all | [numbers]
"""

#: The column in which the comments begin.
_COLUMN = 29


def config_template(*, file: str = "config.yaml", base_model: str = "", train: str = "", output: str = "runs") -> str:
    """The text of a new config; paths left out are left to the user."""
    values = {"base_model": base_model, "train": train, "output": output}
    prefixes = {"base_model": "base_model: ", "train": "  train: ", "output": "output: "}
    filled = {key: (value and yaml_text(value)).ljust(_COLUMN - len(prefixes[key])) for key, value in values.items()}
    return _TEMPLATE.format(file=file, **filled)


def yaml_text(text: str) -> str:
    """Text as it stands in YAML: plain where every reader, old or new, takes that for text, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=sys.maxsize).rstrip("\n")


# Source: YAML 1.1, types bool and null; YAML 1.2.2, section 10.
_PLAIN = re.compile(r"(?:\.{0,2}/)?[^\W\d]\w*(?:[./-]+\w+)*|\.")
_RESERVED = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
