"""A model for others to use: best_val copied to a folder for Loghi, or packed into one file for kraken."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loghi_contract import CONTRACT, __version__, model_file
from loghi_contract.cut import Cut
from loghi_contract.language_model import LM_DIR, LM_PARTS, LanguageModelError, read_facts
from loghi_contract.model_folder import MODEL_FILE, ModelFacts, ModelFolderError, inspect_model_folder, require_config
from loghi_contract.storage import sync_file
from loghi_runner.config.file import ConfigError
from loghi_runner.config.load import load_config
from loghi_runner.errors import DataError, EngineError, UsageError
from loghi_runner.files import as_utf8, file_sha256, is_file, is_there, real_path, why_not_written, write_atomically
from loghi_runner.models.find import NamedModel, find_model, learnt_straightened, own_cut, usual_cut
from loghi_runner.models.model_card import NOTHING_TOLD, Told, Use, model_card
from loghi_runner.runs.folder import RunState
from loghi_runner.runs.look import Look
from loghi_runner.wording import percent, typed

_ENDED_EARLY = {
    RunState.CANCELLED: "was stopped early",
    RunState.FAILED: "failed",
    RunState.LOST: "was lost",
    RunState.QUEUED: "waits for a graphics card",
    RunState.PREPARED: "has not begun yet",
    RunState.RUNNING: "still trains, best_val may be replaced",
}

#: What `export` lays into a folder, and beside one file, which has it inside too.
CARD_FILE = model_file.NOTES_FILE

_IN_KRAKEN = """\
In kraken 7 with loghi-runner and its extra `kraken` beside it:

    kraken -i page.jpg page.txt segment -bl ocr -m {file}

For Loghi itself, unpack this file (it is a zip) into a folder and name that folder as HTRLOGHIMODEL."""
_IN_LOGHI = "Name its folder as HTRLOGHIMODEL in Loghi's inference-pipeline.sh."


def find_exported(name: str, output: Path) -> NamedModel:
    """What is to be exported: a run's best_val, or the model folder of this path.

    Raises:
        UsageError: there is neither.
        DataError: there is no model in it.
    """
    named = find_model(name, output)
    if is_file(named.folder / MODEL_FILE):
        return named
    if named.run is None:
        raise DataError("export.no_model", f"{named.folder} is no model folder: it has no {MODEL_FILE}")
    message = "this run has no best_val: it ended before a model was saved"
    hint = f"`loghi-runner show {typed(named.path)}` says why."
    raise DataError("export.no_model", message, where=str(named.path), hint=hint)


def wants_one_file(target: Path) -> bool:
    return target.suffix.lower() == model_file.SUFFIX


def export_folder(
    source: NamedModel, target: Path, cut: Cut | None = None, told: Told = NOTHING_TOLD, *, with_lm: bool = True
) -> Path:
    """Copy the model with its card to `target`, which must not exist or be empty; else as `export_file`.

    Where it is known how lines of its pages are to be cut, a marker says so. A card that the model has already stays.
    """
    with _beside(source, target) as (target, made):
        facts = _require_whole(source)
        made.mkdir()
        # what begins with a dot is half-written, or of the file manager
        named = [*source.folder.glob("[!.]*"), *(source.folder / part for part in LM_PARTS if with_lm)]
        copies = [(path, made / path.relative_to(source.folder)) for path in sorted(filter(is_file, named))]
        for path, copied in copies:
            copied.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copied)
        changed = [path.name for path, copied in copies if file_sha256(path) != file_sha256(copied)]
        if changed:
            message = f"the copy of {changed[0]} is not the same as the original"
            hint = "Was the run still saving? Then try again. If not, the disk has a fault."
            raise EngineError("export.not_the_same", message, where=str(target.parent), hint=hint)
        # a model from elsewhere keeps the marker it has
        cut = cut or (own_cut(source) if source.run is not None else None)
        if cut is not None:
            marker = _marker_of(source, facts, cut)
            (made / model_file.MARKER_FILE).write_text(model_file.format_marker(marker), encoding="utf-8")
        if not is_there(made / CARD_FILE):
            marker = _marker_of(source, facts, cut or Cut.LOGHI)
            use = Use("loghi", ("loghi-htr>=2",), _IN_LOGHI)
            (made / CARD_FILE).write_bytes(as_utf8(model_card(source, facts, marker, told, use, cut)))
    return target


def export_file(
    source: NamedModel, target: Path, cut: Cut | None, told: Told = NOTHING_TOLD, *, with_lm: bool = True
) -> tuple[Path, Path]:
    """Write the model as one file to `target`, which must not exist; all of it is there, or nothing.

    Args:
        cut: how the lines of its pages are to be cut; None for the way of the run.
        told: what its user says of it, for its card.
        with_lm: whether the language model beside it goes with it.

    Returns:
        The file, and its card beside it.

    Raises:
        DataError: the model is not whole.
        UsageError: the target is taken.
        EngineError: the disk does not take it.
    """
    facts = _require_whole(source)
    marker = _marker_of(source, facts, cut or usual_cut(source))
    if is_there(beside := _card_beside(real_path(target))):
        message = f"{beside}, where the model's card would go, is there already; nothing was written"
        raise UsageError("export.target_taken", message, hint="Name a place where nothing is yet.")
    card = model_card(source, facts, marker, told, _use_of_file(target.name), marker.cut)
    with _beside(source, target) as (target, made):
        model_file.write_model_file(source.folder, marker, card, made, with_lm=with_lm)
        with made.open("rb") as file:
            sync_file(file.fileno())
        write_atomically(beside, card)
    return target, beside


def lm_remarks(source: NamedModel, *, with_lm: bool, one_file: bool) -> list[str]:
    """What whoever passes the model on must know of the language model beside it."""
    if not is_file(source.folder / LM_PARTS[0]):
        return []
    if not with_lm:
        return [f"its language model ({LM_DIR}/) stays here: what was exported reads by the image alone"]
    told = f"its language model ({LM_DIR}/) goes with it, which holds pieces of the training texts, some letters each"
    return [f"{told}; `--lm off` leaves it here", _who_reads_with_it(source, one_file=one_file)]


def _who_reads_with_it(source: NamedModel, *, one_file: bool) -> str:
    try:
        facts = read_facts(source.folder)
    except LanguageModelError as error:
        return f"warning: nobody can read with it: {error}"
    if facts is None or not facts.helps:
        return "nobody reads with it by default: it was not shown to help on the validation lines"
    if one_file:
        return "kraken reads with it, too, and has no alternative to show beside what it reads"
    return "loghi-runner reads with it; Loghi itself does not look at it, and reads by the image alone"


def cut_remarks(source: NamedModel, cut: Cut | None, *, one_file: bool) -> list[str]:
    """What Loghi's own inference will see of the way in which the model's lines came about.

    Args:
        cut: as asked for; None for the way of the run.
    """
    cut, straighten = cut or own_cut(source), learnt_straightened(source.folder)
    if one_file or (cut in (None, Cut.LOGHI) and not straighten):
        return []
    learnt = "line images that were made level first" if straighten else f"lines cut as {cut.value if cut else ''}"
    return [
        f"warning: it learnt from {learnt}, and Loghi's own inference cuts all lines its own way: there it will read "
        "worse than measured here; `loghi-runner recognize` and kraken cut lines as the model's own were"
    ]


def run_remarks(look: Look) -> list[str]:
    """The run and its state in a sentence, and that its model is no better than the one it began with."""
    record, best = look.record, look.progress.best
    state = _ENDED_EARLY.get(record.state, "is finished")
    part = " on a part of the lines, for a learning curve" if _is_share(look) else ""
    epoch = f"; best_val is of epoch {best.epoch}, CER {percent(best.val_cer)}" if best is not None else ""
    told = [f"run {record.run_id} ({record.name}) {state}{part}{epoch}"]
    if best is not None and best.epoch == 0:
        told.append(
            "warning: no epoch of it was better than the base model: what is exported is the base model, untrained"
            if record.base_model_sha256 is not None
            else "warning: no epoch of it is over: what is exported is a network that has learnt nothing"
        )
    return told


@contextmanager
def _beside(source: NamedModel, target: Path) -> Iterator[tuple[Path, Path]]:
    """The real target and a place beside it; what was made there becomes the target when nothing went wrong."""
    target = real_path(target)
    if _is_taken(target):
        message = f"{target} exists and is not an empty folder; nothing was copied"
        raise UsageError("export.target_taken", message, hint="Name a place where nothing is yet.")
    if target.is_relative_to(real_path(source.path)):
        message, hint = f"{target} lies inside the run itself", "Name a place outside the run folder."
        raise UsageError("export.into_run", message, hint=hint)
    made = target.with_name(f".{secrets.token_hex(8)}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield target, made
        made.replace(target)
    except OSError as error:
        message = f"the model cannot be copied: {why_not_written(error, target)}"
        hint = "Name a place where you may write and where there is space."
        raise EngineError("export.cannot_write", message, where=str(target), hint=hint) from error
    finally:
        if is_file(made):
            made.unlink()
        shutil.rmtree(made, ignore_errors=True)


def _is_taken(target: Path) -> bool:
    """Whether something is there that an export would have to replace."""
    try:
        return is_there(target) and any(target.iterdir())
    except OSError:
        return True  # a file, or a folder that may not be looked into


def _require_whole(source: NamedModel) -> ModelFacts:
    """What is known of the model without opening it, after all of it was looked at."""
    try:
        facts = inspect_model_folder(source.folder)
        require_config(source.folder)
    except ModelFolderError as error:
        raise DataError(error.code, error.message, where=str(source.folder), hint=error.hint) from error
    except OSError as error:
        message, where = f"the model cannot be read: {error.strerror or error}", str(error.filename or source.folder)
        raise DataError("export.cannot_read", message, where=where, hint="Ask its owner for permission.") from error
    return facts


def _marker_of(source: NamedModel, facts: ModelFacts, cut: Cut) -> model_file.ModelMarker:
    """The marker; name and error are those of the model's run, or of the marker it has already."""
    name, val_cer, straighten = facts.name, None, learnt_straightened(source.folder)
    if record := source.record:
        name, val_cer = record.name, record.best_val_cer
    elif earlier := model_file.read_folder_marker(source.folder):
        name, val_cer = earlier.name, earlier.val_cer
    return model_file.ModelMarker(
        format=model_file.format_for(cut, straighten=straighten),
        contract=CONTRACT,
        made_by=f"loghi-runner {__version__}",
        name=name,
        height_px=facts.height_px,
        channels=facts.channels,
        characters=len(facts.tokenizer.characters),
        cut=cut,
        val_cer=val_cer,
        straighten=straighten,
    )


def _use_of_file(file: str) -> Use:
    return Use("kraken", ("kraken>=7.1", "loghi-runner[kraken]"), _IN_KRAKEN.format(file=file))


def _card_beside(target: Path) -> Path:
    return target.with_name(f"{target.stem}.{CARD_FILE}")


def _is_share(look: Look) -> bool:
    """A share of a learning curve has a name of its own beside its config's."""
    try:
        name = load_config(look.folder.config_file, look.record.overrides).config.name
    except ConfigError:
        return False
    return look.record.name.rpartition("_")[0] == name
