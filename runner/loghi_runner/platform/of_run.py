"""What a run has to do with its platform: the pages that its config asks for, and the readings that it owes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract import __version__
from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.aliases import OnProgress
from loghi_runner.config.choices import PlatformKind
from loghi_runner.config.load import LoadedConfig
from loghi_runner.config.schema import PlatformConfig, pulled_folder
from loghi_runner.errors import UsageError
from loghi_runner.files import write_atomically
from loghi_runner.platform.access import parse_origin, read_token
from loghi_runner.platform.base import Platform, PlatformConnection, Pulled, Pushed, Source, open_platform
from loghi_runner.runs.folder import RunFolder, RunRecord, cannot_write_run

#: In the run folder: what the run owes its platform, so that it can be given back at any later time.
FILE = "platform.json"
#: In the run folder: the pages as the new model reads them.
RECOGNIZED = "recognized"


def platform_of(loaded: LoadedConfig) -> PlatformConfig:
    """The config's platform. Raises UsageError: it names none."""
    if loaded.config.platform is None:
        message = f"{loaded.path.name} names no platform"
        hint = "Add a section `platform:` with url, token_file and document; `loghi-runner init` shows one."
        raise UsageError("platform.none", message, where=str(loaded.path), hint=hint)
    return loaded.config.platform


def connect(config: PlatformConfig, note: Callable[[str], None] = lambda _sentence: None) -> Platform:
    """The platform as the token's account sees it; nothing is asked yet.

    Raises:
        UsageError: there is no token, or no address.
    """
    if not parse_origin(config.url).is_private:
        note("the platform's address begins with http://: others on the way can read the token; use https:// if it can")
    return open_platform(PlatformConnection(config.kind, config.url, config.parallel), read_token(config.token_file))


def pull_for_config(
    loaded: LoadedConfig, platform: Platform, on_progress: OnProgress, folder: Path | None = None
) -> Pulled:
    """Bring the pages to learn from to where the config's run looks for them, or into another folder.

    Raises:
        PlatformError: they cannot be had.
        UsageError: the document has no such layer or page.
    """
    config = platform_of(loaded)
    return platform.pull(
        source_of(config, platform), folder or pulled_folder(loaded.config.output, config), on_progress
    )


def source_of(config: PlatformConfig, platform: Platform) -> Source:
    """The pages to learn from, in the layer of the config's name or number.

    Raises:
        UsageError: the document has no such layer.
        PlatformError: the platform does not tell.
    """
    document, wanted = platform.document(config.document), config.layer
    named = [layer for layer in document.layers if layer.name == wanted]
    named += [layer for layer in document.layers if str(layer.id) == wanted]
    if not named:
        names = ", ".join(f"{layer.name} ({layer.id})" for layer in document.layers) or "none"
        message = f"the document {document.name!r} has no layer {wanted}"
        hint = f"Its layers are: {names}."
        raise UsageError("platform.unknown_layer", message, where="platform.layer", hint=hint)
    return Source(config.document, named[0].id, config.pages, only_transcribed=config.pages is None)


@dataclass(frozen=True)
class Parked:
    """`pages` are the pulled pages that are to be read; `token_file` names a file, and the token is nowhere else.

    `cut` is None for the way in which the model's own lines were cut. `layer` and `written` are there once the readings
    are.
    """

    kind: PlatformKind
    url: str
    document: int
    pages: str
    parallel: int
    cut: str | None
    token_file: str | None
    layer: str | None = None
    written: str | None = None

    def config(self) -> PlatformConfig:
        keys = ("kind", "url", "document", "parallel", "token_file")
        # absolute already, so no folder of a config matters
        return PlatformConfig.model_validate({key: getattr(self, key) for key in keys})


def write_parked(folder: RunFolder, parked: Parked) -> None:
    try:
        write_atomically(folder.path / FILE, json.dumps(to_json(parked), indent=1) + "\n")
    except OSError as error:
        raise cannot_write_run(error, folder.path) from error


def read_parked(folder: RunFolder) -> Parked:
    """Raises UsageError for a run that owes no platform anything."""
    try:
        return from_json(Parked, parse_json(read_plain(folder.path / FILE)), allow_unknown=True)
    except (OSError, RecordError) as error:
        message = "this run was not started for a platform: there is nothing to write back"
        hint = "`loghi-runner platform finetune CONFIG` starts such a run."
        raise UsageError("platform.not_from_platform", message, where=str(folder.path), hint=hint) from error


def is_written(folder: RunFolder, parked: Parked, pushed: Pushed) -> None:
    """Remember that all is where it belongs."""
    write_parked(folder, replace(parked, layer=pushed.layer.name, written=pushed.url))


def layer_name(record: RunRecord) -> str:
    """A name for the new layer that nothing else has: the model's, the day, and the run's id."""
    return f"{record.name} {record.created[:10]} {record.run_id}"


def layer_comment(record: RunRecord) -> str:
    """What is shown beside the layer: who read it, and how well."""
    parts = [f"Read by {record.name}, a Loghi model fine-tuned from this document (run {record.run_id})."]
    if record.verdict:
        parts.append(f"{record.verdict[0].upper()}{record.verdict[1:]}.")
    return " ".join((*parts, f"loghi-runner {__version__}."))
