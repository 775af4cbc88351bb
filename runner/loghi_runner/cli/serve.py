"""For platforms: `loghi-runner serve`, `work` and `manifest`."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any  # a module that is imported when it is needed

import typer

from loghi_runner.cli.options import AsJson
from loghi_runner.errors import UsageError
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console
from loghi_runner.wording import plural

app = typer.Typer()
manifest_app = typer.Typer(help="Show or check what a platform needs to know.")

#: What only the service needs; without it every other command works.
_PACKAGES = (
    "babel",
    "cryptography",
    "fastapi",
    "itsdangerous",
    "limits",
    "prometheus_client",
    "sse_starlette",
    "uvicorn",
)

Config = Annotated[
    Path | None,
    typer.Argument(metavar="[CONFIG]", help="service.yaml (default: for you alone, on this machine).", readable=False),
]


@app.command("serve")
def serve_command(
    config: Config = None,
    queue_only: Annotated[bool, typer.Option("--queue-only", help="Take orders; `work` carries them out.")] = False,
    new_client: Annotated[
        str | None, typer.Option("--new-client", metavar="NAME", help="Print a new token and its line; start nothing.")
    ] = None,
) -> None:
    """Serve the web page and the API, and carry out orders."""
    run = _service()
    if new_client is not None:
        token, line = run.new_client(new_client)
        answer = make_console(stderr=False)
        answer.print(token)
        answer.print(line)
        make_console(stderr=True).print(
            "the first line is the token, shown this once; the second goes below `clients:` in service.yaml"
        )
        return
    run.serve(config, queue_only=queue_only, tell=make_console(stderr=True).print)


@app.command("work")
def work_command(config: Config = None) -> None:
    """Carry out what was ordered from `serve --queue-only`."""
    _service().work(config, tell=make_console(stderr=True).print)


def _service() -> Any:
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        from loghi_runner.installed import pip_install

        message = f"the service needs Python packages that are not installed: {', '.join(missing)}"
        raise UsageError("service.packages", message, hint=f"Install them: {pip_install('serve')}")
    return import_module("loghi_runner.web.serve")


@manifest_app.command()
def show(as_json_: AsJson = False) -> None:
    """Print the manifest of this version (default: as YAML)."""
    from loghi_runner.web.manifest import make_manifest, manifest_yaml
    from loghi_runner.web.manifest_model import as_json

    manifest = make_manifest()
    if as_json_:
        print_json(as_json(manifest))
    else:
        typer.echo(manifest_yaml(manifest), nl=False)


@manifest_app.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="A manifest.", readable=False)] = Path(
        "plugin_manifest.yaml"
    ),
    as_json_: AsJson = False,
) -> None:
    """Find everything that is wrong with a manifest."""
    from loghi_runner.web.manifest import make_manifest, read_manifest

    manifest = read_manifest(file)
    is_own = manifest == make_manifest()
    if as_json_:
        print_json({"kind": "manifest", "id": manifest.id, "version": manifest.version, "is_this_version": is_own})
        return
    told = make_console(stderr=False)
    told.print(f"{file.name} is valid: {manifest.name} {manifest.version}, {plural(len(manifest.actions), 'action')}")
    if not is_own:
        told.print("it is not what this version writes: `loghi-runner manifest show`")
