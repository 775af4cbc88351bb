"""The HTTP API, as the manifest tells it; a test keeps it equal to what the service serves."""

from loghi_runner.web.manifest.model import Authentication, Endpoint

_JSON = "application/json"


def _open(path: str, purpose: str, answer: str = _JSON) -> Endpoint:
    return Endpoint(method="GET", path=path, purpose=purpose, authentication=Authentication.NONE, answer=answer)


def _get(path: str, purpose: str, answer: str = _JSON) -> Endpoint:
    return Endpoint(method="GET", path=path, purpose=purpose, authentication=Authentication.TOKEN, answer=answer)


def _post(path: str, purpose: str, body: dict[str, str] | None = None) -> Endpoint:
    return Endpoint(
        method="POST", path=path, purpose=purpose, authentication=Authentication.TOKEN, body=body, answer=_JSON
    )


ENDPOINTS = {
    "manifest": _open("/manifest", "This manifest."),
    "health": _open("/health", "Whether the service is well; for watchers and load balancers."),
    "openapi": _open("/openapi.json", "The API in every detail, as OpenAPI 3.1."),
    "metrics": _get("/metrics", "Numbers for Prometheus.", "text/plain"),
    "sources": _get("/api/v1/sources", "Folders, base models and platforms that a request may name."),
    "start": _post(
        "/api/v1/orders",
        "Start an action; sent again with the same key, it answers with the order there is.",
        {
            "action": "one of `actions`",
            "parameters": "what the action's `parameters` describe",
            "key": "the sender's own name for this request; may be left out",
            "platform_token": "a user's token of the platform, where the service has no account there; may be left out",
        },
    ),
    "list": _get("/api/v1/orders", "The user's orders, the newest first."),
    "order": _get("/api/v1/orders/{id}", "One order: how far it is, place in the queue, its run, results."),
    "events": _get(
        "/api/v1/orders/{id}/events",
        "What happens, as server-sent events; after Last-Event-ID where that is given.",
        "text/event-stream",
    ),
    "cancel": _post("/api/v1/orders/{id}/cancel", "End an order; the best model so far is kept."),
    "push": _post("/api/v1/orders/{id}/push", "Write parked results to the platform again."),
    "report": _get("/api/v1/orders/{id}/report", "The report of a finished order, for people.", "text/html"),
    "model": _get("/api/v1/orders/{id}/model", "The new model as one file; parts may be asked for.", "application/zip"),
    "texts": _get("/api/v1/orders/{id}/texts", "The pages that were read, as one file.", "application/zip"),
}
