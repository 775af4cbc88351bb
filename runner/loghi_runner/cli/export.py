"""`loghi-runner export`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_runner.answer import loghi_model_line
from loghi_runner.cli.options import AsJson, Output, RunName
from loghi_runner.console import make_console, print_json
from loghi_runner.export import export_model
from loghi_runner.runs import DEFAULT_OUTPUT, find_run
from loghi_runner.wording import short_path

app = typer.Typer()


@app.command("export")
def export_command(
    run: RunName,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder for the model.")],
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Copy a run's best_val to a folder of your choice."""
    model = export_model(find_run(run, output), folder)
    line = loghi_model_line(model)
    if as_json:
        print_json({"kind": "exported", "path": str(model), "loghi_line": line})
        return
    answer = make_console(stderr=False)
    answer.print(short_path(model))
    answer.print(line)
    make_console(stderr=True).print("the second line goes into Loghi's inference-pipeline.sh")
