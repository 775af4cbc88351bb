"""`loghi-runner evaluate`."""

from contextlib import closing
from typing import Annotated

import typer

from loghi_runner.cli.compare import print_answer
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
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console

app = typer.Typer()


@app.command("evaluate")
def evaluate_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Loghi model folder, or a run.")],
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA", help="Line lists, a folder of transcribed pages, or a run (its test lines)."),
    ],
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
    """Say how well a model reads lines, and where it errs."""
    from loghi_runner.compare.answer import evaluate
    from loghi_runner.compare.score_models import ScoreOptions

    options = ScoreOptions(reader_options(engine, gpus, image, memory, keys, batch_size, beam), cut, root, output)
    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        answer = evaluate(model, data, options, bars.show, told.print)
    print_answer(answer, as_json=as_json)
