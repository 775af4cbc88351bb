"""Questions about paths that always have an answer: a closed folder, a loop of links or a too long name is no error."""

import os
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether it is a file that can be seen from here."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder is closed or a name is too long


def is_folder(path: Path) -> bool:
    """Whether it is a folder that can be seen from here."""
    return os.path.isdir(path)  # noqa: PTH112  # as above


def is_there(path: Path) -> bool:
    """Whether anything of this name can be seen from here, be it a link to nothing."""
    return os.path.lexists(path)


def real_path(path: Path) -> Path:
    """All links resolved, as far as they lead somewhere."""
    return Path(os.path.realpath(path))  # Path.resolve raises at a loop of links
