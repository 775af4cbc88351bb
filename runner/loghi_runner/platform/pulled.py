"""What was pulled and where it came from, so that readings find the way back; and images that were fetched once."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import DataError
from loghi_runner.files import cache_folder, write_atomically
from loghi_runner.platform.base import Layer, Source

RECORD = "pulled.json"

#: One line a page while pages are still coming; gone when all are there.
_UNFINISHED = "pulling.jsonl"
_VERSION = 1
#: An image nobody has used for so long is let go.
_KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True)
class PulledPage:
    """`lines` are the platform's ids by the line's id in the XML. `image` and its bytes are as the platform said."""

    id: int
    title: str
    file: str
    image: str
    image_bytes: int
    lines: dict[str, int]
    skipped: dict[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class PulledRecord:
    """Pages by name: the stem of their files. `pulled` is when, UTC."""

    kind: PlatformKind
    url: str
    document: int
    document_name: str
    layer: Layer
    direction: str
    pulled: str
    pages: dict[str, PulledPage]
    v: int = _VERSION


def read_pulled(folder: Path) -> PulledRecord:
    """The record of a finished pull. Raises DataError: there is none."""
    record = known_record(folder)
    if record is None:
        message = f"{folder} does not say where its pages came from: {RECORD} is missing or damaged"
        hint = "Pull the pages again: `loghi-runner platform pull CONFIG`."
        raise DataError("platform.not_pulled", message, where=str(folder), hint=hint)
    return record


def known_record(folder: Path) -> PulledRecord | None:
    """What an earlier pull left, if it is whole."""
    try:
        return from_json(PulledRecord, parse_json(read_plain(folder / RECORD)), allow_unknown=True)
    except (OSError, RecordError):
        return None


def write_pulled(folder: Path, record: PulledRecord) -> None:
    write_atomically(folder / RECORD, json.dumps(to_json(record), ensure_ascii=False, indent=1) + "\n")
    (folder / _UNFINISHED).unlink(missing_ok=True)


def copy_pages(source: Path, target: Path, names: Collection[str]) -> None:
    """Put some pulled pages into another folder of pulled pages, as if they had been pulled into that one.

    Raises:
        DataError: nothing was pulled into `source`.
        OSError: the disk does not take them.
    """
    record = read_pulled(source)
    there = known_record(target)
    pages = dict(there.pages) if there is not None else {}
    (target / "page").mkdir(parents=True, exist_ok=True)
    for name, page in record.pages.items():
        if name in names and name not in pages:
            shutil.copyfile(source / page.file, target / page.file)
            shutil.copyfile(source / "page" / f"{name}.xml", target / "page" / f"{name}.xml")
            pages[name] = page
    write_pulled(target, replace(record, pages=pages))


class Unfinished:
    """The pages that an interrupted pull of the same source had brought; new ones are added as they come."""

    def __init__(self, folder: Path, url: str, source: Source) -> None:
        self._file = folder / _UNFINISHED
        self._heading = {"v": _VERSION, "url": url, "document": source.document, "layer": source.layer}
        self.pages = dict(self._read())
        # anew: the last line may be torn
        rows = [json.dumps(self._heading), *(_row(name, page) for name, page in self.pages.items())]
        write_atomically(self._file, "".join(f"{row}\n" for row in rows))

    def add(self, name: str, page: PulledPage) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(_row(name, page) + "\n")

    def _read(self) -> Iterator[tuple[str, PulledPage]]:
        try:
            heading, *rows = read_plain(self._file).decode().split("\n")
            if json.loads(heading) != self._heading:
                return
            for row in filter(None, rows):
                value = json.loads(row)
                yield value["name"], from_json(PulledPage, value["page"], allow_unknown=True)
        except (OSError, ValueError, KeyError, TypeError, RecordError):
            return


def _row(name: str, page: PulledPage) -> str:
    return json.dumps({"name": name, "page": to_json(page)}, ensure_ascii=False)


class ImageCache:
    """Shared by all pulls of one account on this machine. A cache that cannot be written is no matter."""

    def __init__(self) -> None:
        self._folder = cache_folder() / "images"

    def bring(self, url: str, size: int, target: Path, download: Callable[[Path], int]) -> bool:
        """Put the image at `target`; True when it had to be fetched.

        Args:
            size: its bytes, as the platform says; 0 where it does not, and then nothing is kept.
        """
        kept = self._folder / hashlib.sha256(f"{url}\n{size}".encode()).hexdigest()
        beside = target.with_name(f".{secrets.token_hex(8)}.part")
        if size and size_of(kept) == size:
            with contextlib.suppress(OSError):
                _link(kept, beside)
                os.utime(kept)
                beside.replace(target)
                return False
        try:
            fetched = download(beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        if size and fetched == size:
            with contextlib.suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _link(target, kept)
        return True

    def tidy(self) -> None:
        """Let go of what was not used for a month."""
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if time.time() - file.stat().st_mtime > _KEPT_S:
                    file.unlink(missing_ok=True)


def size_of(path: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        # another file system
        shutil.copyfile(source, target)
