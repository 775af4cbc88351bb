"""`loghi-runner evaluate`."""

from typing import Annotated

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
    from loghi_runner.compare.evaluate import evaluate, evaluation_rows
    from loghi_runner.compare.score_json import evaluation_json
    from loghi_runner.compare.score_models import ScoreOptions, score_models
    from loghi_runner.compare.score_text import report_rows

    told = make_console(stderr=True)
    bars = Bars(told)
    options = ScoreOptions(reader_options(engine, gpus, image, memory, keys, batch_size, beam), cut, root, output)
    try:
        scored = score_models([model], data, options, bars.show, told.print)
    finally:
        bars.close()
    evaluation = evaluate(scored)
    if as_json:
        print_json(evaluation_json(scored, evaluation.scores))
        return
    print_findings(told, scored.truth.findings)
    print_rows(make_console(stderr=False), [*evaluation_rows(evaluation), *report_rows(output)], indent=0)
