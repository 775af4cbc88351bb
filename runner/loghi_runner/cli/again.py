"""`loghi-runner reproduce` and `loghi-runner diff`: a run made again, and two runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.options import AsJson, Moved, Output, RunName
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_side_by_side, reader_may_leave, say

app = typer.Typer()


@app.command("reproduce")
def reproduce_command(
    run: RunName,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what differs here; run nothing (default: run).")
    ] = False,
    moved: Moved = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="Where the new run goes (default: beside the first)."),
    ] = None,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Make a finished run again: is the result equal?

    A new run with the same lines, settings and seed; the first stays as it is.

    Exit code 0: equal, or no difference is shown. 5: another result. 3: it cannot be made again here.
    """
    from loghi_runner.finetuning.reproduce import Outcome, check_to_repeat, reproduce
    from loghi_runner.runs.find import find_run
    from loghi_runner.terminal.show import print_answer
    from loghi_runner.terminal.views import JsonView, PersonView

    ready = check_to_repeat(find_run(run, output), output=into, moved=moved or ())
    if check:
        if as_json:
            print_json(ready.json())
        else:
            answer = make_console(stderr=False)
            for sentence in ready.sentences():
                say(answer, sentence)
        raise typer.Exit(ExitCode.OK if ready.possible else ExitCode.DATA)
    folder, record, reproduced = reproduce(ready, JsonView() if as_json else PersonView())
    print_answer(folder, record, as_json=as_json)
    if reproduced is None:
        raise typer.Exit(record.exit_code or 0)
    with reader_may_leave():
        if as_json:
            print_json(reproduced.json())
        else:
            say(make_console(stderr=False), f"{ready.first.record.run_id} made again: {reproduced.sentence}")
    raise typer.Exit(ExitCode.TRAINING if reproduced.outcome is Outcome.DIFFERENT else ExitCode.OK)


@app.command("diff")
def diff_command(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="Run folder, run id, its beginning, or `last`.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="The other run, likewise.")],
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show what differs in two runs, and their results.

    Settings, lines, models, programs and machines that are equal are left out.
    """
    from loghi_runner.runs import diff as runs_diff
    from loghi_runner.runs.find import find_run
    from loghi_runner.runs.look import look_at
    from loghi_runner.terminal.show import print_run_error

    diff = runs_diff.diff_runs(*(look_at(find_run(run, output)) for run in (first, second)))
    with reader_may_leave():
        if as_json:
            print_json(runs_diff.diff_json(diff))
            return
        answer = make_console(stderr=False)
        names = [f"{side.record.run_id} ({side.record.name})" for side in diff.sides]
        print_side_by_side(answer, [("", names[0], names[1]), *runs_diff.diff_rows(diff)])
        for sentence in runs_diff.diff_conclusion(diff):
            say(answer, sentence)
    for side in diff.sides:
        print_run_error(side.folder, side.record)
