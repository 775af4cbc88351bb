"""What a platform or a person may ask of the service: the parameters of each action, and nothing more.

The API checks requests by these models, the manifest and the web form are drawn from their JSON Schema. A request
names places below the operator's folders, or a document of a platform; image, engine, mounts, commands and folders to
write to are the operator's alone. Of an engine's own keys it may set those that the engine marks for requests.
"""

from copy import copy
from enum import Enum
from typing import Annotated, Any, Self, TypeAlias, TypeVar  # a request has no narrower type before it is checked

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    StringConstraints,
    Tag,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from loghi_contract.cut import Cut
from loghi_contract.job import CharsetPolicy
from loghi_runner.config.choices import LanguageModelUse, UnreadUse
from loghi_runner.config.names import NAME_PATTERN
from loghi_runner.config.schema import PageReading, PageSplit, SplitConfig, TextReading, TrainingKeys
from loghi_runner.engines.base import field_title
from loghi_runner.engines.setting import keys_from_requests

#: Segments between slashes, none of which begins with a dot: never absolute, never `..`, never a hidden folder.
PLACE_PATTERN = r"^[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*(/[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*)*$"
#: An id of a platform's object; it becomes part of an address there.
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
PLATFORM_PATTERN = r"^[a-z][a-z0-9_-]{0,39}$"
MAX_PAGES = 5000

Place: TypeAlias = Annotated[str, StringConstraints(pattern=PLACE_PATTERN, max_length=300)]
PlatformId: TypeAlias = Annotated[str, StringConstraints(pattern=ID_PATTERN)]


def _some_pages(value: Any) -> Any:
    # whoever unticks the last page does not mean every page
    if value in ([], ()):
        raise _rule("names no page; name at least one")
    return value


def _nothing_to_send(schema: dict[str, Any]) -> None:
    """A form that is left empty leaves it out: no default to send, and nothing but a list to draw."""
    del schema["default"]
    schema.update(next((each for each in schema.pop("anyOf", ()) if each["type"] == "array"), {}))


#: Pages of a document; None for every page that is fit.
ChosenPages: TypeAlias = Annotated[tuple[PlatformId, ...] | None, BeforeValidator(_some_pages)]


class ReadWord(str, Enum):
    """What may stand among the ids of pages to read."""

    TEST = "test"
    ALL = "all"


class Action(str, Enum):
    CHECK = "check"
    FINETUNE = "finetune"
    RECOGNIZE = "recognize"
    EVALUATE = "evaluate"


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, field_title_generator=field_title)

    @property
    def wished(self) -> dict[str, Any]:
        """The keys of the engine that the request sets; all others are as the operator says."""
        section = getattr(self, "engine", None)
        return {} if section is None else dict(section.model_dump(exclude_none=True))


_Asked = TypeVar("_Asked", bound=_Parameters)


def _with_engine(parameters: type[_Asked]) -> type[_Asked]:
    """With a section for those keys of the engines that a request may set, where an engine has such keys."""
    # types of its own can no checker know
    keys: dict[str, Any] = {name: (key.annotation, _left_out(key)) for name, key in keys_from_requests().items()}
    if not keys:
        return parameters
    section = create_model("EngineWish", __base__=_Parameters, __doc__="What the engine is asked for.", **keys)
    field = Field(default=section(), title="Engine", description="What the engine is asked for.")
    return create_model(parameters.__name__, __base__=parameters, __doc__=parameters.__doc__, engine=(section, field))


def _left_out(field: FieldInfo) -> FieldInfo:
    """The same key, where left out means what the operator says."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}

    def described(schema: dict[str, Any]) -> None:
        schema.pop("default", None)
        schema.update(extra)

    left_out = copy(field)
    left_out.default, left_out.json_schema_extra = None, described
    return left_out


class FolderSource(_Parameters):
    """Pages in a folder of the service."""

    model_config = ConfigDict(title="Folder")

    pages: Place = Field(
        title="Folder of pages",
        description="Folder of page images with PAGE XML or ALTO, by its place below the service's folders of pages.",
        examples=["bonnevie/finetune"],
    )


def _pages_or_every_page(which: str) -> Any:
    return Field(
        default=None,
        min_length=1,
        max_length=MAX_PAGES,
        title="Pages",
        description=f"Ids of the pages on the platform; left out: every page {which}.",
        examples=[["3", "4"]],
        json_schema_extra=_nothing_to_send,
    )


class PlatformPages(_Parameters):
    """Pages of a document on a platform."""

    model_config = ConfigDict(title="Platform document")

    platform: str = Field(
        pattern=PLATFORM_PATTERN,
        title="Platform",
        description="Name of the platform in the service's configuration.",
        examples=["escriptorium"],
    )
    document: PlatformId = Field(title="Document", description="The document's id on the platform.", examples=["12"])
    pages: ChosenPages = _pages_or_every_page("with lines")


class PlatformTexts(PlatformPages):
    """Transcribed pages of a document on a platform."""

    pages: ChosenPages = _pages_or_every_page("that is transcribed")
    layer: PlatformId = Field(
        title="Transcription layer", description="Id of the transcription whose texts are the truth.", examples=["1"]
    )


def _source_kind(value: Any) -> str:
    is_platform = isinstance(value, PlatformPages) or (isinstance(value, dict) and "platform" in value)
    return "<platform>" if is_platform else "<folder>"


PageSource: TypeAlias = Annotated[
    Annotated[FolderSource, Tag("<folder>")] | Annotated[PlatformPages, Tag("<platform>")], Discriminator(_source_kind)
]
TextSource: TypeAlias = Annotated[
    Annotated[FolderSource, Tag("<folder>")] | Annotated[PlatformTexts, Tag("<platform>")], Discriminator(_source_kind)
]
ModelName: TypeAlias = Annotated[
    Place,
    Field(
        title="Model",
        description="Which model reads: a base model of the service by its name, or the id of a finished order.",
        examples=["ibsen_model/best_val"],
    ),
]


CutChoice: TypeAlias = Annotated[
    Cut | SkipJsonSchema[None],
    Field(
        title="Cutting",
        description="How lines are cut out of pages: as Loghi does, by baseline; by their outline (`polygon`); or "
        "straightened. "
        "Left out: as the lines that the model learnt from.",
        # null is for programs that must write something; nobody has to
        json_schema_extra=lambda schema: schema.pop("default", None),
    ),
]


LanguageModelChoice: TypeAlias = Annotated[
    LanguageModelUse,
    Field(
        title="Language model",
        description="The language model beside the model: `auto` uses it where it helped on the model's validation "
        "lines; `off` reads by the image alone.",
    ),
]


class DataOptions(PageReading):
    """How lines and texts are taken from the pages, and which pages judge."""

    model_config = ConfigDict(title="Data")

    split: PageSplit = SplitConfig()


class TrainingOptions(TrainingKeys):
    """How to train, and whether pages without a text help."""

    # no folders: a request names one, that of its source
    unread: UnreadUse = Field(
        default=UnreadUse.OFF,
        title="Pages without a text",
        description="`auto`: in the end the model reads the pages of the folder on which no line has a text, and "
        "learns the lines it is sure of, if validation lines are read better for it. Of a platform only transcribed "
        "pages are fetched: there are none.",
    )


class _Named(_Parameters):
    name: str = Field(
        pattern=NAME_PATTERN,
        title="Name",
        description="Name of what comes out: letters, digits, `.`, `_` and `-`, at most 100.",
        examples=["bonnevie_finetuned"],
    )


@_with_engine
class FinetuneParameters(_Named):
    """Adapt a base model to the hand of some transcribed pages."""

    model_config = ConfigDict(title="Fine-tune a model")

    base_model: Place = Field(
        title="Base model",
        description="Model to begin with, by its place below the service's folders of base models.",
        examples=["ibsen_model/best_val"],
    )
    source: TextSource = Field(title="Ground truth", description="The transcribed pages to learn from.")
    data: DataOptions = Field(
        default=DataOptions(), title="Pages and lines", description="How lines are taken from the pages."
    )
    training: TrainingOptions = Field(default=TrainingOptions(), title="Training", description="How to train.")
    charset: CharsetPolicy = Field(
        default=CharsetPolicy.EXTEND,
        title="New characters",
        description="Characters the base model cannot write: learn them too (`extend`), stop (`fail`), "
        "or learn only those of the training lines (`replace`).",
    )
    # no `more`: the form has no list of folders, and whom a platform let in may name none
    text: TextReading = Field(default=TextReading(), title="Texts", description="How texts are made comparable.")
    language_model: LanguageModelChoice = LanguageModelUse.AUTO
    recognize_pages: tuple[PlatformId, ...] = Field(
        default=(),
        max_length=MAX_PAGES,
        title="Pages to recognize",
        description="What the new model reads afterwards: ids of pages of the same document, or words: `test`, the "
        "pages kept for the test (where there are none, those for validation); `all`, every page. Empty: nothing. "
        "Left out: `test` if `write_back` is set, else nothing.",
        examples=[["test"], ["5", "6"]],
        json_schema_extra=_nothing_to_send,
    )
    write_back: Annotated[bool, Strict()] = Field(
        default=False,
        title="Write the results to the platform",
        description="Write what the new model read into a new transcription layer of the document.",
    )

    @model_validator(mode="before")
    @classmethod
    def _something_is_written(cls, values: Any) -> Any:
        """Who asks for results in the platform and says of which pages nothing gets those of the test pages."""
        if not isinstance(values, dict) or values.get("write_back") is not True or "recognize_pages" in values:
            return values
        is_platform = _source_kind(values.get("source")) == "<platform>"
        return values | {"recognize_pages": [ReadWord.TEST.value]} if is_platform else values

    @model_validator(mode="after")
    def _results_have_a_place(self) -> Self:
        if self.recognize_pages and isinstance(self.source, FolderSource):
            raise _rule("recognize_pages names pages of a platform, but the source is a folder; leave it out")
        if self.write_back and not self.recognize_pages:
            raise _rule("write_back writes the pages of recognize_pages, which names none; name some, or leave it out")
        return self

    @property
    def reads_unlearnt(self) -> bool:
        """Whether the new model reads the pages that it has not learnt from; which these are the run's split says."""
        return ReadWord.TEST.value in self.recognize_pages

    @property
    def other_pages(self) -> tuple[PlatformId, ...] | None:
        """The pages to read that are known before the run: None for every page of the document."""
        words = {word.value for word in ReadWord}
        ids = tuple(page for page in self.recognize_pages if page not in words)
        return None if ReadWord.ALL.value in self.recognize_pages else ids


class CheckParameters(FinetuneParameters):
    """Find every problem of a fine-tuning before it is started; takes what `finetune` takes."""

    model_config = ConfigDict(title="Check before fine-tuning")


@_with_engine
class RecognizeParameters(_Named):
    """Read pages whose lines are marked with a model."""

    model_config = ConfigDict(title="Recognize pages")

    model: ModelName
    source: PageSource = Field(title="Pages", description="The pages to read.")
    cut: CutChoice = None
    language_model: LanguageModelChoice = LanguageModelUse.AUTO
    write_back: Annotated[bool, Strict()] = Field(
        default=False,
        title="Write the results to the platform",
        description="Write what the model read into a new transcription layer of the document.",
    )

    @model_validator(mode="after")
    def _results_have_a_place(self) -> Self:
        if self.write_back and isinstance(self.source, FolderSource):
            raise _rule("write_back writes to a platform, but the source is a folder; leave it out")
        return self


@_with_engine
class EvaluateParameters(_Named):
    """Score a model on transcribed pages."""

    model_config = ConfigDict(title="Evaluate a model")

    model: ModelName
    source: TextSource = Field(title="Ground truth", description="The transcribed pages to score on.")
    cut: CutChoice = None
    language_model: LanguageModelChoice = LanguageModelUse.AUTO


Parameters: TypeAlias = CheckParameters | FinetuneParameters | RecognizeParameters | EvaluateParameters

#: What each action takes.
PARAMETERS: dict[Action, type[CheckParameters | FinetuneParameters | RecognizeParameters | EvaluateParameters]] = {
    Action.CHECK: CheckParameters,
    Action.FINETUNE: FinetuneParameters,
    Action.RECOGNIZE: RecognizeParameters,
    Action.EVALUATE: EvaluateParameters,
}


def _rule(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{sentence}", {"sentence": sentence})
