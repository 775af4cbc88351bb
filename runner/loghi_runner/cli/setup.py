"""Before the first run: `loghi-runner init`, `doctor`, and `image`, which builds or checks the trainer's image."""

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_contract.records import to_json
from loghi_runner.cli.options import AsJson
from loghi_runner.engines import NO_DAEMON, image, image_store
from loghi_runner.engines.image import ImageStore, Variant
from loghi_runner.errors import EngineError, UsageError
from loghi_runner.findings import errors
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_findings, print_rows
from loghi_runner.wording import short_path

app = typer.Typer()
image_app = typer.Typer(help="Build or check the trainer's container image.")


@app.command("init")
def init_command(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The config to write.")] = Path("config.yaml"),
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
    folder: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Disk to look at.")] = Path(),
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


_VariantOption = Annotated[
    Variant, typer.Option(help="cpu, or cuda for NVIDIA cards (default: cpu).", show_default=False)
]


@image_app.command()
def build(
    variant: _VariantOption = Variant.CPU,
    base_image: Annotated[
        str | None,
        typer.Option(help="Image with Python 3.11 and venv: NAME, or NAME@sha256:... (default: the Dockerfile's)."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="A private certificate authority (PEM) (default: this machine's setting).")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="The image's name (default: loghi-runner:VERSION-VARIANT).")] = None,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Do nothing with a fitting image, or without Docker (default: build).")
    ] = False,
) -> None:
    """Build the trainer's image with Docker (BuildKit)."""
    store = image_store()
    try:
        store.check()
    except EngineError as error:
        if not (if_missing and error.code == NO_DAEMON):
            raise
        typer.echo(f"{error.message}: no image is needed", err=True)
        return
    name = tag or image.image_name(variant)
    if not (if_missing and image.has_fitting_image(store, name)):
        if ca is None and (found := image.find_ca_file(os.environ)):
            variable, ca = found
            typer.echo(f"certificates: {ca}, as {variable} says (for the build only; not kept in the image)", err=True)
        if proxies := image.proxy_variables(os.environ):
            typer.echo(f"proxy: {', '.join(proxies)} go to the build (not kept in the image)", err=True)
        digest = base_digest(store, base_image)
        image.build_image(image.BuildRequest(variant, name, base_image, ca, digest))
    _print_image(store, name, as_json=False)


@image_app.command()
def check(
    variant: _VariantOption = Variant.CPU,
    name: Annotated[
        str | None, typer.Option("--image", help="Another image's name (default: loghi-runner:VERSION-VARIANT).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the image is there and fits this loghi-runner."""
    _print_image(image_store(), name or image.image_name(variant), as_json=as_json)


def base_digest(store: ImageStore, base_image: str | None) -> str:
    """As the name says; or of the image of that name on this machine, from which it is then built."""
    if base_image is None:
        return ""
    named = image.digest_in(base_image)
    if named is not None:
        return named
    found = store.find_image(base_image)
    return found.digest.rpartition("@")[2] if found else ""


def _print_image(store: ImageStore, name: str, *, as_json: bool) -> None:
    facts = image.require_image(store, name)
    if as_json:
        print_json({"kind": "image", **asdict(facts)})
    else:
        typer.echo(f"{facts.name}  {facts.digest}  {facts.size_bytes / 1e9:.2f} GB")
