"""Fetches the pinned font packages with npm, checks them, and opens the fonts."""

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

from sample_maker.errors import FontError
from sample_maker.hands import FontSource
from sample_maker.ink import Font

_NPM_TIMEOUT_S = 300
_PROBE_SIZE_PX = 40


@dataclass(frozen=True)
class FetchedFont:
    """A font at hand, and the licence text that came with it."""

    source: FontSource
    font: Font
    licence_text: str


def fetch_font(source: FontSource, cache: Path) -> FetchedFont:
    """Return the font, downloaded into `cache` unless it is there already.

    Raises:
        FontError: npm is missing or fails, or the file is not the pinned one.
    """
    slug = source.package.removeprefix("@").replace("/", "-")
    tarball = cache / f"{slug}-{source.version}.tgz"
    if not tarball.exists():
        _npm_pack(source, cache)
    with tarfile.open(tarball) as archive:
        font_bytes = _member(archive, source, source.file)
        licence_text = _member(archive, source, "LICENSE").decode("utf-8")
    digest = hashlib.sha256(font_bytes).hexdigest()
    if digest != source.sha256:
        raise FontError(
            f"{source.file} of {source.package}@{source.version} has sha256 {digest}, not {source.sha256}",
            "The sample is pinned to one file: delete the cached package and fetch it again.",
        )
    font_file = cache / Path(source.file).name
    font_file.write_bytes(font_bytes)
    return FetchedFont(source, open_font(font_file), licence_text)


def open_font(file: Path) -> Font:
    """Return the font; its size is set when a pen is chosen."""
    # basic layout: the same glyphs and gaps whether or not Pillow was built with Raqm
    return ImageFont.truetype(str(file), _PROBE_SIZE_PX, layout_engine=ImageFont.Layout.BASIC)


def missing_characters(font: Font, characters: str) -> str:
    """Return those of `characters`, without the blank, that the font draws as its empty box."""
    box = bytes(font.getmask("\uffff"))
    return "".join(
        character for character in characters if character != " " and bytes(font.getmask(character)) in (box, b"")
    )


def _npm_pack(source: FontSource, cache: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FontError("npm was not found", "Install Node.js with npm: the fonts are npm packages.")
    command = [npm, "pack", "--silent", f"{source.package}@{source.version}"]
    try:
        subprocess.run(command, cwd=cache, check=True, capture_output=True, text=True, timeout=_NPM_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raw = error.stderr if isinstance(error, subprocess.CalledProcessError) else "no answer in time"
        raise FontError(
            f"npm could not fetch {source.package}@{source.version}: {raw}",
            "Check the network and npm's own settings, then run the script again.",
        ) from error


def _member(archive: tarfile.TarFile, source: FontSource, path: str) -> bytes:
    # npm puts every package into a folder named package
    try:
        file = archive.extractfile(f"package/{path}")
    except KeyError:
        file = None
    if file is None:
        raise FontError(f"{source.package}@{source.version} has no file {path}", "Pin a version that has it.")
    return file.read()
