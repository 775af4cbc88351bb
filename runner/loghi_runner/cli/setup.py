"""`loghi-runner init` and `doctor`: before the first run."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_contract.records import to_json
from loghi_runner.cli.options import AsJson
from loghi_runner.errors import UsageError
from loghi_runner.findings import errors
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_findings, print_rows
from loghi_runner.wording import short_path

app = typer.Typer()


@app.command("init")
def init_command(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The config to write (default: config.yaml).")] = Path(
        "config.yaml"
    ),
    script: Annotated[
        Path | None, typer.Option("--from", metavar="SCRIPT", help="Carry an edited finetune.sh over (default: none).")
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option("--sample", metavar="FOLDER", help="Write the sample, with its config, there (default: none)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file (default: refuse).")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a config to start from, or a sample to try."""
    from loghi_runner.init import write_config, write_sample

    if sample is not None and script is not None:
        raise UsageError("init.two_things", "--sample brings its own config, and --from makes one; give one of them")
    if sample is not None:
        demo = write_sample(sample)
        if as_json:
            print_json({"kind": "sample", "path": str(demo.parent.absolute()), "config": str(demo.absolute())})
            return
        make_console(stderr=False).print(short_path(demo.absolute()))
        make_console(stderr=True).print(f"next: loghi-runner finetune {shlex.quote(str(demo))}")
        return
    written = write_config(path, script, force=force)
    if as_json:
        print_json({"kind": "config", "path": str(written.path.absolute()), "notes": to_json(written.notes)})
        return
    told = make_console(stderr=True)
    for title, rows in written.note_rows():
        told.print(title)
        print_rows(told, rows)
    answer = make_console(stderr=False)
    answer.print(short_path(written.path.absolute()))
    told.print(f"next: edit it, then loghi-runner check {written.shell_path()}")


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
