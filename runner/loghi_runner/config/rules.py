"""Rules between keys of a config, which no key can break alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loghi_runner.config.yaml_values import KeyPath
from loghi_runner.engines.section import foreign_keys

#: Keys of `data` that only make sense for line lists, with what stands in for them when there are pages.
_FOR_LISTS = {
    "validation": "Pages are split by data.split; leave it out.",
    "test": "Pages are split by data.split; leave it out.",
    "root": "It is for paths in line lists; leave it out.",
}
_FOR_PAGES = ("split", "cut", "text_equiv", "skip_tags", "skip_machine_read", "style_marks")


@dataclass(frozen=True)
class BrokenRule:
    key: KeyPath
    message: str
    hint: str


def broken_rules(values: Mapping[str, object]) -> Iterator[BrokenRule]:
    """What is wrong between the keys of a config as written."""
    for key, message, hint in foreign_keys(values.get("engine")):
        yield BrokenRule(("engine", key), message, hint)
    if "data" not in values:
        return  # a missing section is said elsewhere
    data = values["data"] or {}
    if not isinstance(data, Mapping):
        return
    given = {key for key, value in data.items() if value is not None}
    if values.get("platform") is not None:
        yield from _beside_platform(given)
    elif not given & {"train", "pages"}:
        message = "is not filled in" if "train" in data else "is missing"
        hint = "Name a line list to learn from; or instead, as data.pages, a folder of pages with PAGE XML or ALTO."
        yield BrokenRule(("data", "train"), message, hint)
    elif {"train", "pages"} <= given:
        hint = "Keep the line lists or the folder of pages; the other lines can be a second run."
        yield BrokenRule(("data", "pages"), "stands beside data.train; only one of the two can be learnt from", hint)
    elif "pages" in given:
        for key in [key for key in _FOR_LISTS if key in given]:
            yield BrokenRule(("data", key), "cannot stand beside data.pages", _FOR_LISTS[key])
    else:
        for key in [key for key in _FOR_PAGES if key in given]:
            hint = "Leave it out, or name a folder of pages as data.pages instead of data.train."
            yield BrokenRule(("data", key), "says how pages are read, but there is no data.pages", hint)


def _beside_platform(given: set[str]) -> Iterator[BrokenRule]:
    """`base_domain` alone can be of another place than the pages."""
    for key in [key for key in ("train", "pages", *_FOR_LISTS) if key in given]:
        hint = "Its pages are what is learnt from, split by data.split; leave this out, or the section platform."
        yield BrokenRule(("data", key), "cannot stand beside platform", hint)
