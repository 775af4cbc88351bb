"""`loghi-runner recognize`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli.options import (
    AsJson,
    BatchSize,
    Beam,
    CutAs,
    Engine,
    EngineKeys,
    Gpus,
    Image,
    ImageRoot,
    Memory,
    reader_options,
)
from loghi_runner.engines import EngineKind
from loghi_runner.findings import Severity
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_findings, print_rows

app = typer.Typer()


@app.command("recognize")
def recognize_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Loghi model folder, or a run.")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Pages with PAGE XML or ALTO, a list of line images, or a folder of them.",
            readable=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the results go: a new folder.", readable=False)
    ],
    cut: CutAs = None,
    root: ImageRoot = None,
    engine: Engine = EngineKind.AUTO,
    gpus: Gpus = "auto",
    image: Image = None,
    memory: Memory = None,
    keys: EngineKeys = None,
    batch_size: BatchSize = 16,
    beam: Beam = 1,
    plain_text: Annotated[bool, typer.Option("--text", help="Also write plain text (default: no).")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also write a page with images and texts (default: no).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read pages or line images with a model.

    Pages become the same XML with the model's texts, line images Loghi's results file.
    """
    from loghi_runner.recognition.recognize import RecognizeOptions, recognize, recognized_json
    from loghi_runner.recognition.recognized_text import recognized_rows

    told = make_console(stderr=True)
    bars = Bars(told)
    reader = reader_options(engine, gpus, image, memory, keys, batch_size, beam)
    options = RecognizeOptions(reader, cut, root, plain_text, html)
    try:
        recognized = recognize(model, source, output, options, bars.show, told.print)
    finally:
        bars.close()
    print_findings(told, tuple(finding for finding in recognized.findings if finding.severity is Severity.WARNING))
    if as_json:
        print_json(recognized_json(recognized))
    else:
        print_rows(make_console(stderr=False), recognized_rows(recognized, source, output, html=html), indent=0)
    if recognized.unwritten:
        raise typer.Exit(ExitCode.ENGINE)
    if recognized.failed:
        raise typer.Exit(ExitCode.DATA)
