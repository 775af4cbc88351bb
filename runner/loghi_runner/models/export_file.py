"""A model packed into one file, with what a reader must know and a page for people."""

from pathlib import Path

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_contract.model_file import ModelMarker, write_model_file
from loghi_contract.model_folder import ModelFacts
from loghi_contract.storage import sync_file
from loghi_runner.models.export import beside
from loghi_runner.models.marker import marker_of, require_whole
from loghi_runner.models.own_pages import own_cut
from loghi_runner.models.which_model import NamedModel
from loghi_runner.runs.folder import RunRecord
from loghi_runner.wording import percent

_CUTS = {
    Cut.LOGHI: "along its baseline, as Loghi does; all baselines of the page are needed for that",
    Cut.POLYGON: "by its outline, with paper painted over what is outside",
}

_NOTES = """\
# {name}

A Loghi handwriting model in one file, written by loghi-runner {version}. It reads lines of text in pages whose lines
are marked already.

- line images: {height_px} pixels high, {channels}
- characters it can write: {characters}
- a line is cut out of its page {cut}
- error on its validation lines: {cer}
{verdict}
In kraken 7 with loghi-runner and its extra `kraken` beside it:

    kraken -i page.jpg page.txt segment -bl ocr -m {file}

For Loghi itself, unpack this file (it is a zip) into a folder and name that folder as HTRLOGHIMODEL.

Characters: {letters}
"""


def export_file(source: NamedModel, target: Path, cut: Cut | None) -> Path:
    """Write the model as one file to `target`, which must not exist; all of it is there, or nothing.

    Args:
        cut: how the lines of its pages are to be cut; None for the way of the run.

    Raises:
        DataError: the model is not whole.
        UsageError: the target is taken.
        EngineError: the disk does not take it.
    """
    facts = require_whole(source)
    record = source.run.read() if source.run is not None else None
    marker = marker_of(source, facts, cut or own_cut(source) or Cut.LOGHI)
    with beside(source, target) as (target, made):
        write_model_file(source.folder, marker, _notes(marker, facts, record, target.name), made)
        with made.open("rb") as file:
            sync_file(file.fileno())
    return target


def _notes(marker: ModelMarker, facts: ModelFacts, record: RunRecord | None, file: str) -> str:
    channels = {1: "grey", 3: "colour", 4: "colour and the line's outline"}[marker.channels]
    verdict = f"- {record.verdict}\n" if record is not None and record.verdict else ""
    return _NOTES.format(
        name=marker.name,
        version=__version__,
        height_px=marker.height_px,
        channels=channels,
        characters=marker.characters,
        cut=_CUTS[marker.cut],
        cer="not known" if marker.val_cer is None else f"CER {percent(marker.val_cer)}",
        verdict=verdict,
        file=file,
        letters="".join(facts.tokenizer.characters),
    )
