"""The stand-in trainer that was to try ways to come by line images: it is started in its place."""

import sys
import zipfile

from fake_trainer import SCENARIOS, FakeTrainer, gives_a_model, main  # it lies beside this script

from loghi_contract import events
from loghi_contract.places import BEST_VAL
from loghi_contract.saved_epoch import METADATA_MEMBER, SavedEpoch, with_saved_epoch
from loghi_contract.trials import TRIALS_FILE, TrialsRecord, TriedWay, format_trials


def chooses_the_last(trainer: FakeTrainer) -> int:
    """The last way is the best; the model is the base model, and says how its lines came about."""
    trials = trainer.job.trials
    assert trials is not None
    trainer.emit(events.Phase("trying"))
    for number, way in enumerate(trials.ways):
        trainer.emit(events.Trial(way.name, trials.epochs, trials.epochs, 3, 3, 0.3 - 0.05 * number))
    chosen = trials.ways[-1]
    tried = [TriedWay(way.name, 6, 0.3 - 0.05 * number) for number, way in enumerate(trials.ways)]
    trainer.emit(events.Chosen(trials.key, chosen.name, trials.epochs, tuple(tried)))
    (trainer.places.out / TRIALS_FILE).write_text(format_trials(TrialsRecord(chosen=chosen.name)))
    code = gives_a_model(trainer)
    model = trainer.places.out / BEST_VAL / "model.keras"
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    saved = SavedEpoch(2, 0.098, chosen.cut, chosen.straighten)
    members[METADATA_MEMBER] = with_saved_epoch(members.get(METADATA_MEMBER, b"{}"), saved).encode()
    with zipfile.ZipFile(model, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return code


SCENARIOS["chooses_the_last"] = chooses_the_last

if __name__ == "__main__":
    sys.exit(main())
