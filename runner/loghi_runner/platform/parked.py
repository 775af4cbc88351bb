"""What a run owes its platform, kept in the run's folder, so that it can be given back at any later time."""

import json
from dataclasses import dataclass, replace

from loghi_contract import __version__
from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.config.choices import PlatformKind
from loghi_runner.config.schema import PlatformConfig
from loghi_runner.errors import UsageError
from loghi_runner.files import write_atomically
from loghi_runner.platform.base import Pushed
from loghi_runner.runs.folder import RunFolder, RunRecord, cannot_write_run

FILE = "platform.json"
#: In the run folder: the pages as the new model reads them.
RECOGNIZED = "recognized"


@dataclass(frozen=True)
class Parked:
    """`pages` are the pulled pages that are to be read; `token_file` names a file, and the token is nowhere else.

    `layer` and `written` are there once the readings are.
    """

    kind: PlatformKind
    url: str
    document: int
    pages: str
    parallel: int
    cut: str
    token_file: str | None
    layer: str | None = None
    written: str | None = None

    def config(self) -> PlatformConfig:
        # absolute already, so no folder of a config matters
        return PlatformConfig.model_validate(
            {
                "kind": self.kind,
                "url": self.url,
                "document": self.document,
                "parallel": self.parallel,
                "token_file": self.token_file,
            }
        )


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
        raise UsageError(
            "platform.not_from_platform",
            "this run was not started for a platform: there is nothing to write back",
            where=str(folder.path),
            hint="`loghi-runner platform finetune CONFIG` starts such a run.",
        ) from error


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
