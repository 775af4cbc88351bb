"""`loghi-runner image`: build the trainer's image, or see whether a run could use it."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from loghi_runner.cli.options import AsJson
from loghi_runner.engines import NO_DAEMON, image, image_store
from loghi_runner.engines.image import ImageStore, Variant
from loghi_runner.errors import EngineError
from loghi_runner.json_answer import print_json

app = typer.Typer(help="Build or check the trainer's container image.")

_VariantOption = Annotated[
    Variant, typer.Option(help="cpu, or cuda for NVIDIA cards (default: cpu).", show_default=False)
]


@app.command()
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


@app.command()
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
