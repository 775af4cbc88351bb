"""What two names given to `compare` are: models that are to read, or folders of pages that were read."""

from collections.abc import Sequence
from pathlib import Path

from loghi_contract.model_folder import ModelFolderError, inspect_model_folder
from loghi_runner.errors import UsageError
from loghi_runner.files import is_folder
from loghi_runner.models.find import find_model


def are_models(first: str, second: str, data: Sequence[str], truth: Path | None) -> bool:
    """Whether both are models; otherwise both are folders of pages.

    Raises:
        UsageError: they are not of one kind, or do not go with what else is given.
    """
    models = [name for name in (first, second) if _is_model(name)]
    if len(models) == 1:
        other = second if models[0] == first else first
        raise UsageError(
            "compare.model",
            f"{models[0]} is a model, and {other} is none",
            hint="Compare two models (and name lines for them to read), or two folders of recognized pages.",
        )
    if not models and data:
        raise UsageError(
            "compare.too_many",
            f"{first} and {second} are compared as folders of pages; what is {data[0]} for?",
            hint="The folder of transcriptions is named with --truth.",
        )
    if models and not data:
        raise UsageError(
            "compare.no_data",
            f"{first} and {second} are models, and no lines are named for them to read",
            hint="Add a line list, a folder of transcribed pages, or a run (its test lines).",
        )
    if models and truth is not None:
        raise UsageError(
            "compare.truth_of_models",
            "--truth is for folders of pages that were read already",
            hint=f"Name {truth} without --truth: the models read its lines.",
        )
    return bool(models)


def _is_model(name: str) -> bool:
    folder = Path(name)
    if not is_folder(folder):
        return _is_run(name)
    try:
        inspect_model_folder(folder)
    except (ModelFolderError, OSError):
        # what is in it may be broken: what it was meant to be is told by its XML, or else by the reader of models
        return not any(folder.glob("*.xml")) and (_is_run(name) or any(folder.glob("*.keras")))
    return True


def _is_run(name: str) -> bool:
    try:
        return find_model(name).folder != Path(name)
    except UsageError:
        return False
