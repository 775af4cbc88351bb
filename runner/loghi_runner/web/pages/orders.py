"""Pages of runs: all of them, and one with its curve, its end and its results."""

from functools import lru_cache
from threading import Lock
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse

from loghi_contract.events import Epoch
from loghi_runner.orders.actions import PlatformPages
from loghi_runner.orders.orders import PUSH_MARK, PushState
from loghi_runner.report.charts import draw_curve
from loghi_runner.runs.progress import Progress, read_events
from loghi_runner.web.access import link, require_own_page, required_caller, services
from loghi_runner.web.pages.form import shown_parameters
from loghi_runner.web.pages.render import show
from loghi_runner.web.problems import ServiceError
from loghi_runner.web.views import RunView

_LISTED = 50
# an image has its own colours: it cannot take those of the page around it
_COLOURS = (
    "<style>:root{--ink:#1c1b19;--quiet:#5f5b53;--accent:#1f5f8b}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ece9e2;--quiet:#b3ada2;--accent:#7fbce6}}"
    "text{fill:var(--ink)}</style>"
)
_drawing = Lock()

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


@router.get("/orders/{order_id}/live")
def live_part(request: Request, order_id: OrderId) -> HTMLResponse:
    """The part of a run's page that changes."""
    return _run(request, order_id, "live.html")


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
        share_done=_share_done(run.run),
        shown_user=run.user.rpartition(":")[2],
        # a mark made while a push succeeded asks for nothing any more
        is_push_asked=run.pushed is PushState.PARKED and folder.has_mark(PUSH_MARK),
        asked=list(shown_parameters(run.parameters)),
        is_of_platform=isinstance(source, PlatformPages),
        read_now=urlencode(read_now),
        asks_token=asks_token is not None and asks_token.token_file is None,
        here="runs",
    )


def _share_done(run: RunView | None) -> float | None:
    """How far a training is, between 0 and 1; None where nobody knows."""
    if run is None or not run.epochs or not run.epochs_planned:
        return None
    done = float(max(epoch["epoch"] for epoch in run.epochs))
    if run.step is not None:
        done = max(done, run.step.epoch - 1 + run.step.step / max(run.step.steps, 1))
    return min(done / run.epochs_planned, 1.0)


@lru_cache(maxsize=128)
def curve_image(epochs: tuple[Epoch, ...]) -> str:
    """The learning curve as an SVG file."""
    with _drawing:  # matplotlib is not made for threads
        svg = draw_curve(epochs)
    opened, _, rest = svg.partition(">")
    return f"{opened}>{_COLOURS}{rest}"
