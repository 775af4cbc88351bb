"""`loghi-runner platform documents|pull|finetune|push`."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from loghi_contract.records import to_json
from loghi_runner.aliases import Row
from loghi_runner.cli import options
from loghi_runner.config.choices import DEFAULT_OUTPUT, LanguageModelUse
from loghi_runner.engines import EngineKind
from loghi_runner.json_answer import print_json
from loghi_runner.platform.base import Document, PageSummary, Pulled, Pushed
from loghi_runner.terminal.console import Bars, make_console, print_error, print_rows, reader_may_leave, say
from loghi_runner.wording import counted, percent, plural, short_path, shown, typed

app = typer.Typer(help="Learn from pages of eScriptorium, and write back.")

#: So many sentences of one kind are shown; the rest is counted.
_SHOWN = 5

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="A config with a section `platform`.", readable=False)]


@app.command("documents")
def documents_command(
    config: Config,
    settings: options.Settings = None,
    document: Annotated[
        int | None, typer.Option("--document", "-d", min=1, help="Show this document's pages (default: all documents).")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List your documents, or one document's pages."""
    from loghi_runner.config.load import load_config
    from loghi_runner.platform.of_run import connect, platform_of

    platform = connect(platform_of(load_config(config, settings or [])), make_console(stderr=True).print)
    answer = make_console(stderr=False)
    if document is None:
        documents = list(platform.documents())
        if as_json:
            print_json({"kind": "documents", "documents": [to_json(item) for item in documents]})
        else:
            for line in _document_rows(documents):
                answer.print(line)
        return
    found, pages = platform.document(document), platform.pages(document)
    if as_json:
        print_json({"kind": "document", **to_json(found), "page_list": [to_json(page) for page in pages]})
    else:
        for line in _page_rows(found, pages):
            answer.print(line)


@app.command("pull")
def pull_command(
    config: Config,
    settings: options.Settings = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where to (default: where the run looks).")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring the pages to learn from to this machine."""
    from loghi_runner.config.load import load_config
    from loghi_runner.platform.of_run import connect, platform_of, pull_for_config

    told = make_console(stderr=True)
    loaded = load_config(config, settings or [])
    platform = connect(platform_of(loaded), told.print)
    with closing(Bars(told)) as bars:
        pulled = pull_for_config(loaded, platform, bars.show, output)
    if as_json:
        print_json({"kind": "pulled", **to_json(pulled), "folder": str(pulled.folder)})
    else:
        print_rows(make_console(stderr=False), [*_pulled_rows(pulled), ("next", f"loghi-runner finetune {config}")], 0)


@app.command("finetune")
def finetune_command(config: Config, settings: options.Settings = None, as_json: options.AsJson = False) -> None:
    """Pull, fine-tune, read, and write back."""
    from loghi_runner.orders.for_platform import finetune_for_platform
    from loghi_runner.terminal.show import print_answer, record_json
    from loghi_runner.terminal.views import JsonView, PersonView

    view = JsonView() if as_json else PersonView()
    told = make_console(stderr=True)
    done = finetune_for_platform(
        config, settings or [], view, lambda pulled: None if as_json else print_rows(told, _pulled_rows(pulled), 0)
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
            print_answer(done.folder, done.record)
            answer = make_console(stderr=False)
            if done.pushed is not None:
                print_rows(answer, _pushed_rows(done.pushed))
            if done.parked is not None:
                print_error(told, done.parked)
                say(told, "the run itself is finished; its readings wait in its folder")
                again = f"loghi-runner platform push {typed(done.folder.path)}"
                print_rows(answer, [("later", again)])
    raise typer.Exit(done.record.exit_code or (int(done.parked.exit_code) if done.parked else 0))


@app.command("push")
def push_command(
    run: options.RunName,
    output: options.Output = DEFAULT_OUTPUT,
    engine: options.Engine = EngineKind.AUTO,
    gpus: options.Gpus = "auto",
    image: options.Image = None,
    memory: options.Memory = None,
    keys: options.EngineKeys = None,
    lm: options.Lm = LanguageModelUse.AUTO,
    as_json: options.AsJson = False,
) -> None:
    """Write a run's readings to its platform, later."""
    from loghi_runner.orders.for_platform import push_run
    from loghi_runner.runs.find import find_run
    from loghi_runner.terminal.views import PersonView

    view = PersonView()
    try:
        wished = options.reader_options(engine, gpus, image, memory, keys, batch_size=16, lm=lm)
        pushed = push_run(find_run(run, output), wished, view)
    finally:
        view.end()
    if as_json:
        print_json({"kind": "pushed", **to_json(pushed)})
    else:
        print_rows(make_console(stderr=False), _pushed_rows(pushed), 0)


def _document_rows(documents: Sequence[Document]) -> Iterable[str]:
    if not documents:
        yield "no documents: none is yours, or shared with this account"
        return
    width = max(len(str(document.id)) for document in documents)
    for document in documents:
        layers = ", ".join(layer.name for layer in document.layers)
        yield shown(f"{document.id:>{width}}  {document.name}: {plural(document.pages, 'page')}; {layers}")


def _page_rows(document: Document, pages: Sequence[PageSummary]) -> Iterable[str]:
    yield shown(f"{document.name}: {document.script}, {document.direction}")
    yield shown("layers: " + ", ".join(f"{layer.name} ({layer.id})" for layer in document.layers))
    width = max((len(str(page.id)) for page in pages), default=0)
    for page in pages:
        yield shown(f"{page.id:>{width}}  {page.name}, {percent(page.transcribed)} transcribed")


def _pulled_rows(pulled: Pulled) -> list[Row]:
    skipped = f" ({counted(pulled.skipped)})" if any(pulled.skipped.values()) else ""
    return [
        ("pulled", f"{plural(pulled.pages, 'page')}, {plural(pulled.lines, 'line')}{skipped}"),
        ("to", short_path(pulled.folder)),
        *_some("left out", pulled.problems),
    ]


def _pushed_rows(pushed: Pushed) -> list[Row]:
    return [
        ("layer", pushed.layer.name),
        ("written", f"{plural(pushed.lines, 'line')} on {plural(pushed.pages, 'page')}"),
        ("see", pushed.url),
        *_some("left out", pushed.left_out),
    ]


def _some(label: str, sentences: Sequence[str]) -> list[Row]:
    rows = [(label if not number else "", sentence) for number, sentence in enumerate(sentences[:_SHOWN])]
    if len(sentences) > _SHOWN:
        rows.append(("", f"and {len(sentences) - _SHOWN} more"))
    return rows
