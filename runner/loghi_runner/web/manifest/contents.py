"""The manifest of this version, put together from the code."""

from typing import Any  # parameters of an example have no narrower type

from loghi_contract import CONTRACT, __version__
from loghi_contract.events import EVENT_VERSION
from loghi_contract.exit_codes import ExitCode
from loghi_runner.engines.image import Variant, image_name
from loghi_runner.finetuning.check_output import MEGABYTE, RESERVE_BYTES
from loghi_runner.orders.action_schema import parameters_schema
from loghi_runner.orders.actions import Action
from loghi_runner.web.manifest.endpoints import ENDPOINTS
from loghi_runner.web.manifest.event_schema import event_schema
from loghi_runner.web.manifest.model import (
    MANIFEST_VERSION,
    ActionEntry,
    Events,
    GpuNeed,
    Manifest,
    ModelFormat,
    Needs,
    ParametersSchema,
)
from loghi_runner.web.manifest.platforms import PLATFORMS

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


def make_manifest() -> Manifest:
    """What is true of this version."""
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        id="loghi-runner",
        name="loghi-runner",
        version=__version__,
        contract=CONTRACT,
        license="MIT",
        summary="Fine-tunes a Loghi handwriting model on transcribed lines of a new hand, and reads pages with it.",
        executable="loghi-runner",
        languages="any script that the base model writes, or that `charset` may add",
        images={variant.value: image_name(variant) for variant in Variant},
        needs=_needs(),
        model=ModelFormat(
            family="Loghi HTR 2.x",
            reads=("model.keras", "tokenizer.json or charlist.txt"),
            writes=("model.keras", "tokenizer.json", "charlist.txt", "config.json"),
        ),
        actions={action.value: _entry(action) for action in Action},
        commands=_COMMANDS,
        endpoints=ENDPOINTS,
        events=Events.model_validate(
            {
                "version": EVENT_VERSION,
                "file": "out/events.jsonl, one JSON object a line",
                "docs": "docs/events.md",
                "schema": event_schema(),
            }
        ),
        exit_codes={code.name.lower(): int(code) for code in ExitCode},
        platforms=PLATFORMS,
    )


def _needs() -> Needs:
    return Needs(
        engine="Docker 20.10 or later; without a daemon, Python 3.11 with the trainer's packages",
        gpu=GpuNeed.OPTIONAL,
        memory_mb=_MEASURED_MEMORY_MB,
        gpu_memory_mb=None,
        image_disk_mb=_IMAGE_MB,
        run_disk_mb=RESERVE_BYTES // MEGABYTE,
        network="none while training or reading; a platform's pages are pulled before and results pushed after",
        measured="docs/benchmarks.md",
    )


def _entry(action: Action) -> ActionEntry:
    schema = parameters_schema(action)
    return ActionEntry(
        title=schema["title"],
        description=schema["description"],
        categories=(_CATEGORIES[action],),
        steps=_STEPS.get(action, ()),
        parameters=ParametersSchema.model_validate(schema),
        example=_EXAMPLES[action],
    )
