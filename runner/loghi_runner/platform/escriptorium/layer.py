"""The one layer of a document that we write: made under a name nothing else has, found again, never another's."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.errors import PlatformError
from loghi_runner.files import cannot_write, write_atomically
from loghi_runner.platform.base import Layer
from loghi_runner.platform.escriptorium.answers import read_layers
from loghi_runner.platform.escriptorium.server import Server

#: Beside the readings: what was written where.
STATE = "pushed.json"

_MAX_NAME = 512


@dataclass(frozen=True)
class PushState:
    """`wanted` is the name that was asked for; `layer` is 0 until the platform has said which one it made."""

    url: str
    document: int
    wanted: str
    name: str
    layer: int = 0
    is_complete: bool = False


def read_state(folder: Path) -> PushState | None:
    try:
        return from_json(PushState, parse_json(read_plain(folder / STATE)), allow_unknown=True)
    except (OSError, RecordError):
        return None


def write_state(folder: Path, state: PushState) -> None:
    try:
        write_atomically(folder / STATE, json.dumps(to_json(state), ensure_ascii=False) + "\n")
    except OSError as error:
        raise cannot_write(str(folder), error, folder, folder) from error


def our_layer(server: Server, document: int, wanted: str, folder: Path) -> Layer:
    """The layer of an earlier push of the same readings, or a new one.

    An answer that never came leaves open whether the layer was made. Its name is written down before it is asked for,
    and nobody else has it: if it is there afterwards, it is ours.
    """
    state = read_state(folder)
    if state is not None and (state.url, state.document, state.wanted) == (server.origin.base, document, wanted):
        found = _find(server, document, state)
        if found is not None:
            write_state(folder, replace(state, layer=found.id))
            return found
    state = PushState(server.origin.base, document, wanted, _free_name(server, document, wanted))
    write_state(folder, state)
    before = {layer.id for layer in _layers(server, document)}
    try:
        answer = server.send("POST", f"documents/{document}/transcriptions/", {"name": state.name})
    except PlatformError as error:
        found = _find(server, document, state) if error.may_pass else None
        if found is None:
            raise
        made = found
    else:
        made = read_layers([answer])[0][0]
    if made.id in before or made.name != state.name:
        message = f"the platform gave another layer than the new one that was asked for: {made.name!r}"
        raise PlatformError("platform.not_our_layer", message, hint="Nothing was written. Push again.")
    write_state(folder, replace(state, layer=made.id))
    return made


def _find(server: Server, document: int, state: PushState) -> Layer | None:
    layers = _layers(server, document)
    return next((layer for layer in layers if layer.name == state.name and state.layer in (0, layer.id)), None)


def _layers(server: Server, document: int) -> list[Layer]:
    return [layer for layer, _ in read_layers(server.get(f"documents/{document}/transcriptions/"))]


def _free_name(server: Server, document: int, wanted: str) -> str:
    """A name that no document has that we can see, archived layers included.

    An eScriptorium asked for a name that is taken answers with that layer, or fails if two documents have it.
    """
    taken = {layer.name for layer in _layers(server, document)}
    for item in server.every("documents/"):
        if isinstance(item, dict):
            taken.update(layer.name for layer, _ in read_layers(item.get("transcriptions")))
    wanted = " ".join(wanted.split())[: _MAX_NAME - 10]
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted} ({number})"
    return name
