"""Writes a config to start from: the commented template, or what an edited upstream script says."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract.files import read_plain
from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.config.template import config_template
from loghi_runner.engines.nvml import list_cards
from loghi_runner.errors import UsageError
from loghi_runner.files import cannot_write, is_folder, is_there, write_atomically
from loghi_runner.upstream_script import CarriedOver, Note, Severity, read_upstream_script, render_config

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
            (title, [(f"line {note.line}  {note.variable}", note.sentence) for note in self._of(severity)])
            for severity, title in _TITLES.items()
            if self._of(severity)
        ]

    def notes_json(self) -> list[Any]:
        return [to_json(note) for note in self.notes]

    def shell_path(self) -> str:
        return _in_shell(str(self.path))

    def _of(self, severity: Severity) -> list[Note]:
        return [note for note in self.notes if note.severity is severity]


def write_config(path: Path, script: Path | None, *, force: bool) -> WrittenConfig:
    """Write the config and say what became of the script's values.

    Raises:
        UsageError: the file exists, or the script cannot be carried over.
        EngineError: the disk does not take it.
    """
    if is_folder(path):
        path = path / "config.yaml"
    if is_there(path) and not force:
        raise UsageError(
            "init.exists",
            f"{path} exists already; nothing was written",
            hint="Name another file, or use --force to replace it.",
        )
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
        raise UsageError(
            "init.no_script",
            f"the script cannot be read: {error.strerror or error}",
            where=str(script),
            hint="Name your edited finetune.sh or htr-train-pipeline.sh.",
        ) from error
