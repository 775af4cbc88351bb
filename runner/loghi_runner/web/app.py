"""The service as an ASGI application."""

from http import HTTPStatus
from typing import cast

from anyio import CapacityLimiter
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from loghi_contract import __version__
from loghi_runner.errors import RunnerError
from loghi_runner.orders.config import ServiceConfig
from loghi_runner.orders.lookup import Lookup
from loghi_runner.orders.order_book import OrderBook
from loghi_runner.orders.state import StateFolder, Vault
from loghi_runner.web import api, health
from loghi_runner.web.access import Services
from loghi_runner.web.callers import Doorkeeper, EndedSessions, Visits
from loghi_runner.web.guard import SECURITY_HEADERS, Guard
from loghi_runner.web.metrics import Metrics
from loghi_runner.web.order_access import OrderAccess
from loghi_runner.web.pages import entry, start
from loghi_runner.web.pages import orders as order_pages
from loghi_runner.web.pages.render import load_pages
from loghi_runner.web.pages.start import LentTokens
from loghi_runner.web.problems import TITLES, Problem, WrongField, problem_of, problem_response
from loghi_runner.web.sse import Feeds

_THUMBNAILS_AT_A_TIME = 4


def create_app(config: ServiceConfig, state: StateFolder) -> FastAPI:
    """The application; it starts nothing and touches no engine."""
    state.begin_orders()
    key = state.key()
    vault, metrics = Vault(key), Metrics()
    doorkeeper = Doorkeeper(config, key, EndedSessions(state.ended_sessions))
    orders = OrderAccess(config, OrderBook(state, config.limits, vault), Lookup(config), vault)
    app = FastAPI(
        title="loghi-runner",
        version=__version__,
        summary="Fine-tunes Loghi handwriting models for people and platforms.",
        # their pages load scripts of other hosts
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = Services(config, state, doorkeeper, orders, Feeds(metrics), metrics, Visits(config))
    app.state.lent_tokens = LentTokens()
    app.state.thumbnails = CapacityLimiter(_THUMBNAILS_AT_A_TIME)
    for router in (api.router, health.router, entry.button, entry.router, order_pages.router, start.router):
        app.include_router(router)
    for kind in (RunnerError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _tell)
    app.add_middleware(Guard, config=config, doorkeeper=doorkeeper, metrics=metrics, answer=_answer)
    _describe_problems(app)
    return app


def make_ready(app: FastAPI) -> None:
    """Read and make what the first who asks would wait for: the orders there are, the API's descriptions, all pages."""
    cast(Services, app.state.services).orders.book.queue()
    app.openapi()
    health.manifest()
    load_pages()


def _answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return entry.error_page(request, problem) or problem_response(problem, headers)


async def _tell(request: Request, error: Exception) -> Response:
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    answer = _answer(request, _problem_of(error), headers)
    for name, value in SECURITY_HEADERS.items():
        answer.headers.setdefault(name, value)  # the answer to a fault of ours is made outside the guard
    return answer


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, RunnerError):
        return problem_of(error)
    if isinstance(error, RequestValidationError):
        # what was sent is not repeated: it may hold a token
        fields = [
            WrongField(field=".".join(map(str, item["loc"][1:] or item["loc"])), message=str(item["msg"]))
            for item in error.errors()
        ]
        message = f"{fields[0].field}: {fields[0].message}" if fields else "the request is not right"
        return Problem(title=TITLES[422], status=422, code="request.invalid", message=message, fields=fields)
    if isinstance(error, HTTPException):
        status = error.status_code
        title = TITLES.get(status, HTTPStatus(status).phrase)
        code = "request.not_found" if status == 404 else "request.invalid"
        message = "there is nothing at this address" if status == 404 else title
        return Problem(title=title, status=status, code=code, message=message)
    # the server writes the traceback into its log
    message = "a fault in loghi-runner itself; it was written to the service's log"
    return Problem(title=TITLES[500], status=500, code="bug", message=message)


def _describe_problems(app: FastAPI) -> None:
    """Put the shape of our errors into the OpenAPI description, in place of the framework's."""
    described = app.openapi

    def openapi() -> dict[str, object]:
        schema = described()
        schemas = schema["components"]["schemas"]
        if "Problem" not in schemas:
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change it
