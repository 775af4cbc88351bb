"""`loghi-runner doctor`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_contract.records import to_json
from loghi_runner.cli.options import AsJson
from loghi_runner.findings import errors
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_findings

app = typer.Typer()


@app.command("doctor")
def doctor_command(
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Disk to look at (default: .).")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Say whether this machine is ready, and what it lacks."""
    from loghi_runner.doctor import examine

    findings = examine(folder.absolute())
    stopping = errors(findings)
    if as_json:
        print_json({"kind": "doctor", "ready": not stopping, "findings": [to_json(finding) for finding in findings]})
    else:
        answer = make_console(stderr=False)
        print_findings(answer, tuple(findings))
        answer.print("not ready: solve the errors above" if stopping else "ready for a run")
    raise typer.Exit(ExitCode.ENGINE if stopping else ExitCode.OK)
