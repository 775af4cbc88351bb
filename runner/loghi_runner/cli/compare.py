"""`loghi-runner compare`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.model_folder import MODEL_FILE
from loghi_runner.cli.options import AsJson
from loghi_runner.compare_pages import match_pages
from loghi_runner.compare_text import compare_json, comparison_rows, difference_rows, remarks
from loghi_runner.console import make_console, print_json, print_rows
from loghi_runner.errors import DataError, UsageError
from loghi_runner.files import is_file
from loghi_runner.scoring.comparison import compare
from loghi_runner.wording import plural

app = typer.Typer()


@app.command("compare")
def compare_command(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of PAGE XML or ALTO.", readable=False)],
    second: Annotated[Path, typer.Argument(metavar="B", help="The same pages, read otherwise.", readable=False)],
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="DIR", help="The same pages, transcribed (default: none).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two recognitions of the same pages, line by line."""
    for folder in (first, second):
        if is_file(folder / MODEL_FILE):
            raise UsageError(
                "compare.model",
                f"{folder} is a model; what is compared are two folders of recognized pages",
                hint="A run's own verdict compares its model with the base model on the test lines.",
            )
    matched = match_pages(first, second, truth)
    names = (first.name or "A", second.name or "B") if first.name != second.name else ("A", "B")
    transcribed = [line for line in matched.lines if line.reference]
    if truth is not None and not transcribed:
        raise DataError(
            "compare.no_transcription",
            f"no line that both recognitions have is transcribed in {truth}",
            hint="Leave out --truth to see where the two differ.",
        )
    comparison = compare(transcribed, names) if truth is not None else None
    if as_json:
        print_json(compare_json(matched, comparison))
        return
    told = make_console(stderr=True)
    for sentence in remarks(matched):
        told.print(f"warning: {sentence}")
    if comparison is not None and len(transcribed) < len(matched.lines):
        told.print(f"warning: {plural(len(matched.lines) - len(transcribed), 'line')} without a transcription left out")
    answer = make_console(stderr=False)
    print_rows(answer, comparison_rows(comparison) if comparison else difference_rows(matched.lines, names), indent=0)
