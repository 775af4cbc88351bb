"""`loghi-runner recognize`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.cut import Cut
from loghi_contract.exit_codes import ExitCode
from loghi_runner.bars import Bars
from loghi_runner.cli.options import AsJson
from loghi_runner.config_schema import EngineKind
from loghi_runner.console import make_console, print_json, print_rows
from loghi_runner.gpus import GpuRequest
from loghi_runner.line_reader import ReaderOptions, open_reader
from loghi_runner.recognize import recognize_pages
from loghi_runner.wording import plural, short_path

app = typer.Typer()


@app.command("recognize")
def recognize_command(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A Loghi model folder, such as best_val.", readable=False)
    ],
    pages: Annotated[Path, typer.Argument(metavar="PAGES", help="Page images with PAGE XML or ALTO.", readable=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the new XML goes.", readable=False)
    ],
    cut: Annotated[Cut, typer.Option("--cut", help="As the model's own lines were cut.")] = Cut.LOGHI,
    engine: Annotated[EngineKind, typer.Option("--engine", help="Where to read.")] = EngineKind.AUTO,
    gpus: Annotated[str, typer.Option("--gpus", help="auto, none, or a number of cards.")] = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, max=1024, help="Lines at a time.")] = 16,
    plain_text: Annotated[bool, typer.Option("--text", help="Also write each page as plain text.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read pages with a model: the same XML, with its texts."""
    told = make_console(stderr=True)
    bars = Bars(told)
    try:
        reader = open_reader(model, ReaderOptions(engine.value, _request(gpus), batch_size))
        read = recognize_pages(reader, pages, output, cut, bars.show, told.print, plain_text=plain_text)
    finally:
        bars.close()
    if as_json:
        print_json(
            {
                "kind": "recognized",
                "files": {page: str(path) for page, path in read.files.items()},
                "lines": read.lines,
                "seconds": read.seconds,
                "failed": read.failed,
            }
        )
    else:
        answer = make_console(stderr=False)
        rows = [("pages", f"{plural(len(read.files), 'page')}, {plural(read.lines, 'line')} in {short_path(output)}")]
        rows += [("failed", f"{page}: {why}") for page, why in read.failed.items()]
        rows.append(("next", f"loghi-runner compare {short_path(output)} OTHER_FOLDER [--truth {pages}]"))
        print_rows(answer, rows, indent=0)
    if read.failed:
        raise typer.Exit(ExitCode.DATA)


def _request(gpus: str) -> GpuRequest:
    if gpus.isdigit():
        return int(gpus)
    if gpus == "auto":
        return "auto"
    return "none" if gpus == "none" else tuple(gpus.split(","))
