"""Would more pages help, and which? `loghi-runner learning-curve` and `next-pages`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.options import (
    AsJson,
    BatchSize,
    CutAs,
    Engine,
    EngineKeys,
    Gpus,
    Image,
    Memory,
    Settings,
    reader_options,
)
from loghi_runner.engines import EngineKind
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_error, print_rows, reader_may_leave, say

if TYPE_CHECKING:
    from loghi_runner.learning_curve.measure import Unfinished

app = typer.Typer()


@app.command("learning-curve")
def learning_curve_command(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The run's config, as for `finetune`.", readable=False)
    ],
    settings: Settings = None,
    shares: Annotated[
        str, typer.Option("--shares", metavar="N,N,100", help="Percent of the pages, rising to 100.")
    ] = "25,50,100",
    next_folder: Annotated[
        Path | None,
        typer.Option("--next", metavar="PAGES", help="Untranscribed pages to rank (default: none).", readable=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="For the report (default: in the last run's report).", readable=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell from parts of the pages whether more would help.

    Trains on a quarter, half and all of them.
    """
    from loghi_runner.learning_curve.measure import Unfinished, learning_curve
    from loghi_runner.learning_curve.shares import parse_percents
    from loghi_runner.terminal.views import JsonView, PersonView

    percents = parse_percents(shares)
    view = JsonView() if as_json else PersonView()
    answer = learning_curve(config, settings or [], percents, view, to_rank=next_folder, output=output)
    if isinstance(answer, Unfinished):
        _tell_unfinished(answer)
        raise typer.Exit(answer.record.exit_code or 0)
    with reader_may_leave():
        if as_json:
            print_json(answer.json())
            return
        console = make_console(stderr=False)
        for line in answer.table():
            console.print(line)
        for sentence in answer.sentences():
            say(console, sentence)
        print_rows(console, answer.rows())


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


def _tell_unfinished(unfinished: "Unfinished") -> None:
    record, told = unfinished.record, make_console(stderr=True)
    if not record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    if record.error is not None:
        print_error(told, record.error)
    verb = "is" if unfinished.done == 1 else "are"
    say(
        told,
        f"the learning curve is not finished: {unfinished.done} of {unfinished.all} runs {verb} trained and kept. "
        "The same command goes on from there.",
    )
