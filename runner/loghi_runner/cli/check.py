"""`loghi-runner check`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.finetune import Settings
from loghi_runner.cli.options import AsJson
from loghi_runner.findings import Severity
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_findings, print_rows
from loghi_runner.wording import short_path

app = typer.Typer()


@app.command("check")
def check_command(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The run's config, see `loghi-runner init`.", readable=False)
    ],
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
    from loghi_runner.finetuning.plan_json import check_json, findings_of
    from loghi_runner.finetuning.preview import write_check_preview
    from loghi_runner.finetuning.probe import probe
    from loghi_runner.finetuning.speeds import estimate_of
    from loghi_runner.terminal.check_text import check_rows, conclusion
    from loghi_runner.terminal.views import JsonView, PersonView

    view = JsonView() if as_json else PersonView()
    checked = check_run(config, settings or [], view)
    findings = findings_of(checked)
    is_ready = not any(finding.severity is Severity.ERROR for finding in findings)
    if measure and is_ready:
        probe(checked, view)
    if html is not None:
        write_check_preview(html, checked.plan)
    if as_json:
        print_json(check_json(checked))
    else:
        told = make_console(stderr=False)
        told.print(f"check of {checked.plan.config.config.name}")
        unknown = "not known on this machine; `loghi-runner check --probe` measures it"
        rows = [*check_rows(checked), ("time", estimate_of(checked.plan) or unknown)]
        print_rows(told, [*rows, *([("preview", short_path(html))] if html else [])])
        print_findings(told, findings)
        told.print(conclusion(findings))
        if is_ready:
            overrides = [part for setting in settings or [] for part in ("--set", setting)]
            print_rows(told, [("next", shlex.join(["loghi-runner", "finetune", str(config), *overrides]))])
    if not is_ready:
        raise typer.Exit(min(finding.exit_code for finding in findings if finding.severity is Severity.ERROR))
    if strict and any(finding.severity is Severity.WARNING for finding in findings):
        raise typer.Exit(ExitCode.DATA)
