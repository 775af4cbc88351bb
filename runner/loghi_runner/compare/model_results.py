"""What one or two models read in transcribed lines, scored: as rows, as JSON, and as the files of an output folder.

The files are the report, and tables for Loghi and for spreadsheets.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from loghi_contract import __version__
from loghi_contract.counts import pool
from loghi_contract.cut import Cut
from loghi_contract.lines import format_skipped
from loghi_contract.records import to_json
from loghi_contract.text import Normalization, normalize
from loghi_runner.aliases import Row
from loghi_runner.clock import utc_now
from loghi_runner.compare.truth_lines import Truth
from loghi_runner.evaluation.counts import count
from loghi_runner.evaluation.results import Results
from loghi_runner.evaluation.word_kinds import WordRow, word_rows
from loghi_runner.files import file_sha256, write_atomically
from loghi_runner.line_pages import page_name
from loghi_runner.models.find import NamedModel
from loghi_runner.pages.write import Reading
from loghi_runner.recognition.line_reader import LineReader
from loghi_runner.recognition.output_folder import writing_output
from loghi_runner.recognition.recognized import write_results_files
from loghi_runner.report.write import LOGHI_FILES, comparison_json, write_loghi_csv, write_results
from loghi_runner.runs.language_model_report import learnt_words
from loghi_runner.wording import counted, percent, plural

_LINES_FILE = "lines.tsv"
_SKIPPED_FILE = "skipped_lines.tsv"


@dataclass(frozen=True)
class ModelReadings:
    """What one model read, by image as the truth names it; `cut` is how lines of pages were cut for it."""

    model: NamedModel
    reader: LineReader
    readings: dict[Path, Reading]
    seconds: float
    cut: Cut | None = None


@dataclass(frozen=True)
class ModelResults:
    """Results of models on transcribed lines, normalised alike; `truth` has the same lines, in order."""

    models: tuple[ModelReadings, ...]
    truth: Truth
    results: Results
    normalization: Normalization

    def rows(self) -> list[Row]:
        """What was read by which model, and what was left out."""
        lines = f"{plural(len(self.results.lines), 'line')} of {plural(self.results.pages, 'page')}"
        rows = [("model", f"{each.model.name} ({each.model.folder})") for each in self.models]
        rows.append(("data", f"{lines}: {self.truth.source}"))
        cuts = {each.model.name: each.cut.value for each in self.models if each.cut is not None}
        if cuts:
            told = ", ".join(f"{name}: {cut}" for name, cut in cuts.items())
            rows.append(("lines cut as", told if len(set(cuts.values())) > 1 else next(iter(cuts.values()))))
        for number, each in enumerate(self.models):
            if each.reader.about_it is not None:
                name = "language model" if len(self.models) == 1 else f"LM of {each.model.name}"
                rows.append((name, each.reader.about_it + self._without_lm(number)))
        if self.truth.skipped:
            reasons = Counter(line.reason.value for line in self.truth.skipped)
            rows.append(("left out", f"{plural(len(self.truth.skipped), 'line')}: {counted(reasons)}"))
        return [*rows, *(("words right", _words_right(row)) for row in self.words)]

    @cached_property
    def words(self) -> tuple[WordRow, ...]:
        """How one model reads words of each kind; known of a run's model alone, of which one knows what it learnt."""
        run = self.models[0].model.run
        if len(self.models) > 1 or run is None:
            return ()
        by_image = [self.models[0].readings[line.image].by_image for line in self.truth.lines]
        texts = [
            (*((normalize(by.text, self.normalization),) if by is not None else ()), *line.readings)
            for line, by in zip(self.results.read_lines, by_image, strict=True)
        ]
        return word_rows([line.reference for line in self.results.read_lines], texts, learnt_words(run))

    def read_with(self) -> list[Row]:
        """Of two models, which were read with a language model: a verdict is of what was compared."""
        guided = [each.model.name for each in self.models if each.reader.language_model is not None]
        alone = [each.model.name for each in self.models if each.reader.language_model is None]
        if len(self.models) == 1 or not guided:
            return []
        told = [f"with its language model: {name}" for name in guided]
        told += [f"by the image alone: {name}" for name in alone]
        return [("compared", f"{'; '.join(told)} (`--lm off` compares the models themselves)")]

    def json(self) -> dict[str, Any]:
        """What `evaluate --json` says of one model, and `compare --json` of two."""
        lines = {
            "data": self.truth.source,
            "lines": len(self.results.lines),
            "pages": self.results.pages,
            "skipped": Counter(line.reason.value for line in self.truth.skipped),
            "normalization": self.normalization.value,
        }
        models = [self._model_json(number) for number in range(len(self.models))]
        if self.results.comparison is None:
            return {"kind": "evaluation", **lines, **models[0], "words": to_json(self.words)}
        comparison = comparison_json(self.results)
        return {"kind": "comparison", **lines, "models": models, "comparison": comparison, "loghi": self.results.loghi}

    def write(self, out: Path) -> None:
        """Write all files; with two models, those of one lie in a folder of its name. Raises EngineError."""
        with writing_output(out):
            # the report first: it tells whose folder this is
            self._write_report(out)
            write_atomically(out / _LINES_FILE, self._lines_table())
            if self.truth.skipped:
                write_atomically(out / _SKIPPED_FILE, format_skipped(("", line) for line in self.truth.skipped))
            for each, columns in zip(self.models, self.results.loghi, strict=True):
                place = out if len(self.models) == 1 else out / each.model.name
                place.mkdir(exist_ok=True)
                write_loghi_csv(place / LOGHI_FILES["val"], columns)
                write_results_files(place, [(line.name, each.readings[line.image]) for line in self.truth.lines])

    def _model_json(self, number: int) -> dict[str, Any]:
        """Fractions, with 95 % intervals, by variant."""
        each, scores = self.models[number], self.results.models[number]
        return {
            "model": each.model.name,
            "folder": str(each.reader.folder),
            "cut": each.cut,
            "language_model": each.reader.about_it,
            "cer_by_image": self.cer_by_image(number),
            "seconds": each.seconds,
            "scores": {
                variant.value: {
                    "cer": counts.cer,
                    "wer": counts.wer,
                    "line_accuracy": counts.line_accuracy,
                    "intervals": to_json(scores.intervals[variant]),
                }
                for variant, counts in scores.counts.items()
            },
            "loghi": self.results.loghi[number],
        }

    def cer_by_image(self, number: int) -> float | None:
        """What the model's CER is without its language model; None where that did not help to read."""
        readings = [self.models[number].readings[line.image].by_image for line in self.truth.lines]
        pairs = zip(self.results.read_lines, readings, strict=True)
        counts = [count(line.reference, normalize(by.text, self.normalization)) for line, by in pairs if by is not None]
        return pool(counts).cer if counts else None

    def _without_lm(self, number: int) -> str:
        cer = self.cer_by_image(number)
        return "" if cer is None else f"; without it, CER on these lines: {percent(cer)}"

    def _write_report(self, out: Path) -> None:
        skipped = len(self.truth.skipped)
        notes = [f"{plural(skipped, 'line')} left out: {_SKIPPED_FILE} says why."] if skipped else []
        notes += [
            f"{each.model.name}, language model {each.reader.about_it}{self._without_lm(number)}."
            for number, each in enumerate(self.models)
            if each.reader.about_it is not None
        ]
        made = [row for each in self.models for row in _made(each)]
        made += [("lines", self.truth.source), ("normalisation", self.normalization.value.upper())]
        made += [("made", utc_now()), ("loghi-runner", __version__)]
        names, source = self.results.names, self.truth.source
        title = f"How {names[0]} reads {source}" if len(names) == 1 else f"{names[0]} and {names[1]} on {source}"
        images = {line.id: line.image for line in self.truth.lines}
        write_results(out, title, self.results, images, notes, made, self.words)

    def _lines_table(self) -> str:
        """One row a line: what stands there, and what each model read."""
        header = ["image", "page", "text"]
        for name in self.results.names:
            header += [f"{name}_text", f"{name}_edits", f"{name}_confidence"]
        header += [f"{each.model.name}_by_image_text" for each in self.models if each.reader.language_model]
        rows = [header]
        for place, (truth, line) in enumerate(zip(self.truth.lines, self.results.read_lines, strict=True)):
            row = [truth.name, page_name(truth.page), line.reference]
            for each, reading, counts in zip(self.models, line.readings, self.results.counts(), strict=True):
                edits = counts[place].edits
                row += [reading, str(edits), f"{each.readings[truth.image].confidence:.4f}"]
            by_image = (each.readings[truth.image].by_image for each in self.models)
            rows.append(row + [reading.text for reading in by_image if reading is not None])
        return "".join("\t".join(cell.replace("\t", " ") for cell in row) + "\n" for row in rows)


def _words_right(row: WordRow) -> str:
    of_way = [f"{percent(right / row.words)} right" for right in row.right]
    return f"{plural(row.words, 'word')} {row.kind.value}: {', by the image alone '.join(reversed(of_way))}"


def _made(each: ModelReadings) -> list[Row]:
    reader = each.reader
    device, options = reader.setting.device, reader.options
    beam = "greedy" if options.beam_width == 1 else f"beam of {options.beam_width}"
    speed = f"{len(each.readings) / each.seconds:.1f} lines a second" if each.seconds > 0 else "in no time"
    rows = [
        (each.model.name, str(reader.folder)),
        (f"{each.model.name}, SHA-256", file_sha256(reader.model.model_file)),
        (f"{each.model.name}, read", f"{reader.engine.name}, {device.kind.value.upper()}, {beam}, {speed}"),
    ]
    return [*rows, (f"{each.model.name}, lines cut as", each.cut.value)] if each.cut else rows
