"""Pages that start a run: choose pages or a document, and a form drawn from the action's schema.

Documents are those a visitor may choose: with the service's account, or with a token of their own.
"""

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, cast  # what a template shows has no narrower type
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from loghi_runner.config.names import proposed_name
from loghi_runner.errors import RunnerError
from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import MAX_PAGES, Action, ReadWord
from loghi_runner.orders.config import PlatformConfig, Role
from loghi_runner.orders.lookup import Lookup
from loghi_runner.platform.access import checked_token, read_token
from loghi_runner.platform.base import Document, Layer, PageSummary, Platform
from loghi_runner.web.access import CSRF_FIELD, link, require_own_page, required_caller, services
from loghi_runner.web.callers import Caller
from loghi_runner.web.pages.form import brings_nothing_back, check_request, draw_form, read_request
from loghi_runner.web.pages.render import show
from loghi_runner.web.problems import ServiceError, problem_of

_MOST_DOCUMENTS = 200
_MOST_DIGITS = 18
_TIMEOUT_S = 20.0
_LENT_S = 3600.0
#: The layer that eScriptorium makes for what people type.
_BY_HAND = "manual"
#: Comes with the form once somebody was told that nothing will come back.
_SURE = "sure"
_OFFERED = (Action.FINETUNE, Action.CHECK, Action.RECOGNIZE)

router = APIRouter(include_in_schema=False)


@router.get("/start")
def start_page(
    request: Request,
    pages: str | None = None,
    platform: str | None = None,
    document: str | None = None,
    model: str | None = None,
    again: str | None = None,
) -> HTMLResponse:
    """The form for some pages, or with the answers of an earlier run; without any, the choice of pages.

    With a model it is the form to read pages with it.
    """
    has, caller = services(request), required_caller(request)
    action = Action.FINETUNE if model is None else Action.RECOGNIZE
    if again is not None:
        values = has.orders.find(caller, again)[0].asked.model_dump(mode="json", exclude_none=True)
    elif platform is not None and document is not None:
        values = {"source": {"platform": platform, "document": document}}
    elif pages is not None:
        values = {"source": {"pages": pages}, "name": proposed_name(pages)}
    else:
        folders = None if caller.platform else has.orders.lookup.pages.page_folders()
        platforms = choices(request, caller)
        kept = {"model": model} if model is not None else {}
        return show(request, "sources.html", platforms=platforms, folders=folders, kept=kept, here="start")
    if model is not None:
        values["model"] = model
    return _form(request, caller, action, values, {})


@router.post("/start")
async def start(request: Request) -> Response:
    """Place the order; what is wrong with it is told in the form."""
    # two boxes for each page of a document
    filled = await request.form(max_fields=2 * MAX_PAGES + 100)
    return await run_in_threadpool(_start, request, filled)


def _start(request: Request, filled: FormData) -> Response:
    caller = required_caller(request)
    require_own_page(request, str(filled.get(CSRF_FIELD) or ""))
    action = next((each for each in _OFFERED if each.value == filled.get("action")), Action.FINETUNE)
    values = read_request(action, filled)
    parameters, errors = check_request(action, values)
    if parameters is None:
        return _form(request, caller, action, values, errors, status=422)
    if action is Action.FINETUNE and brings_nothing_back(values) and _SURE not in filled:
        values["write_back"] = "write_back" in filled  # as it was ticked, should they choose pages now
        return _form(request, caller, action, values, {}, status=422, is_warned=True)
    key = f"page-{str(filled.get('key') or '')[:64]}-{action.value}"
    try:
        token = lent_tokens(request).get(caller, str(values["source"].get("platform")))
        order, _is_new = services(request).orders.place(caller, action, parameters, key, token)
    except RunnerError as error:
        return _form(request, caller, action, values, {}, status=problem_of(error).status, problem=error)
    return RedirectResponse(link(request, f"/orders/{order.id}"), status_code=303)


@router.post("/platforms/{platform}/token")
def lend_token(
    request: Request,
    platform: str,
    platform_token: Annotated[str, Form(max_length=512)],
    csrf: Annotated[str, Form()] = "",
    model: Annotated[str | None, Form()] = None,
) -> Response:
    """From a token to the documents it opens."""
    require_own_page(request, csrf)
    if platform not in services(request).config.platforms:
        raise ServiceError("request.no_such_platform", "the service knows no such platform", where="platform")
    lent_tokens(request).keep(required_caller(request), platform, platform_token)
    query = f"?{urlencode({'model': model})}" if model else ""
    return RedirectResponse(f"{link(request, '/start')}{query}", status_code=303)


@router.get("/thumbnails/{platform}/{document}/{page}")
async def thumbnail(request: Request, platform: str, document: str, page: int) -> Response:
    """A page's small image, fetched for visitors who may see its document."""

    def fetched() -> bytes:
        # who asks may be asked at the platform: that waits, and so may nobody else meanwhile
        return open_document(request, required_caller(request), platform, document).thumbnail(int(document), page)

    # few at a time, in threads of their own: a page has many, and a slow platform must not take all threads
    content = await to_thread.run_sync(fetched, limiter=request.app.state.thumbnails)
    media_type = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})


def _form(
    request: Request,
    caller: Caller,
    action: Action,
    values: dict[str, Any],
    errors: dict[str, str],
    *,
    status: int = 200,
    problem: RunnerError | None = None,
    is_warned: bool = False,
) -> HTMLResponse:
    is_reading = action is Action.RECOGNIZE
    # read by both, they can be compared
    values.setdefault("recognize_pages", [ReadWord.TEST.value])
    source = _source(request, caller, values, is_reading=is_reading)
    if not values.get("name") and not errors and source["document"]:
        values |= {"name": proposed_name(source["document"].name)}
    values.setdefault("write_back", True)
    return show(
        request,
        "start.html",
        status,
        form=draw_form(parameters_schema(action, services(request).config.engine.kind.value), values, errors),
        model=values.get("model") if is_reading else None,
        errors=errors,
        problem=problem,
        source=source,
        warned=_SURE if is_warned else None,
        models=services(request).orders.lookup.base_models.models(),
        # the same form sent twice is one run
        key=secrets.token_urlsafe(12),
        here="start",
    )


def _source(request: Request, caller: Caller, values: dict[str, Any], *, is_reading: bool) -> dict[str, Any]:
    asked = values["source"]
    if "platform" not in asked:
        if not caller.platform:
            services(request).orders.lookup.pages.find(asked["pages"])
        return {"folder": asked["pages"], "document": None}
    theirs = open_document(request, caller, asked["platform"], asked["document"])
    document = theirs.document(int(asked["document"]))
    pages: list[PageSummary] = list(theirs.pages(document.id))
    return {
        "folder": None,
        "platform": asked["platform"],
        "document": document,
        "layer": asked.get("layer") or best_layer(document.layers),
        "pages": pages,
        "chosen": asked["pages"] if "pages" in asked else transcribed_pages(pages, is_wanted=not is_reading),
        "to_read": values.get("recognize_pages", []),
    }


class LentTokens:
    """Tokens of platforms that visitors typed in: an hour in memory and nowhere else, never shown, not even to them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}

    def keep(self, caller: Caller, platform: str, token: str) -> None:
        """Raises UsageError where it has a form no token has."""
        now = time.monotonic()
        self._kept = {key: kept for key, kept in self._kept.items() if now < kept[0]}
        self._kept[_session(caller), platform] = (now + _LENT_S, checked_token(token, "platform_token"))

    def get(self, caller: Caller, platform: str) -> str | None:
        until, token = self._kept.get((_session(caller), platform), (0.0, ""))
        return token if time.monotonic() < until else None

    def forget(self, caller: Caller) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if key[0] != _session(caller)}


def lent_tokens(request: Request) -> LentTokens:
    return cast(LentTokens, request.app.state.lent_tokens)


@dataclass(frozen=True)
class Choice:
    """What a platform offers a visitor. `asks_token`: the documents are shown once they have given theirs."""

    url: str
    documents: tuple[Document, ...] = ()
    asks_token: bool = False
    problem: RunnerError | None = None


def choices(request: Request, caller: Caller) -> dict[str, Choice]:
    """Platforms by name."""
    lookup, lent, found = services(request).orders.lookup, lent_tokens(request), {}
    for name, platform in lookup.config.platforms.items():
        token = lent.get(caller, name)
        try:
            if token is None and not _account_may_serve(caller, name, platform):
                found[name] = Choice(platform.url, asks_token=True)
            else:
                found[name] = Choice(platform.url, tuple(_documents(_open(lookup, name, token), caller, name, token)))
        except RunnerError as error:
            found[name] = Choice(platform.url, asks_token=token is not None, problem=error)
    return found


def open_document(request: Request, caller: Caller, name: str, document: str) -> Platform:
    """The platform, for a document that this visitor may name; with their own token it judges that itself.

    Raises:
        RunnerError: they may not, or there is no such platform.
    """
    lookup, token = services(request).orders.lookup, lent_tokens(request).get(caller, name)
    platform = lookup.config.platforms.get(name)
    if platform is not None and document.isdecimal() and len(document) <= _MOST_DIGITS:
        if token is None and caller.visit is not None and caller.platform == name:
            caller.visit.require_document(document, is_new=False)
        if token is not None or _account_may_serve(caller, name, platform):
            return _open(lookup, name, token)
    raise ServiceError(
        "request.forbidden",
        "whether this document is yours is not known here",
        where="source",
        hint="Open the document on the platform, and press the button there; or give your own token under New run.",
    )


def best_layer(layers: Sequence[Layer]) -> str:
    """The layer that people have most likely corrected."""
    by_hand = next((layer for layer in layers if layer.name == _BY_HAND), None)
    found = by_hand or next(iter(layers), None)
    return str(found.id) if found else ""


def transcribed_pages(pages: Sequence[PageSummary], *, is_wanted: bool) -> list[str]:
    """Pages that are transcribed, at least in part; or those that are not."""
    return [str(page.id) for page in pages if (page.transcribed > 0) is is_wanted]


def _account_may_serve(caller: Caller, name: str, platform: PlatformConfig) -> bool:
    """Whether the service's own account shows this visitor something there."""
    return platform.token_file is not None and (caller.role is Role.ADMIN or caller.platform == name)


def _documents(platform: Platform, caller: Caller, name: str, token: str | None) -> Iterable[Document]:
    if token is None and caller.platform == name:
        for document in caller.documents:
            if caller.visit is not None:
                caller.visit.require_document(document, is_new=False)
        return [platform.document(int(document)) for document in caller.documents]
    return islice(platform.documents(), _MOST_DOCUMENTS)


def _open(lookup: Lookup, name: str, token: str | None) -> Platform:
    return lookup.connect(name, token or read_token(lookup.platform(name).token_file), _TIMEOUT_S)


def _session(caller: Caller) -> str:
    # a session's own word: two sessions of one person are two; programs have none, and are who their token says
    return caller.csrf or f"{caller.client} {caller.user}"
