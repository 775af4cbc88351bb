"""Page images in a folder and the XML that belongs to each."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loghi_runner.config.schema import PULLED
from loghi_runner.files import is_file, is_folder, real_path, safe_name
from loghi_runner.findings import Finding, Severity
from loghi_runner.pages.read import read_page
from loghi_runner.pages.xml import PageError
from loghi_runner.wording import plural

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".jp2")
#: Folders that hold a page's XML, in the order in which they are looked into.
XML_FOLDERS = ("page", ".", "alto")
_TREE = "my_pages/0001.jpg with my_pages/page/0001.xml (or my_pages/0001.xml, or my_pages/alto/0001.xml)"

#: What is told of paths that take no part, and what to do.
_LEFT_OUT = {
    "data.image_without_xml": ("page images without XML", f"Expected is {_TREE}."),
    "data.xml_without_image": ("XML files without a page image", "Add the images."),
    "data.two_images": ("images left out, another has the same name", None),
    "data.odd_page_name": ("pages left out, a TAB or line break in the name", "Rename them."),
    "data.closed_folder": ("folders that cannot be opened", "Ask their owner for permission."),
}


@dataclass(frozen=True)
class PageFile:
    """A page image and its XML.

    `name` is safe as a folder's name: the image's stem, after the names of the folders below the pages' folder.
    `document` is the folder it lies in, from the pages' folder on. Bytes of a name that are no UTF-8 stand as `xe9`.
    """

    name: str
    document: str
    image: Path
    xml: Path


@dataclass(frozen=True)
class FoundPages:
    pages: tuple[PageFile, ...]
    findings: tuple[Finding, ...]


def find_pages(folder: Path) -> FoundPages:
    """All page images below a folder with PAGE XML or ALTO; what does not pair up is a finding."""
    if not is_folder(folder):
        hint = "Name the folder that holds the page images."
        if folder.parent.name == PULLED:
            hint = "Bring the pages first: `loghi-runner platform pull CONFIG`."
        return FoundPages((), (_error("data.no_pages_folder", f"there is no folder {folder}", hint),))
    if folder.name in XML_FOLDERS and not _holds_images(folder):
        message = f"{folder} holds the XML of pages, not their images"
        hint = f"Name the folder that holds the images: {folder.parent}"
        return FoundPages((), (_error("data.xml_folder", message, hint),))
    search = _Search(folder)
    search.look_into(folder)
    return FoundPages(tuple(search.pages), tuple(search.findings()))


def holds_xml(folder: Path) -> bool:
    """Whether there is any XML below a folder: then its images are pages, not lines."""
    return any(path.suffix.lower() == ".xml" and is_file(path) for path in folder.rglob("*"))


class _Search:
    def __init__(self, folder: Path) -> None:
        self.pages: list[PageFile] = []
        self._folder = folder
        self._left_out: dict[str, list[Path]] = {code: [] for code in _LEFT_OUT}
        self._seen: set[Path] = set()

    def look_into(self, folder: Path) -> None:
        # a link may lead back to where it stands
        if real_path(folder) in self._seen:
            return
        self._seen.add(real_path(folder))
        try:
            entries = _listed(folder)
        except OSError:
            self._left_out["data.closed_folder"].append(folder)
            return
        xml_of = self._xml_by_stem(folder)
        images: dict[str, list[Path]] = {}
        for image in _images(entries):
            images.setdefault(image.stem, []).append(image)
        for stem, candidates in images.items():
            self._add(stem, candidates, xml_of.pop(stem, []))
        self._left_out["data.xml_without_image"] += [
            paths[0] for paths in xml_of.values() if paths[0].parent.name in XML_FOLDERS
        ]
        for entry in entries:
            if is_folder(entry) and entry.name not in XML_FOLDERS and not entry.name.startswith("."):
                self.look_into(Path(entry.path))

    def findings(self) -> Iterator[Finding]:
        if not self.pages:
            yield self._nothing()
            return
        for code, (words, hint) in _LEFT_OUT.items():
            if found := self._left_out[code]:
                message = f"{words}: {len(found)}; the first is {str(found[0])!r}"
                yield Finding(Severity.WARNING, code, message, "data.pages", hint)

    def _nothing(self) -> Finding:
        met = self._left_out
        if closed := met["data.closed_folder"]:
            message = f"there are no pages to be seen in {self._folder}: {closed[0]} cannot be opened"
            return _error("data.no_pages", message, "Ask its owner for permission.")
        hint = f"Expected is {_TREE}; images are {' '.join(IMAGE_SUFFIXES)}."
        if images := met["data.image_without_xml"]:
            message = f"{plural(len(images), 'image')} in {self._folder}, but no PAGE XML or ALTO beside them"
        elif files := met["data.xml_without_image"]:
            message = f"{plural(len(files), 'XML file')} in {self._folder}, but no page images"
        elif odd := met["data.odd_page_name"]:
            message = f"every page in {self._folder} has a TAB or line break in its name"
            hint = f"Rename them; the first is {str(odd[0])!r}."
        else:
            return _error("data.no_pages", f"there are no pages in {self._folder}", hint)
        return _error("data.no_pages", message, hint)

    def _add(self, stem: str, images: list[Path], xmls: list[Path]) -> None:
        if not xmls:
            self._left_out["data.image_without_xml"] += images
            return
        if any(ord(character) < 32 for character in str(images[0].relative_to(self._folder))):
            self._left_out["data.odd_page_name"].append(images[0])
            return
        image = images[0] if len(images) == 1 else _meant(images, xmls[0])
        self._left_out["data.two_images"] += [other for other in images if other is not image]
        below = image.parent.relative_to(self._folder).parts
        document = "/".join([self._folder.name, *below])
        name = "_".join([*below, stem.strip()])
        self.pages.append(PageFile(safe_name(name), safe_name(document), image, xmls[0]))

    def _xml_by_stem(self, folder: Path) -> dict[str, list[Path]]:
        """XML files by stem, the first of each the one that counts."""
        found: dict[str, list[Path]] = {}
        for name in XML_FOLDERS:
            place = folder / name if name != "." else folder
            try:
                entries = _listed(place)
            except FileNotFoundError:
                continue
            except OSError:
                self._left_out["data.closed_folder"].append(place)
                continue
            for entry in entries:
                if entry.name.lower().endswith(".xml") and not entry.name.startswith("."):
                    found.setdefault(entry.name[:-4], []).append(Path(entry.path))
        return found


def _holds_images(folder: Path) -> bool:
    try:
        return any(_images(_listed(folder)))
    except OSError:
        return False


def _listed(folder: Path) -> list["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _images(entries: list["os.DirEntry[str]"]) -> Iterator[Path]:
    for entry in entries:
        if entry.name.lower().endswith(IMAGE_SUFFIXES) and not entry.name.startswith(".") and not is_folder(entry):
            yield Path(entry.path)


def _meant(images: list[Path], xml: Path) -> Path:
    """The image that the XML names; the first where it names none of them."""
    try:
        named = read_page(xml).image_name
    except PageError:
        return images[0]
    return next((image for image in images if image.name == named), images[0])


def _error(code: str, message: str, hint: str) -> Finding:
    return Finding(Severity.ERROR, code, message, "data.pages", hint)
