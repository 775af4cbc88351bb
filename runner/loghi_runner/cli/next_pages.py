"""`loghi-runner next-pages`."""

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
    from loghi_runner.models.own_pages import choose_cut
    from loghi_runner.models.which_model import find_model
    from loghi_runner.recognition.line_reader import open_reader
    from loghi_runner.recognition.next_pages.candidates import find_candidates
    from loghi_runner.recognition.next_pages.rank import rank_pages
    from loghi_runner.recognition.next_pages.words import next_json, next_lines

    told = make_console(stderr=True)
    bars = Bars(told)
    try:
        named = find_model(model)
        reader = open_reader(named.folder, reader_options(engine, gpus, image, memory, keys, batch_size))
        chosen = choose_cut(named, cut, told.print)
        candidates = find_candidates(pages, chosen, bars.show, with_text=with_text)
        found = rank_pages(reader, candidates, bars.show, told.print)
    finally:
        bars.close()
    if as_json:
        print_json(next_json(found))
    else:
        answer = make_console(stderr=False)
        for line in next_lines(found):
            say(answer, line)
        print_rows(told, [("failed", f"{page}: {why}") for page, why in found.failed.items()], indent=0)
    if found.failed:
        raise typer.Exit(ExitCode.DATA)
