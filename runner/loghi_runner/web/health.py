"""What the service is and whether it works: for platforms, proxies, containers and Prometheus."""

from functools import cache
from typing import Any, Literal  # a manifest's JSON has no narrower type

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from loghi_runner.orders.config import Role
from loghi_runner.web.access import required_caller, services
from loghi_runner.web.manifest import make_manifest
from loghi_runner.web.manifest_model import as_json
from loghi_runner.web.metrics import worker_age_s
from loghi_runner.web.problems import ServiceError, documented

#: A worker that has not looked at the orders for so long is gone or hangs.
WORKER_LATE_S = 60.0

router = APIRouter(tags=["operation"], responses=documented(421, 431))


class Health(BaseModel):
    """`worker`: `late` when it has not looked at the orders for a minute, `never` when none ever did."""

    status: Literal["ok", "not_ready"]
    worker: Literal["working", "late", "never"]


@router.get("/manifest")
def manifest() -> dict[str, Any]:
    """What a platform needs to know to offer this service: plugin_manifest.yaml as JSON."""
    return _manifest()


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The service answers."""
    # no thread is waited for: all of them may be busy
    return {"status": "ok"}


@router.get("/health", responses={503: {"model": Health, "description": "Orders are taken, nobody works."}})
def ready(request: Request, response: Response) -> Health:
    """Orders are taken and carried out."""
    age = worker_age_s(services(request).state)
    if age is None:
        health = Health(status="not_ready", worker="never")
    elif age > WORKER_LATE_S:
        health = Health(status="not_ready", worker="late")
    else:
        return Health(status="ok", worker="working")
    response.status_code = 503
    return health


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        **documented(401, 403),
        200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
def metrics(request: Request) -> Response:
    """Counts and times, without users, names and texts; for the operator."""
    has = services(request)
    if required_caller(request).role is not Role.ADMIN:
        raise ServiceError("request.forbidden", "this is for the operator", hint="Ask with the token of an admin.")
    return Response(has.metrics.text(has.orders.book, has.state), media_type="text/plain; version=0.0.4; charset=utf-8")


@cache
def _manifest() -> dict[str, Any]:
    return as_json(make_manifest())
