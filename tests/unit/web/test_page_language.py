"""The languages of the web page: whole, up to date, and the right one for a visitor."""

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from loghi_runner.web.pages.render import ENGLISH, LANGUAGES, choose_language, own_name, translations

REPOSITORY = Path(__file__).parents[3]
OTHERS = [language for language in LANGUAGES if language != ENGLISH]


def catalogue(language: str) -> list[Message]:
    with (files("loghi_runner.web.pages") / "locale" / f"{language}.po").open("rb") as source:
        return [message for message in read_po(source, locale=language) if message.id]


def test_catalogues_hold_every_text_of_the_page() -> None:
    check = [sys.executable, str(REPOSITORY / "docs" / "generate_translations.py"), "--check"]

    assert subprocess.run(check, capture_output=True, text=True, check=False).stderr == ""


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    strings = {message.id: message.string for message in catalogue(language)}

    assert strings
    assert not [key for key, value in strings.items() if not value or not all(value)]


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_what_is_filled_in(language: str) -> None:
    for message in catalogue(language):
        if isinstance(message.id, str):
            kept = set(re.findall(r"%\(\w+\)s", message.id))
            assert kept == set(re.findall(r"%\(\w+\)s", message.string)), message.id


def test_a_catalogue_translates_words_and_numbers_of_things() -> None:
    german = translations("de")

    assert german.gettext("New run") == "Neuer Lauf"
    assert german.ngettext("%(num)s page", "%(num)s pages", 2) == "%(num)s Seiten"
    assert translations("en").gettext("New run") == "New run"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "fr;q=0.9, nl;q=0.4, en;q=0.1", "nl"),
        (None, "nl;q=0.4, en;q=0.8", "en"),
        (None, "zz;q=oops,,;;", "en"),
        ("nl", "de", "nl"),
        ("../etc", "de", "de"),
    ],
)
def test_the_visitor_chooses_or_the_browser_does(chosen: str | None, accepted: str, language: str) -> None:
    assert choose_language(chosen, accepted) == language


def test_languages_are_called_as_their_speakers_do() -> None:
    assert [own_name(language) for language in LANGUAGES] == ["English", "Deutsch", "Nederlands"]
