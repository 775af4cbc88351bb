"""`loghi-runner finetune`."""

from typing import Annotated

import typer

from loghi_runner.cli.options import AsJson, Config, Settings
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import reader_may_leave

app = typer.Typer()

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and touch nothing (default: run).")]


@app.command("finetune")
def finetune_command(
    config: Config,
    settings: Settings = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Adapt a Loghi model to a new hand."""
    from loghi_runner.finetuning.finetune import finetune, show_plan
    from loghi_runner.terminal.show import print_answer, record_json
    from loghi_runner.terminal.views import JsonView, PersonView

    view = JsonView() if as_json else PersonView(dry_run=dry_run)
    if dry_run:
        show_plan(config, settings or [], view)
        return
    folder, record = finetune(config, settings or [], view)
    if not record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    with reader_may_leave():
        if as_json:
            print_json(record_json(folder, record))
        else:
            print_answer(folder, record)
    raise typer.Exit(record.exit_code or 0)
