"""The manifest's keys and what they mean; docs/manifest.md is written from here.

Source: the shape follows OCR-D's description of tools, ocrd-tool.json (https://ocr-d.de/en/spec/ocrd_tool).
"""

from enum import Enum
from typing import Annotated, Any, Literal  # a JSON Schema has no narrower type

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

MANIFEST_VERSION = 3


def _known_version(value: int) -> int:
    if value != MANIFEST_VERSION:
        raise PydanticCustomError("rule", "is of a form that this loghi-runner does not know; it knows 3")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GpuNeed(str, Enum):
    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Needs(_Strict):
    engine: str = Field(description="What starts the trainer's container, and what does without one.")
    gpu: GpuNeed = Field(description="Whether a graphics card is needed.")
    memory_mb: Annotated[int, Strict()] = Field(
        gt=0, description="Memory of the trainer, measured with a model of 1.15 million weights."
    )
    gpu_memory_mb: int | None = Field(description="The same on the graphics card; null: not measured.")
    image_disk_mb: Annotated[int, Strict()] = Field(gt=0, description="Disk space of the image for processors.")
    run_disk_mb: Annotated[int, Strict()] = Field(
        gt=0, description="Disk space for a run, besides six times the base model's size."
    )
    network: str = Field(description="What has to be reached, and when.")
    measured: str = Field(description="Where the measurements are described.")


class ModelFormat(_Strict):
    family: str = Field(description="Which program's models these are.")
    reads: tuple[str, ...] = Field(description="Files of a base model's folder.")
    writes: tuple[str, ...] = Field(description="Files of a new model's folder.")


class ParametersSchema(_Strict):
    """A JSON Schema of an object: draft 2020-12, without references. `unit` is an annotation for forms."""

    dialect: Literal["https://json-schema.org/draft/2020-12/schema"] = Field(
        alias="$schema", description="The version of JSON Schema."
    )
    title: str = Field(description="Heading of a form.")
    description: str = Field(description="What the action does, in a sentence.")
    type: Literal["object"] = Field(description="Parameters are always an object.")
    additional: Literal[False] = Field(alias="additionalProperties", description="Keys that are not named are refused.")
    properties: dict[str, dict[str, Any]] = Field(
        min_length=1, description="Each parameter: title, description, type, default, range, unit."
    )
    required: tuple[str, ...] = Field(description="Parameters without a default.")


class ActionEntry(_Strict):
    title: str = Field(description="What a button says.")
    description: str = Field(description="What it does, in a sentence.")
    categories: tuple[str, ...] = Field(description="OCR-D's categories.")
    steps: tuple[str, ...] = Field(description="OCR-D's names of what is done; it has none for training and scoring.")
    parameters: ParametersSchema = Field(description="JSON Schema of what a request for this action may say.")
    example: dict[str, Any] = Field(description="Parameters that fit the schema.")


class Events(_Strict):
    version: Annotated[int, Strict()] = Field(ge=1, description="Version of the event format, key `v` of each event.")
    file: str = Field(description="Where a run keeps them.")
    docs: str = Field(description="The page that describes them.")
    event: dict[str, Any] = Field(alias="schema", description="JSON Schema of one event.")


class Authentication(str, Enum):
    NONE = "none"
    TOKEN = "token"  # noqa: S105  # no secret


class Endpoint(_Strict):
    method: Literal["GET", "POST"] = Field(description="Of HTTP.")
    path: str = Field(pattern=r"^/[a-z0-9_{}./-]*$", description="Below the service's address.")
    purpose: str = Field(description="What it is for.")
    authentication: Authentication = Field(description="`token`: in the header Authorization, as `Bearer <token>`.")
    body: dict[str, str] | None = Field(default=None, description="Keys of the JSON that is sent, and their meaning.")
    answer: str = Field(description="Media type of what comes back.")


class PlatformObjects(_Strict):
    """What the platform calls our things."""

    document: str = Field(description="Pages that belong together.")
    page: str = Field(description="One scan.")
    line: str = Field(description="A line of text on a page.")
    layer: str = Field(description="One set of transcriptions of a document.")
    progress: str = Field(description="Where it shows its users how far something is.")


class PlatformCall(_Strict):
    method: Literal["GET", "POST", "PUT", "PATCH"] = Field(description="Of HTTP.")
    path: str = Field(description="Below the platform's API.")
    purpose: str = Field(description="What it is for.")
    optional: bool = Field(default=False, description="The platform may refuse it; nothing is lost then.")


class Permission(_Strict):
    of: Literal["service account", "user's session at launch"] = Field(description="Whose right it is.")
    right: str = Field(description="What it may do.")
    why: str = Field(description="What it is needed for.")


class PlatformEntry(_Strict):
    versions: str = Field(description="Versions it was tried with.")
    objects: PlatformObjects = Field(description="What the platform calls our things.")
    permissions: tuple[Permission, ...] = Field(description="What it asks for on the platform, and why.")
    calls: tuple[PlatformCall, ...] = Field(description="Every call that is made there.")


class Manifest(_Strict):
    """What a platform needs to know to offer loghi-runner."""

    model_config = ConfigDict(title="a manifest")

    manifest_version: Annotated[int, Strict(), AfterValidator(_known_version)] = Field(
        description="Version of this file's keys."
    )
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="Name for programs.")
    name: str = Field(description="Name for people.")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+", description="Version of host, image and this manifest.")
    contract: Annotated[int, Strict()] = Field(ge=1, description="Version of what host and image agree on.")
    license: str = Field(description="What one may do with it, as an SPDX identifier.")
    summary: str = Field(description="What it does, in a sentence.")
    executable: str = Field(description="The command.")
    languages: str = Field(description="Which writing it can learn.")
    images: dict[Literal["cpu", "cuda"], str] = Field(description="Container images by variant.")
    needs: Needs = Field(description="What a machine must have.")
    model: ModelFormat = Field(description="Files of models.")
    actions: dict[str, ActionEntry] = Field(min_length=1, description="What may be asked for over HTTP.")
    commands: dict[str, tuple[str, ...]] = Field(
        description="The same and more on the command line; what is in braces is filled in."
    )
    endpoints: dict[str, Endpoint] = Field(description="The HTTP API, by what a platform does.")
    events: Events = Field(description="What a run tells while it goes on.")
    exit_codes: dict[str, Annotated[int, Strict()]] = Field(description="How commands end.")
    platforms: dict[str, PlatformEntry] = Field(description="What it does on each platform it knows.")


def as_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as it is written to YAML and answered over HTTP."""
    return manifest.model_dump(mode="json", by_alias=True)
