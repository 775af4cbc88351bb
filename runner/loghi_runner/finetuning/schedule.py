"""How long a training is, and how many lines a step has, where the config leaves it to the number of lines."""

from typing import Final

from loghi_contract.job import SelfTraining, TrainingSpec
from loghi_runner.config.choices import CutChoice, UnreadUse
from loghi_runner.config.schema import RunConfig, TrainingConfig
from loghi_runner.findings import Finding, Severity
from loghi_runner.wording import plural

# `auto`: so many epochs for so many training lines, and fewer the more lines there are. Chosen on the validation lines
# of real pages, see docs/training-time.md.
_EPOCHS, _LINES, _POWER = 30, 500, -0.3
_FEWEST, _MOST = 8, 80
#: `quick` takes this part of `auto`.
_QUICK_PART = 1 / 3
#: Early stopping waits for this part of the epochs: while the learning rate is high, few lines to validate on tell good
#: epochs from bad ones by chance, and the best ones come when it falls.
_PATIENCE_PART = 1 / 2
_LEAST_PATIENCE = 5
#: A number of epochs below this part of `auto` is told.
_SHORT_PART = 1 / 2
#: Fewer validation lines tell epochs apart by chance; so many folds are proposed then.
_FEW_VALIDATION_LINES, _FOLDS = 30, 5
#: From so many training lines on, so many lines a step.
_BATCHES: Final = ((5000, 32), (1000, 16), (100, 8), (0, 4))
#: Epochs that learn unread lines too: so many that they go over no more than twice as many lines as all others, but at
#: least and at most so many. Their learning rate begins at this share. Chosen on real lines, see docs/self-training.md.
_FEWEST_LAST, _MOST_LAST, _LAST_RATE = 2, 8, 0.5


def training_spec(config: TrainingConfig, train_lines: int) -> TrainingSpec:
    """The training section with nothing left open, for so many training lines."""
    epochs = config.epochs if isinstance(config.epochs, int) else _epochs(train_lines, config.epochs == "quick")
    patience = max(_LEAST_PATIENCE, round(_PATIENCE_PART * epochs))
    batch_size = next(size for least, size in _BATCHES if train_lines >= least)
    return TrainingSpec(
        epochs=epochs,
        batch_size=config.batch_size if isinstance(config.batch_size, int) else batch_size,
        learning_rate=config.learning_rate,
        early_stopping=config.early_stopping if isinstance(config.early_stopping, int) else patience,
        seed=config.seed,
        augmentation=config.augmentation,
        precision=config.precision,
        freeze=config.freeze,
    )


def self_training_spec(training: TrainingSpec, train_lines: int, unread_lines: int) -> SelfTraining | None:
    """How unread lines are learnt after that; None where there are none."""
    if not unread_lines:
        return None
    epochs = round(2 * training.epochs * train_lines / (train_lines + unread_lines))
    return SelfTraining(min(max(epochs, _FEWEST_LAST), _MOST_LAST), _LAST_RATE * training.learning_rate)


def check_epochs(config: TrainingConfig, train_lines: int) -> list[Finding]:
    """Whether a number of epochs ends the training far before it has learnt what there is to learn."""
    auto = _epochs(train_lines)
    if not isinstance(config.epochs, int) or config.epochs >= _SHORT_PART * auto:
        return []
    epochs = f"{plural(config.epochs, 'epoch')} {'is' if config.epochs == 1 else 'are'} few"
    message = f"{epochs} for {plural(train_lines, 'training line')}; `auto` takes {auto}"
    hint = "Write `epochs: auto` under training, which takes longer; or go on afterwards: `resume RUN --epochs +10`."
    return [Finding(Severity.INFO, "training.short", message, "training.epochs", hint)]


def check_folds(config: RunConfig, lines: int, validation_lines: int) -> list[Finding]:
    """Whether folds can be had, and whether they are to be had: few validation lines tell epochs apart by chance."""
    folds = config.training.folds
    if isinstance(folds, int):
        if config.data.validation is not None:
            message = "folds take the place of validation lines, and there is a list of these"
            hint = "Take out data.validation, or write `folds: off` under training."
            return [Finding(Severity.ERROR, "data.folds", message, "training.folds", hint)]
        if asked := _that_validation_decides(config):
            message = f"validation lines decide what comes of {asked}, and with folds all of them are learnt"
            hint = f"Take out {asked}, or write `folds: off` under training."
            return [Finding(Severity.ERROR, "data.folds", message, "training.folds", hint)]
        if lines < 2 * folds:
            message = f"{plural(lines, 'line')} are too few for {folds} folds"
            return [Finding(Severity.ERROR, "data.folds", message, "training.folds", "Take two lines a fold at least.")]
        return []
    if config.data.validation is not None or not 0 < validation_lines < _FEW_VALIDATION_LINES:
        return []
    message = f"{plural(validation_lines, 'validation line')} choose the best epoch, which is a matter of chance"
    every = f"`training.folds: {_FOLDS}` scores on all {lines + validation_lines} lines, and learns them all"
    hint = f"{every}, in {_FOLDS} times the time; or give data.validation more lines."
    return [Finding(Severity.INFO, "data.few_validation", message, "training.folds", hint)]


def _that_validation_decides(config: RunConfig) -> str:
    asked = {
        "data.cut: auto": config.data.cut is CutChoice.AUTO,
        "data.straighten: auto": config.data.straighten == "auto",
        "training.unread": config.training.unread is not UnreadUse.OFF,
    }
    return " and ".join(key for key, is_asked in asked.items() if is_asked)


def _epochs(train_lines: int, is_quick: bool = False) -> int:
    epochs: float = _EPOCHS * (max(train_lines, 1) / _LINES) ** _POWER
    epochs = min(max(epochs, _FEWEST), _MOST)
    return round(epochs * _QUICK_PART if is_quick else epochs)
