"""Arguments and options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_contract.cut import Cut
from loghi_runner.config.choices import DEFAULT_OUTPUT, EngineKind
from loghi_runner.errors import UsageError

if TYPE_CHECKING:
    from loghi_runner.engines.gpus import GpuRequest
    from loghi_runner.recognition.line_reader import ReaderOptions

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
CutAs = Annotated[
    Cut | None, typer.Option("--cut", help="How lines of pages are cut (default: as the model's own, else as Loghi).")
]
ImageRoot = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="Where image paths begin (default: at their list).", readable=False),
]
Engine = Annotated[EngineKind, typer.Option("--engine", help="Where to read.")]
Gpus = Annotated[str, typer.Option("--gpus", help="auto, none, 1, or a card's UUID.")]
Memory = Annotated[
    str | None, typer.Option("--memory", help="Most memory of the container, such as 16GB (default: four fifths).")
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, max=1024, help="Lines at a time.")]

ReportFolder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Where a report and tables go (default: none).", readable=False),
]
Beam = Annotated[int, typer.Option("--beam", min=1, max=100, help="Readings followed at once; 1 is greedy decoding.")]


def reader_options(
    engine: EngineKind, gpus: str, batch_size: int, beam: int, memory: str | None = None
) -> "ReaderOptions":
    """Options of a command as the reader of lines takes them.

    Raises:
        UsageError: the memory is no size.
    """
    from loghi_runner.recognition.line_reader import ReaderOptions

    request: GpuRequest = tuple(gpus.split(","))
    if gpus.isdigit():
        request = int(gpus)
    elif gpus == "auto":
        request = "auto"
    elif gpus == "none":
        request = "none"
    return ReaderOptions(engine.value, request, batch_size, beam, memory_bytes=_memory_bytes(memory))


def _memory_bytes(memory: str | None) -> int | None:
    from pydantic_core import PydanticCustomError

    from loghi_runner.config.values import bytes_of, memory_size

    try:
        return None if memory is None else bytes_of(memory_size(memory))
    except PydanticCustomError as error:
        raise UsageError("usage.memory", f"--memory {error.message()}, not {memory!r}") from None
