"""Arguments and options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loghi_contract.cut import Cut
from loghi_runner.config.choices import LanguageModelUse
from loghi_runner.engines import EngineKind
from loghi_runner.errors import UsageError

if TYPE_CHECKING:
    from loghi_runner.engines.setting import EngineConfig
    from loghi_runner.recognition.line_reader import ReaderOptions

Config = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The run's config, see `loghi-runner init`.", readable=False)
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config, e.g. training.epochs=3."),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Refuse when no graphics card is free (default: wait).")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Run folder, run id, its beginning, or `last`.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Where run ids are looked up.",
        readable=False,  # whether it may be read is told in our own words
    ),
]
Moved = Annotated[
    list[str] | None,
    typer.Option("--moved", metavar="OLD=NEW", help="Base model or images lie in NEW now (default: in OLD)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs (default: text for people).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first (default: ask).")]
CutAs = Annotated[
    Cut | None, typer.Option("--cut", help="How lines of pages are cut (default: as the model's own, else as Loghi).")
]
ImageRoot = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="Where image paths begin (default: at their list).", readable=False),
]
Engine = Annotated[EngineKind, typer.Option("--engine", help="Where to read.")]
Gpus = Annotated[str, typer.Option("--gpus", help="auto, auto-or-cpu, none, 1, or a card's UUID.")]
Memory = Annotated[
    str | None, typer.Option("--memory", help="Most memory of the container, such as 16GB (default: four fifths).")
]
Image = Annotated[str | None, typer.Option("--image", help="Container image (default: the one of this version).")]
EngineKeys = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another key of a config's section engine, as engine.KEY=VALUE."),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, max=1024, help="Lines at a time.")]

ReportFolder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Where a report and tables go (default: none).", readable=False),
]
Beam = Annotated[int, typer.Option("--beam", min=1, max=100, help="Readings followed at once; 1 is greedy decoding.")]

Lm = Annotated[
    LanguageModelUse,
    typer.Option("--lm", help="The language model beside the model: used where it helped on validation lines, or off."),
]


def reader_options(
    engine: EngineKind,
    gpus: str,
    image: str | None,
    memory: str | None,
    keys: Sequence[str] | None,
    batch_size: int,
    beam: int = 1,
    lm: LanguageModelUse = LanguageModelUse.AUTO,
) -> "ReaderOptions":
    """Options of a command as the reader of lines takes them.

    Raises:
        UsageError: one of them is not what an engine can be asked for.
    """
    from loghi_runner.recognition.line_reader import ReaderOptions

    cards: object = int(gpus) or "none" if gpus.isdigit() else gpus.split(",")
    if gpus in ("auto", "auto-or-cpu", "none"):
        cards = gpus
    values = {"kind": engine.value, "gpus": cards, "image": image, "memory": memory}
    wish = _wish(values | dict(_key_and_value(key) for key in keys or ()))
    return ReaderOptions(wish, batch_size, beam, language_model=lm)


def _key_and_value(setting: str) -> tuple[str, object]:
    from loghi_runner.config.yaml_values import read_yaml_value

    key, equals, raw = setting.partition("=")
    section, _, name = key.strip().partition(".")
    hint = "Write for example --set engine.gpus=none"
    if not equals or section != "engine" or not name:
        raise UsageError("usage.engine", f"--set {setting} is not `engine.key=value`", hint=hint)
    try:
        return name, read_yaml_value(raw)
    except ValueError as error:
        raise UsageError("usage.engine", f"--set {setting} has a value that is not YAML: {error}", hint=hint) from None


def _wish(values: dict[str, object]) -> "EngineConfig":
    from pydantic import ValidationError

    from loghi_runner.config.file import words_for
    from loghi_runner.engines.setting import EngineConfig, foreign_keys

    for key, message, hint in foreign_keys(values):
        raise UsageError("usage.engine", f"--set engine.{key} {message}", hint=hint)
    try:
        return EngineConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        said, advice = words_for(dict(first), (name,), EngineConfig)
        option = f"--{name}" if name in ("gpus", "image", "memory") else f"--set engine.{name}"
        kind = "usage.memory" if name == "memory" else "usage.engine"
        raise UsageError(kind, f"{option} {said}", hint=advice) from None
