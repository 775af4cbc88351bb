"""`loghi-runner manifest`: what a platform needs to know."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_runner.cli.options import AsJson
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console
from loghi_runner.wording import plural

app = typer.Typer(help="Show or check what a platform needs to know.")


@app.command()
def show(as_json_: AsJson = False) -> None:
    """Print the manifest of this version (default: as YAML)."""
    from loghi_runner.web.manifest import make_manifest, manifest_yaml
    from loghi_runner.web.manifest_model import as_json

    manifest = make_manifest()
    if as_json_:
        print_json(as_json(manifest))
    else:
        typer.echo(manifest_yaml(manifest), nl=False)


@app.command()
def validate(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="A manifest (default: plugin_manifest.yaml).", readable=False)
    ] = Path("plugin_manifest.yaml"),
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
