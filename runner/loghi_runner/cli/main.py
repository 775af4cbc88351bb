"""The command `loghi-runner`: all command groups, and the one place where errors end."""

import logging
import sys
import tempfile
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import Abort, TyperException

from loghi_contract import CONTRACT, __version__
from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli import again, finetune, platform, reading, runs, serve, setup
from loghi_runner.cli.options import AsJson
from loghi_runner.errors import RunnerError, UsageError
from loghi_runner.json_answer import error_json, print_json
from loghi_runner.runs.signals import Detached, Terminated, end_when_terminated
from loghi_runner.terminal.console import make_console, open_closed_streams, print_any_text, print_error, write_nowhere

_COMMAND = "loghi-runner"
_DEBUG = "--debug"

app = typer.Typer(name=_COMMAND, pretty_exceptions_enable=False, rich_markup_mode=None)
for group in (finetune, reading, setup, runs, again, serve):
    app.registered_commands += group.app.registered_commands
app.add_typer(setup.image_app, name="image")
app.add_typer(serve.manifest_app, name="manifest")
app.add_typer(platform.app, name="platform")


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    debug: bool = typer.Option(False, _DEBUG, help="Show tracebacks and log messages; works after any command."),
) -> None:
    """Teach a Loghi handwriting model a new hand, safely, on a shared machine."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("version")
def version_command(as_json: AsJson = False) -> None:
    """Print the version and the contract it speaks."""
    if as_json:
        print_json({"kind": "version", "version": __version__, "contract": CONTRACT})
    else:
        typer.echo(f"loghi-runner {__version__} (contract {CONTRACT})")


def main() -> None:
    open_closed_streams()
    print_any_text()
    end_when_terminated()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every error is told here."""
    own = list(arguments)
    debug = _DEBUG in own
    # it works before and after the command's name
    own = [argument for argument in own if argument != _DEBUG]
    if own[:2] == ["runs", "diff"] and len(own) > 2:
        # `runs` takes a folder, so no command can stand below it; a folder called `diff` is still listed
        del own[0]
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(name)s: %(message)s")
    as_json = "--json" in own
    try:
        code = app(own, prog_name=_COMMAND, standalone_mode=False)
        return int(code) if isinstance(code, int) else int(ExitCode.OK)
    except (KeyboardInterrupt, Abort):
        make_console(stderr=True).print("stopped; nothing was started or removed")
        return int(ExitCode.INTERRUPTED)
    except Terminated:
        make_console(stderr=True).print("ended by the system")
        return int(ExitCode.TERMINATED)
    except Detached:
        return int(ExitCode.OK)
    except BrokenPipeError:
        # `loghi-runner logs last | head`: the reader has enough
        write_nowhere(sys.stdout.fileno())
        return int(ExitCode.OK)
    except TyperException as error:
        hint = f"`{_command_of(own)} --help` shows how."
        return _tell(UsageError("usage.command", error.format_message(), hint=hint), as_json)
    except Exception as error:  # noqa: BLE001  # the top of the process: everything else is our own fault
        code = _tell(error if isinstance(error, RunnerError) else _bug(error), as_json)
        if debug:
            traceback.print_exc()
        return code


def _tell(error: RunnerError, as_json: bool) -> int:
    if as_json:
        print_json(error_json(error))
    else:
        print_error(make_console(stderr=True), error)
    return int(error.exit_code)


def _bug(error: Exception) -> RunnerError:
    with tempfile.NamedTemporaryFile(
        "w", prefix="loghi-runner-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(f"loghi-runner {__version__}\n")
        traceback.print_exception(error, file=file)
    message = f"a fault in loghi-runner itself: {type(error).__name__}: {error}"
    hint = "Please report it with that file. A run that was started goes on: `loghi-runner show last`."
    return RunnerError("bug", message, where=file.name, hint=hint)


def _command_of(arguments: Sequence[str]) -> str:
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    known = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    return f"{_COMMAND} {name}" if name in known else _COMMAND
