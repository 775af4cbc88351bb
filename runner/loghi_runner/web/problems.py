"""Errors as the API tells them: what is wrong, and what to do, as application/problem+json."""

from typing import Any  # JSON values have no narrower type

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from loghi_contract.exit_codes import ExitCode
from loghi_runner.errors import RunnerError

MEDIA_TYPE = "application/problem+json"

#: Where the exit code of an error says too little.
_STATUS = {
    "order.other_content": 409,
    "order.queue_full": 429,
    "order.too_many": 429,
    "order.too_many_of_client": 429,
    "order.disk_full": 429,
    "order.unknown": 404,
    "order.not_there": 404,
    "platform.not_found": 404,
    "platform.forbidden": 403,
    "platform.token_refused": 403,
    "order.not_parked": 409,
    "request.not_signed_in": 401,
    "request.bad_token": 401,
    "request.forbidden": 403,
    "request.csrf": 403,
    "request.invalid": 422,
    "request.long_head": 431,
    "request.too_many_at_once": 429,
    "request.too_many_followers": 429,
    "request.too_often": 429,
    "request.too_long": 413,
    "request.wrong_host": 421,
    "service.busy": 503,
}
_BY_EXIT_CODE = {ExitCode.USAGE: 400, ExitCode.DATA: 422, ExitCode.ENGINE: 503}

TITLES = {
    400: "The request is not right",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "In conflict with what is there",
    413: "Too long",
    421: "Not this service",
    422: "The request is not right",
    429: "Too much at once",
    431: "Too long",
    500: "A fault in loghi-runner",
    503: "Not ready",
}


class WrongField(BaseModel):
    """One value of a request that is not right."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457), with a code for programs and a hint for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="For programs; listed in docs/errors.md.")
    message: str
    hint: str | None = None
    where: str | None = None
    fields: list[WrongField] | None = Field(default=None, description="All values that are not right.")


class ServiceError(RunnerError):
    """An error that only a request can have; its status follows from its code."""

    exit_code = ExitCode.USAGE


def problem_of(error: RunnerError) -> Problem:
    status = _STATUS.get(error.code) or _BY_EXIT_CODE.get(error.exit_code, 500)
    return Problem(
        title=TITLES.get(status, "Error"),
        status=status,
        code=error.code,
        message=error.message,
        hint=error.hint,
        where=error.where,
    )


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    extra = dict(headers or {})
    if problem.status == 401:
        extra.setdefault("WWW-Authenticate", "Bearer")
    if problem.status in (429, 503):
        extra.setdefault("Retry-After", "60")
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, extra, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an endpoint, for its OpenAPI description."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}
