"""Templates into pages, in the visitor's language, with what every page shows."""

import re
from datetime import datetime
from functools import cache, lru_cache
from typing import Any  # what a template shows has no narrower type
from urllib.parse import urlencode

from babel.dates import format_skeleton
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup, escape

from loghi_contract import __version__
from loghi_runner.orders.orders import Stage
from loghi_runner.report.html import templates_of
from loghi_runner.web.access import CSRF_FIELD, caller_of, link, services
from loghi_runner.web.pages.language import CHOICES, LANGUAGES, STAGES, WORDS, choose_language, own_name, translations
from loghi_runner.web.views import OrderSummary
from loghi_runner.wording import duration, loss_text

LANGUAGE_COOKIE = "loghi_language"
_YEAR_S = 365 * 24 * 3600
_CODE = re.compile(r"`([^`]*)`")


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
        config = services(request).config
        answer.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=_YEAR_S,
            path=config.root_path or "/",
            secure=config.is_secure,
            httponly=True,
            samesite="lax",
        )
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
        kind = run.stage.value if run.stage.is_over else "now" if run.stage is not Stage.QUEUED else "queued"
        return Markup('<span class="badge {}">{}</span>').format(kind, catalogue.gettext(STAGES[run.stage]))

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
