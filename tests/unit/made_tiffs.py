"""TIFF files written by hand: any depth, byte order and meaning of samples, several pictures in one file."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG = "H", "I"
_TYPES = {_SHORT: 3, _LONG: 4}


@dataclass(frozen=True)
class MadePicture:
    """Samples (height, width) or (height, width, channels); `tags` are TIFF's numbers, added or in place of ours."""

    samples: NDArray[Any]
    tags: Mapping[int, int | Sequence[int]] = field(default_factory=dict)


def write_tiff(path: Path, *pictures: MadePicture, order: str = "<") -> Path:
    """Source: TIFF 6.0. Uncompressed, one strip a picture; `order` is struct's."""
    content = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    link = 4
    for picture in pictures:
        data = picture.samples.astype(picture.samples.dtype.newbyteorder(order)).tobytes()
        at = len(content)
        content += data + bytes(len(data) % 2)
        link = _add_directory(content, link, order, _tags(picture, at, len(data)))
    path.write_bytes(content)
    return path


def _tags(picture: MadePicture, at: int, length: int) -> dict[int, Sequence[int]]:
    height, width = picture.samples.shape[:2]
    channels = picture.samples.shape[2] if picture.samples.ndim == 3 else 1
    kind = {"u": 1, "i": 2, "f": 3}[picture.samples.dtype.kind]
    tags: dict[int, int | Sequence[int]] = {
        256: width,
        257: height,
        258: [8 * picture.samples.dtype.itemsize] * channels,
        259: 1,
        262: 1 if channels == 1 else 2,
        273: at,
        277: channels,
        278: height,
        279: length,
        339: [kind] * channels,
        **picture.tags,
    }
    return {tag: [value] if isinstance(value, int) else value for tag, value in sorted(tags.items())}


def _add_directory(content: bytearray, link: int, order: str, tags: Mapping[int, Sequence[int]]) -> int:
    """Write the directory at the end and its address at `link`; returns where the next one's address goes."""
    start = len(content)
    struct.pack_into(f"{order}I", content, link, start)
    beyond = start + 2 + 12 * len(tags) + 4
    entries, more = struct.pack(f"{order}H", len(tags)), b""
    for tag, values in tags.items():
        kind = _SHORT if max(values) < 65536 and tag not in (273, 279) else _LONG
        raw = struct.pack(f"{order}{len(values)}{kind}", *values)
        held = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{order}I", beyond + len(more))
        more += raw if len(raw) > 4 else b""
        entries += struct.pack(f"{order}HHI", tag, _TYPES[kind], len(values)) + held
    content += entries + bytes(4) + more + bytes(len(more) % 2)
    return beyond - 4


def paper_and_ink(*, ink: float, paper: float, dtype: str = "uint8", channels: int = 1) -> NDArray[Any]:
    """(20, 30) or (20, 30, channels): ink in the left top quarter, paper elsewhere."""
    samples = np.full((20, 30, channels), paper, dtype)
    samples[:10, :15] = ink
    return samples[:, :, 0] if channels == 1 else samples
