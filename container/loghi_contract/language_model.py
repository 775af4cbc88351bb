"""The language model beside a model: which characters follow which in the texts that it learnt from.

A folder `lm` in the model's own, which Loghi does not look at: lm.json says what it is, ngrams.json.gz has the counts.
"""

import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from loghi_contract.files import read_plain
from loghi_contract.records import RecordError, from_json, parse_json, to_json

LM_DIR: Final = "lm"
FACTS_FILE: Final = "lm.json"
NGRAMS_FILE: Final = "ngrams.json.gz"

#: Its files, from the model's folder.
LM_PARTS: Final = (f"{LM_DIR}/{FACTS_FILE}", f"{LM_DIR}/{NGRAMS_FILE}")

#: What best_val with its language model is called in tables of a run.
WITH_LM: Final = "best_val_lm"

#: Stands before and after each line.
EDGE: Final = "\n"

#: How often each n-gram stands in the texts; the last of its characters is what follows the others.
NGrams: TypeAlias = Counter[str]

_VERSION = 1
_LONGEST_ORDER = 16
#: With more the image would say nothing any more.
_MOST_WEIGHT = 10.0
_MOST_FACTS_BYTES = 1 << 20
_MOST_PACKED_BYTES = 64 << 20
_MOST_UNPACKED_BYTES = 512 << 20


class LanguageModelError(ValueError):
    """The folder `lm` is damaged or not ours; the message says how."""


@dataclass(frozen=True)
class TextSource:
    """Texts that were learnt from: `name` is for people, such as "training lines"."""

    name: str
    lines: int
    characters: int


@dataclass(frozen=True)
class OnValidation:
    """Errors in a hundred characters of the validation lines, as fractions; without and with the language model.

    `repeated` is the share of their n-grams of the longest order that the learnt texts have: where it is high, these
    lines say little about other texts.
    """

    lines: int
    greedy_cer: float
    cer: float
    repeated: float

    @property
    def helps(self) -> bool:
        return self.cer < self.greedy_cer


@dataclass(frozen=True)
class LanguageModelFacts:
    """lm.json. `discounts` are taken from counts of one, of two, and of more.

    `weight` times the logarithm of a character's probability, and `per_character`, count beside the image.
    """

    version: int
    order: int
    discounts: tuple[float, ...]
    weight: float
    per_character: float
    sources: tuple[TextSource, ...]
    ngrams_sha256: str
    validation: OnValidation | None = None

    @property
    def helps(self) -> bool:
        """Whether the validation lines were read with fewer errors; where nobody knows, it is left out."""
        return self.validation is not None and self.validation.helps


def count_ngrams(texts: Iterable[str], order: int) -> NGrams:
    """How often each character stands after the `order - 1` before it, or after all since the line's edge."""
    counts: NGrams = Counter()
    for text in texts:
        line = f"{EDGE}{text}{EDGE}"
        counts.update(line[max(0, end - order) : end] for end in range(2, len(line) + 1))
    return counts


def share_known(ngrams: NGrams, texts: Sequence[str], order: int) -> float:
    """The share of the n-grams of other texts that these counts have; 0 where there are none."""
    other = count_ngrams(texts, order)
    return sum(count for ngram, count in other.items() if ngram in ngrams) / max(other.total(), 1)


def pack_ngrams(ngrams: NGrams) -> bytes:
    """The bytes of ngrams.json.gz: the same counts, the same bytes."""
    text = json.dumps(dict(sorted(ngrams.items())), ensure_ascii=False, separators=(",", ":"))
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:
        file.write(text.encode())
    return packed.getvalue()


def format_facts(facts: LanguageModelFacts) -> str:
    """The text of lm.json."""
    return json.dumps(to_json(facts), ensure_ascii=False, indent=2) + "\n"


def facts_of(
    packed: bytes,
    *,
    order: int,
    discounts: tuple[float, ...],
    weight: float,
    per_character: float,
    sources: tuple[TextSource, ...],
) -> LanguageModelFacts:
    """The facts of counts as `pack_ngrams` gives them; nothing is known of validation lines yet."""
    sha256 = hashlib.sha256(packed).hexdigest()
    return LanguageModelFacts(_VERSION, order, discounts, weight, per_character, sources, sha256)


def read_facts(model_folder: Path) -> LanguageModelFacts | None:
    """What the language model beside a model is; None where there is none.

    Raises:
        LanguageModelError: damaged, or of a later version.
    """
    path = model_folder / LM_DIR / FACTS_FILE
    try:
        value = parse_json(read_plain(path, _MOST_FACTS_BYTES))
        if isinstance(value, dict) and value.get("version") != _VERSION:
            raise LanguageModelError(
                f"{LM_DIR}/{FACTS_FILE} is of version {value.get('version')}, and {_VERSION} is known"
            )
        facts = from_json(LanguageModelFacts, value)
    except FileNotFoundError:
        return None
    except (OSError, RecordError) as error:
        raise _unreadable(FACTS_FILE, error) from error
    are_fit = bool(facts.discounts) and all(0 < each < 1 for each in facts.discounts)
    are_sane = 0 <= facts.weight <= _MOST_WEIGHT and 0 <= facts.per_character <= _MOST_WEIGHT
    if not 1 <= facts.order <= _LONGEST_ORDER or not are_fit or not are_sane:
        raise LanguageModelError(f"{LM_DIR}/{FACTS_FILE} holds an order, discounts or weights that cannot be")
    return facts


def read_packed_ngrams(model_folder: Path, facts: LanguageModelFacts) -> bytes:
    """The bytes of ngrams.json.gz, which are those that these facts are of.

    Raises:
        LanguageModelError: not there, damaged, or other counts.
    """
    try:
        packed = read_plain(model_folder / LM_DIR / NGRAMS_FILE, _MOST_PACKED_BYTES)
    except OSError as error:
        raise _unreadable(NGRAMS_FILE, error) from error
    if hashlib.sha256(packed).hexdigest() != facts.ngrams_sha256:
        raise LanguageModelError(f"{LM_DIR}/{NGRAMS_FILE} is damaged, or belongs to another {FACTS_FILE}")
    return packed


def read_ngrams(model_folder: Path, facts: LanguageModelFacts) -> NGrams:
    """The counts that these facts are of.

    Raises:
        LanguageModelError: not there, damaged, or other counts.
    """
    name = f"{LM_DIR}/{NGRAMS_FILE}"
    packed = read_packed_ngrams(model_folder, facts)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            text = file.read(_MOST_UNPACKED_BYTES + 1)
        if len(text) > _MOST_UNPACKED_BYTES:
            raise LanguageModelError(f"{name} unpacks to more than any texts would")
        value = parse_json(text)
    except (OSError, EOFError, RecordError) as error:
        raise _unreadable(NGRAMS_FILE, error) from error
    is_fit = isinstance(value, dict) and all(
        isinstance(count, int) and not isinstance(count, bool) and count > 0 and 2 <= len(ngram) <= facts.order
        for ngram, count in value.items()
    )
    if not is_fit:
        raise LanguageModelError(f"{name} does not hold counts of n-grams")
    return Counter(value)


def _unreadable(name: str, error: Exception) -> LanguageModelError:
    # a system's own words name a folder that only the trainer sees
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return LanguageModelError(f"{LM_DIR}/{name} cannot be read: {why}")
