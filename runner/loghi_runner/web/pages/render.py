"""Templates into pages, in the visitor's language, with what every page shows."""

import gettext
import io
import re
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any  # what a template shows has no narrower type
from urllib.parse import urlencode

from babel import Locale
from babel.core import negotiate_locale
from babel.dates import format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup, escape

from loghi_contract import __version__
from loghi_runner.orders.actions import Action
from loghi_runner.orders.orders import Stage
from loghi_runner.report.html import templates_of
from loghi_runner.web.access import CSRF_FIELD, caller_of, link, services, set_cookie
from loghi_runner.web.views import OrderSummary
from loghi_runner.wording import duration, loss_text

#: English is what the code is written in; each other one has a file in `locale`.
LANGUAGES = ("en", "de", "nl")
ENGLISH = "en"
LANGUAGE_COOKIE = "loghi_language"
_YEAR_S = 365 * 24 * 3600
_CODE = re.compile(r"`([^`]*)`")


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
    """One of LANGUAGES: what somebody chose, else the best of what the browser accepts (Accept-Language)."""
    if chosen in LANGUAGES:
        return chosen
    return negotiate_locale(_by_wish(accepted[:500]), LANGUAGES, sep="-") or ENGLISH


def _by_wish(accepted: str) -> list[str]:
    wishes = []
    for number, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), number, name.strip()))
        except ValueError:
            continue
    return [name for _, _, name in sorted(wishes) if name]


def own_name(language: str) -> str:
    """As its speakers call it."""
    return (Locale.parse(language).get_display_name(language) or language).capitalize()


STAGES = {
    Stage.QUEUED: N_("waiting"),
    Stage.PULLING: N_("fetching the pages"),
    Stage.CHECKING: N_("checking"),
    Stage.TRAINING: N_("training"),
    Stage.RECOGNIZING: N_("reading pages"),
    Stage.EVALUATING: N_("scoring"),
    Stage.PUSHING: N_("writing to the platform"),
    Stage.FINISHED: N_("finished"),
    Stage.FAILED: N_("failed"),
    Stage.CANCELLED: N_("stopped"),
}

ACTIONS = {
    Action.CHECK: N_("check"),
    Action.FINETUNE: N_("fine-tuning"),
    Action.RECOGNIZE: N_("recognition"),
    Action.EVALUATE: N_("evaluation"),
}

#: What the trainer is at, as its events name it.
PHASES = {
    "trying": N_("trying ways to cut lines"),
    "reading_data": N_("reading the lines"),
    "loading_model": N_("loading the model"),
    "folds": N_("training the folds"),
    "training": N_("training"),
    "evaluating": N_("scoring the lines"),
    "saving": N_("saving"),
}

SEVERITIES = {"error": N_("error"), "warning": N_("warning"), "info": N_("note")}

#: Values of choices, by the field's own name.
CHOICES = {
    "cut": {
        "": N_("as the lines that the model learnt from"),
        "loghi": N_("as Loghi does, by baseline"),
        "polygon": N_("by their outline"),
        "straight": N_("straightened along their baseline"),
        "auto": N_("try these ways, two epochs each, and take the best"),
    },
    "text_equiv": {"lowest": N_("the one with the lowest index"), "last": N_("the last one in the file, as Loghi")},
    "skip_tags": {"unclear": N_("unclear"), "gap": N_("gap"), "sic": N_("sic")},
    "by": {"page": N_("each page"), "folder": N_("each folder of pages")},
    "augmentation": {"none": N_("none"), "light": N_("light")},
    "precision": {"auto": N_("as fast as the device can"), "float32": N_("exact everywhere")},
    "freeze": {"conv": N_("image layers"), "recurrent": N_("reading layers"), "dense": N_("character layer")},
    "charset": {
        "extend": N_("learn them too"),
        "fail": N_("stop"),
        "replace": N_("learn only those of the training lines"),
    },
    "language_model": {"auto": N_("where it helped"), "off": N_("never: by the image alone")},
    "normalization": {"auto": N_("as the base model has it"), "nfc": N_("composed (NFC)"), "none": N_("as written")},
}

UNITS = {"epochs": N_("epochs"), "lines": N_("lines"), "share": N_("share")}

#: As templates know them.
WORDS = {"stages": STAGES, "actions": ACTIONS, "phases": PHASES, "units": UNITS, "severities": SEVERITIES}


def show(request: Request, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page as the answer to a request."""
    asked = request.query_params.get("lang")
    language = choose_language(
        asked or request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
    )
    caller = caller_of(request)
    if caller is not None and caller.platform is not None and caller.visit is None:
        caller = None  # nobody has said yet that it is still them
    text = (
        _environment(language)
        .get_template(template)
        .render(
            base=link(request, ""),
            caller=caller,
            csrf=_hidden(CSRF_FIELD, (caller and caller.csrf) or ""),
            language_query=lambda code: urlencode({**request.query_params, "lang": code}),
            **({"here": None} | shown),
        )
    )
    answer = HTMLResponse(text, status, {"Content-Language": language, "Vary": "Accept-Language, Cookie"})
    if asked == language:
        set_cookie(answer, services(request).config, LANGUAGE_COOKIE, language, age_s=_YEAR_S)
    return answer


@cache
def _environment(language: str) -> Environment:
    environment = templates_of("loghi_runner.web.pages", "jinja2.ext.i18n")
    catalogue = translations(language)
    environment.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined]  # made by the extension

    def number(value: float, digits: int = 1) -> str:
        return format_decimal(value, format=f"0.{'0' * digits}" if digits else "0", locale=language)

    def choice_words(field: str, value: str) -> str:
        return catalogue.gettext(CHOICES.get(field, {}).get(value, value))

    def badge(run: OrderSummary) -> Markup:
        shown = Stage.QUEUED if run.waiting is not None else run.stage
        kind = shown.value if shown.is_over or shown is Stage.QUEUED else "now"
        return Markup('<span class="badge {}">{}</span>').format(kind, catalogue.gettext(STAGES[shown]))

    environment.filters |= {
        "code": _with_code,
        "percent": lambda fraction, digits=1: f"{number(100 * fraction, digits)} %",
        "size": lambda count: f"{number(count / 1e6)} MB",
        "loss": loss_text,
        "duration": duration,
        "time": lambda utc: _local_time(utc, language),
    }
    environment.globals |= WORDS | {
        "language": language,
        "languages": [(code, own_name(code)) for code in LANGUAGES],
        "version": __version__,
        "choice_words": choice_words,
        "badge": badge,
    }
    return environment


def load_pages() -> None:
    """Read and compile the templates, which else the first visitor of each page waits for."""
    for language in LANGUAGES:
        environment = _environment(language)
        for template in environment.list_templates(extensions=["html"]):
            environment.get_template(template)


def _hidden(name: str, value: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)


def _with_code(text: str) -> Markup:
    """What stands in backticks, as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


@lru_cache(maxsize=4096)  # a list of runs shows fifty, and they are half of what it costs
def _local_time(utc: str, language: str) -> str:
    try:
        local = datetime.fromisoformat(utc).astimezone()
    except ValueError:
        return utc
    return ", ".join(format_skeleton(parts, local, locale=language) for parts in ("yMMMd", "Hm"))
