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
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.measure import in_turn, ratios, told
from loghi_runner.config.choices import PlatformKind
from loghi_runner.platform.base import PlatformConnection, Source, open_platform
from tests.platform.escriptorium_stand_in import ALICE
from tests.platform.stand_in_server import running


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds until each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=4.0, help="exit 1 when the ratio is smaller")
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, chosen.pages, chosen.latency))
    server.start()
    try:
        url, source = ours.recv()
        with tempfile.TemporaryDirectory() as folder:
            _pull(url, source, Path(folder), parallel=8)  # the images
            ways = {number: partial(_pull_once, url, source, Path(folder), number) for number in (1, 8)}
            taken = in_turn(chosen.rounds, ways)
    finally:
        ours.send("end")
        server.join()
    times_as_fast = ratios(taken[1], taken[8])
    print(
        f"{chosen.pages} pages, {1000 * chosen.latency:.0f} ms each answer, seconds: one at a time {told(taken[1])}, "
        f"8 at a time {told(taken[8])}; ratio {told(times_as_fast)}"
    )
    return 0 if min(times_as_fast) >= chosen.least else 1


def _pull_once(url: str, source: Source, folder: Path, parallel: int, _turn: int) -> float:
    return _pull(url, source, folder, parallel)


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
