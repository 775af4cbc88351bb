"""`loghi-runner finetune`, `check`, `prepare` and `learning-curve`: from pages to a model."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_contract.cut import Cut
from loghi_contract.exit_codes import ExitCode
from loghi_contract.text import Normalization
from loghi_runner.cli.options import AsJson, Config, Moved, NoWait, Output, RunName, Settings
from loghi_runner.config.choices import DEFAULT_OUTPUT, PACES, SkipTag, SplitUnit, TextEquivChoice
from loghi_runner.findings import Severity, errors
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import (
    Bars,
    make_console,
    print_error,
    print_findings,
    print_rows,
    reader_may_leave,
    say,
)

if TYPE_CHECKING:
    from loghi_runner.learning_curve.measure import Unfinished
    from loghi_runner.runs.folder import RunFolder, RunRecord

app = typer.Typer()


@app.command("finetune")
def finetune_command(
    config: Config,
    settings: Settings = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and touch nothing (default: run).")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Learn also from pages without a text (default: as the config says).")
    ] = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Adapt a Loghi model to a new hand."""
    from loghi_runner.finetuning.finetune import finetune, show_plan
    from loghi_runner.terminal.views import JsonView, PersonView

    view = JsonView() if as_json else PersonView(dry_run=dry_run)
    pace = PACES["thorough"] if thorough else ()
    overrides = [*pace, *(settings or []), *(["engine.wait=false"] if no_wait else [])]
    if dry_run:
        show_plan(config, overrides, view)
        return
    folder, record = finetune(config, overrides, view)
    _tell_end(folder, record, as_json=as_json)


@app.command("resume")
def resume_command(
    run: RunName,
    epochs: Annotated[
        str | None, typer.Option("--epochs", metavar="N|+N", help="So many in all, or more (default: as planned).")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Run it elsewhere, e.g. engine.kind=local (default: as it was)."
        ),
    ] = None,
    moved: Moved = None,
    output: Output = DEFAULT_OUTPUT,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Let a run go on that was interrupted, or train longer."""
    from loghi_runner.finetuning.resume import ResumeWish, resume
    from loghi_runner.runs.find import find_run
    from loghi_runner.terminal.views import JsonView, PersonView

    folder = find_run(run, output)
    overrides = [*(settings or []), *(["engine.wait=false"] if no_wait else [])]
    wish = ResumeWish(epochs, tuple(overrides), tuple(moved or ()))
    _tell_end(folder, resume(folder, wish, JsonView() if as_json else PersonView()), as_json=as_json)


@app.command("check")
def check_command(
    config: Config,
    settings: Settings = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings stop, too: exit code 3 (default: no).")] = False,
    measure: Annotated[bool, typer.Option("--probe", help="Train a few steps to estimate time and memory.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page of lines and their texts.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find every problem of a run before it starts.

    It takes no graphics card and leaves everything as it is.
    """
    from loghi_runner.finetuning.finetune import check_run
    from loghi_runner.finetuning.plan_facts import check_json, write_check_preview
    from loghi_runner.finetuning.speeds import estimate_of, probe
    from loghi_runner.terminal.views import JsonView, PersonView, print_check

    view = JsonView() if as_json else PersonView()
    checked = check_run(config, settings or [], view)
    stopping = errors(checked.findings)
    if measure and not stopping:
        probe(checked.plan, checked.engine, checked.setting, view)
    if html is not None:
        write_check_preview(html, checked.plan)
    if as_json:
        print_json(check_json(checked))
    else:
        overrides = [part for setting in settings or [] for part in ("--set", setting)]
        print_check(checked, estimate_of(checked.plan), html, ["loghi-runner", "finetune", str(config), *overrides])
    if stopping:
        raise typer.Exit(min(finding.exit_code for finding in stopping))
    if strict and any(finding.severity is Severity.WARNING for finding in checked.findings):
        raise typer.Exit(ExitCode.DATA)


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
    with closing(Bars(told)) as bars:
        prepared = prepare(folder, out, options, bars.show)
    if as_json:
        print_json(prepared_json(prepared))
    else:
        print_findings(told, prepared.findings)
        answer = make_console(stderr=False)
        print_rows(answer, summary_rows(prepared, preview=preview), indent=0)
    if prepared.failed or any(finding.code == "data.page_failed" for finding in prepared.findings):
        raise typer.Exit(ExitCode.DATA)


@app.command("learning-curve")
def learning_curve_command(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The run's config, as for `finetune`.", readable=False)
    ],
    settings: Settings = None,
    shares: Annotated[
        str, typer.Option("--shares", metavar="N,N,100", help="Percent of the pages, rising to 100.")
    ] = "25,50,100",
    next_folder: Annotated[
        Path | None,
        typer.Option("--next", metavar="PAGES", help="Untranscribed pages to rank (default: none).", readable=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="For the report (default: in the last run's report).", readable=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell from parts of the pages whether more would help.

    Trains on a quarter, half and all of them.
    """
    from loghi_runner.learning_curve.measure import Unfinished, learning_curve
    from loghi_runner.learning_curve.shares import parse_percents
    from loghi_runner.terminal.views import JsonView, PersonView

    percents = parse_percents(shares)
    view = JsonView() if as_json else PersonView()
    answer = learning_curve(config, settings or [], percents, view, to_rank=next_folder, output=output)
    if isinstance(answer, Unfinished):
        _tell_unfinished(answer)
        raise typer.Exit(answer.record.exit_code or 0)
    with reader_may_leave():
        if as_json:
            print_json(answer.json())
            return
        console = make_console(stderr=False)
        for line in answer.table():
            console.print(line)
        for sentence in answer.sentences():
            say(console, sentence)
        print_rows(console, answer.rows())


def _tell_end(folder: "RunFolder", record: "RunRecord", *, as_json: bool) -> None:
    """The answer of a command that has followed a run, which exits as the run did."""
    from loghi_runner.terminal.show import print_answer, record_json

    if not record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    with reader_may_leave():
        if as_json:
            print_json(record_json(folder, record))
        else:
            print_answer(folder, record)
    raise typer.Exit(record.exit_code or 0)


def _tell_unfinished(unfinished: "Unfinished") -> None:
    record, told = unfinished.record, make_console(stderr=True)
    if not record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    if record.error is not None:
        print_error(told, record.error)
    verb = "is" if unfinished.done == 1 else "are"
    say(
        told,
        f"the learning curve is not finished: {unfinished.done} of {unfinished.all} runs {verb} trained and kept. "
        "The same command goes on from there.",
    )
