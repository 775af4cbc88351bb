"""`loghi-runner reproduce` and `loghi-runner diff`: a run made again, and two runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.options import AsJson, Output, RunName
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_error, print_side_by_side, reader_may_leave, say

app = typer.Typer()


@app.command("reproduce")
def reproduce_command(
    run: RunName,
    check: Annotated[bool, typer.Option("--check", help="Only say what differs; run nothing (default: run).")] = False,
    base_model: Annotated[
        Path | None,
        typer.Option("--base-model", metavar="DIR", help="Where its base model is now (default: where it was)."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="Where the new run goes (default: beside the first)."),
    ] = None,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Make a finished run again: is the result equal?

    Exit code 0: equal, or as near as other seeds or the lines can tell. 5: different. 3: not possible here.
    """
    from loghi_runner.finetuning.reproduce import Outcome, check_to_repeat, reproduce
    from loghi_runner.runs.find import find_run
    from loghi_runner.terminal.show import print_answer, record_json
    from loghi_runner.terminal.views import JsonView, PersonView

    ready = check_to_repeat(find_run(run, output), output=into, base_model=base_model)
    if check:
        if as_json:
            print_json(ready.json())
        else:
            answer = make_console(stderr=False)
            for sentence in ready.sentences():
                say(answer, sentence)
        raise typer.Exit(ExitCode.DATA if ready.found.forbids else ExitCode.OK)
    folder, record, reproduced = reproduce(ready, JsonView() if as_json else PersonView())
    if not record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    with reader_may_leave():
        if as_json:
            print_json(record_json(folder, record))
            if reproduced is not None:
                print_json(reproduced.json())
        else:
            print_answer(folder, record)
            if reproduced is not None:
                say(make_console(stderr=False), f"{ready.first.record.run_id} made again: {reproduced.sentence}")
    if reproduced is None:
        raise typer.Exit(record.exit_code or 0)
    raise typer.Exit(ExitCode.TRAINING if reproduced.outcome is Outcome.DIFFERENT else ExitCode.OK)


@app.command("diff")
def diff_command(
    first: RunName,
    second: RunName,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Show what differs in two runs, and their results.

    What is equal is left out. `loghi-runner runs diff` does the same.
    """
    from loghi_runner.runs.diff import RunsDiff, Side, diff_conclusion, diff_json, diff_rows
    from loghi_runner.runs.find import find_run
    from loghi_runner.runs.look import look_at

    sides = [look_at(find_run(run, output)) for run in (first, second)]
    diff = RunsDiff(Side.of(sides[0]), Side.of(sides[1]))
    with reader_may_leave():
        if as_json:
            print_json(diff_json(diff))
            return
        answer = make_console(stderr=False)
        names = [f"{side.record.run_id} ({side.record.name})" for side in diff.sides]
        print_side_by_side(answer, [("", names[0], names[1]), *diff_rows(diff)])
        for sentence in diff_conclusion(diff):
            say(answer, sentence)
    for look in sides:
        if look.record.error is not None:
            print_error(make_console(stderr=True), look.record.error)
