"""Writes the catalogues of the web page, with the translations there are; `--check` exits 1 when one is stale."""

import io
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any  # a JSON Schema has no narrower type

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from generated_page import write_or_check

from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import Action
from loghi_runner.web.pages.render import ENGLISH, LANGUAGES
from loghi_runner.web.problems import TITLES

PAGES = Path(__file__).parents[1] / "runner" / "loghi_runner" / "web" / "pages"
_METHODS = [("**.py", "python"), ("**.html", "jinja2")]
_KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}


def catalogue_file(language: str) -> Path:
    return PAGES / "locale" / f"{language}.po"


def catalogue(language: str) -> str:
    """The file as it should be: every text of the page once, in alphabetical order, with the translations there are."""
    with catalogue_file(language).open("rb") as known:
        translated = read_po(known, locale=language)
    fresh = Catalog(locale=language, fuzzy=False, header_comment="# The texts of the service's web page.")
    for message in sorted(set(messages()), key=str):
        key = message if isinstance(message, str) else message[0]
        old = translated.get(key)
        fresh.add(message, old.string if old else "")
    target = io.BytesIO()
    write_po(target, fresh, omit_header=True, width=116)
    return (
        f'# The texts of the service\'s web page; docs/generate_translations.py adds new ones.\nmsgid ""\nmsgstr ""\n'
        f'"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Plural-Forms: {fresh.plural_forms}\\n"\n\n{target.getvalue().decode()}'
    )


def messages() -> Iterator[str | tuple[str, ...]]:
    """Every text that is translated where it is shown."""
    for _file, _line, message, _comments, _context in extract_from_dir(PAGES, _METHODS, keywords=_KEYWORDS):
        yield message
    for action in (Action.FINETUNE, Action.RECOGNIZE):
        yield from _words_of(parameters_schema(action))
    yield from TITLES.values()


def _words_of(schema: dict[str, Any]) -> Iterator[str]:
    for field in schema["properties"].values():
        yield field["title"]
        yield field["description"]
        if "properties" in field:
            yield from _words_of(field)


if __name__ == "__main__":
    others = [language for language in LANGUAGES if language != ENGLISH]
    sys.exit(max(write_or_check(catalogue_file(each), partial(catalogue, each), __doc__) for each in others))
