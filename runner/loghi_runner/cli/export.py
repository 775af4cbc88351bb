"""`loghi-runner export`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.cut import Cut
from loghi_runner.cli.options import AsJson, Output
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, say
from loghi_runner.wording import short_path

app = typer.Typer()


@app.command("export")
def export_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id, `last`; or a model folder.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="New or empty folder; or a new file NAME.mlmodel, for kraken.")
    ],
    output: Output = DEFAULT_OUTPUT,
    cut: Annotated[
        Cut | None, typer.Option("--cut", help="How lines of its pages are to be cut (default: as in the run).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a run's best_val to a folder, or into one file."""
    from loghi_runner.models.export import export_file, export_folder, find_exported, run_remarks, wants_one_file
    from loghi_runner.runs.look import look_at
    from loghi_runner.terminal.show import loghi_model_line

    source = find_exported(run, output)
    if wants_one_file(target):
        made = export_file(source, target, cut)
        line = f"kraken -i page.jpg page.txt segment -bl ocr -m {shlex.quote(short_path(made))}"
        key, use = (
            "kraken_line",
            "the second line reads a page with it, where kraken 7 and loghi-runner (extra kraken) are",
        )
    else:
        made = export_folder(source, target, cut)
        line = loghi_model_line(made)
        key, use = "loghi_line", "the second line goes into Loghi's inference-pipeline.sh"
    look = look_at(source.run) if source.run is not None else None
    told = run_remarks(look) if look is not None else []
    if as_json:
        facts = {"run": look.record.run_id, "state": look.record.state, "remarks": told} if look is not None else {}
        print_json({"kind": "exported", "path": str(made), key: line} | facts)
        return
    answer = make_console(stderr=False)
    answer.print(short_path(made))
    answer.print(line)
    explained = make_console(stderr=True)
    for sentence in (*told, use):
        say(explained, sentence)
