"""Every key of a config, with its range, its default and what it means.

The descriptions below are what docs/configuration.md and the platforms' forms show.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias  # raw YAML values have no narrower type
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
)

from loghi_contract.job import Augmentation, CharsetPolicy, Part, Precision
from loghi_runner.config import choices
from loghi_runner.config.key_types import (
    ConfigPath,
    ConfigPaths,
    Number,
    Seed,
    WholeNumber,
    one_or_many,
    or_word,
    which_pages,
    which_unread,
    yes_no_or_auto,
)
from loghi_runner.engines.base import field_title
from loghi_runner.engines.setting import EngineConfig


def _section(value: Any) -> Any:
    # a section whose keys are all commented out reads as null
    return {} if value is None else value


def _base_model_kind(value: Any) -> str:
    return "<network>" if isinstance(value, (dict, VgslModel)) else "<folder>"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, field_title_generator=field_title)


class VgslModel(_Section):
    """Train a network from scratch instead of adapting a base model."""

    vgsl: str = Field(
        min_length=1, description="A VGSL network specification, or one of Loghi's library names such as `recommended`."
    )


class SplitConfig(_Section):
    """How pages become training, validation and test pages."""

    validation: Number = Field(
        default=0.1,
        gt=0,
        le=0.5,
        description="Share of the lines that chooses the best epoch.",
        json_schema_extra={"unit": "share"},
    )
    test: Number = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Share of the lines that chooses nothing; 0: none.",
        json_schema_extra={"unit": "share"},
    )
    seed: Seed = Field(default=1, description="Which pages; the same seed, the same pages.")
    by: choices.SplitUnit = Field(
        default=choices.SplitUnit.PAGE,
        title="Kept together",
        description="What is kept together: each page, or each folder (one document) of pages.",
    )
    fold: WholeNumber = Field(
        default=1, ge=1, le=5, description="With fewer than 6 pages one page is left out for the test: which one."
    )


PageSplit: TypeAlias = Annotated[
    SplitConfig, Field(title="Split", description="How the pages are split into training, validation and test pages.")
]


class PageReading(_Section):
    """How lines and their texts are taken from pages with PAGE XML or ALTO."""

    cut: choices.CutChoice = Field(
        default=choices.CutChoice.LOGHI,
        title="Cutting",
        description="How lines are cut out of `pages`: as Loghi does, by baseline; by their outline (`polygon`); "
        "straightened (`straight`); or `auto`: two epochs in each way, and another than Loghi's only for a gain beyond "
        "chance.",
    )
    text_equiv: choices.TextEquivChoice = Field(
        default=choices.TextEquivChoice.LOWEST,
        title="Text of a line",
        description="Which text, where a line of `pages` has several: lowest index, or last in the file (as Loghi).",
    )
    skip_tags: Annotated[
        tuple[choices.SkipTag, ...],
        BeforeValidator(one_or_many, json_schema_input_type=choices.SkipTag | list[choices.SkipTag]),
    ] = Field(
        default=(choices.SkipTag.UNCLEAR,),
        title="Lines left out",
        description="Lines of `pages` with these marks of the transcriber are left out.",
    )
    skip_machine_read: Annotated[bool, Strict()] = Field(
        default=False,
        title="Leave out unchecked lines",
        description="Leave out lines of `pages` that nobody checked: a machine's reading only (index 1 and above).",
    )
    style_marks: Annotated[bool, Strict()] = Field(
        default=False,
        description="Write underlined, struck out, raised and lowered letters of `pages` with Loghi's marks.",
    )


class _LinesOrPages(_Section):
    train: ConfigPaths | None = Field(
        default=None, description="Line list to learn from; several in [brackets]. Either this or `pages`."
    )
    validation: ConfigPaths | None = Field(
        default=None,
        description="Line list that chooses the best epoch; without it, some pages of `train` are set aside.",
    )
    test: ConfigPaths | None = Field(
        default=None,
        description="Line list that chooses nothing and is scored before and after, for an honest verdict.",
    )
    base_domain: ConfigPaths | None = Field(
        default=None, description="Line list in the base model's own hands: does the new model forget them?"
    )
    old_hand: ConfigPaths | None = Field(
        default=None,
        description="Lines in the base model's own hands that are mixed in, so that less is forgotten: line lists, or "
        "folders of page images with PAGE XML or ALTO.",
    )
    root: ConfigPath | None = Field(
        default=None,
        description="Folder where the image paths in the lists begin, when it is not the list's own folder.",
    )
    pages: ConfigPaths | None = Field(
        default=None,
        description="Folder of page images with PAGE XML or ALTO, instead of line lists; several in [brackets].",
    )
    split: Annotated[PageSplit, BeforeValidator(_section)] = SplitConfig()
    straighten: Annotated[
        bool | Literal["auto"],
        BeforeValidator(yes_no_or_auto, json_schema_input_type=bool | Literal["auto"]),
    ] = Field(
        default=False,
        description="Whether the images of line lists are made level first, by what is seen in them alone: for boxes "
        "around sloping lines. `auto` trains two epochs in both ways and decides by the validation lines.",
        json_schema_extra={"values": "`true`, `false` or `auto`"},
    )


class DataConfig(PageReading, _LinesOrPages):
    """The lines to learn from and to be judged by: line lists, or pages and how they are read."""


class TrainingKeys(_Section):
    """How to train on lines that are transcribed."""

    epochs: Annotated[int | Literal["auto", "quick"], or_word(1, choices.MOST_EPOCHS, "auto", "quick")] = Field(
        default="auto",
        description="How often the training lines are gone through, at most; `auto` goes by their number (30 for 500 "
        "lines, 60 for 50), `quick` is a third of it.",
        json_schema_extra={"values": "whole number from 1 to 10000, `auto` or `quick`", "unit": "epochs"},
    )
    batch_size: Annotated[int | Literal["auto"], or_word(1, 1024, "auto")] = Field(
        default=8,
        description="Lines per training step, on every machine; `auto` is 4 under 100 training lines, 8 under 1000, 16 "
        "from there, 32 from 5000. What does not fit in memory is taken in rounds and comes to the same.",
        json_schema_extra={"values": "whole number from 1 to 1024, or `auto`", "unit": "lines"},
    )
    learning_rate: Number = Field(
        default=1e-3, gt=0, le=1, description="How far each step goes; smaller is slower and safer."
    )
    early_stopping: Annotated[int | Literal["auto"], or_word(0, 10000, "auto")] = Field(
        default="auto",
        description="End after this many epochs without a better validation CER; 0 never does; `auto` is half of "
        "the epochs, 5 at least.",
        json_schema_extra={"values": "whole number from 0 to 10000, or `auto`", "unit": "epochs"},
    )
    folds: Annotated[int | Literal["off"], or_word(2, 10, "off")] = Field(
        default="off",
        description="For few lines, in place of validation lines: each line is scored by a model that learns the other "
        "folds, and the last model learns them all. Takes that many times as long.",
        json_schema_extra={"values": "whole number from 2 to 10, or `off`"},
    )
    seed: Seed = Field(default=1, description="Start of the random numbers; the same seed gives the same run on a CPU.")
    augmentation: Augmentation = Field(
        default=Augmentation.LIGHT,
        title="Augmentation",
        description="Small random changes to the training images, so that they are not learnt by heart.",
    )
    precision: Precision = Field(
        default=Precision.AUTO,
        title="Precision",
        description="`auto` calculates faster where the device can; `float32` is exact everywhere.",
    )
    freeze: Annotated[tuple[Part, ...], BeforeValidator(one_or_many, json_schema_input_type=Part | list[Part])] = Field(
        default=(), title="Frozen parts", description="Parts of the base model that stay as they are."
    )


class TrainingConfig(TrainingKeys):
    """The same, and lines that nobody transcribed."""

    unread: Annotated[
        choices.UnreadUse | tuple[Path, ...],
        BeforeValidator(which_unread, json_schema_input_type=choices.UnreadUse | str | list[str]),
    ] = Field(
        default=choices.UnreadUse.OFF,
        description="Lines without a transcription, which the model reads in the end to learn those it is sure of: "
        "folders of page images with PAGE XML or ALTO, or lists of line images, several in [brackets]; or `auto`, "
        "those pages of `data.pages` that have no text.",
        json_schema_extra={"values": "`off`, `auto`, path, or list of paths"},
    )


class TextReading(_Section):
    """What is done to texts before they are learnt and compared."""

    normalization: choices.NormalizationChoice = Field(
        default=choices.NormalizationChoice.AUTO,
        title="Unicode form",
        description="Unicode form of the texts; `auto` is `nfc` unless the base model has accents as own characters.",
    )


class TextConfig(TextReading):
    """The same, and what else the language model learns."""

    more: ConfigPaths | None = Field(
        default=None,
        description="More texts of the same hand or office, for the language model alone: text files with a line of "
        "writing a line, or folders of PAGE XML or ALTO; several in [brackets].",
    )


class PlatformConfig(_Section):
    """Pages of a platform to learn from, in place of `data.pages`."""

    kind: choices.PlatformKind = Field(default=choices.PlatformKind.ESCRIPTORIUM, description="Which platform it is.")
    url: str = Field(min_length=1, description="Its address, as your browser shows it for the first page.")
    token_file: ConfigPath | None = Field(
        default=None,
        description="File that holds your account's token and nothing else, readable by you alone (`chmod 600`).",
        json_schema_extra={"default_words": "the variable `LOGHI_RUNNER_PLATFORM_TOKEN`"},
    )
    document: WholeNumber = Field(ge=1, description="Number of the document: the one in its address.")
    layer: str = Field(
        default="manual", min_length=1, description="Name of the transcription to learn from; or its number in quotes."
    )
    pages: tuple[WholeNumber, ...] | None = Field(
        default=None,
        min_length=1,
        description="Numbers of the pages to learn from, as in their addresses; without it, all that have text.",
        json_schema_extra={"values": "list of numbers"},
    )
    write_back: Annotated[
        choices.WriteBack | tuple[int, ...],
        BeforeValidator(which_pages, json_schema_input_type=choices.WriteBack | list[int]),
    ] = Field(
        default=choices.WriteBack.PULLED,
        description="Which pages the new model reads, for a new transcription on the platform: those it was made from, "
        "all of the document, or these.",
        json_schema_extra={"values": "`none`, `pulled`, `all`, or a list of numbers"},
    )
    language_model: choices.LanguageModelUse = Field(
        default=choices.LanguageModelUse.AUTO,
        description="Whether the language model beside the new model helps to read these: `auto`, where it helped "
        "on validation lines; `off`, never.",
    )
    parallel: WholeNumber = Field(
        default=8, ge=1, le=32, description="Requests to the platform at a time; fewer are gentler."
    )


class RunConfig(_Section):
    """A run as a person writes it; all paths are absolute once loaded."""

    name: str = Field(
        default="",
        description="Name of the new model: letters, digits, `.`, `_` and `-`.",
        json_schema_extra={"default_words": "the config file's name", "values": "text without blanks or slashes"},
    )
    base_model: Annotated[
        Annotated[ConfigPath, Tag("<folder>")] | Annotated[VgslModel, Tag("<network>")],
        Discriminator(_base_model_kind),
    ] = Field(
        description="Folder of the Loghi model to adapt, often named best_val; or `{vgsl: ...}` to begin from scratch."
    )
    data: Annotated[DataConfig, BeforeValidator(_section)] = Field(
        description="The lines to learn from and to be judged by."
    )
    output: ConfigPath = Field(description="Folder for the runs; each run makes its own folder in it.")
    training: Annotated[TrainingConfig, BeforeValidator(_section)] = Field(
        default=TrainingConfig(), description="How to train."
    )
    charset: CharsetPolicy = Field(
        default=CharsetPolicy.EXTEND,
        description="Characters the base model cannot write: learn them too (`extend`), stop (`fail`), "
        "or learn only those of the training lines (`replace`).",
    )
    text: Annotated[TextConfig, BeforeValidator(_section)] = Field(
        default=TextConfig(), description="How texts are made comparable, and what the language model learns."
    )
    engine: Annotated[EngineConfig, BeforeValidator(_section)] = Field(
        default=EngineConfig(), description="Where the training happens."
    )
    platform: PlatformConfig | None = Field(
        default=None,
        description="Learn from pages of a platform such as eScriptorium, instead of `data.train` or `data.pages`.",
        json_schema_extra={"values": "section, see below"},
    )


#: In an output folder: pages pulled from platforms, a folder each.
PULLED = ".pulled"


def pulled_folder(output: Path, config: PlatformConfig) -> Path:
    """Where the pages to learn from lie: one folder a document and layer."""
    address = urlsplit(config.url)
    place = _plain(address.netloc.rpartition("@")[2] + address.path)
    return output / PULLED / f"{place}-document-{config.document}-{_plain(config.layer)}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("._")[:60] or "_"
