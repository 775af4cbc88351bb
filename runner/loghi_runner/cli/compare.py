"""`loghi-runner compare`."""

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
    from loghi_runner.compare.score_models import ScoreOptions

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
    from loghi_runner.compare.compare_what import are_models
    from loghi_runner.compare.score_models import ScoreOptions

    if are_models(first, second, data or (), truth):
        options = ScoreOptions(reader_options(engine, gpus, image, memory, keys, batch_size, beam), cut, root, output)
        _compare_models(first, second, data or [], options, as_json=as_json)
    else:
        _compare_pages(Path(first), Path(second), truth, output, as_json=as_json)


def _compare_models(first: str, second: str, data: list[str], options: "ScoreOptions", *, as_json: bool) -> None:
    from loghi_runner.compare.compare_text import model_comparison_rows
    from loghi_runner.compare.score_json import model_comparison_json
    from loghi_runner.compare.score_models import score_models
    from loghi_runner.compare.score_text import report_rows
    from loghi_runner.evaluation.comparison import compare

    told = make_console(stderr=True)
    bars = Bars(told)
    try:
        scored = score_models([first, second], data, options, bars.show, told.print)
    finally:
        bars.close()
    comparison = compare(scored.lines, (scored.names[0], scored.names[1]))
    if as_json:
        print_json(model_comparison_json(scored, comparison))
        return
    print_findings(told, scored.truth.findings)
    rows = [*model_comparison_rows(scored, comparison), *report_rows(options.output)]
    print_rows(make_console(stderr=False), rows, indent=0)


def _compare_pages(first: Path, second: Path, truth: Path | None, output: Path | None, *, as_json: bool) -> None:
    from loghi_runner.compare.compare_pages import match_pages
    from loghi_runner.compare.compare_text import compare_json, comparison_rows, difference_rows, remarks
    from loghi_runner.compare.score_files import write_page_comparison
    from loghi_runner.compare.score_text import report_rows
    from loghi_runner.evaluation.comparison import compare

    matched = match_pages(first, second, truth)
    names = (first.name or "A", second.name or "B") if first.name != second.name else ("A", "B")
    comparison = compare(matched.transcribed(truth), names) if truth is not None else None
    lines = matched.lines if comparison else matched.both_read(first, second)
    if output is not None:
        write_page_comparison(output, matched, names, (first, second, truth))
    if as_json:
        print_json(compare_json(matched, comparison))
        return
    told = make_console(stderr=True)
    for sentence in remarks(matched, truth):
        told.print(f"warning: {sentence}")
    rows = comparison_rows(comparison) if comparison else difference_rows(lines, names)
    print_rows(make_console(stderr=False), [*rows, *report_rows(output)], indent=0)
