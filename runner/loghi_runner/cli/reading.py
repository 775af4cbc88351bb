"""Commands that read lines with a model: `loghi-runner recognize`, `evaluate`, `compare` and `next-pages`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_contract.exit_codes import ExitCode
from loghi_runner.cli import options
from loghi_runner.config.choices import LanguageModelUse
from loghi_runner.engines import EngineKind
from loghi_runner.findings import Severity
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import Bars, make_console, print_findings, print_rows, say

if TYPE_CHECKING:
    from loghi_runner.compare.answer import Answer

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
    cut: options.CutAs = None,
    root: options.ImageRoot = None,
    engine: options.Engine = EngineKind.AUTO,
    gpus: options.Gpus = "auto",
    image: options.Image = None,
    memory: options.Memory = None,
    keys: options.EngineKeys = None,
    batch_size: options.BatchSize = 16,
    beam: options.Beam = 1,
    lm: options.Lm = LanguageModelUse.AUTO,
    plain_text: Annotated[bool, typer.Option("--text", help="Also write plain text (default: no).")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also write a page with images and texts (default: no).")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Read pages or line images with a model.

    Pages become the same XML with the model's texts, line images Loghi's results file.
    """
    from loghi_runner.recognition.recognize import RecognizeOptions, recognize
    from loghi_runner.recognition.recognized import recognized_json, recognized_rows

    reader = options.reader_options(engine, gpus, image, memory, keys, batch_size, beam, lm)
    wished = RecognizeOptions(reader, cut, root, plain_text, html)
    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        recognized = recognize(model, source, output, wished, bars.show, told.print)
    print_findings(told, tuple(finding for finding in recognized.findings if finding.severity is Severity.WARNING))
    if as_json:
        print_json(recognized_json(recognized))
    else:
        print_rows(make_console(stderr=False), recognized_rows(recognized, source, output, html=html), indent=0)
    if recognized.unwritten:
        raise typer.Exit(ExitCode.ENGINE)
    if recognized.failed:
        raise typer.Exit(ExitCode.DATA)


@app.command("evaluate")
def evaluate_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Loghi model folder, or a run.")],
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA", help="Line lists, a folder of transcribed pages, or a run (its test lines)."),
    ],
    output: options.ReportFolder = None,
    cut: options.CutAs = None,
    root: options.ImageRoot = None,
    engine: options.Engine = EngineKind.AUTO,
    gpus: options.Gpus = "auto",
    image: options.Image = None,
    memory: options.Memory = None,
    keys: options.EngineKeys = None,
    batch_size: options.BatchSize = 16,
    beam: options.Beam = 1,
    lm: options.Lm = LanguageModelUse.AUTO,
    as_json: options.AsJson = False,
) -> None:
    """Say how well a model reads lines, and where it errs."""
    from loghi_runner.compare.answer import evaluate
    from loghi_runner.compare.score_models import ScoreOptions

    reader = options.reader_options(engine, gpus, image, memory, keys, batch_size, beam, lm)
    wished = ScoreOptions(reader, cut, root, output)
    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        answer = evaluate(model, data, wished, bars.show, told.print)
    _print_answer(answer, as_json=as_json)


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
    output: options.ReportFolder = None,
    cut: options.CutAs = None,
    root: options.ImageRoot = None,
    engine: options.Engine = EngineKind.AUTO,
    gpus: options.Gpus = "auto",
    image: options.Image = None,
    memory: options.Memory = None,
    keys: options.EngineKeys = None,
    batch_size: options.BatchSize = 16,
    beam: options.Beam = 1,
    lm: options.Lm = LanguageModelUse.AUTO,
    as_json: options.AsJson = False,
) -> None:
    """Say which of two models, or of two readings, is better.

    Models read the same lines; recognized pages are compared as they are.
    """
    from loghi_runner.compare.answer import compare
    from loghi_runner.compare.score_models import ScoreOptions

    reader = options.reader_options(engine, gpus, image, memory, keys, batch_size, beam, lm)
    wished = ScoreOptions(reader, cut, root, output)
    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        answer = compare(first, second, data or (), truth, wished, bars.show, told.print)
    _print_answer(answer, as_json=as_json)


@app.command("next-pages")
def next_pages_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Loghi model folder, or a run.")],
    pages: Annotated[
        Path, typer.Argument(metavar="PAGES", help="Pages whose lines are marked, as PAGE XML or ALTO.", readable=False)
    ],
    with_text: Annotated[
        bool, typer.Option("--with-text", help="Rank lines that have a text, too (default: only those without).")
    ] = False,
    cut: options.CutAs = None,
    engine: options.Engine = EngineKind.AUTO,
    gpus: options.Gpus = "auto",
    image: options.Image = None,
    memory: options.Memory = None,
    keys: options.EngineKeys = None,
    batch_size: options.BatchSize = 16,
    lm: options.Lm = LanguageModelUse.AUTO,
    as_json: options.AsJson = False,
) -> None:
    """Rank untranscribed pages: which would teach most?"""
    from loghi_runner.recognition.next_pages import next_json, next_lines, next_pages

    told = make_console(stderr=True)
    with closing(Bars(told)) as bars:
        wished = options.reader_options(engine, gpus, image, memory, keys, batch_size, lm=lm)
        found = next_pages(model, pages, wished, cut, bars.show, told.print, with_text=with_text)
    if as_json:
        print_json(next_json(found))
    else:
        answer = make_console(stderr=False)
        for line in next_lines(found):
            say(answer, line)
        print_rows(told, [("failed", f"{page}: {why}") for page, why in found.failed.items()], indent=0)
    if found.failed:
        raise typer.Exit(ExitCode.DATA)


def _print_answer(answer: "Answer", *, as_json: bool) -> None:
    """To programs the answer alone; to a person with what is to be known before it."""
    if as_json:
        print_json(answer.json)
        return
    told = make_console(stderr=True)
    print_findings(told, answer.findings)
    for remark in answer.remarks:
        told.print(f"warning: {remark}")
    print_rows(make_console(stderr=False), answer.rows, indent=0)
