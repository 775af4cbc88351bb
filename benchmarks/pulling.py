"""How much faster many requests at a time pull a document's lines and texts than one after the other.

    python -m benchmarks.pulling [--pages 200] [--latency 0.05] [--least 4]

Against the tests' stand-in for an eScriptorium in a process of its own, each answer late by the latency. The images are
there already: what is measured is the metadata, two requests a page.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from loghi_runner.platform import open_platform
from loghi_runner.platform.base import PlatformConnection, PlatformKind, Source
from tests.platform.escriptorium_stand_in import ALICE
from tests.platform.stand_in_server import running


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds until each answer")
    parser.add_argument("--least", type=float, default=4.0, help="exit 1 when the ratio is smaller")
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, chosen.pages, chosen.latency))
    server.start()
    try:
        url, source = ours.recv()
        with tempfile.TemporaryDirectory() as folder:
            _pull(url, source, Path(folder), parallel=8)  # the images
            one = _pull(url, source, Path(folder), parallel=1)
            many = _pull(url, source, Path(folder), parallel=8)
    finally:
        ours.send("end")
        server.join()
    print(
        f"{chosen.pages} pages, {1000 * chosen.latency:.0f} ms each answer: one at a time {one:.1f} s, "
        f"8 at a time {many:.1f} s, ratio {one / many:.1f}"
    )
    return 0 if one / many >= chosen.least else 1


def _pull(url: str, source: Source, folder: Path, parallel: int) -> float:
    platform = open_platform(PlatformConnection(PlatformKind.ESCRIPTORIUM, url, parallel), ALICE)
    begun = time.perf_counter()
    platform.pull(source, folder, lambda _doing, _done, _total: None)
    return time.perf_counter() - begun


def _serve(to_parent: Connection, pages: int, latency_s: float) -> None:
    with running() as stand_in:
        document = stand_in.add_document(pages, lines=30)
        stand_in.delay_s = latency_s
        to_parent.send((stand_in.url, Source(document.pk, document.layers[0].pk)))
        to_parent.recv()


if __name__ == "__main__":
    sys.exit(main())
