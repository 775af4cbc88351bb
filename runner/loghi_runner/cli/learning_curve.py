"""`loghi-runner learning-curve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_runner.cli.finetune import Settings
from loghi_runner.cli.options import AsJson
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_error, print_rows, reader_may_leave, say
from loghi_runner.wording import aligned, short_path

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
    from loghi_runner.learning_curve.curve import forecast_sentence, point_rows, remarks
    from loghi_runner.learning_curve.measure import Unfinished, measure_curve
    from loghi_runner.learning_curve.percents import parse_percents
    from loghi_runner.learning_curve.ranking import prepare_ranking, rank_with_best
    from loghi_runner.learning_curve.write import curve_json, write_curve
    from loghi_runner.recognition.next_pages.words import next_lines
    from loghi_runner.runs.folder import RunFolder
    from loghi_runner.terminal.views import JsonView, PersonView

    percents = parse_percents(shares)
    view = JsonView() if as_json else PersonView()
    ranking = prepare_ranking(config, settings or [], next_folder, view) if next_folder else None
    curve = measure_curve(config, settings or [], percents, view)
    if isinstance(curve, Unfinished):
        _tell_unfinished(curve)
        raise typer.Exit(curve.record.exit_code or 0)
    found = rank_with_best(ranking, curve, view) if ranking else None
    report = write_curve(curve, found, output or RunFolder(Path(curve.points[-1].run_dir)).report_file.parent)
    with reader_may_leave():
        if as_json:
            print_json(curve_json(curve, found) | {"report": str(report)})
            return
        answer = make_console(stderr=False)
        answer.print(f"learning curve of {curve.name}, judged on {curve.judged_count} {curve.judged}")
        for line in aligned(point_rows(curve)):
            answer.print(f"  {line}")
        say(answer, forecast_sentence(curve))
        for remark in remarks(curve):
            say(answer, remark)
        for line in next_lines(found) if found else ():
            say(answer, line)
        rows = [("report", short_path(report))]
        if found is None:
            rows.append(("next", f"loghi-runner next-pages {short_path(Path(curve.points[-1].run_dir))} PAGES"))
        print_rows(answer, rows)


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
