"""What a run tells of its lines, letters and base model before it begins."""

from loghi_contract import events
from loghi_contract.job import CharsetPolicy, JobSpec
from loghi_trainer.base_model import BaseModel
from loghi_trainer.data import RunData
from loghi_trainer.lines import Split
from loghi_trainer.reporter import Reporter


def announce(job: JobSpec, base: BaseModel, data: RunData, reporter: Reporter) -> None:
    """Emit the summaries, and a notice of what a person would not expect."""
    if base.is_keras2:
        reporter.emit(
            events.Notice("model.keras2", "the base model was saved by Keras 2; it was rebuilt in memory for Keras 3")
        )
    for split in data.splits:
        reporter.emit(split.summary())
        _announce_unknown(split, data, reporter)
    if data.learnt.is_shortened:
        order = data.learnt.facts.order
        message = f"the texts are many: the language model looks at {order - 1} characters before each, to stay small"
        reporter.emit(events.Notice("lm.shortened", message))
    charset = data.charset
    known = len(base.tokenizer.characters) if base.tokenizer is not None else 0
    policy = "new" if base.tokenizer is None else job.charset.value
    reporter.emit(events.Charset(policy, known, charset.added, charset.removed))
    if job.charset is CharsetPolicy.REPLACE and base.tokenizer is not None:
        reporter.emit(
            events.Notice(
                "charset.replaced",
                "the output layer starts afresh: what the base model knew of letters is lost",
                "`charset: extend` keeps it and adds the new letters.",
            )
        )


def _announce_unknown(split: Split, data: RunData, reporter: Reporter) -> None:
    tokenizer = data.charset.tokenizer
    unknown = sorted(set().union(*(tokenizer.unknown(line.text) for line in split.lines)))
    if unknown:
        reporter.emit(
            events.Notice(
                "charset.not_trained",
                f"the {split.name} lines have characters that no training line has: {' '.join(unknown)}",
                "The new model cannot write them; they count as errors.",
            )
        )
