"""`loghi-runner next-pages`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.options import AsJson, BatchSize, CutAs, Engine, EngineKeys, Gpus, Image, Memory, reader_options
from loghi_runner.engines import EngineKind
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_rows, say

app = typer.Typer()


@app.command("next-pages")
def next_pages_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Loghi model folder, or a run.")],
    pages: Annotated[
        Path, typer.Argument(metavar="PAGES", help="Pages whose lines are marked, as PAGE XML or ALTO.", readable=False)
    ],
    with_text: Annotated[
        bool, typer.Option("--with-text", help="Rank lines that have a text, too (default: only those without).")
    ] = False,
    cut: CutAs = None,
    engine: Engine = EngineKind.AUTO,
    gpus: Gpus = "auto",
    image: Image = None,
    memory: Memory = None,
    keys: EngineKeys = None,
    batch_size: BatchSize = 16,
    as_json: AsJson = False,
) -> None:
    """Rank untranscribed pages: which would teach most?"""
    from loghi_runner.recognition.next_pages import next_json, next_lines, next_pages

    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        options = reader_options(engine, gpus, image, memory, keys, batch_size)
        found = next_pages(model, pages, options, cut, bars.show, told.print, with_text=with_text)
    if as_json:
        print_json(next_json(found))
    else:
        answer = make_console(stderr=False)
        for line in next_lines(found):
            say(answer, line)
        print_rows(told, [("failed", f"{page}: {why}") for page, why in found.failed.items()], indent=0)
    if found.failed:
        raise typer.Exit(ExitCode.DATA)
