"""The folder that a reading command writes into: new, empty, or filled by the same command before; never another.

And the one that it works in, which goes away with it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, parse_json
from loghi_runner.errors import UsageError
from loghi_runner.files import breaks_lines, cannot_write, is_folder, is_there, real_path


def claim_output(out: Path, record: str, kinds: tuple[str, ...], sources: tuple[Path, ...] = ()) -> None:
    """Make the folder, or make sure that what is in it is ours to replace.

    Args:
        record: the JSON file that the command leaves in its folder; its `kind` tells whose folder it is.
        sources: folders whose own files are never to be touched.

    Raises:
        UsageError: somebody else's files are in it, or it lies among the sources.
        EngineError: it cannot be made.
    """
    for source in sources:
        if real_path(out).is_relative_to(real_path(source)):
            raise UsageError(
                "output.in_source",
                f"the output {out} lies in {source}, which is only read",
                hint="Name a folder of its own.",
            )
    if breaks_lines(real_path(out)):
        raise UsageError(
            "output.odd_name",
            f"the path of the output has a TAB or line break: {str(out)!r}",
            hint="Name another folder: paths in line lists cannot hold these.",
        )
    if is_there(out) and not is_folder(out):
        raise UsageError("output.no_folder", f"the output {out} is a file", hint="Name a folder.")
    with writing_output(out):
        out.mkdir(parents=True, exist_ok=True)
        foreign = any(not entry.name.startswith(".") for entry in out.iterdir()) and _kind(out / record) not in kinds
    if foreign:
        raise UsageError(
            "output.not_empty",
            f"there are files in {out} already, and not from this command",
            hint="Name a new folder: nothing that is there is ever replaced, but for results of the same command.",
        )


@contextmanager
def writing_output(path: Path) -> Iterator[None]:
    """What the disk does not take inside is an EngineError; what is written already stays."""
    try:
        yield
    except OSError as error:
        hint = "Free space there, or name another folder with `--output`."
        raise cannot_write("the output", error, path, error.filename or path, hint) from error


@contextmanager
def claimed_output(out: Path, record: str, kinds: tuple[str, ...], sources: tuple[Path, ...] = ()) -> Iterator[None]:
    """As `claim_output`, for as long as the work takes; a folder that was made for nothing goes away again."""
    was_there = is_there(out)
    claim_output(out, record, kinds, sources)
    try:
        yield
    except BaseException:
        if not was_there:
            with suppress(OSError):  # there is something in it: that stays
                out.rmdir()
        raise


@contextmanager
def work_folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """A new folder for as long as the work takes, in `place` or where the system has such folders; its real path.

    Raises:
        EngineError: it cannot be made.
    """
    with writing_output(place or Path(tempfile.gettempdir())):
        work = real_path(Path(tempfile.mkdtemp(prefix=prefix, dir=place)))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _kind(record: Path) -> object:
    try:
        value = parse_json(read_plain(record))
    except (OSError, RecordError):
        return None
    return value.get("kind") if isinstance(value, dict) else None
