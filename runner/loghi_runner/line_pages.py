"""Which page a line image is of, told by its folder or by its name: the one place that knows.

loghi-tooling writes line images as `<page>/<page>-<line id>.png`; many keep all of them in one flat folder.
"""

import re
from collections import Counter
from collections.abc import Collection
from pathlib import PurePath
from typing import TypeVar

#: A path on this machine or in the container.
_Path = TypeVar("_Path", bound=PurePath)

#: A line id that is a UUID has dashes of its own. Source: loghi-tooling's ids, `line_<UUID>` and `<UUID>`.
_UUID = r"[^-]*[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: A page's name before a line id; an id alone has no page before it.
_NAME = re.compile(rf"{_UUID}|(?P<page>.+?)-{_UUID}|(?P<before>.+)-[^-]+", re.IGNORECASE)
#: What the runner adds to a page's name for the folder of its lines.
_HASH = re.compile(r"-[0-9a-f]{12}$")


def page_names(images: Collection[_Path], *, unknown_apart: bool = False) -> dict[_Path, str]:
    """The page of each image: its folder, or a name in a flat folder.

    A folder is flat when it is the only one, or when no other has the names before its images' line ids; an image
    that begins with its folder's name lies in the folder of its page.

    Args:
        unknown_apart: where neither tells a page, each image is one of its own and not all of its folder are one.
    """
    by_folder: dict[PurePath, list[_Path]] = {}
    for image in images:
        by_folder.setdefault(image.parent, []).append(image)
    names = {folder: {_name_of_page(image) for image in found} for folder, found in by_folder.items()}
    folders_with = Counter(name for found in names.values() for name in found)
    pages: dict[_Path, str] = {}
    for folder, found in by_folder.items():
        own = names[folder]
        is_flat = len(by_folder) == 1 or (None not in own and all(folders_with[name] == 1 for name in own))
        for image in found:
            name = _name_of_page(image)
            if is_flat and name is not None and not _begins_with_folder(image):
                pages[image] = str(folder / name)
            elif unknown_apart and len(by_folder) == 1 and name is None:
                pages[image] = str(folder / image.stem)
            else:
                pages[image] = str(folder)
    return pages


def page_name(page: str) -> str:
    """A page's own name; the folder of its lines may have a hash behind it."""
    return _HASH.sub("", PurePath(page).name)


def _name_of_page(image: PurePath) -> str | None:
    found = _NAME.fullmatch(image.stem)
    return (found["page"] or found["before"]) if found else None


def _begins_with_folder(image: PurePath) -> bool:
    return any(image.stem.startswith(f"{name}-") for name in (image.parent.name, page_name(image.parent.name)))
