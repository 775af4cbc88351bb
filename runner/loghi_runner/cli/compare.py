"""`loghi-runner compare`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    ReportFolder,
    reader_options,
)
from loghi_runner.engines import EngineKind
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_findings, print_rows

if TYPE_CHECKING:
    from loghi_runner.compare.answer import Answer

app = typer.Typer()


@app.command("compare")
def compare_command(
    first: Annotated[str, typer.Argument(metavar="A", help="A model, or a folder of recognized PAGE XML or ALTO.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another model, or the same pages, read otherwise.")],
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATA", help="For models: line lists, a folder of transcribed pages, or a run."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="DIR", help="For pages: the same, transcribed (default: none).")
    ] = None,
    output: ReportFolder = None,
    cut: CutAs = None,
    root: ImageRoot = None,
    engine: Engine = EngineKind.AUTO,
    gpus: Gpus = "auto",
    image: Image = None,
    memory: Memory = None,
    keys: EngineKeys = None,
    batch_size: BatchSize = 16,
    beam: Beam = 1,
    as_json: AsJson = False,
) -> None:
    """Say which of two models, or of two readings, is better.

    Models read the same lines; recognized pages are compared as they are.
    """
    from loghi_runner.compare.answer import compare
    from loghi_runner.compare.score_models import ScoreOptions

    options = ScoreOptions(reader_options(engine, gpus, image, memory, keys, batch_size, beam), cut, root, output)
    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        answer = compare(first, second, data or (), truth, options, bars.show, told.print)
    print_answer(answer, as_json=as_json)


def print_answer(answer: "Answer", *, as_json: bool) -> None:
    """To programs the answer alone; to a person with what is to be known before it."""
    if as_json:
        print_json(answer.json)
        return
    told = make_console(stderr=True)
    print_findings(told, answer.findings)
    for remark in answer.remarks:
        told.print(f"warning: {remark}")
    print_rows(make_console(stderr=False), answer.rows, indent=0)
