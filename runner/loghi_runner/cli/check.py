"""`loghi-runner check`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.options import AsJson, Config, Settings
from loghi_runner.findings import Severity, errors
from loghi_runner.json_answer import print_json

app = typer.Typer()


@app.command("check")
def check_command(
    config: Config,
    settings: Settings = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings stop, too: exit code 3 (default: no).")] = False,
    measure: Annotated[bool, typer.Option("--probe", help="Train a few steps to estimate time and memory.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page of lines and their texts.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find every problem of a run before it starts.

    It takes no graphics card and leaves everything as it is.
    """
    from loghi_runner.finetuning.finetune import check_run
    from loghi_runner.finetuning.plan_json import check_json
    from loghi_runner.finetuning.preview import write_check_preview
    from loghi_runner.finetuning.speeds import estimate_of, probe
    from loghi_runner.terminal.plan_text import print_check
    from loghi_runner.terminal.views import JsonView, PersonView

    view = JsonView() if as_json else PersonView()
    checked = check_run(config, settings or [], view)
    stopping = errors(checked.findings)
    if measure and not stopping:
        probe(checked.plan, checked.engine, checked.setting, view)
    if html is not None:
        write_check_preview(html, checked.plan)
    if as_json:
        print_json(check_json(checked))
    else:
        overrides = [part for setting in settings or [] for part in ("--set", setting)]
        print_check(checked, estimate_of(checked.plan), html, ["loghi-runner", "finetune", str(config), *overrides])
    if stopping:
        raise typer.Exit(min(finding.exit_code for finding in stopping))
    if strict and any(finding.severity is Severity.WARNING for finding in checked.findings):
        raise typer.Exit(ExitCode.DATA)
