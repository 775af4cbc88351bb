"""The model that a person means, by its folder or by the run that made it: is it whole, how were its lines cut?

Other lines that it is to read are cut out of their pages, and their texts taken, in the same way.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loghi_contract.cut import Cut
from loghi_contract.language_model import LM_PARTS
from loghi_contract.model_file import read_folder_marker
from loghi_contract.model_folder import (
    CONFIG_FILE,
    MODEL_FILE,
    ModelFacts,
    ModelFolderError,
    inspect_model_folder,
    require_config,
)
from loghi_contract.networks import LIBRARY, vgsl_fault
from loghi_contract.places import BEST_VAL
from loghi_contract.saved_epoch import read_saved_epoch
from loghi_contract.text import Normalization
from loghi_contract.tokenizer import CHARLIST_FILE, TOKENIZER_FILE
from loghi_runner.config.choices import DEFAULT_OUTPUT, SkipTag, TextEquivChoice
from loghi_runner.config.file import ConfigError
from loghi_runner.config.load import load_config
from loghi_runner.config.schema import DataConfig, VgslModel
from loghi_runner.engines.mounts import host_image
from loghi_runner.errors import UsageError
from loghi_runner.files import is_file, is_folder, real_path
from loghi_runner.findings import Finding, Severity
from loghi_runner.ground_truth.line_store import cut_in
from loghi_runner.pages.texts import TextOptions
from loghi_runner.runs.find import LAST, find_run
from loghi_runner.runs.folder import RECORD_FILE, RunFolder, RunRecord

#: Folders that are called so in every run, here and in Loghi.
_SAME_EVERYWHERE = ("best_val", "last")
#: As a run reads pages by default.
_TEXT = TextOptions(TextEquivChoice.LOWEST, (SkipTag.UNCLEAR,), False, Normalization.NONE)
#: A network from scratch has no file to measure; Loghi's largest library network takes this much.
_NEW_NETWORK_BYTES = 125_000_000
_EXAMPLE = "None,None,64,1 Cr3,3,16 Mp2,2,2,2 Bn Rc3 Bl64 D50 Fs92"


@dataclass(frozen=True)
class BaseModelCheck:
    """`folder` is the real folder to mount, `bytes` the size of the model; both None and 0 when unusable."""

    facts: ModelFacts | None
    folder: Path | None
    bytes: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class NamedModel:
    """A model folder, and what to call it; `run` is the one that made it, where the folder lies in its place there."""

    name: str
    folder: Path
    run: RunFolder | None = None

    @property
    def path(self) -> Path:
        """Where it belongs: the run's folder, or the model's."""
        return self.folder if self.run is None else self.run.path

    @property
    def record(self) -> RunRecord | None:
        """What the run says of itself, where there is one."""
        return None if self.run is None else self.run.read()


def find_model(given: str, output: Path = DEFAULT_OUTPUT) -> NamedModel:
    """The model folder of a path, or of a run by its path, its id, the beginning of its id, or `last`.

    Args:
        output: the folder of runs in which ids are looked up.

    Raises:
        UsageError: there is neither.
    """
    path = Path(given)
    if given and is_folder(path) and not is_file(path / RECORD_FILE):
        return NamedModel(_name(path.absolute()), path, run_of(path))
    try:
        run = find_run(given, output)
    except UsageError as error:
        if given in ("", LAST):
            raise  # it can only be meant as a run
        why = f"{error.message[:1].upper()}{error.message[1:]}."
        raise UsageError(
            "model.unknown",
            f"{given} is neither a model folder nor a run",
            hint=f"Name a folder with model.keras, such as a run's out/{BEST_VAL}, or a run. {why}",
        ) from error
    record = run.read()
    if not is_folder(run.best_val):
        message = f"the run {record.run_id} has no model yet" if not record.state.is_over else "the run left no model"
        hint = "Name another run (`loghi-runner runs` lists them), or a model folder."
        raise UsageError("model.none_of_run", message, where=str(run.path), hint=hint)
    return NamedModel(record.name, run.best_val, run)


def run_of(folder: Path) -> RunFolder | None:
    """The run whose best_val this model folder is; None for a model from elsewhere."""
    place = real_path(folder)
    run = RunFolder(place.parents[len(BEST_VAL.parts)]) if len(place.parents) > len(BEST_VAL.parts) else None
    return run if run is not None and run.best_val == place and is_file(run.record_file) else None


def own_cut(model: NamedModel) -> Cut | None:
    """How the lines that the model learnt from were cut; None where they came as images, or nobody knows."""
    saved = read_saved_epoch(model.folder / MODEL_FILE)
    if model.run is None and (marker := read_folder_marker(model.folder)) is not None:
        return marker.cut
    if saved is not None and saved.cut is not None:
        return saved.cut
    if model.run is None:
        return None
    data = _data_of(model.run)
    # of `auto` no other is written into the model
    return data.cut.cut or Cut.LOGHI if data is not None else _cut_of_images(model.run)


def learnt_straightened(folder: Path) -> bool:
    """Whether the line images that a model learnt from were made level, as its file says; so are those it reads."""
    saved = read_saved_epoch(folder / MODEL_FILE)
    return saved is not None and saved.straighten


def usual_cut(model: NamedModel) -> Cut:
    """How lines of pages are cut for the model: as its own, where that is known.

    Images that had to be made level were boxes, most often.
    """
    return own_cut(model) or (Cut.POLYGON if learnt_straightened(model.folder) else Cut.LOGHI)


def choose_cut(model: NamedModel, asked: Cut | None, note: Callable[[str], None]) -> Cut:
    """How lines are cut for the model: as asked, else as its own were, else as Loghi does.

    Args:
        note: told what is not the plain default, and what may be a mistake.
    """
    own = own_cut(model)
    if asked is None:
        if own is None and learnt_straightened(model.folder):
            note(f"{model.name} learnt from line images that were made level: lines are cut as polygon, and levelled")
        elif own is None and model.run is not None:
            note(f"nobody knows how the lines that {model.name} learnt from were cut: cut as loghi; see --cut")
        elif own not in (None, Cut.LOGHI):
            note(f"lines are cut as those that {model.name} learnt from: {own.value}")
        return usual_cut(model)
    if own is not None and own is not asked:
        note(f"{model.name} learnt from lines cut as {own.value}; cut as {asked.value} it may read worse than it can")
    return asked


def truth_options(models: Iterable[NamedModel]) -> TextOptions:
    """How transcriptions are taken from pages: as the models' runs did where these agree, else as by default."""
    found = {
        TextOptions(data.text_equiv, data.skip_tags, False, Normalization.NONE)
        for model in models
        if model.run is not None and (data := _data_of(model.run)) is not None
    }
    return found.pop() if len(found) == 1 else _TEXT


def check_base_model(base_model: Path | VgslModel) -> BaseModelCheck:
    """What the base model is and whether it can be used; nothing in it is run or changed."""
    if isinstance(base_model, VgslModel):
        fault = vgsl_fault(base_model.vgsl.strip() or "nothing")
        if fault is not None:
            hint = f"Use one of {', '.join(LIBRARY)}, or a specification such as {_EXAMPLE!r}."
            return _unusable("model.vgsl", f"the network specification cannot be read: {fault}", hint)
        message = f"no base model: a new network is trained from scratch, {base_model.vgsl}"
        finding = Finding(Severity.INFO, "model.from_scratch", message, "base_model")
        return BaseModelCheck(None, None, _NEW_NETWORK_BYTES, (finding,))
    try:
        facts = inspect_model_folder(base_model)
        size = facts.model_file.stat().st_size
    except ModelFolderError as error:
        return _unusable(error.code, error.message, error.hint)
    except OSError as error:
        message = f"the base model cannot be read: {error.strerror}: {error.filename}"
        return _unusable("model.unreadable", message, "Ask its owner for permission, or correct the path.")
    folder = base_model.resolve()
    parts = (folder / name for name in (facts.model_file.name, TOKENIZER_FILE, CHARLIST_FILE, CONFIG_FILE, *LM_PARTS))
    astray = next((part for part in parts if not part.resolve().is_relative_to(folder)), None)
    if astray:
        message = f"{astray.name} in {base_model} is a symbolic link to {astray.resolve()}, outside the folder"
        hint = f"The trainer sees the folder only: copy it with `cp -rL {base_model} NEW_FOLDER` and name that."
        return _unusable("model.symlink", message, hint)
    findings = []
    if facts.is_keras2:
        message = (
            f"the base model is a Keras 2 model ({facts.keras_version}): it is rebuilt for Keras 3 in memory, "
            f"{facts.model_file} stays as it is"
        )
        findings.append(Finding(Severity.INFO, "model.keras2", message, "base_model"))
    try:
        require_config(base_model)
    except ModelFolderError as error:
        # the run needs nothing of it, and the new model gets its own
        findings.append(Finding(Severity.WARNING, error.code, error.message, "base_model", error.hint))
    return BaseModelCheck(facts, folder, size, tuple(findings))


def _name(folder: Path) -> str:
    run = folder.parents[2] if len(folder.parents) > 2 else folder
    if folder.name in _SAME_EVERYWHERE and is_file(run / RECORD_FILE):
        return RunFolder(run).read().name
    return folder.parent.name if folder.name in _SAME_EVERYWHERE else folder.name


def _cut_of_images(run: RunFolder) -> Cut | None:
    """How `prepare` cut the training images of a run on line lists; None where others did, or where they are gone."""
    try:
        data_folders = run.read().data_folders
    except UsageError:
        return None
    images = (PurePosixPath(line.image) for line in run.read_list("train") or ())
    folders = {place.parent for image in images if (place := host_image(image, data_folders)) is not None}
    cuts = {cut_in(folder) for folder in folders}
    return cuts.pop() if len(cuts) == 1 else None


def _data_of(run: RunFolder) -> DataConfig | None:
    """What the run's config says of its pages; None for a run on line lists, or of a version with another config."""
    try:
        data = load_config(run.config_file, run.read().overrides).config.data
    except (ConfigError, UsageError):
        return None
    return data if data.pages is not None else None


def _unusable(code: str, message: str, hint: str) -> BaseModelCheck:
    return BaseModelCheck(None, None, 0, (Finding(Severity.ERROR, code, message, "base_model", hint),))
