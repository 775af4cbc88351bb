"""Pages of runs: all of them, and one with its curve, its end and its results."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse

from loghi_runner.orders.actions import PlatformPages
from loghi_runner.orders.orders import PUSH_MARK
from loghi_runner.runs.follow import read_events
from loghi_runner.runs.progress import Progress
from loghi_runner.web.access import link, require_own_page, required_caller, services
from loghi_runner.web.pages.asked import flat
from loghi_runner.web.pages.now import curve_image, now_of
from loghi_runner.web.pages.render import show
from loghi_runner.web.problems import ServiceError

_LISTED = 50

router = APIRouter(include_in_schema=False)

OrderId = Annotated[str, InPath(pattern=r"^[a-z2-7]{16}$")]


@router.get("/")
def runs_page(request: Request, before: str | None = None) -> HTMLResponse:
    """All runs the visitor may see, the newest first."""
    page = services(request).orders.page(required_caller(request), _LISTED, before)
    return show(request, "runs.html", runs=page.orders, older=page.next, here="runs")


@router.get("/orders/{order_id}")
def run_page(request: Request, order_id: OrderId) -> HTMLResponse:
    return _run(request, order_id, "run.html")


@router.get("/orders/{order_id}/now")
def run_now(request: Request, order_id: OrderId) -> HTMLResponse:
    """The part of a run's page that changes."""
    return _run(request, order_id, "now.html")


@router.get("/orders/{order_id}/curve.svg")
def run_curve(request: Request, order_id: OrderId) -> Response:
    _order, folder = services(request).orders.find(required_caller(request), order_id)
    run = folder.run()
    epochs = Progress.of(read_events(run.events_file)).epochs if run is not None else []
    if not epochs:
        raise ServiceError("order.not_there", "the run has no epochs yet")
    return Response(curve_image(tuple(epochs)), media_type="image/svg+xml")


@router.post("/orders/{order_id}/cancel")
def cancel(request: Request, order_id: OrderId, csrf: Annotated[str, Form()] = "") -> Response:
    require_own_page(request, csrf)
    services(request).orders.cancel(required_caller(request), order_id)
    return RedirectResponse(link(request, f"/orders/{order_id}"), status_code=303)


@router.post("/orders/{order_id}/push")
def push(
    request: Request,
    order_id: OrderId,
    csrf: Annotated[str, Form()] = "",
    platform_token: Annotated[str, Form(max_length=512)] = "",
) -> Response:
    require_own_page(request, csrf)
    services(request).orders.push_again(required_caller(request), order_id, platform_token or None)
    return RedirectResponse(link(request, f"/orders/{order_id}"), status_code=303)


def _run(request: Request, order_id: str, template: str) -> HTMLResponse:
    has, caller = services(request), required_caller(request)
    order, folder = has.orders.find(caller, order_id)
    run = has.orders.view(order)
    source = order.asked.source
    asks_token = has.config.platforms.get(getattr(source, "platform", ""), None)
    read_now = {"model": run.id}
    if isinstance(source, PlatformPages):
        read_now |= {"platform": source.platform, "document": source.document}
    return show(
        request,
        template,
        run=run,
        now=now_of(run),
        shown_user=run.user.rpartition(":")[2],
        is_push_asked=folder.has_mark(PUSH_MARK),
        asked=list(flat(run.parameters)),
        is_of_platform=isinstance(source, PlatformPages),
        read_now=urlencode(read_now),
        asks_token=asks_token is not None and asks_token.token_file is None,
        here="runs",
    )
