"""Pages that start a run: choose pages or a document, and a form drawn from the action's schema."""

import secrets
from typing import Annotated, Any  # what a template shows has no narrower type
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from loghi_runner.config.schema import proposed_name
from loghi_runner.errors import RunnerError
from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import MAX_PAGES, Action, ReadWord
from loghi_runner.platform.base import PageSummary
from loghi_runner.web.access import CSRF_FIELD, link, require_own_page, required_caller, services
from loghi_runner.web.callers import Caller
from loghi_runner.web.pages.documents import best_layer, choices, lent_tokens, open_document, transcribed_pages
from loghi_runner.web.pages.form import brings_nothing_back, check_request, draw_form, read_request
from loghi_runner.web.pages.render import show
from loghi_runner.web.problems import ServiceError, problem_of

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
        platforms = choices(has.config, caller, lent_tokens(request))
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
        theirs = open_document(
            services(request).config, required_caller(request), platform, document, lent_tokens(request)
        )
        return theirs.thumbnail(int(document), page)

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
    theirs = open_document(services(request).config, caller, asked["platform"], asked["document"], lent_tokens(request))
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
