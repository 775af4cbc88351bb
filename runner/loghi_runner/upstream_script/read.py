"""Reads an edited training script of Loghi into a config and notes."""

import re
from collections.abc import Callable
from pathlib import Path

from loghi_runner.errors import UsageError
from loghi_runner.upstream_script.carried import CarriedOver, Note, Severity
from loghi_runner.upstream_script.carry import carry_over
from loghi_runner.upstream_script.follow import follow
from loghi_runner.upstream_script.found import find
from loghi_runner.upstream_script.lexer import ShellSyntaxError
from loghi_runner.upstream_script.script import Script
from loghi_runner.upstream_script.tables import BASE_MODEL_VARIABLES

LONGEST_SCRIPT = 200_000


def read_upstream_script(text: str, script_dir: Path, gpu_uuid: Callable[[int], str | None]) -> CarriedOver:
    """Return what a training script says, as a config; nothing of the script is executed.

    Args:
        text: the script, byte order mark and Windows line endings allowed.
        script_dir: the folder it lies in; relative paths in it are taken to start there.
        gpu_uuid: the UUID of the card with this number, None where it cannot be known.

    Raises:
        UsageError: not a shell script, or one that does not train a model.
    """
    notes: list[Note] = []
    shell = text.removeprefix("\ufeff")
    if "\r" in shell:
        sentence = "The script has Windows line endings: bash cannot run it like this, but its values were read."
        notes.append(Note(Severity.CHECK, 1, "line endings", sentence))
        shell = shell.replace("\r\n", "\n").replace("\r", "\n")
    _refuse_other_files(shell)
    try:
        script = follow(shell, script_dir.absolute())
    except ShellSyntaxError as error:
        raise UsageError(
            "init.unreadable_script",
            f"the script cannot be read as shell: {error}",
            where=f"line {error.line}",
            hint="Check the quotes and brackets from that line on; bash -n shows where bash stumbles.",
        ) from error
    except RecursionError as error:
        raise UsageError(
            "init.unreadable_script",
            "the script cannot be read as shell: its brackets are nested far too deep",
            hint="Check the quotes and brackets; bash -n shows where bash stumbles.",
        ) from error
    _refuse_other_scripts(script)
    carried = carry_over(script, gpu_uuid)
    batch_system = re.search(r"^#SBATCH\b", shell, re.MULTILINE)
    if batch_system:
        line = shell.count("\n", 0, batch_system.start()) + 1
        sentence = "#SBATCH lines were not carried over: keep them in a batch script that starts loghi-runner."
        notes.append(Note(Severity.NOT_CARRIED, line, "#SBATCH", sentence))
    return CarriedOver(carried.config, tuple(sorted((*notes, *carried.notes), key=lambda note: note.line)))


def _refuse_other_files(text: str) -> None:
    if text.lstrip().startswith("<"):
        problem, hint = "it is a web page", "Download the script itself (on GitHub: the button Raw)."
    elif not text.strip():
        problem, hint = "it is empty", "Give the edited finetune.sh or htr-train-pipeline.sh."
    elif "\0" in text or len(text) > LONGEST_SCRIPT:
        problem, hint = "it is not text, or far too long", "Give the edited finetune.sh or htr-train-pipeline.sh."
    elif text.startswith("#!") and not re.match(r"#!.*sh\b", text):
        problem, hint = "its first line names another program", "Give the edited finetune.sh or htr-train-pipeline.sh."
    else:
        return
    raise UsageError("init.not_a_shell_script", f"the file is not a shell script: {problem}", hint=hint)


def _refuse_other_scripts(script: Script) -> None:
    models = (*BASE_MODEL_VARIABLES, "HTRNEWMODEL")
    missing = []
    if not find(script, ("trainlist",), "train_list"):
        missing.append("trainlist")
    if not any(find(script, models, option) for option in ("model", "existing_model")):
        missing.append("HTRBASEMODEL or HTRNEWMODEL")
    if missing:
        raise UsageError(
            "init.not_a_training_script",
            f"the script does not train a handwriting model: it never sets {' nor '.join(missing)}",
            hint="Give the edited finetune.sh or htr-train-pipeline.sh; the other scripts hold no training settings.",
        )
