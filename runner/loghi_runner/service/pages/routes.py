"""The pages people use: sign in, start a run, see all runs and one, stop it, push its results again."""

import re
import secrets
from importlib.resources import files
from typing import Annotated, Any  # what a template shows has no narrower type

from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from loghi_runner.config import proposed_name
from loghi_runner.errors import RunnerError
from loghi_runner.follow import read_events
from loghi_runner.platform.base import PageSummary
from loghi_runner.progress import Progress
from loghi_runner.service.access import (
    CSRF_FIELD,
    is_own_origin,
    link,
    require_own_page,
    required_caller,
    services,
)
from loghi_runner.service.action_schema import parameters_schema
from loghi_runner.service.actions import Action
from loghi_runner.service.callers import SESSION_COOKIE, Caller
from loghi_runner.service.config import Role
from loghi_runner.service.launch import set_session
from loghi_runner.service.orders import Order, OrderFolder
from loghi_runner.service.pages.asked import check_asked, flat, read_asked
from loghi_runner.service.pages.documents import best_layer, choices, open_document, transcribed_pages
from loghi_runner.service.pages.form import draw_form
from loghi_runner.service.pages.now import curve_image, now_of
from loghi_runner.service.pages.render import show
from loghi_runner.service.problems import Problem, ServiceError, problem_of
from loghi_runner.service.views import OrderSummary, OrderView, order_summary, order_view

_LISTED = 50
_SHELVES = {
    "style.css": ("loghi_runner.report", "templates/style.css", "text/css"),
    "service.css": ("loghi_runner.service.pages", "static/service.css", "text/css"),
    "start.js": ("loghi_runner.service.pages", "static/start.js", "text/javascript"),
    "run.js": ("loghi_runner.service.pages", "static/run.js", "text/javascript"),
    # the button in eScriptorium: no page of ours loads it, see docs/escriptorium.md
    "escriptorium.js": ("loghi_runner.service.pages", "static/escriptorium.js", "text/javascript"),
}
#: Pages that somebody who was sent to sign in may come back to.
_BACK = re.compile(r"/(start|runs/[a-z2-7]{16})?")

router = APIRouter(include_in_schema=False)

RunId = Annotated[str, InPath(pattern=r"^[a-z2-7]{16}$")]


def error_page(request: Request, problem: Problem) -> Response | None:
    """A problem as a page for people; programs get theirs as JSON."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or request.scope["path"].startswith("/api/"):
        return None
    if problem.status == 401 and request.scope["path"] != "/launch":
        return RedirectResponse(f"{link(request, '/sign-in')}?back={request.scope['path']}", status_code=303)
    return show(request, "trouble.html", problem.status, problem=problem, title=problem.title)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A file that all pages share."""
    if name not in _SHELVES:
        raise ServiceError("order.not_there", "there is no such file")
    package, path, media_type = _SHELVES[name]
    content = files(package).joinpath(path).read_bytes()
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


@router.get("/sign-in")
def sign_in_page(request: Request) -> HTMLResponse:
    return show(request, "sign_in.html", problem=None)


@router.post("/sign-in")
def sign_in(request: Request, token: Annotated[str, Form(max_length=512)], back: str = "/") -> Response:
    """From an access code to a session."""
    has = services(request)
    caller = has.doorkeeper.by_token(token.strip())
    if caller is None or caller.role is Role.PLATFORM or not is_own_origin(request):
        problem = ServiceError("request.bad_token", "the access code is not known here", hint="Is it whole?")
        return show(request, "sign_in.html", 401, problem=problem)
    target = back if _BACK.fullmatch(back) else "/"
    answer = RedirectResponse(link(request, target), status_code=303)
    path = has.config.root_path or "/"
    set_session(answer, has.doorkeeper.session_of_client(caller), is_secure=has.config.is_secure, path=path)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, csrf: Annotated[str, Form()] = "") -> Response:
    require_own_page(request, csrf)
    answer = RedirectResponse(link(request, "/sign-in"), status_code=303)
    answer.delete_cookie(SESSION_COOKIE, path=services(request).config.root_path or "/")
    return answer


@router.get("/")
def runs_page(request: Request, before: str | None = None) -> HTMLResponse:
    """All runs the visitor may see, the newest first."""
    desk, caller = services(request).desk, required_caller(request)
    orders = desk.orders(caller)
    if before is not None:
        order, _folder = desk.find(caller, before)
        orders = orders[orders.index(order) + 1 :]
    queue = desk.book.queue()
    runs = [_summary(desk.book.folder(order.id), order, queue) for order in orders[:_LISTED]]
    older = runs[-1].id if len(orders) > _LISTED else None
    return show(request, "runs.html", runs=runs, older=older, here="runs")


@router.get("/start")
def start_page(
    request: Request, pages: str | None = None, platform: str | None = None, document: str | None = None
) -> HTMLResponse:
    """The form for some pages; without any, the choice of pages."""
    has, caller = services(request), required_caller(request)
    if platform is not None and document is not None:
        values: dict[str, Any] = {"source": {"platform": platform, "document": document}}
    elif pages is not None:
        values = {"source": {"pages": pages}, "name": proposed_name(pages)}
    else:
        folders = None if caller.platform else has.desk.commands.pages.page_folders()
        return show(request, "sources.html", platforms=choices(has.config, caller), folders=folders, here="start")
    return _form(request, caller, values, {})


@router.post("/start")
async def start(request: Request) -> Response:
    """Place the order; what is wrong with it is told in the form."""
    filled = await request.form()
    return await run_in_threadpool(_start, request, filled)


def _start(request: Request, filled: FormData) -> Response:
    caller = required_caller(request)
    require_own_page(request, str(filled.get(CSRF_FIELD) or ""))
    action = Action.CHECK if filled.get("action") == Action.CHECK.value else Action.FINETUNE
    values = read_asked(action, filled)
    parameters, errors = check_asked(action, values)
    if parameters is None:
        return _form(request, caller, values, errors, status=422)
    key = f"page-{str(filled.get('key') or '')[:64]}-{action.value}"
    try:
        order, _is_new = services(request).desk.place(caller, action, parameters, key, None)
    except RunnerError as error:
        return _form(request, caller, values, {}, status=problem_of(error).status, problem=error)
    return RedirectResponse(link(request, f"/runs/{order.id}"), status_code=303)


@router.get("/thumbnails/{platform}/{document}/{page}")
def thumbnail(request: Request, platform: str, document: str, page: int) -> Response:
    """A page's small image, fetched for visitors who may see its document."""
    theirs = open_document(services(request).config, required_caller(request), platform, document)
    content = theirs.thumbnail(int(document), page)
    media_type = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})


@router.get("/runs/{run_id}")
def run_page(request: Request, run_id: RunId) -> HTMLResponse:
    return _run(request, run_id, "run.html")


@router.get("/runs/{run_id}/now")
def run_now(request: Request, run_id: RunId) -> HTMLResponse:
    """The part of a run's page that changes."""
    return _run(request, run_id, "now.html")


@router.get("/runs/{run_id}/curve.svg")
def run_curve(request: Request, run_id: RunId) -> Response:
    _order, folder = services(request).desk.find(required_caller(request), run_id)
    run = folder.run()
    epochs = Progress.of(read_events(run.events_file)).epochs if run is not None else []
    if not epochs:
        raise ServiceError("order.not_there", "the run has no epochs yet")
    return Response(curve_image(tuple(epochs)), media_type="image/svg+xml")


@router.post("/runs/{run_id}/cancel")
def cancel(request: Request, run_id: RunId, csrf: Annotated[str, Form()] = "") -> Response:
    require_own_page(request, csrf)
    services(request).desk.cancel(required_caller(request), run_id)
    return RedirectResponse(link(request, f"/runs/{run_id}"), status_code=303)


@router.post("/runs/{run_id}/push")
def push(
    request: Request,
    run_id: RunId,
    csrf: Annotated[str, Form()] = "",
    platform_token: Annotated[str, Form(max_length=512)] = "",
) -> Response:
    require_own_page(request, csrf)
    services(request).desk.push_again(required_caller(request), run_id, platform_token or None)
    return RedirectResponse(link(request, f"/runs/{run_id}"), status_code=303)


def _form(
    request: Request,
    caller: Caller,
    values: dict[str, Any],
    errors: dict[str, str],
    *,
    status: int = 200,
    problem: RunnerError | None = None,
) -> HTMLResponse:
    source = _source(request, caller, values)
    if not values.get("name") and not errors and source["document"]:
        values |= {"name": proposed_name(source["document"].name)}
    values.setdefault("write_back", True)
    return show(
        request,
        "start.html",
        status,
        form=draw_form(parameters_schema(Action.FINETUNE), values, errors),
        errors=errors,
        problem=problem,
        source=source,
        models=services(request).desk.commands.base_models.models(),
        # the same form sent twice is one run
        key=secrets.token_urlsafe(12),
        here="start",
    )


def _source(request: Request, caller: Caller, values: dict[str, Any]) -> dict[str, Any]:
    asked = values["source"]
    if "platform" not in asked:
        if not caller.platform:
            services(request).desk.commands.pages.find(asked["pages"])
        return {"folder": asked["pages"], "document": None}
    theirs = open_document(services(request).config, caller, asked["platform"], asked["document"])
    document = theirs.document(int(asked["document"]))
    pages: list[PageSummary] = list(theirs.pages(document.id))
    return {
        "folder": None,
        "platform": asked["platform"],
        "document": document,
        "layer": asked.get("layer") or best_layer(document.layers),
        "pages": pages,
        "chosen": asked.get("pages") or transcribed_pages(pages),
        "to_read": values.get("recognize_pages", []),
    }


def _run(request: Request, run_id: str, template: str) -> HTMLResponse:
    has, caller = services(request), required_caller(request)
    order, folder = has.desk.find(caller, run_id)
    queue = has.desk.book.queue()
    position = queue.index(order.id) + 1 if order.id in queue else None
    run: OrderView = order_view(order, folder, folder.read_state(), position)
    source = order.asked.source
    asks_token = has.config.platforms.get(getattr(source, "platform", ""), None)
    return show(
        request,
        template,
        run=run,
        now=now_of(run),
        shown_user=run.user.rpartition(":")[2],
        asked=list(flat(run.parameters)),
        asks_token=asks_token is not None and asks_token.token_file is None,
        here="runs",
    )


def _summary(folder: OrderFolder, order: Order, queue: list[str]) -> OrderSummary:
    position = queue.index(order.id) + 1 if order.id in queue else None
    return order_summary(order, folder, folder.read_state(), position)
