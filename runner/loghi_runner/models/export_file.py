"""A model packed into one file, with what a reader must know and a page for people."""

from pathlib import Path

from loghi_contract import CONTRACT, __version__
from loghi_contract.cut import Cut
from loghi_contract.model_file import FORMAT, ModelMarker, write_model_file
from loghi_contract.model_folder import ModelFacts, ModelFolderError, inspect_model_folder
from loghi_contract.storage import sync_file
from loghi_runner.config.load import ConfigError, load_config
from loghi_runner.errors import DataError
from loghi_runner.models.export import beside
from loghi_runner.models.which_model import NamedModel
from loghi_runner.run.rundir import RunFolder, RunRecord
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
In kraken 7 with the package loghi-runner[kraken]:

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
    try:
        facts = inspect_model_folder(source.folder)
    except ModelFolderError as error:
        raise DataError(error.code, error.message, where=str(source.folder), hint=error.hint) from error
    record = source.run.read() if source.run is not None else None
    marker = ModelMarker(
        format=FORMAT,
        contract=CONTRACT,
        made_by=f"loghi-runner {__version__}",
        name=record.name if record is not None else facts.name,
        height_px=facts.height_px,
        channels=facts.channels,
        characters=len(facts.tokenizer.characters),
        cut=cut or _cut_of(source.run),
        val_cer=record.best_val_cer if record is not None else None,
    )
    with beside(source, target) as (target, made):
        write_model_file(source.folder, marker, _notes(marker, facts, record, target.name), made)
        with made.open("rb") as file:
            sync_file(file.fileno())
    return target


def _cut_of(run: RunFolder | None) -> Cut:
    """The way the run's own lines were cut; where they came as images, the default of `recognize`."""
    if run is None:
        return Cut.LOGHI
    try:
        data = load_config(run.config_file, run.read().overrides).config.data
    except ConfigError:  # of an older version
        return Cut.LOGHI
    return data.cut if data.pages is not None else Cut.LOGHI


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
