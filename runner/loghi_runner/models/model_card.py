"""The card of an exported model: what it reads, how well, and how it was made; ready for the HTRMoPo repository.

Source: HTRMoPo, model repository on Zenodo, metadata schema v1 (a YAML head over a Markdown text).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from typing import Any  # YAML values have no narrower type

import yaml

from loghi_contract import __version__
from loghi_contract.cut import Cut
from loghi_contract.model_file import ModelMarker
from loghi_contract.model_folder import MODEL_FILE, ModelFacts
from loghi_runner.aliases import Row
from loghi_runner.errors import UsageError
from loghi_runner.evaluation.counts import Variant
from loghi_runner.evaluation.intervals import Interval
from loghi_runner.evaluation.results import Results
from loghi_runner.files import file_sha256
from loghi_runner.models.find import NamedModel
from loghi_runner.runs.run_report import made_rows, read_run
from loghi_runner.runs.verdict import read_split
from loghi_runner.wording import percent

#: The codes that the schema's vocabularies have for what is not known.
NO_LANGUAGE, NO_SCRIPT, NO_LICENCE = "und", "Zyyy", "notspecified"

_AUTHOR = re.compile(
    r"(?P<name>[^()\d]*[^()\d\s])(?:\s*\((?P<affiliation>[^()]+)\))?"
    r"(?:\s+(?:https://orcid\.org/)?(?P<orcid>\d{4}-\d{4}-\d{4}-\d{3}[\dX]))?"
)
_ADDRESS = r"https?://\S+"
_CODES = {
    "--licence": ("licences", "an id such as CC-BY-4.0"),
    "--language": ("languages", "three small letters of ISO 639-3, such as nob or deu"),
    "--script": ("scripts", "a code of ISO 15924, such as Latn, Grek or Hebr"),
}

_CUTS = {
    Cut.LOGHI: "along its baseline, as Loghi does; all baselines of the page are needed for that",
    Cut.POLYGON: "by its outline, with paper painted over what is outside",
    Cut.STRAIGHT: "straightened along its baseline, as high as its outline is there, with paper painted around",
}


@dataclass(frozen=True)
class Told:
    """What only a person can say of a model; whatever is left out stands in the card as not known."""

    authors: tuple[dict[str, str], ...] = ()
    licence: str | None = None
    languages: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    base_model: str | None = None

    @property
    def missing(self) -> list[str]:
        """The options for what the repository wants to know and nobody has told."""
        options = {
            "--author": self.authors,
            "--licence": self.licence,
            "--language": self.languages,
            "--script": self.scripts,
        }
        return [option for option, value in options.items() if not value]


NOTHING_TOLD = Told()


@dataclass(frozen=True)
class Use:
    """How the model in its exported form is used: with which software, and by which line."""

    software: str
    hints: tuple[str, ...]
    how: str


@dataclass(frozen=True)
class _Scores:
    """`results` are of one model; `chose` says that its lines chose the best epoch."""

    lines: str
    results: Results
    chose: bool


@dataclass(frozen=True)
class _Known:
    """What a run tells of its model; nothing, for a model from elsewhere."""

    scores: tuple[_Scores, ...] = ()
    verdict: str | None = None
    rows: Sequence[Row] = field(default_factory=list)
    from_scratch: bool = False


def told_of_model(
    authors: Sequence[str] = (),
    licence: str | None = None,
    languages: Sequence[str] = (),
    scripts: Sequence[str] = (),
    datasets: Sequence[str] = (),
    base_model: str | None = None,
) -> Told:
    """What a person wrote, in the forms and with the codes of the schema.

    Raises:
        UsageError: it has another form, or is no code.
    """
    return Told(
        authors=_authors(authors),
        licence=licence if licence is None else _coded("--licence", licence),
        languages=tuple(_coded("--language", code) for code in dict.fromkeys(languages)),
        scripts=tuple(_coded("--script", code) for code in dict.fromkeys(scripts)),
        datasets=tuple(_formed("--dataset", url, _ADDRESS, "an address that begins with https://") for url in datasets),
        base_model=base_model
        if base_model is None
        else _formed("--base-model", base_model, _ADDRESS, "an address, such as https://doi.org/10.5281/zenodo.1"),
    )


def model_card(
    source: NamedModel, facts: ModelFacts, marker: ModelMarker, told: Told, use: Use, cut: Cut | None
) -> str:
    """The whole card: the same model, told of in the same words, gives the same card.

    Args:
        cut: how the lines of its pages are to be cut, None where nobody knows.
    """
    known = _known(source)
    head = yaml.safe_dump(_head(source, marker, told, use, known), allow_unicode=True, sort_keys=False, width=100)
    return f"---\n{head}---\n{_body(facts, marker, told, use, cut, known)}"


def _known(source: NamedModel) -> _Known:
    record = source.record
    if source.run is None or record is None:
        return _Known()
    facts = read_run(source.run, record)
    scores = [] if facts.test is None else [_Scores("test lines", facts.test, chose=False)]
    validated = read_split(source.run.out, "val").results("validation lines", facts.models)
    scores += [] if validated is None else [_Scores("validation lines", validated, chose=True)]
    return _Known(tuple(scores), record.verdict, made_rows(facts), record.base_model_sha256 is None)


def _head(source: NamedModel, marker: ModelMarker, told: Told, use: Use, known: _Known) -> dict[str, Any]:
    """The metadata in the schema's names."""
    metrics = {"cer": round(100 * marker.val_cer, 2)} if marker.val_cer is not None else {}
    if known.scores:
        counts = known.scores[0].results.models[-1].counts[Variant.DIPLOMATIC]
        metrics = {"cer": round(100 * counts.cer, 2), "wer": round(100 * counts.wer, 2)}
    licence = told.licence or NO_LICENCE
    head: dict[str, Any] = {
        # until a repository gives it one: no other model has it
        "id": f"sha256:{file_sha256(source.folder / MODEL_FILE)}",
        "summary": _summary(marker, known),
        "authors": [dict(author) for author in told.authors],
        "license": licence,
        "software_name": use.software,
        "software_hints": [*use.hints, f"line_height={marker.height_px}", f"channels={marker.channels}"],
        "language": list(told.languages or (NO_LANGUAGE,)),
        "script": list(told.scripts or (NO_SCRIPT,)),
        "keywords": ["handwritten text recognition", "Loghi"],
        "model_type": ["recognition"],
        "metrics": metrics,
    }
    head |= {"datasets": list(told.datasets)} if told.datasets else {}
    return head | ({"base_model": [told.base_model]} if told.base_model else {})


def _summary(marker: ModelMarker, known: _Known) -> str:
    kind = "trained from scratch" if known.from_scratch else "fine-tuned from another model"
    made = f", {kind}" if known.rows else ""
    if known.scores:
        first = known.scores[0]
        cer = first.results.models[-1].counts[Variant.DIPLOMATIC].cer
        return f"{marker.name}: a Loghi handwriting model{made}; CER {percent(cer)} on {_lines(first)}"
    cer_words = "" if marker.val_cer is None else f"; CER {percent(marker.val_cer)} on its validation lines"
    return f"{marker.name}: a Loghi handwriting model{made}{cer_words}"


def _body(facts: ModelFacts, marker: ModelMarker, told: Told, use: Use, cut: Cut | None, known: _Known) -> str:
    channels = {1: "grey", 3: "colour", 4: "colour and the line's outline"}[marker.channels]
    cer = "not known" if marker.val_cer is None else f"CER {percent(marker.val_cer)}"
    parts = [
        f"# {marker.name}",
        f"{_summary(marker, known)}. Written by loghi-runner {__version__}.",
        "## Uses",
        "It reads lines of text in pages whose lines are marked already, in hands like those that it learnt from.",
        _listed(
            [
                ("line images", f"{marker.height_px} pixels high, {channels}"),
                ("a line is cut out of its page", _CUTS[cut] if cut else "in a way that is not known here"),
                *(
                    [("a line image is made level", "by what is seen in it, before it is read")]
                    if marker.straighten
                    else []
                ),
                ("characters it can write", f"{marker.characters}: {''.join(facts.tokenizer.characters)}"),
            ]
        ),
        "## How to get started with the model",
        use.how,
        "## Evaluation",
        *([_score_table(known.scores)] if known.scores else [f"Error on its validation lines: {cer}."]),
        *([f"{known.verdict}."] if known.verdict else []),
        "## Bias, risks, and limitations",
        "The scores are of lines like those above. Other hands, other times and other spellings are read worse, and "
        "what is read wrong can still be a word.",
        "## Training details",
        *([f"Training data: {', '.join(told.datasets)}"] if told.datasets else []),
        *([_listed(known.rows)] if known.rows else ["How it was trained is not known here."]),
    ]
    return "\n\n".join(parts) + "\n"


def _score_table(scores: Sequence[_Scores]) -> str:
    rows = ["| lines | CER | WER |", "|---|---|---|"]
    for each in scores:
        model = each.results.models[-1]
        counts, intervals = model.counts[Variant.DIPLOMATIC], model.intervals[Variant.DIPLOMATIC]
        cer = _with_interval(counts.cer, intervals.cer if intervals else None)
        wer = _with_interval(counts.wer, intervals.wer if intervals else None)
        chose = "; they chose the best epoch, so this is a little too good" if each.chose else ""
        rows.append(f"| {_lines(each)}{chose} | {cer} | {wer} |")
    return "\n".join(rows) + "\n\nIn parentheses: where the value lies with 95 % certainty."


def _with_interval(value: float, interval: Interval | None) -> str:
    return percent(value) + (f" ({percent(interval.low)} to {percent(interval.high)})" if interval else "")


def _lines(scores: _Scores) -> str:
    return f"{len(scores.results.read_lines)} {scores.lines}"


def _listed(rows: Sequence[Row]) -> str:
    return "\n".join(f"- {label}: {text}" for label, text in rows)


def _author(written: str) -> dict[str, str]:
    found = _AUTHOR.fullmatch(written.strip())
    if found is None:
        message = f"--author is {written!r}, which is no name"
        raise UsageError("card.author", message, hint='Write "Name", "Name (Institute)", or "Name (Institute) ORCID".')
    told = {key: value.strip() for key, value in found.groupdict().items() if value}
    if "orcid" in told:
        if not _is_orcid(told["orcid"]):
            message = f"--author has an ORCID that cannot be, as its last sign does not fit the others: {told['orcid']}"
            raise UsageError("card.author", message, hint="Write it as it stands on the person's page at orcid.org.")
        told["orcid"] = f"https://orcid.org/{told['orcid']}"
    return told


def _authors(written: Sequence[str]) -> tuple[dict[str, str], ...]:
    """The authors in their order, each once."""
    authors = list(map(_author, written))
    by_orcid: dict[str, dict[str, str]] = {}
    for author in authors:
        other = by_orcid.setdefault(author["orcid"], author) if "orcid" in author else author
        if other["name"] != author["name"]:
            message = f"--author names two people with one ORCID: {other['name']} and {author['name']}"
            raise UsageError("card.author", message, hint="Write each person's own.")
    return tuple(author for place, author in enumerate(authors) if author not in authors[:place])


def _is_orcid(written: str) -> bool:
    """Whether the last sign is the checksum of the others. Source: ISO 7064, MOD 11-2, as ORCID uses it."""
    signs = written.replace("-", "")
    rest = 0
    for digit in signs[:-1]:
        rest = 2 * (rest + int(digit)) % 11
    return signs[-1] == "0123456789X"[(12 - rest) % 11]


def codes_of(kind: str) -> list[str]:
    """The codes that the repository knows: `languages`, `scripts` or `licences`.

    Source: ISO 639-3, ISO 15924, and the licences of the Open Definition.
    """
    return files(__package__).joinpath("codes", f"{kind}.txt").read_text(encoding="utf-8").split()


def _coded(option: str, written: str) -> str:
    kind, wanted = _CODES[option]
    codes = {code.lower(): code for code in codes_of(kind)}
    if written in codes.values():
        return written
    # languages whose codes look alike have nothing else in common
    near = get_close_matches(written.lower(), codes, 1) if option != "--language" else []
    meant = f" Did you mean {codes[near[0]]}?" if near else ""
    message = f"{option} is {written!r}, which the list of {kind} does not have"
    raise UsageError("card.form", message, hint=f"Write {wanted}.{meant}")


def _formed(option: str, written: str, pattern: str, wanted: str) -> str:
    if re.fullmatch(pattern, written) is None:
        raise UsageError("card.form", f"{option} is {written!r}", hint=f"Write {wanted}.")
    return written
