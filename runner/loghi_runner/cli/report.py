"""`loghi-runner report`."""

import webbrowser
from typing import Annotated

import typer

from loghi_runner.cli.options import AsJson, Output, RunName
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console
from loghi_runner.wording import short_path

app = typer.Typer()


@app.command("report")
def report_command(
    run: RunName,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in a browser (default: name the file).")] = False,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Write a run's report, from what the run left so far."""
    from loghi_runner.runs.find import find_run
    from loghi_runner.runs.look import look_at
    from loghi_runner.runs.run_report import make_run_report

    look = look_at(find_run(run, output))
    made = make_run_report(look.folder, look.record)
    if as_json:
        print_json({"kind": "report_made", "run_dir": str(look.folder.path), "path": str(made)})
    else:
        make_console(stderr=False).print(short_path(made))
    if open_it and not webbrowser.open(made.as_uri()):
        make_console(stderr=True).print("no browser could be opened here: open that file in yours")
