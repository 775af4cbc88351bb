"""plugin_manifest.yaml, what a platform needs to know to offer loghi-runner: made from the code, read, and written."""

from pathlib import Path
from typing import Any, Literal  # parameters of an example and a JSON Schema have no narrower type

import yaml
from pydantic import TypeAdapter

from loghi_contract import CONTRACT, __version__
from loghi_contract.event_lines import EVENT_VERSION
from loghi_contract.events import KINDS, TERMINAL_KINDS
from loghi_contract.exit_codes import ExitCode
from loghi_runner.config.choices import PlatformKind
from loghi_runner.config.file import ConfigFile
from loghi_runner.engines.image import Variant, image_name
from loghi_runner.finetuning.check_output import MEGABYTE, RESERVE_BYTES
from loghi_runner.orders.action_schema import DIALECT, inlined, parameters_schema
from loghi_runner.orders.actions import Action
from loghi_runner.web import manifest_model as model

_HEAD = """\
# What a platform needs to know to offer loghi-runner; docs/manifest.md says what every key means.
# Written by docs/generate_manifest.py from the code (`loghi-runner manifest show`); do not edit.
# `loghi-runner manifest validate` checks a file such as this one.
"""
_WIDTH = 116
_HINT = "`loghi-runner manifest show` prints the one of this version."

#: the largest process of 10 epochs in docs/benchmarks.md
_MEASURED_MEMORY_MB = 1840
#: the image for processors of this version, as `docker images` tells it
_IMAGE_MB = 1490

_DOCUMENT: dict[str, Any] = {"platform": "escriptorium", "document": "12", "layer": "1", "pages": ["3", "4"]}
_FINETUNE: dict[str, Any] = {"name": "bonnevie_finetuned", "base_model": "ibsen_model/best_val", "source": _DOCUMENT}
_EXAMPLES: dict[Action, dict[str, Any]] = {
    Action.CHECK: _FINETUNE | {"source": {"pages": "bonnevie/finetune"}},
    Action.FINETUNE: _FINETUNE | {"training": {"epochs": 10}, "recognize_pages": ["5", "6"], "write_back": True},
    Action.RECOGNIZE: {
        "name": "bonnevie_rest",
        "model": "bonnevie_finetuned",
        "source": {"platform": "escriptorium", "document": "12", "pages": ["7", "8"]},
        "write_back": True,
    },
    Action.EVALUATE: {"name": "bonnevie_score", "model": "ibsen_model/best_val", "source": _DOCUMENT},
}
# names of OCR-D's vocabulary: https://ocr-d.de/en/spec/ocrd_tool
_CATEGORIES: dict[Action, str] = {
    Action.CHECK: "Model training",
    Action.FINETUNE: "Model training",
    Action.RECOGNIZE: "Text recognition and optimization",
    Action.EVALUATE: "Quality assurance",
}
_STEPS: dict[Action, tuple[str, ...]] = {Action.RECOGNIZE: ("recognition/text-recognition",)}
_COMMANDS: dict[str, tuple[str, ...]] = {
    "check": ("loghi-runner", "check", "{config}", "--json"),
    "finetune": ("loghi-runner", "finetune", "{config}", "--json"),
    "recognize": ("loghi-runner", "recognize", "{model}", "{pages}", "--output", "{folder}", "--json"),
    "compare": ("loghi-runner", "compare", "{folder}", "{other_folder}", "--truth", "{pages}", "--json"),
    "status": ("loghi-runner", "show", "{run}", "--json"),
    "stop": ("loghi-runner", "stop", "{run}"),
    "export": ("loghi-runner", "export", "{run}", "{folder}"),
}

_JSON = "application/json"
_OPEN, _TOKEN = model.Authentication.NONE, model.Authentication.TOKEN


def _get(path: str, purpose: str, answer: str = _JSON, authentication: model.Authentication = _TOKEN) -> model.Endpoint:
    return model.Endpoint(method="GET", path=path, purpose=purpose, authentication=authentication, answer=answer)


def _post(path: str, purpose: str, body: dict[str, str] | None = None) -> model.Endpoint:
    return model.Endpoint(method="POST", path=path, purpose=purpose, authentication=_TOKEN, body=body, answer=_JSON)


_ENDPOINTS = {
    "manifest": _get("/manifest", "This manifest.", authentication=_OPEN),
    "health": _get("/health", "Whether the service is well; for watchers and load balancers.", authentication=_OPEN),
    "openapi": _get("/openapi.json", "The API in every detail, as OpenAPI 3.1.", authentication=_OPEN),
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

_ENVELOPE: dict[str, Any] = {
    "v": {"const": EVENT_VERSION, "description": "version of this format"},
    "seq": {"type": "integer", "minimum": 0, "description": "number of the event, from 0"},
    "t": {"type": "number", "description": "time, in seconds since 1970 (UTC)"},
    "run": {"type": "string", "description": "the run's id"},
}

_ACCOUNT: Literal["service account"] = "service account"
_SESSION: Literal["user's session at launch"] = "user's session at launch"


def _call(
    method: Literal["GET", "POST", "PUT", "PATCH"], path: str, purpose: str, *, optional: bool = False
) -> model.PlatformCall:
    return model.PlatformCall(method=method, path=path, purpose=purpose, optional=optional)


# paths are below the platform's /api/; what they answer was recorded from servers of 2024 and 2025
_ESCRIPTORIUM = model.PlatformEntry(
    versions="releases of June 2024 and August 2025, run; v26.07, read",
    objects=model.PlatformObjects(
        document="Document", page="DocumentPart", line="Line", layer="Transcription", progress="TaskReport"
    ),
    permissions=(
        model.Permission(
            of=_ACCOUNT,
            right="read documents that are shared with it: pages, images, lines, masks, baselines, transcriptions",
            why="this is the ground truth",
        ),
        model.Permission(
            of=_ACCOUNT,
            right="create a new transcription layer in these documents, and write line transcriptions in it",
            why="results are written back; no other layer is touched",
        ),
        model.Permission(
            of=_ACCOUNT,
            right="create and change its own task reports",
            why="progress is shown in the platform, and its Cancel is honoured; works without",
        ),
        model.Permission(
            of=_SESSION,
            right="read who the user is, and the document of the run; again with what they order, write or look at",
            why="to know that it is still them and the document still theirs; the session is never kept",
        ),
    ),
    calls=(
        _call("GET", "users/current/", "whose token or session it is"),
        _call("GET", "documents/", "documents to choose from"),
        _call("GET", "documents/{d}/", "a document and its layers"),
        _call("GET", "documents/{d}/parts/", "its pages, how far each is transcribed"),
        _call("GET", "documents/{d}/parts/{p}/", "lines and regions of a page"),
        _call("GET", "documents/{d}/parts/{p}/transcriptions/", "texts of a layer"),
        _call("GET", "{image.uri}", "images, as a page names them, of the same host"),
        _call("GET", "documents/{d}/transcriptions/", "layers, before a new one is made"),
        _call("POST", "documents/{d}/transcriptions/", "the new layer"),
        _call("PATCH", "documents/{d}/transcriptions/{t}/", "its comment: model, CER, run"),
        _call("POST", "documents/{d}/parts/{p}/transcriptions/bulk_create/", "texts of the new layer"),
        _call(
            "PUT",
            "documents/{d}/parts/{p}/transcriptions/bulk_update/",
            "the same again, where writing was interrupted",
        ),
        _call("POST", "tasks/", "a task that shows the run", optional=True),
        _call("PATCH", "tasks/{t}/", "how far it is", optional=True),
        _call("GET", "tasks/{t}/", "whether it was cancelled there", optional=True),
    ),
)


def make_manifest() -> model.Manifest:
    """What is true of this version."""
    return model.Manifest(
        manifest_version=model.MANIFEST_VERSION,
        id="loghi-runner",
        name="loghi-runner",
        version=__version__,
        contract=CONTRACT,
        license="MIT",
        summary="Fine-tunes a Loghi handwriting model on transcribed lines of a new hand, and reads pages with it.",
        executable="loghi-runner",
        languages="any script that the base model writes, or that `charset` may add",
        images={variant.value: image_name(variant) for variant in Variant},
        needs=model.Needs(
            engine="Docker 20.10 or later; without a daemon, Python 3.11 with the trainer's packages",
            gpu=model.GpuNeed.OPTIONAL,
            memory_mb=_MEASURED_MEMORY_MB,
            gpu_memory_mb=None,
            image_disk_mb=_IMAGE_MB,
            run_disk_mb=RESERVE_BYTES // MEGABYTE,
            network="none while training or reading; a platform's pages are pulled before and results pushed after",
            measured="docs/benchmarks.md",
        ),
        model=model.ModelFormat(
            family="Loghi HTR 2.x",
            reads=("model.keras", "tokenizer.json or charlist.txt"),
            writes=("model.keras", "tokenizer.json", "charlist.txt", "config.json"),
        ),
        actions={action.value: _entry(action) for action in Action},
        commands=_COMMANDS,
        endpoints=_ENDPOINTS,
        events=model.Events.model_validate(
            {
                "version": EVENT_VERSION,
                "file": "out/events.jsonl, one JSON object a line",
                "docs": "docs/events.md",
                "schema": _event_schema(),
            }
        ),
        exit_codes={code.name.lower(): int(code) for code in ExitCode},
        platforms={PlatformKind.ESCRIPTORIUM.value: _ESCRIPTORIUM},
    )


def _entry(action: Action) -> model.ActionEntry:
    schema = parameters_schema(action)
    return model.ActionEntry(
        title=schema["title"],
        description=schema["description"],
        categories=(_CATEGORIES[action],),
        steps=_STEPS.get(action, ()),
        parameters=model.ParametersSchema.model_validate(schema),
        example=_EXAMPLES[action],
    )


def _event_schema() -> dict[str, Any]:
    """Schema of one event; kinds and keys that are not named may come in later versions."""
    return {
        "$schema": DIALECT,
        "title": "Event",
        "description": f"One line of events.jsonl; a run ends with exactly one of {', '.join(TERMINAL_KINDS)}.",
        "type": "object",
        "properties": _ENVELOPE | {"kind": {"type": "string", "examples": list(KINDS)}},
        "required": [*_ENVELOPE, "kind"],
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}}, "then": _payload(payload)}
            for kind, payload in KINDS.items()
        ],
    }


def _payload(payload: type) -> dict[str, Any]:
    schema = TypeAdapter(payload).json_schema(mode="serialization")
    flat = inlined(schema, schema.pop("$defs", {}))
    # a field with a default may be missing in a line of an older trainer
    fields = {name: _untitled(field) for name, field in flat["properties"].items()}
    return {"properties": fields, "required": flat["required"]}


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the titles that are made of the names; nobody draws a form of an event."""
    values = {key: value for key, value in schema.items() if key != "title"}
    if "properties" in values:
        values["properties"] = {name: _untitled(field) for name, field in values["properties"].items()}
    return values


def read_manifest(path: Path) -> model.Manifest:
    """Read and check a manifest. Raises ConfigError, of all that is wrong."""
    file = ConfigFile.read(path, _HINT)
    manifest = file.checked(model.Manifest, file.values)
    for name, action in manifest.actions.items():
        schema, key = action.parameters, ("actions", name, "parameters")
        for missing in [field for field in schema.required if field not in schema.properties]:
            file.add((*key, "required"), f"names {missing}, which is no parameter", None)
        for field, described in schema.properties.items():
            for word in [word for word in ("title", "description") if not described.get(word)]:
                file.add((*key, "properties", field), f"has no {word}", "A form shows it to people.")
    file.checked(model.Manifest, file.values)
    return manifest


class _Dumper(yaml.SafeDumper):
    """Lists of plain values stand on one line; the same value twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    is_plain = not any(isinstance(item, (dict, list)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_plain)


_Dumper.add_representer(list, _represent_list)


def manifest_yaml(manifest: model.Manifest) -> str:
    """The whole file; a blank line before each key that holds a section."""
    parts = [_HEAD]
    for key, value in model.as_json(manifest).items():
        text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
        parts.append(f"\n{text}" if isinstance(value, dict) or "\n" in text.rstrip("\n") else text)
    return "".join(parts)
