"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_runner.runs import DEFAULT_OUTPUT

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id, its beginning, or `last`.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help=f"Where run ids are looked up (default: {DEFAULT_OUTPUT}).",
        readable=False,  # whether it may be read is told in our own words
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs (default: text for people).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first (default: ask).")]
