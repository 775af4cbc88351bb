"""The API: orders placed, listed, followed, cancelled, and what came of them."""

import json
from pathlib import Path
from typing import Annotated, Any  # OpenAPI fragments have no narrower type

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response, Security
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from fastapi.security import APIKeyCookie, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sse_starlette import EventSourceResponse

from loghi_contract.places import REPORT_DIR
from loghi_runner.orders.actions import Action
from loghi_runner.orders.orders import ArchiveFile, Order, OrderState
from loghi_runner.report.write import JSON_FILE
from loghi_runner.web.access import acting_caller, require_own_script, services
from loghi_runner.web.callers import SESSION_COOKIE, Caller
from loghi_runner.web.order_access import OrderAccess
from loghi_runner.web.problems import ServiceError, documented
from loghi_runner.web.sse import is_line_end
from loghi_runner.web.views import NewOrder, OrderPage, OrderSummary, OrderView

#: A report is a page of its own: it may show its pictures and styles, and reach nothing else.
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"
)
_ARCHIVE = "application/zip"
_COMMON = (400, 401, 403, 413, 421, 422, 429, 431, 503)

router = APIRouter(
    prefix="/api/v1",
    tags=["orders"],
    dependencies=[
        Security(HTTPBearer(auto_error=False, description="A client's token.")),
        Security(
            APIKeyCookie(
                name=SESSION_COOKIE,
                auto_error=False,
                description="A session of the web page; below https its name begins with `__Host-`.",
            )
        ),
        Depends(require_own_script),
    ],
    responses=documented(*_COMMON),
)

CallerOf = Annotated[Caller, Depends(acting_caller)]
OrderId = Annotated[str, InPath(pattern=r"^[a-z2-7]{16}$", description="The id that the service gave to the order.")]


def _orders(request: Request) -> OrderAccess:
    return services(request).orders


OrdersOf = Annotated[OrderAccess, Depends(_orders)]


def _file(media_type: str) -> dict[int | str, dict[str, Any]]:
    """How a file is described: whole, or a part of it."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The file.", "content": content},
        206: {"description": "The part that `Range` asked for.", "content": content},
        416: {"description": "The file has no such part."},
        **documented(404),
    }


class PushAgain(BaseModel):
    model_config = ConfigDict(extra="forbid")

    platform_token: SecretStr | None = Field(
        default=None, min_length=8, max_length=512, description="A user's token, where the order came with one."
    )


class PlatformName(BaseModel):
    name: str
    kind: str
    url: str
    has_account: bool = Field(description="The service has an account of its own there; else each order needs a token.")


class Sources(BaseModel):
    """What requests may name."""

    pages: list[str] = Field(description="Folders of pages.")
    base_models: list[str]
    platforms: list[PlatformName]


@router.post(
    "/orders",
    status_code=201,
    responses={200: {"model": OrderView, "description": "Asked for before with the same key."}, **documented(404, 409)},
)
def place_order(
    asked: Annotated[NewOrder, Body()], response: Response, request: Request, caller: CallerOf, orders: OrdersOf
) -> OrderView:
    """Place an order. It is carried out in its turn; follow it by its events."""
    token = asked.platform_token.get_secret_value() if asked.platform_token else None
    order, is_new = orders.place(caller, Action(asked.action), asked.parameters, asked.key, token)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/api/v1/orders/{order.id}"
    return orders.view(order)


@router.get("/orders", responses=documented(404))
def list_orders(
    caller: CallerOf,
    orders: OrdersOf,
    limit: Annotated[int, Query(ge=1, le=200, description="At most so many.")] = 50,
    before: Annotated[
        str | None, Query(pattern=r"^[a-z2-7]{16}$", description="Only orders placed before this one.")
    ] = None,
) -> OrderPage:
    """Orders that the caller may see, the newest first."""
    return orders.page(caller, limit, before)


@router.get("/orders/{order_id}", responses=documented(404))
def show_order(order_id: OrderId, caller: CallerOf, orders: OrdersOf) -> OrderView:
    """One order: its stage, the run it has become with its epochs, what came of it."""
    order, _folder = orders.find(caller, order_id)
    return orders.view(order)


@router.get(
    "/orders/{order_id}/events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "Server-sent events: `order` with the order's summary whenever its stage changes, and the "
            "trainer's events (docs/events.md) by their kind. Ends when the order is over.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The order is over, and all its events were sent before."},
        **documented(404),
    },
)
def follow_order(
    order_id: OrderId,
    request: Request,
    caller: CallerOf,
    orders: OrdersOf,
    last_event_id: Annotated[
        str | None, Header(max_length=20, description="The id of the last event that was received.")
    ] = None,
) -> Response:
    """Follow an order to its end; with `Last-Event-ID` from where the last connection ended."""
    order, folder = orders.find(caller, order_id)
    run = folder.run()
    offset = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else 0
    if run is None or not is_line_end(run.events_file, offset):
        offset = 0
    elif offset and folder.read_state().stage.is_over and offset == run.events_file.stat().st_size:
        return Response(status_code=204)

    def shown(state: OrderState) -> str:
        return orders.summary(order, state).model_dump_json()

    return EventSourceResponse(services(request).feeds.events(folder, offset, shown), ping=15)


@router.post("/orders/{order_id}/cancel", status_code=202, responses=documented(404))
def cancel_order(order_id: OrderId, caller: CallerOf, orders: OrdersOf) -> OrderSummary:
    """End an order, its run after the current step; the best model so far is kept. What is over stays as it is."""
    return orders.summary(orders.cancel(caller, order_id))


@router.post("/orders/{order_id}/push", status_code=202, responses=documented(404, 409))
def push_order(
    order_id: OrderId, caller: CallerOf, orders: OrdersOf, asked: Annotated[PushAgain | None, Body()] = None
) -> OrderSummary:
    """Write results to the platform that it could not take before."""
    token = asked.platform_token.get_secret_value() if asked and asked.platform_token else None
    return orders.summary(orders.push_again(caller, order_id, token))


@router.get("/orders/{order_id}/report", response_class=FileResponse, responses=_file("text/html"))
def show_report(order_id: OrderId, caller: CallerOf, orders: OrdersOf) -> FileResponse:
    """The report as one page of HTML."""
    headers = {"Content-Security-Policy": REPORT_POLICY, "X-Frame-Options": "DENY"}
    return FileResponse(_report(orders, caller, order_id, "report.html"), headers=headers, media_type="text/html")


@router.get("/orders/{order_id}/report.json", response_class=FileResponse, responses=_file("application/json"))
def show_report_json(order_id: OrderId, caller: CallerOf, orders: OrdersOf) -> Response:
    """The report for programs."""
    report = json.loads(_report(orders, caller, order_id, JSON_FILE).read_bytes())
    report.pop("run", None)  # it names the trainer's process or container
    shown = orders.lookup.without_places(report)
    return Response(json.dumps(shown, ensure_ascii=False), media_type="application/json")


@router.get("/orders/{order_id}/model", response_class=FileResponse, responses=_file(_ARCHIVE))
def fetch_model(order_id: OrderId, caller: CallerOf, orders: OrdersOf) -> FileResponse:
    """The best model as a zip; a broken download goes on with `Range` and `If-Range`."""
    order, folder = orders.find(caller, order_id)
    return _archive(order, folder.read_state().model, folder.model_archive)


@router.get("/orders/{order_id}/texts", response_class=FileResponse, responses=_file(_ARCHIVE))
def fetch_texts(order_id: OrderId, caller: CallerOf, orders: OrdersOf) -> FileResponse:
    """The pages that were read, their XML with the model's texts, as a zip."""
    order, folder = orders.find(caller, order_id)
    return _archive(order, folder.read_state().texts, folder.texts_archive)


@router.get("/sources")
def list_sources(caller: CallerOf, orders: OrdersOf) -> Sources:
    """Folders, base models and platforms that an order may name."""
    platforms = [
        PlatformName(name=name, kind=platform.kind.value, url=platform.url, has_account=platform.token_file is not None)
        for name, platform in orders.config.platforms.items()
    ]
    pages = [] if caller.platform else orders.lookup.pages.page_folders()
    return Sources(pages=pages, base_models=orders.lookup.base_models.models(), platforms=platforms)


def _archive(order: Order, archive: ArchiveFile | None, file: Path) -> FileResponse:
    if archive is None or not file.is_file():
        raise _not_there("there is nothing to download yet", "Once the order is over there is, if it came to that.")
    headers = {"ETag": f'"{archive.sha256}"', "Cache-Control": "private, max-age=0, must-revalidate"}
    return FileResponse(file, headers=headers, media_type=_ARCHIVE, filename=f"{order.name}.zip")


def _report(orders: OrderAccess, caller: Caller, order_id: str, name: str) -> Path:
    _order, folder = orders.find(caller, order_id)
    run = folder.run()
    path = run.out / REPORT_DIR / name if run is not None else folder.evaluation / name
    if not path.is_file():
        raise _not_there("the order has no report yet", "There is one once a training or an evaluation is over.")
    return path


def _not_there(message: str, hint: str) -> ServiceError:
    return ServiceError("order.not_there", message, hint=hint)
