"""The OpenAPI description, kept by answers to requests made up from it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.made_service import MadeService, as_user

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
HEADERS = as_user("boss") | {"Host": "127.0.0.1"}
OPERATIONS = [
    "POST /api/v1/orders",
    "GET /api/v1/orders",
    "GET /api/v1/orders/{order_id}",
    "GET /api/v1/orders/{order_id}/events",
    "POST /api/v1/orders/{order_id}/cancel",
    "POST /api/v1/orders/{order_id}/push",
    "GET /api/v1/orders/{order_id}/report",
    "GET /api/v1/orders/{order_id}/report.json",
    "GET /api/v1/orders/{order_id}/model",
    "GET /api/v1/orders/{order_id}/texts",
    "GET /api/v1/sources",
    "GET /health/live",
    "GET /health",
    "GET /metrics",
    "GET /launch",
]
WITHOUT_INPUT = ("GET /health/live", "GET /health", "GET /metrics")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeService:
    made = MadeService(tmp_path_factory.mktemp("service"), limits={"queued": 10_000, "per_user": 1000})
    made.state.begin_work()
    return made


@pytest.fixture(scope="module")
def operations(made: MadeService) -> dict[str, APIOperation]:
    schema = schemathesis.openapi.from_asgi("/openapi.json", made.app, headers=HEADERS)
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        (label, mode)
        for label in OPERATIONS
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or label not in WITHOUT_INPUT
    ],
)
def test_answers_are_as_described(
    made: MadeService, operations: dict[str, APIOperation], label: str, mode: GenerationMode
) -> None:
    made.state.worker_beat.touch()  # as if a worker were there; it would start what is ordered here
    operation = operations[label]

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=HEADERS, checks=CHECKS)

    ask()


def test_every_error_is_described_as_a_problem(made: MadeService) -> None:
    for path, methods in made.app.openapi()["paths"].items():
        for method, described in methods.items():
            for status, answer in described["responses"].items():
                if int(status) >= 400 and (path, status) != ("/health", "503") and status != "416":
                    assert list(answer["content"]) == ["application/problem+json"], (path, method, status)
