"""Languages of the web page: gettext catalogues, read as they are written (.po), so that nothing has to be compiled."""

import gettext
import io
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

#: English is what the code is written in; each other one has a file in `locale`.
LANGUAGES = ("en", "de", "nl")
ENGLISH = "en"


def N_(message: str) -> str:  # noqa: N802  # gettext's own name for it
    """Mark a text of the code for the catalogues; it is translated where it is shown."""
    return message


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of one of LANGUAGES."""
    if language == ENGLISH:
        return gettext.NullTranslations()
    source = files("loghi_runner.web.pages") / "locale" / f"{language}.po"
    compiled = io.BytesIO()
    with source.open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose_language(chosen: str | None, accepted: str) -> str:
    """One of LANGUAGES: what somebody chose, else the best of what the browser accepts.

    Args:
        accepted: the header Accept-Language.
    """
    if chosen in LANGUAGES:
        return chosen
    return negotiate_locale(_by_wish(accepted[:500]), LANGUAGES, sep="-") or ENGLISH


def _by_wish(accepted: str) -> list[str]:
    wishes = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), place, name.strip()))
        except ValueError:
            continue
    return [name for _, _, name in sorted(wishes) if name]


def own_name(language: str) -> str:
    """As its speakers call it."""
    return (Locale.parse(language).get_display_name(language) or language).capitalize()
