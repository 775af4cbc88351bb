"""`loghi-runner prepare`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.cut import Cut
from loghi_contract.exit_codes import ExitCode
from loghi_contract.text import Normalization
from loghi_runner.cli.options import AsJson
from loghi_runner.config.choices import SkipTag, SplitUnit, TextEquivChoice
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_findings, print_rows

app = typer.Typer()


@app.command("prepare")
def prepare_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Page images with PAGE XML or ALTO.", readable=False)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where line images and lists go.", readable=False)],
    cut: Annotated[Cut, typer.Option("--cut", help="By baseline as Loghi does, or by the outline.")] = Cut.LOGHI,
    channels: Annotated[int, typer.Option("--channels", min=3, max=4, help="4 with the line's shape, or 3.")] = 4,
    text_equiv: Annotated[
        TextEquivChoice, typer.Option("--text-equiv", help="Of several texts: lowest index, or last (as Loghi).")
    ] = TextEquivChoice.LOWEST,
    skip_tags: Annotated[
        list[SkipTag] | None, typer.Option("--skip-tag", help="Leave out lines marked so (default: unclear).")
    ] = None,
    keep_tagged: Annotated[bool, typer.Option("--keep-tagged", help="Leave out no marked line (default: do).")] = False,
    skip_machine_read: Annotated[
        bool, typer.Option("--skip-machine-read", help="Leave out lines that only a machine read (default: do not).")
    ] = False,
    style_marks: Annotated[bool, typer.Option("--style-marks", help="Write Loghi's style marks.")] = False,
    normalization: Annotated[
        Normalization, typer.Option("--normalization", help="Unicode form of the texts (default: nfc).")
    ] = Normalization.NFC,
    validation: Annotated[float, typer.Option("--validation", min=0.01, max=0.5, help="Share of the lines.")] = 0.1,
    test: Annotated[float, typer.Option("--test", min=0, max=0.5, help="Share of the lines.")] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed, the same pages.")] = 1,
    by: Annotated[SplitUnit, typer.Option("--by", help="What is kept together.")] = SplitUnit.PAGE,
    fold: Annotated[int, typer.Option("--fold", min=1, max=5, help="Which page to leave out, of fewer than 6.")] = 1,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes (default: one a core).")] = None,
    relative: Annotated[bool, typer.Option("--relative", help="Relative paths in the lists.")] = False,
    preview: Annotated[bool, typer.Option("--html", help="Also write preview.html (default: no).")] = False,
    as_json: AsJson = False,
) -> None:
    """Cut transcribed pages into line images and line lists."""
    from loghi_runner.config.schema import SplitConfig
    from loghi_runner.ground_truth.prepare import PrepareOptions, prepare, prepared_json, summary_rows
    from loghi_runner.pages.texts import TextOptions

    tags = () if keep_tagged else tuple(skip_tags or (SkipTag.UNCLEAR,))
    options = PrepareOptions(
        text=TextOptions(text_equiv, tags, style_marks, normalization, skip_machine_read),
        split=SplitConfig(validation=validation, test=test, seed=seed, by=by, fold=fold),
        cut=cut,
        channels=channels,
        workers=workers,
        relative=relative,
        preview=preview,
    )
    told = make_console(stderr=True)
    bars = Bars(told)
    try:
        prepared = prepare(folder, out, options, bars.show)
    finally:
        bars.close()
    if as_json:
        print_json(prepared_json(prepared))
    else:
        print_findings(told, prepared.findings)
        answer = make_console(stderr=False)
        print_rows(answer, summary_rows(prepared, preview=preview), indent=0)
    if prepared.failed or any(finding.code == "data.page_failed" for finding in prepared.findings):
        raise typer.Exit(ExitCode.DATA)
