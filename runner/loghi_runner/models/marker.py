"""What an exported model says of itself: `loghi.json`, in one file or beside the model in a folder."""

from loghi_contract import CONTRACT, __version__
from loghi_contract.cut import Cut
from loghi_contract.model_file import FORMAT, ModelMarker, read_folder_marker
from loghi_contract.model_folder import ModelFacts
from loghi_runner.models.which_model import NamedModel


def marker_of(source: NamedModel, facts: ModelFacts, cut: Cut) -> ModelMarker:
    """The marker; name and error are those of the model's run, or of the marker it has already."""
    record = source.run.read() if source.run is not None else None
    earlier = read_folder_marker(source.folder)
    known = (record.name, record.best_val_cer) if record else (earlier.name, earlier.val_cer) if earlier else None
    name, val_cer = known or (facts.name, None)
    return ModelMarker(
        format=FORMAT,
        contract=CONTRACT,
        made_by=f"loghi-runner {__version__}",
        name=name,
        height_px=facts.height_px,
        channels=facts.channels,
        characters=len(facts.tokenizer.characters),
        cut=cut,
        val_cer=val_cer,
    )
