"""`loghi-runner finetune`."""

from typing import Annotated

import typer

from loghi_runner.cli.options import AsJson, Config, Settings
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_error, print_rows, reader_may_leave

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
    from loghi_runner.runs.folder import skipped_counts
    from loghi_runner.terminal.answer import answer_rows, record_json, summary_line
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
            if record.error is not None:
                print_error(make_console(stderr=True), record.error)
            answer = make_console(stderr=False)
            answer.print(summary_line(record, sum(skipped_counts(folder).values())))
            print_rows(answer, answer_rows(folder, record))
    raise typer.Exit(record.exit_code or 0)
