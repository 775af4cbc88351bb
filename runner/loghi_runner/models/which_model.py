"""The model that a person means: a Loghi model folder, or a run, whose best_val it is."""

from dataclasses import dataclass
from pathlib import Path

from loghi_contract.places import BEST_VAL
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.errors import UsageError
from loghi_runner.files import is_file, is_folder, real_path
from loghi_runner.runs.find import LAST, find_run
from loghi_runner.runs.folder import RECORD_FILE, RunFolder

#: Folders that are called so in every run, here and in Loghi.
_SAME_EVERYWHERE = ("best_val", "last")


@dataclass(frozen=True)
class NamedModel:
    """A model folder, and what to call it; `run` is the one that made it, where the folder lies in its place there."""

    name: str
    folder: Path
    run: RunFolder | None = None

    @property
    def path(self) -> Path:
        """Where it belongs: the run's folder, or the model's."""
        return self.folder if self.run is None else self.run.path


def find_model(given: str, output: Path = DEFAULT_OUTPUT) -> NamedModel:
    """The model folder of a path, or of a run by its path, its id, the beginning of its id, or `last`.

    Args:
        output: the folder of runs in which ids are looked up.

    Raises:
        UsageError: there is neither.
    """
    path = Path(given)
    if given and is_folder(path) and not is_file(path / RECORD_FILE):
        return NamedModel(_name(path.absolute()), path, run_of(path))
    try:
        run = find_run(given, output)
    except UsageError as error:
        if given in ("", LAST):
            raise  # it can only be meant as a run
        why = f"{error.message[:1].upper()}{error.message[1:]}."
        raise UsageError(
            "model.unknown",
            f"{given} is neither a model folder nor a run",
            hint=f"Name a folder with model.keras, such as a run's out/{BEST_VAL}, or a run. {why}",
        ) from error
    return NamedModel(run.read().name, run.best_val, run)


def run_of(folder: Path) -> RunFolder | None:
    """The run whose best_val this model folder is; None for a model from elsewhere."""
    place = real_path(folder)
    run = RunFolder(place.parents[len(BEST_VAL.parts)]) if len(place.parents) > len(BEST_VAL.parts) else None
    return run if run is not None and run.best_val == place and is_file(run.record_file) else None


def _name(folder: Path) -> str:
    run = folder.parents[2] if len(folder.parents) > 2 else folder
    if folder.name in _SAME_EVERYWHERE and is_file(run / RECORD_FILE):
        return RunFolder(run).read().name
    return folder.parent.name if folder.name in _SAME_EVERYWHERE else folder.name
