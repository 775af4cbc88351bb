"""How numbers, times, paths and events read on a screen; pure, so that every sentence can be tested."""

import datetime
import os
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from loghi_contract import events
from loghi_contract.job import Split
from loghi_contract.language_model import OnValidation, TextSource
from loghi_contract.trials import TriedWay

#: The words for a split, as in "492 training lines".
SPLIT_WORDS = {
    Split.TRAIN: "training",
    Split.VAL: "validation",
    Split.TEST: "test",
    Split.BASE_DOMAIN: "base domain",
    Split.OLD_HAND: "old hand",
    Split.UNREAD: "unread",
}
_STATUS_WORDS = {
    events.FinishStatus.COMPLETED: "finished",
    events.FinishStatus.EARLY_STOPPED: "finished early, no further gain",
    events.FinishStatus.CANCELLED: "stopped",
}
_PHASE_WORDS = {
    "trying": "trying ways to come by line images",
    "reading_data": "reading the lines",
    "loading_model": "loading the model",
    "evaluating": "scoring the lines",
    "self_training": "learning unread lines",
    "folds": "training the folds",
}
#: Ways to come by line images that are no cuts.
_WAY_WORDS = {"false": "line images as they are", "true": "line images straightened"}
_LINES_OF_SPLIT = {split.value: f"{word} lines" for split, word in SPLIT_WORDS.items()}
_LINES_OF_SPLIT[Split.BASE_DOMAIN.value] = "lines of the old hand"
_LINES_OF_SPLIT[Split.OLD_HAND.value] = "mixed-in lines of the old hand"
_LINES_OF_SPLIT["text.more"] = "texts of text.more"

#: What a terminal obeys, and what turns the order of all that follows: other marks of direction end with their word.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: Python's stand-ins for bytes of a file's name that are no UTF-8.
_BYTE = re.compile(r"[\udc80-\udcff]")


def shown(text: str) -> str:
    """The text with all that cannot be shown written out: texts may hold any character, and names any byte."""
    return _BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", harmless(text))


def harmless(text: str) -> str:
    """The text with what a terminal or a browser would obey written out; a file's name is still that file's."""
    return _OBEYED.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    # the second form is JSON's own too, where these characters can stand as they are
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def duration(seconds: float) -> str:
    """`0:07`, `12:05`, `3:04:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short_path(path: Path) -> str:
    """Relative to the working folder when it lies inside it: what a person would type."""
    folder = Path(os.path.abspath("."))  # noqa: PTH100  # resolve() would follow links and show another name
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def typed(path: Path) -> str:
    """The path as it is typed in a command."""
    return shlex.quote(short_path(path))


def local_time(utc: str) -> str:
    """A UTC time of run.json as local time; what is no time stays as it is."""
    try:
        return datetime.datetime.fromisoformat(utc).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return utc


def status_word(status: events.FinishStatus | str) -> str:
    return _STATUS_WORDS[events.FinishStatus(status)]


def phase_word(name: str) -> str:
    return _PHASE_WORDS.get(name, name.replace("_", " "))


def split_word(name: str) -> str:
    return _LINES_OF_SPLIT.get(name, name)


def way_words(way: str) -> str:
    """A way to come by line images, by its name in an event."""
    return _WAY_WORDS.get(way, f"cut {way}")


def trial_words(trial: events.Trial) -> str:
    """What is tried, and how far it is in epochs."""
    return f"trying {way_words(trial.way)}, epoch {trial.epoch} of {trial.epochs}"


def chosen_line(chosen: events.Chosen) -> str:
    """Which way was taken, and the numbers of all."""
    first = chosen.tried[0]
    kept = f" ({_why_kept(chosen.tried[1:])})" if chosen.way == first.name else ""
    told = "; ".join(map(_tried_words, chosen.tried))
    return (
        f"{chosen.key}: {way_words(chosen.way)}{kept}. CER after {plural(chosen.epochs, 'epoch')} each, on "
        f"{plural(first.lines, 'validation line')}: {told}"
    )


def _why_kept(others: Sequence[TriedWay]) -> str:
    """Why none of the other ways was taken."""
    if all(way.gain is None for way in others):
        return "too few validation lines to choose by"
    if any(way.low is not None and way.low > 0 for way in others):
        return "what another gains is less than a twentieth of the errors"
    return "no other is better by more than chance"


def _tried_words(way: TriedWay) -> str:
    said = f"{way_words(way.name)} {percent(way.val_cer)}"
    if way.gain is None or way.low is None or way.high is None:
        return said
    low, high, direction = (way.low, way.high, "less") if way.gain >= 0 else (-way.high, -way.low, "more")
    return f"{said} ({100 * low:.1f} to {100 * high:.1f} points {direction})"


def counted(counts: dict[str, int]) -> str:
    """`8 missing_image, 4 empty_text`, the most frequent first."""
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with their columns in line: numbers to the right, the last column to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]) for row in rows
    ]


def loss_text(loss: float | None) -> str:
    return "–" if loss is None else f"{loss:.2f}"


def epoch_line(epoch: events.Epoch, remaining_s: float | None = None) -> str:
    """One epoch as one plain line."""
    if epoch.epoch == 0:
        return f"epoch 0 (before training): CER {percent(epoch.val_cer)}, WER {percent(epoch.val_wer)}"
    best = " (best)" if epoch.is_best else ""
    line = (
        f"epoch {epoch.epoch} of {epoch.epochs}: CER {percent(epoch.val_cer)}{best}, WER {percent(epoch.val_wer)}, "
        f"loss {loss_text(epoch.train_loss)}, {duration(epoch.seconds)}"
    )
    return line if remaining_s is None or remaining_s < 1 else f"{line}, about {duration(remaining_s)} left"


def fold_place(fold: events.Fold) -> str:
    """How far the folds are."""
    return f"fold {fold.fold} of {fold.folds}, epoch {fold.epoch} of {fold.epochs}"


def event_line(payload: events.Payload) -> str:
    """Any event as one plain line."""
    match payload:
        case events.Started(versions=versions, device=device):
            memory = f", {device.memory_mb} MB" if device.memory_mb else ""
            return f"started on {device.name} ({device.kind.upper()}{memory}), Keras {versions.keras}"
        case events.Resumed(epoch=epoch, step=step):
            return f"goes on after epoch {epoch}" + (f" and step {step} of the next" if step else "")
        case events.Phase(name=name):
            return phase_word(name)
        case events.DataSummary(split=split, lines=lines, skipped=skipped):
            left_out = f", skipped: {counted(skipped)}" if skipped else ""
            return f"{split_word(split)}: {lines}{left_out}"
        case events.Charset() as charset:
            return _charset_line(charset)
        case events.Notice(message=message, hint=hint):
            return f"warning: {message}" + (f" ({hint})" if hint else "")
        case events.Step() as step:
            return (
                f"epoch {step.epoch}, step {step.step} of {step.steps}: loss {loss_text(step.loss)}, "
                f"{step.lines_per_second:.1f} lines/s"
            )
        case events.Epoch() as epoch:
            return epoch_line(epoch)
        case events.Trial() as trial:
            done = f"step {trial.step} of {trial.steps}" if trial.val_cer is None else f"CER {percent(trial.val_cer)}"
            return f"{trial_words(trial)}: {done}"
        case events.Chosen() as chosen:
            return chosen_line(chosen)
        case events.Fold() as fold:
            return f"{fold_place(fold)}: CER {percent(fold.val_cer)}, WER {percent(fold.val_wer)}"
        case events.Checkpoint(name=name, epoch=number):
            return f"saved {name} (epoch {number})"
        case events.Evaluation(split=split, model=model, lines=lines, cer=cer, wer=wer, lm_cer=lm_cer):
            who = "base model" if model is events.Model.BASE else model.value
            words = split_word(split)
            with_lm = "" if lm_cer is None else f"; with the language model: CER {percent(lm_cer)}"
            return f"{who} on {lines} {words}: CER {percent(cer)}, WER {percent(wer)}{with_lm}"
        case events.LanguageModel(sources=sources, validation=validation):
            return f"language model {language_model_line(sources, validation)}"
        case events.SelfTraining() as told:
            return f"self-training: {self_training_line(told)}"
        case events.Recognized(status=status, lines=lines, seconds=seconds):
            return f"{status_word(status)}: {plural(lines, 'line')} read in {duration(seconds)}"
        case events.Finished(status=status, best_epoch=best_epoch):
            return f"{status_word(status)}; best_val is epoch {best_epoch}"
        case events.Failed(message=message, code=code):
            return f"failed: {message} [{code}]"


def language_model_line(sources: Sequence[TextSource], validation: OnValidation | None) -> str:
    """What a language model was learnt from, and what it does on the validation lines."""
    learnt = " and ".join(
        f"{each.lines} {each.name}" if each.name == "training lines" else f"{plural(each.lines, 'line')} of {each.name}"
        for each in sources
    )
    if validation is None:
        return (
            f"learnt from {learnt}; whether it helps is not known: its run had too few validation lines, or no end yet"
        )
    return (
        f"learnt from {learnt}; CER on {validation.lines} validation lines: {percent(validation.greedy_cer)} without, "
        f"{percent(validation.cer)} with it ({percent(validation.repeated)} of their n-grams stand in what it learnt)"
    )


def self_training_line(told: events.SelfTraining) -> str:
    """What was read of the unread lines, and what of it is learnt."""
    if told.confidence is None:
        return f"of {plural(told.lines, 'unread line')} the model is sure of none: nothing more is learnt"
    return (
        f"of {plural(told.lines, 'unread line')} the model is sure of {told.taken} ({told.characters} characters, "
        f"{percent(told.confidence)} confidence); they are learnt after epoch {told.after_epoch}"
    )


def self_training_gain(
    told: events.SelfTraining, epochs: Sequence[events.Epoch], with_lm: events.LanguageModel | None
) -> str | None:
    """What that brought on the validation lines; None before one of these epochs was scored.

    Args:
        with_lm: what the language model does in the end; None where nobody knows yet.
    """
    after = [epoch for epoch in epochs if epoch.epoch > told.after_epoch]
    if not after:
        return None
    best = min(after, key=lambda epoch: epoch.val_cer)
    cers = f"CER on the validation lines {percent(told.val_cer)} before, {percent(best.val_cer)}"
    gain = f"{cers} after" if any(epoch.is_best for epoch in after) else f"not kept: {cers} at best after"
    if with_lm is None or with_lm.validation is None:
        return gain
    cers = f"{percent(told.lm_val_cer)} before, {percent(with_lm.validation.cer)} after"
    return f"{gain}; with the language model {cers}"


def _charset_line(charset: events.Charset) -> str:
    changes = [
        f"{word} {' '.join(characters)}"
        for word, characters in (("new:", charset.added), ("gone:", charset.removed))
        if characters
    ]
    return "; ".join([f"the base model knows {charset.known} characters", *changes])


def told_apart(names: Sequence[str]) -> list[str]:
    """The same names, a number behind each that comes again: no two are alike."""
    met: Counter[str] = Counter()
    taken = set(names)
    found = []
    for name in names:
        met[name] += 1
        apart = name
        if met[name] > 1:
            while (apart := f"{name} ({met[name]})") in taken:
                met[name] += 1
        taken.add(apart)
        found.append(apart)
    return found
