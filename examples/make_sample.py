"""Makes the sample of loghi-runner: `python examples/make_sample.py OUT [--base-lines COUNT]`.

Needs numpy, Pillow, OpenCV and npm (which fetches the fonts). Everything is seeded: with the same
versions of these, two runs write the same bytes.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sample_maker.build import SampleMaker
from sample_maker.errors import OutputError, SampleError
from sample_maker.fonts import fetch_font
from sample_maker.hands import BASE_HAND, NEW_HAND

_OWN_FOLDERS = ("pages", "lines", "fonts", "base")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code; what was written is told on stdout, errors on stderr."""
    options = _parser().parse_args(arguments)
    try:
        make(options.output, options.base_lines, options.font_cache, options.replace)
    except SampleError as error:
        print(f"{error.code}: {error}\n  {error.hint}", file=sys.stderr)
        return error.exit_code
    print(options.output)
    return 0


def make(output: Path, base_lines: int, font_cache: Path | None, replace: bool) -> None:
    """Write the sample, and with `base_lines` above 0 also the base model's training lines."""
    _clear(output, replace)
    with tempfile.TemporaryDirectory() as temporary:
        cache = font_cache or Path(temporary)
        cache.mkdir(parents=True, exist_ok=True)
        fonts = [fetch_font(source, cache) for hand in (BASE_HAND, NEW_HAND) for source in hand.fonts]
        maker = SampleMaker(output, fonts)
        maker.check_fonts()
        maker.make_sample()
        if base_lines:
            maker.make_base_lines(base_lines)


def _clear(output: Path, replace: bool) -> None:
    """Make the output ready; stale line images beside new lists would mislead."""
    present = [output / name for name in _OWN_FOLDERS if (output / name).exists()]
    if present and not replace:
        raise OutputError(
            f"{output} holds {', '.join(path.name for path in present)} already",
            "Choose an empty folder, or add --replace to delete and remake these.",
        )
    for path in present:
        shutil.rmtree(path)
    output.mkdir(parents=True, exist_ok=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make the sample: pages in two hands, PAGE XML, line lists.")
    parser.add_argument("output", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument(
        "--base-lines", type=int, default=0, metavar="COUNT", help="lines for the base model (default: 0)"
    )
    parser.add_argument(
        "--font-cache", type=Path, metavar="FOLDER", help="keep the fonts here (default: fetch each time)"
    )
    parser.add_argument("--replace", action="store_true", help="remake an existing sample (default: refuse)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
