"""The sample that comes with loghi-runner: pages and lines in two hands, and a small model, to try everything with."""

import shutil
from pathlib import Path

import loghi_runner
from loghi_runner.errors import UsageError
from loghi_runner.files import cannot_write, is_folder, is_there

#: The config to begin with.
DEMO = "demo.yaml"

_PACKAGE = Path(loghi_runner.__file__).parent


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


def _sample_folder() -> Path:
    """In a wheel it lies in the package, in a checkout it has its own place."""
    shipped = _PACKAGE / "sample"
    return shipped if shipped.is_dir() else _PACKAGE.parents[1] / "examples" / "sample"
