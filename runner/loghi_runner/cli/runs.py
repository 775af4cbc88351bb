"""Commands for runs: `loghi-runner runs`, `show`, `logs`, `stop`, `clean`, `report` and `export`."""

import shlex
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.cut import Cut
from loghi_runner.cli.options import AsJson, Output, RunName, Yes
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_rows, say
from loghi_runner.wording import short_path

app = typer.Typer()

RunsDir = Annotated[
    Path, typer.Argument(metavar="[DIR]", help="A folder of runs, the config's `output`.", readable=False)
]


@app.command("runs")
def runs_command(folder: RunsDir = DEFAULT_OUTPUT, as_json: AsJson = False) -> None:
    """List the runs of an output folder."""
    from loghi_runner.runs.find import look_at_all
    from loghi_runner.terminal.show import run_table, runs_json

    looks, broken = look_at_all(folder, with_progress=not as_json)
    if as_json:
        print_json(runs_json(looks, broken))
    elif not looks and not broken:
        make_console(stderr=True).print(f"no runs in {folder}")
    else:
        make_console(stderr=False).print("\n".join(run_table(looks, broken)))


@app.command("show")
def show_command(run: RunName, output: Output = DEFAULT_OUTPUT, as_json: AsJson = False) -> None:
    """Show how a run stands: its epochs, its verdict, its model."""
    from loghi_runner.runs.find import find_run
    from loghi_runner.runs.look import look_at
    from loghi_runner.terminal.show import answer_rows, print_run_error, show_json, show_rows

    look = look_at(find_run(run, output))
    if as_json:
        print_json(show_json(look))
        return
    answer = make_console(stderr=False)
    print_rows(answer, [*show_rows(look), *answer_rows(look.folder, look.record)], indent=0)
    print_run_error(look.folder, look.record)


@app.command("logs")
def logs_command(
    run: RunName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more until the run ends.")] = False,
    console: Annotated[bool, typer.Option("--console", help="What the trainer printed (default: its events).")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Show every step too (default: leave them out).")] = False,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Print what happened in a run, or follow it with -f."""
    from loghi_runner.runs.find import find_run
    from loghi_runner.terminal.show import console_lines, event_lines

    folder = find_run(run, output)
    answer = make_console(stderr=False)
    if console:
        lines = console_lines(folder, follow=follow)
    else:
        lines = event_lines(folder, follow=follow, as_json=as_json, steps=steps or as_json)
    line = None
    for line in lines:
        answer.print(line)
    if line is None:
        make_console(stderr=True).print("nothing was written yet" if not console else "the trainer printed nothing")


@app.command("stop")
def stop_command(
    run: RunName,
    grace_s: Annotated[float, typer.Option("--grace", help="Seconds before it is ended at once.", min=0)] = 120.0,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """End a run after its current step; best_val is kept."""
    from loghi_runner.runs.find import find_run
    from loghi_runner.runs.look import stop_run
    from loghi_runner.terminal.show import answer_rows, record_json

    told = make_console(stderr=True)

    def begun() -> None:
        if not as_json:
            told.print("stopping after the current step ...")

    look = stop_run(find_run(run, output), grace_s=grace_s, begun=begun)
    if as_json:
        print_json(record_json(look.folder, look.record))
        return
    answer = make_console(stderr=False)
    answer.print(look.record.state.word)
    print_rows(answer, answer_rows(look.folder, look.record))


@app.command("clean")
def clean_command(folder: RunsDir = DEFAULT_OUTPUT, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove what ended runs left behind, never a model.

    Containers, links and line images go; models, reports and records stay.
    """
    from loghi_runner.finetuning.clean import find_left_over, remove_left_over

    told = make_console(stderr=True)
    found = find_left_over(folder, told.print)
    lines = found.lines()
    if not as_json:
        for line in lines:
            told.print(line)
    if lines and not yes:
        typer.confirm("Remove these?", abort=True, err=True)
    removed = remove_left_over(found, told.print)
    if as_json:
        print_json({"kind": "cleaned", "removed": removed.runs, "pages": [pages.name for pages in removed.pages]})
    else:
        make_console(stderr=False).print(removed.sentence())


@app.command("report")
def report_command(
    run: RunName,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in a browser (default: name the file).")] = False,
    output: Output = DEFAULT_OUTPUT,
    as_json: AsJson = False,
) -> None:
    """Write a run's report, from what the run left so far."""
    from loghi_runner.runs.find import find_run
    from loghi_runner.runs.look import look_at
    from loghi_runner.runs.run_report import make_run_report

    look = look_at(find_run(run, output))
    made = make_run_report(look.folder, look.record)
    if as_json:
        print_json({"kind": "report_made", "run_dir": str(look.folder.path), "path": str(made)})
    else:
        make_console(stderr=False).print(short_path(made))
    if open_it and not webbrowser.open(made.as_uri()):
        make_console(stderr=True).print("no browser could be opened here: open that file in yours")


@app.command("export")
def export_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id, `last`; or a model folder.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="New or empty folder; or a new file NAME.mlmodel, for kraken.")
    ],
    output: Output = DEFAULT_OUTPUT,
    cut: Annotated[
        Cut | None, typer.Option("--cut", help="How lines of its pages are to be cut (default: as in the run).")
    ] = None,
    author: Annotated[
        list[str] | None, typer.Option("--author", metavar="NAME", help='Who made it: "Name (Institute) ORCID".')
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", "--license", metavar="ID", help="Such as CC-BY-4.0 (default: not said).")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", metavar="CODE", help="Of ISO 639-3, such as nob or deu.")
    ] = None,
    script: Annotated[
        list[str] | None, typer.Option("--script", metavar="CODE", help="Of ISO 15924, such as Latn or Grek.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="URL", help="Where what it learnt from is published.")
    ] = None,
    base_model: Annotated[
        str | None, typer.Option("--base-model", metavar="URL", help="Where its base model is published.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a run's best_val with its card to a folder or file."""
    from loghi_runner.models.export import (
        CARD_FILE,
        export_file,
        export_folder,
        find_exported,
        lm_remarks,
        run_remarks,
        wants_one_file,
    )
    from loghi_runner.models.model_card import told_of_model
    from loghi_runner.runs.look import look_at
    from loghi_runner.terminal.show import loghi_model_line

    told_of = told_of_model(author or (), licence, language or (), script or (), dataset or (), base_model)
    source = find_exported(run, output)
    if wants_one_file(target):
        made, card = export_file(source, target, cut, told_of)
        line = f"kraken -i page.jpg page.txt segment -bl ocr -m {shlex.quote(short_path(made))}"
        key = "kraken_line"
        use = "the second line reads a page with it, where kraken 7 and loghi-runner (extra kraken) are"
    else:
        made = export_folder(source, target, cut, told_of)
        card = made / CARD_FILE
        line = loghi_model_line(made)
        key, use = "loghi_line", "the second line goes into Loghi's inference-pipeline.sh"
    look = look_at(source.run) if source.run is not None else None
    told = run_remarks(look) if look is not None else []
    told += lm_remarks(source, one_file=wants_one_file(target))
    if as_json:
        facts = {"run": look.record.run_id, "state": look.record.state} if look is not None else {}
        exported = {"kind": "exported", "path": str(made), "model_card": str(card), key: line, "remarks": told}
        print_json(exported | facts)
        return
    answer = make_console(stderr=False)
    answer.print(short_path(made))
    answer.print(line)
    explained = make_console(stderr=True)
    for sentence in (*told, use, _card_words(card, told_of.missing)):
        say(explained, sentence)


def _card_words(card: Path, missing: Sequence[str]) -> str:
    unsaid = f"; what {', '.join(missing)} would say stands in it as not known" if missing else ""
    return f"its model card for others, as the HTRMoPo repository wants it, is {short_path(card)}{unsaid}"
