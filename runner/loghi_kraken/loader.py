"""The entry point `kraken.loaders`: model files that `loghi-runner export` wrote; all others are left to kraken."""

import os
from collections.abc import Sequence
from pathlib import Path

from loghi_contract.model_file import read_marker
from loghi_contract.model_folder import ModelFolderError
from loghi_kraken.model import LoghiModel


def load_loghi(path: str | os.PathLike[str], tasks: Sequence[str] | None = None) -> list[LoghiModel]:
    """The model in a file, for kraken's `load_models`; nothing in it is run yet.

    Raises:
        ValueError: it is no exported Loghi model, or cannot be used. kraken tries its next loader then.
    """
    file = Path(path)
    try:
        marker = read_marker(file)
        if marker is None:
            raise ValueError(f"{file.name} is not a model exported by loghi-runner")
        if tasks and "recognition" not in tasks:
            return []
        return [LoghiModel(file, marker)]
    except ModelFolderError as error:
        raise ValueError(f"{error.message}. {error.hint}") from error
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror or error}") from error
