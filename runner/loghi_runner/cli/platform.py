"""`loghi-runner platform documents|pull|finetune|push`."""

from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.records import to_json
from loghi_runner.cli.finetune import Settings
from loghi_runner.cli.options import AsJson, Engine, Gpus, Image, Memory, Output, RunName, reader_options
from loghi_runner.config.choices import DEFAULT_OUTPUT
from loghi_runner.engines import EngineKind
from loghi_runner.json_answer import print_json
from loghi_runner.terminal.bars import Bars
from loghi_runner.terminal.console import make_console, print_error, print_rows, reader_may_leave, say

app = typer.Typer(help="Learn from pages of eScriptorium, and write back.")

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A config with a section `platform`.", readable=False)]


@app.command("documents")
def documents_command(
    config: Config,
    settings: Settings = None,
    document: Annotated[
        int | None, typer.Option("--document", "-d", min=1, help="Show this document's pages (default: all documents).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List your documents, or one document's pages."""
    from loghi_runner.config.load import load_config
    from loghi_runner.platform.from_config import connect, platform_of
    from loghi_runner.platform.rows import document_rows, page_rows

    platform = connect(platform_of(load_config(config, settings or [])), make_console(stderr=True).print)
    answer = make_console(stderr=False)
    if document is None:
        documents = list(platform.documents())
        if as_json:
            print_json({"kind": "documents", "documents": [to_json(item) for item in documents]})
        else:
            for line in document_rows(documents):
                answer.print(line)
        return
    found, pages = platform.document(document), platform.pages(document)
    if as_json:
        print_json({"kind": "document", **to_json(found), "page_list": [to_json(page) for page in pages]})
    else:
        for line in page_rows(found, pages):
            answer.print(line)


@app.command("pull")
def pull_command(
    config: Config,
    settings: Settings = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to (default: where the run looks).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the pages to learn from to this machine."""
    from loghi_runner.config.load import load_config
    from loghi_runner.platform.from_config import connect, platform_of, pull_for_config
    from loghi_runner.platform.rows import pulled_rows

    told = make_console(stderr=True)
    loaded = load_config(config, settings or [])
    platform = connect(platform_of(loaded), told.print)
    bars = Bars(told)
    try:
        pulled = pull_for_config(loaded, platform, bars.show, output)
    finally:
        bars.close()
    if as_json:
        print_json({"kind": "pulled", **to_json(pulled), "folder": str(pulled.folder)})
    else:
        print_rows(make_console(stderr=False), [*pulled_rows(pulled), ("next", f"loghi-runner finetune {config}")], 0)


@app.command("finetune")
def finetune_command(config: Config, settings: Settings = None, as_json: AsJson = False) -> None:
    """Pull, fine-tune, read, and write back."""
    from loghi_runner.orders.for_platform import finetune_for_platform
    from loghi_runner.platform.rows import parked_rows, pulled_rows, pushed_rows
    from loghi_runner.runs.rundir import skipped_counts
    from loghi_runner.terminal.answer import answer_rows, record_json, summary_line
    from loghi_runner.terminal.views import JsonView, PersonView

    view = JsonView() if as_json else PersonView()
    told = make_console(stderr=True)
    done = finetune_for_platform(
        config, settings or [], view, lambda pulled: None if as_json else print_rows(told, pulled_rows(pulled), 0)
    )
    if not done.record.state.is_over:
        return  # the terminal was closed; there is nobody to tell
    with reader_may_leave():
        if as_json:
            print_json(
                record_json(done.folder, done.record)
                | {"pushed": to_json(done.pushed), "parked": done.parked.code if done.parked else None}
            )
        else:
            if done.record.error is not None:
                print_error(told, done.record.error)
            answer = make_console(stderr=False)
            answer.print(summary_line(done.record, sum(skipped_counts(done.folder).values())))
            print_rows(answer, answer_rows(done.folder, done.record))
            if done.pushed is not None:
                print_rows(answer, pushed_rows(done.pushed))
            if done.parked is not None:
                print_error(told, done.parked)
                say(told, "the run itself is finished; its readings wait in its folder")
                print_rows(answer, parked_rows(done.folder.path))
    raise typer.Exit(done.record.exit_code or (int(done.parked.exit_code) if done.parked else 0))


@app.command("push")
def push_command(
    run: RunName,
    output: Output = DEFAULT_OUTPUT,
    engine: Engine = EngineKind.AUTO,
    gpus: Gpus = "auto",
    image: Image = None,
    memory: Memory = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's readings to its platform, later."""
    from loghi_runner.orders.for_platform import push_run
    from loghi_runner.platform.rows import pushed_rows
    from loghi_runner.runs.runs import find_run
    from loghi_runner.terminal.views import PersonView

    view = PersonView()
    try:
        options = reader_options(engine, gpus, image, memory, batch_size=16)
        pushed = push_run(find_run(run, output), options, view)
    finally:
        view.end()
    if as_json:
        print_json({"kind": "pushed", **to_json(pushed)})
    else:
        print_rows(make_console(stderr=False), pushed_rows(pushed), 0)
