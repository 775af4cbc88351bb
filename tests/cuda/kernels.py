"""Which graphics cards a shared library has kernels for: `python kernels.py LIBRARY...` prints them as JSON.

Standard library only, so that it runs in any image. NVIDIA's own `cuobjdump` tells the same, but no image holds it.

Source of the layout: fatbinary_section.h of the CUDA toolkit (magic, header).
"""

import json
import mmap
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

_MAGIC = struct.pack("<I", 0xBA55ED50)
_HEADER = struct.Struct("<IHHQ")  # magic, version, bytes of this header, bytes of what follows
_ENTRY = struct.Struct("<HHIQIIHHI")  # kind, version, header and content bytes, ..., minor, major, capability
_KINDS = {1: "ptx", 2: "sass"}


def kernels_of(library: Path) -> dict[str, list[int]]:
    """Compute capabilities, such as 75, with compiled kernels (`sass`), and with portable ones (`ptx`)."""
    found: dict[str, set[int]] = {kind: set() for kind in _KINDS.values()}
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for kind, capability in _entries(content):
            found[kind].add(capability)
    return {kind: sorted(capabilities) for kind, capabilities in found.items()}


def _entries(content: mmap.mmap) -> Iterator[tuple[str, int]]:
    at = content.find(_MAGIC)
    while at >= 0:
        _, version, header_bytes, size = _HEADER.unpack_from(content, at)
        end = at + header_bytes + size
        if version != 1 or header_bytes != _HEADER.size or end > len(content):
            at = content.find(_MAGIC, at + 4)  # these four bytes are something else
            continue
        entry = at + header_bytes
        while entry < end:
            kind, _, entry_header_bytes, entry_bytes, *_, capability = _ENTRY.unpack_from(content, entry)
            if kind in _KINDS:
                yield _KINDS[kind], capability
            entry += entry_header_bytes + entry_bytes
        at = content.find(_MAGIC, end)


if __name__ == "__main__":
    print(json.dumps({Path(name).name: kernels_of(Path(name)) for name in sys.argv[1:]}))
