"""The end of an order: what of it can be fetched is packed, and what it no longer needs goes.

A zip is the same byte for byte each time it is written, so that a broken download can go on.
"""

import hashlib
import logging
import shutil
import zipfile
from pathlib import Path

from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.clock import utc_now
from loghi_runner.errors import RunnerError
from loghi_runner.files import is_file, is_folder, whole_file
from loghi_runner.orders.lookup import Lookup
from loghi_runner.orders.orders import CANCEL_MARK, ArchiveFile, Fault, Order, OrderFolder, OrderState, PushState, Stage
from loghi_runner.orders.state import StateFolder, forget_credential
from loghi_runner.platform.base import Outcome
from loghi_runner.runs.folder import RunFailure

#: What an order's folder is called while it is removed.
REMOVED = ".removed-"

_log = logging.getLogger(__name__)

# the earliest a zip can hold: when the archive was written says nothing about its content
_TIME = (1980, 1, 1, 0, 0, 0)
_BLOCK = 1 << 20


def moved(state: OrderState, stage: Stage, attempt: int = 0) -> OrderState:
    """The order in another stage, or in the same once more."""
    begun = {"stage": stage, "since": utc_now(), "process": None, "message": None, "attempt": attempt}
    return state.model_copy(update=begun | {"waiting": None, "waited_s": 0.0})


def failed(state: OrderState, fault: Fault, lookup: Lookup) -> OrderState:
    """An order that ends by a fault; if it was only the platform's, what the order has won waits to be pushed."""
    fault = Fault.model_validate(lookup.without_places(fault.model_dump()))
    if state.stage is Stage.PUSHING or (state.stage.is_over and state.pushed is PushState.PARKED):
        # the model and the texts are here: nothing is lost, it can be pushed later
        return moved(state, Stage.FINISHED).model_copy(update={"pushed": PushState.PARKED, "error": fault})
    return moved(state, Stage.FAILED).model_copy(update={"error": fault})


def last_word(state: OrderState) -> tuple[Outcome, str]:
    """What a platform is told of an order that is over."""
    return Outcome(state.stage.value), state.error.message if state.error else state.stage.value


def fault_of(error: RunnerError | RunFailure) -> Fault:
    return Fault(code=error.code, message=error.message, hint=error.hint, where=error.where)


def end_order(order: Order, folder: OrderFolder, state: OrderState) -> None:
    """Do what is done once for every order that is over, and write down how it ended. Raises OSError."""
    try:
        forget_credential(folder.path)
        folder.unmark(CANCEL_MARK)
    except OSError as error:
        # an order ends all the same, whatever its folder forbids
        _log.error("what the order %s no longer needs cannot be removed: %s", order.id, error)
    archives: dict[str, ArchiveFile] = {}
    run = folder.run()
    try:
        if run is not None and state.model is None and is_file(run.best_val / MODEL_FILE):
            archives["model"] = write_archive(run.best_val, folder.model_archive, order.name)
        if state.texts is None and state.stage is Stage.FINISHED and is_folder(folder.recognized):
            archives["texts"] = write_archive(folder.recognized, folder.texts_archive, order.name)
    except OSError as error:
        _log.warning("the results of %s cannot be packed: %s", order.id, error)
    folder.write_state(state.model_copy(update=archives))


def remove_order(folder: OrderFolder) -> None:
    """Remove an order that is over, with all that came of it. Raises OSError.

    Both its folders are set aside before anything in them goes, its own first: an order without a state would be
    carried out again, and the same may be ordered anew meanwhile.
    """
    aside = folder.path.with_name(REMOVED + folder.id)
    folder.path.rename(aside)
    _finish_removal(aside)


def finish_removals(state: StateFolder) -> None:
    """Remove what a worker has set aside that was ended meanwhile. Raises OSError."""
    for aside in state.orders.glob(f"{REMOVED}*"):
        _finish_removal(aside)


def _finish_removal(aside: Path) -> None:
    folder = OrderFolder(aside.with_name(aside.name.removeprefix(REMOVED)))
    work = folder.work.with_name(aside.name)
    if folder.work.is_dir() and not work.is_dir() and not folder.path.exists():
        folder.work.rename(work)
    if work.is_dir():
        shutil.rmtree(work)
    shutil.rmtree(aside)


def write_archive(folder: Path, archive: Path, inside: str) -> ArchiveFile:
    """Write the folder's visible files below the name `inside`. Raises OSError.

    Nothing is compressed: models are already.
    """
    with whole_file(archive) as written:
        with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target:
            for path in sorted(path for path in folder.rglob("*") if _is_visible(path, folder)):
                entry = zipfile.ZipInfo(f"{inside}/{path.relative_to(folder).as_posix()}", _TIME)
                entry.external_attr = 0o644 << 16
                with path.open("rb") as source, target.open(entry, "w", force_zip64=True) as member:
                    while block := source.read(_BLOCK):
                        member.write(block)
        size = written.seek(0, 2)
        written.seek(0)
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return ArchiveFile(sha256=digest, bytes=size)


def _is_visible(path: Path, folder: Path) -> bool:
    """Whether it is a plain file, in no place that begins with a dot: what is half-written does."""
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not path.is_symlink() and not is_hidden
