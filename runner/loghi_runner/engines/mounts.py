"""Which folders the trainer gets to see: few, never `/` or a home folder."""

import contextlib
import os
import pwd
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from loghi_contract.places import BASE_MODEL_DIR, DATA_DIR, JOB_DIR, OUT_DIR
from loghi_runner.engines.base import Mount

_HOMES_LIE_IN = (Path("/home"), Path("/Users"))
_SYSTEM_FOLDERS = frozenset(
    f"/{name}"
    for name in (
        *("", "Users", "Volumes", "bin", "boot", "dev", "etc", "home", "lib", "media", "mnt", "opt"),
        *("proc", "root", "run", "srv", "sys", "tmp", "usr", "var"),
    )
)


@dataclass(frozen=True)
class DataFolders:
    """Real folders that hold all images; the n-th is /in/data/<n>. `refused` may not be mounted.

    `made` is the one of them that the runner itself fills, with lines cut from pages.
    """

    folders: tuple[Path, ...]
    refused: tuple[Path, ...]
    made: Path | None = None

    def container_path(self, image: Path) -> PurePosixPath:
        """Where a real image path is inside the container."""
        for folder in image.parents:
            if folder in self.folders:
                return DATA_DIR / str(self.folders.index(folder)) / image.relative_to(folder).as_posix()
        raise ValueError(f"in no data folder: {image}")


def choose_data_folders(
    images: Iterable[tuple[str, Path]], homes: Sequence[Path], made: Path | None = None
) -> DataFolders:
    """Few real folders that hold all images: the folders they are in, or what holds a list's page folders.

    Args:
        images: a list that names a line image, and the image's real path, for each line.
        homes: home folders; neither they nor what is above them is ever mounted.
        made: the real folder with lines cut from pages, when there are such lines.
    """
    folders_of_list: dict[str, set[Path]] = {}
    for named_in, image in images:
        if made is None or not image.is_relative_to(made):
            folders_of_list.setdefault(named_in, set()).add(image.parent)
    found: set[Path] = set().union(*folders_of_list.values())
    # one list with images in several folders side by side: these are pages, and what holds them is the data folder;
    # folders of different lists side by side say nothing about what else is beside them
    page_parents = {
        parent
        for folders in folders_of_list.values()
        for parent, count in Counter(folder.parent for folder in folders).items()
        if count > 1 and not is_too_wide(parent, homes)
    }
    refused = tuple(sorted(folder for folder in found if is_too_wide(folder, homes)))
    found |= page_parents | ({made} if made is not None else set())
    return DataFolders(tuple(sorted(_outermost(found))), refused, made)


def is_too_wide(folder: Path, homes: Sequence[Path]) -> bool:
    """Whether mounting it would show the trainer a home folder or the whole machine."""
    return (
        str(folder) in _SYSTEM_FOLDERS
        or folder.parent in _HOMES_LIE_IN
        or any(home.is_relative_to(folder) for home in homes)
    )


def home_folders() -> tuple[Path, ...]:
    """The real home folders of the user: by the environment and by the user database."""
    homes = {Path.home().resolve()}
    with contextlib.suppress(KeyError):
        homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir).resolve())
    # an account without a home has `/`, which says nothing about where the files of people are
    return tuple(sorted(homes - {Path("/")}))


def run_mounts(data: DataFolders, base_model: Path | None, run_dir: Path) -> tuple[Mount, ...]:
    """All mounts of a run; `run_dir` is a real path."""
    return (
        *(Mount(folder, DATA_DIR / str(number), True) for number, folder in enumerate(data.folders)),
        *([] if base_model is None else [Mount(base_model, BASE_MODEL_DIR, True)]),
        Mount(run_dir / "in", JOB_DIR, True),
        Mount(run_dir / "out", OUT_DIR, False),
    )


def moved_mounts(mounts: Iterable[Mount], run_dir: Path) -> tuple[Mount, ...]:
    """The same mounts for a run in another folder; `run_dir` is a real path."""
    own = {JOB_DIR: run_dir / "in", OUT_DIR: run_dir / "out"}
    return tuple(replace(mount, source=own.get(mount.target, mount.source)) for mount in mounts)


def _outermost(folders: set[Path]) -> set[Path]:
    return {folder for folder in folders if not any(parent in folders for parent in folder.parents)}


def on_this_machine(mounts: Sequence[Mount], image: PurePosixPath | str) -> Path:
    """Where a path inside the container is outside of it. Raises ValueError: no mount leads there."""
    path = PurePosixPath(image)
    for mount in mounts:
        if path.is_relative_to(mount.target):
            return mount.source / path.relative_to(mount.target)
    raise ValueError(f"in no mount: {image}")


def host_image(image: PurePosixPath, data_folders: Sequence[str]) -> Path | None:
    """A line image's path on this machine; the n-th data folder was /in/data/<n> in the run."""
    try:
        number, *rest = image.relative_to(DATA_DIR).parts
        return Path(data_folders[int(number)], *rest)
    except (ValueError, IndexError):
        return None
