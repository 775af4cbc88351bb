"""Readings into a layer of their own, page by page; what is there is looked at before anything is written.

The layer is made under a name that nothing else has, found again, and never another's. Nothing is written twice, and
nothing that anybody else wrote is changed: the platform itself checks neither.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json
from loghi_runner.aliases import OnProgress
from loghi_runner.errors import PlatformError, UsageError
from loghi_runner.files import cannot_write, write_atomically
from loghi_runner.pages.read import read_page
from loghi_runner.pages.write import Reading
from loghi_runner.pages.xml import PageError
from loghi_runner.platform.base import Layer, Pushed
from loghi_runner.platform.escriptorium.answers import LineText, read_document, read_layers, read_line_text, read_part
from loghi_runner.platform.escriptorium.server import Server
from loghi_runner.platform.pulled import PulledPage, read_pulled

#: The longest text of a line. Source: core.models.LineTranscription of eScriptorium.
MAX_TEXT = 2048

#: Beside the readings: what was written where.
_STATE = "pushed.json"
_MAX_NAME = 512
_DOING = "writing pages back"
#: So often a page is looked at and written: the answer to a first attempt may have been lost on the way.
_ATTEMPTS = 2


@dataclass(frozen=True)
class _PushState:
    """`wanted` is the name that was asked for; `layer` is 0 until the platform has said which one it made."""

    url: str
    document: int
    wanted: str
    name: str
    layer: int = 0


class Pusher:
    """One push of the readings in a folder."""

    def __init__(self, server: Server, pulled: Path, recognized: Path) -> None:
        self._server, self._recognized = server, recognized
        self._record = read_pulled(pulled)
        if self._record.url != server.origin.base:
            message = f"the pages in {pulled} come from {self._record.url}, not from {server.origin.base}"
            raise UsageError("platform.other_platform", message, where="platform.url", hint="Push them back to there.")
        self._document = f"documents/{self._record.document}/"
        self._left_out: list[str] = []
        self._confidences: list[float] = []

    def push(self, layer_name: str, comment: str, on_progress: OnProgress) -> Pushed:
        """Write all pages that were recognized.

        Raises:
            PlatformError: the platform failed; another push goes on where this one was.
        """
        folder = self._recognized
        pages = {name: page for name, page in self._record.pages.items() if (folder / f"{name}.xml").is_file()}
        if not pages:
            message = f"there are no readings of the pulled pages in {folder}"
            raise UsageError("platform.nothing_to_push", message, where=str(folder))
        # with the same credential, now: may this account still read the document?
        read_document(self._server.get(self._document))
        layer = self._our_layer(layer_name)
        lines = 0
        on_progress(_DOING, 0, len(pages))
        for number, (name, page) in enumerate(pages.items(), start=1):
            lines += self._push_page(layer, page, self._readings(folder / f"{name}.xml", page))
            on_progress(_DOING, number, len(pages))
        about: dict[str, object] = {"comments": comment}
        if self._confidences:
            about["avg_confidence"] = round(sum(self._confidences) / len(self._confidences), 4)
        self._server.send("PATCH", f"{self._document}transcriptions/{layer.id}/", about)
        url = f"{self._server.origin.base}document/{self._record.document}/images/"
        return Pushed(layer, url, len(pages), lines, tuple(self._left_out))

    def _readings(self, xml: Path, page: PulledPage) -> dict[int, Reading]:
        """What the model read, by the platform's number of the line."""
        readings: dict[int, Reading] = {}
        try:
            lines = read_page(xml).lines
        except PageError as error:
            self._left_out.append(f"page {page.title}: its readings cannot be read: {error.message}")
            return readings
        for line in lines:
            text = line.texts[0] if line.texts else None
            if line.id not in page.lines or text is None or text.confidence is None:
                continue  # the model has not read it: without a confidence it is the text that was there before
            if not text.text.strip():
                self._left_out.append(f"page {page.title}, line {line.id}: the model read nothing")
            elif len(text.text) > MAX_TEXT:
                reason = f"{len(text.text)} characters, the platform takes {MAX_TEXT}"
                self._left_out.append(f"page {page.title}, line {line.id}: {reason}")
            else:
                readings[page.lines[line.id]] = Reading(text.text.strip(), text.confidence)
        return readings

    def _push_page(self, layer: Layer, page: PulledPage, readings: Mapping[int, Reading]) -> int:
        """Write a page's lines; returns how many are there afterwards as they were read."""
        if not readings:
            return 0
        base = f"{self._document}parts/{page.id}/"
        try:
            there = {line.id for line in read_part(self._server.get(base)).lines}
        except PlatformError as error:
            if error.code != "platform.not_found":
                raise
            self._left_out.append(f"page {page.title} is no longer in the document")
            return 0
        gone = sum(line not in there for line in readings)
        if gone:
            self._left_out.append(f"page {page.title}: {gone} lines are no longer there; the page was segmented anew")
        wanted = {line: reading for line, reading in readings.items() if line in there}
        self._confidences += [reading.confidence for reading in wanted.values()]
        for attempt in range(1, _ATTEMPTS + 1):
            answers = self._server.every(f"{base}transcriptions/?transcription={layer.id}")
            texts = {text.line: text for text in map(read_line_text, answers)}
            try:
                return self._write(base, layer, page, wanted, texts)
            except PlatformError as error:
                # it may have arrived all the same: looked at again before anything else is written
                if not error.may_pass or attempt == _ATTEMPTS:
                    raise
        raise AssertionError  # never reached: the last attempt returns or raises

    def _write(
        self, base: str, layer: Layer, page: PulledPage, wanted: Mapping[int, Reading], texts: Mapping[int, LineText]
    ) -> int:
        new: list[dict[str, object]] = []
        changed: list[dict[str, object]] = []
        edited = 0
        for line, reading in wanted.items():
            text = texts.get(line)
            read = {"content": reading.text, "avg_confidence": round(reading.confidence, 4)}
            if text is None:
                new.append({"line": line, "transcription": layer.id, **read})
            elif text.content != reading.text:
                if text.was_edited:
                    edited += 1
                else:
                    changed.append({"pk": text.id, **read})
        if new:
            self._server.send("POST", f"{base}transcriptions/bulk_create/", {"lines": new})
        if changed:
            self._server.send("PUT", f"{base}transcriptions/bulk_update/", {"lines": changed})
        if edited:
            self._left_out.append(f"page {page.title}: {edited} lines were corrected by somebody and stay so")
        return len(wanted) - edited

    def _our_layer(self, wanted: str) -> Layer:
        """The layer of an earlier push of the same readings, or a new one.

        An answer that never came leaves open whether the layer was made. Its name is written down before it is asked
        for, and nobody else has it: if it is there afterwards, it is ours.
        """
        folder, of_wanted = self._recognized, (self._server.origin.base, self._record.document, wanted)
        state = _read_state(folder)
        if state is not None and (state.url, state.document, state.wanted) == of_wanted:
            found = self._find(state)
            if found is not None:
                _write_state(folder, replace(state, layer=found.id))
                return found
        state = _PushState(*of_wanted, self._free_name(wanted))
        _write_state(folder, state)
        before = {layer.id for layer in self._layers()}
        try:
            answer = self._server.send("POST", f"{self._document}transcriptions/", {"name": state.name})
        except PlatformError as error:
            found = self._find(state) if error.may_pass else None
            if found is None:
                raise
            made = found
        else:
            made = read_layers([answer])[0][0]
        if made.id in before or made.name != state.name:
            message = f"the platform gave another layer than the new one that was asked for: {made.name!r}"
            raise PlatformError("platform.not_our_layer", message, hint="Nothing was written. Push again.")
        _write_state(folder, replace(state, layer=made.id))
        return made

    def _find(self, state: _PushState) -> Layer | None:
        named = (layer for layer in self._layers() if layer.name == state.name)
        return next((layer for layer in named if state.layer in (0, layer.id)), None)

    def _layers(self) -> list[Layer]:
        return [layer for layer, _ in read_layers(self._server.get(f"{self._document}transcriptions/"))]

    def _free_name(self, wanted: str) -> str:
        """A name that no document has that we can see, archived layers included.

        An eScriptorium asked for a name that is taken answers with that layer, or fails if two documents have it.
        """
        taken = {layer.name for layer in self._layers()}
        for item in self._server.every("documents/"):
            if isinstance(item, dict):
                taken.update(layer.name for layer, _ in read_layers(item.get("transcriptions")))
        wanted = " ".join(wanted.split())[: _MAX_NAME - 10]
        numbered = (f"{wanted} ({number})" for number in count(2))
        return next(name for name in chain([wanted], numbered) if name not in taken)


def _read_state(folder: Path) -> _PushState | None:
    try:
        return from_json(_PushState, parse_json(read_plain(folder / _STATE)), allow_unknown=True)
    except (OSError, RecordError):
        return None


def _write_state(folder: Path, state: _PushState) -> None:
    try:
        write_atomically(folder / _STATE, json.dumps(to_json(state), ensure_ascii=False) + "\n")
    except OSError as error:
        raise cannot_write(str(folder), error, folder, folder) from error
