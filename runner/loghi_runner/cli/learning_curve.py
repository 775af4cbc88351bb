"""`loghi-runner learning-curve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_runner.cli.finetune import Settings
from loghi_runner.cli.options import AsJson
from loghi_runner.json_answer import print_json
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
