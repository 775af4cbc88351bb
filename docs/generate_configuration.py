"""Writes docs/configuration.md from the config's schema; `--check` exits 1 when the page is stale."""

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any  # annotations and defaults have no narrower type

from annotated_types import Ge, Gt, Le
from generated_page import write_or_check
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from loghi_contract.job import Part
from loghi_runner.config.choices import SkipTag
from loghi_runner.config.file import schema_of
from loghi_runner.config.key_types import ConfigPath, ConfigPaths
from loghi_runner.config.schema import RunConfig, VgslModel
from loghi_runner.engines.base import Wish
from loghi_runner.engines.setting import owners_of
from loghi_runner.init import config_template

PAGE = Path(__file__).parent / "configuration.md"

_HEAD = """\
# The config

<!-- Written by docs/generate_configuration.py from the schema; do not edit. -->

A run is described by one YAML file. `loghi-runner init` writes one to fill in, `loghi-runner finetune config.yaml
--dry-run` checks it. Only `base_model`, `data.train` (or `data.pages`)
and `output` are required.

- Paths are relative to the config's own folder; `~` is your home folder. That holds for `--set` too.
- Unknown keys, keys given twice and values out of range are errors; all problems are reported at once, with their line.
- `--set training.epochs=3` changes a value for one run only; it is recorded in the run's `run.json`.
- Plain words such as `no` or `on` are texts (YAML 1.2); `3e-4` is a number.
- What `training.batch_size`, `engine.memory` and several cards have to do with each other: [memory](memory.md).
"""


_LISTS: dict[str, type[Enum]] = {"freeze": Part, "skip_tags": SkipTag}
_SECTIONS = (("data",), ("data", "split"), ("training",), ("text",), ("engine",), ("platform",))


def page() -> str:
    """The whole page."""
    parts = [_HEAD, table("Top level", RunConfig, ())]
    parts += [
        table("`base_model`, to train from scratch", VgslModel, ("base_model",)),
        *(table(f"`{'.'.join(path)}`", schema_of(path), path) for path in _SECTIONS),
        f"## The file `init` writes\n\n```yaml\n{_without_trailing_blanks(config_template())}```\n",
    ]
    return "\n".join(parts)


def table(title: str, section: type[BaseModel], path: tuple[str, ...]) -> str:
    rows = "\n".join(_rows(section, path))
    return f"## {title}\n\n| key | values | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(section: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        key = ".".join((*path, name))
        meaning = field.description
        if issubclass(section, Wish) and (owners := owners_of(name)):
            meaning = f"{meaning} Only with {' or '.join(f'`kind: {owner}`' for owner in owners)}."
        yield f"| `{key}` | {_values(name, field)} | {_default(field)} | {meaning} |".replace("  ", " ")


def _extra(field: FieldInfo, name: str) -> str | None:
    extra = field.json_schema_extra
    return str(extra[name]) if isinstance(extra, dict) and name in extra else None


def _values(name: str, field: FieldInfo) -> str:
    said = _extra(field, "values")
    annotation: Any = field.annotation
    if said:
        return said
    if name == "base_model":
        return "path, or `{vgsl: ...}`"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section, see below"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    kinds = (annotation, *getattr(annotation, "__args__", ()))
    if tuple[ConfigPath, ...] in kinds or ConfigPaths in kinds:
        return "path, or list of paths"
    if Path in kinds or ConfigPath in kinds:
        return "path"
    if name in _LISTS:
        return "list of " + ", ".join(f"`{member.value}`" for member in _LISTS[name])
    if annotation is bool:
        return "`true`, `false`"
    if annotation in (int, float):
        return _number("whole number" if annotation is int else "number", field)
    return "text"


def _number(kind: str, field: FieldInfo) -> str:
    limits = []
    for limit in field.metadata:
        if isinstance(limit, Ge):
            limits.append(f"from {limit.ge}")
        elif isinstance(limit, Gt):
            limits.append(f"above {limit.gt}")
        elif isinstance(limit, Le):
            limits.append(f"to {limit.le}")
    return " ".join([kind, *limits])


def _default(field: FieldInfo) -> str:
    said = _extra(field, "default_words")
    default = field.default
    if said:
        return said
    if field.is_required():
        return "**required**"
    if isinstance(default, BaseModel):
        return ""
    if default is None:
        return "none"
    if isinstance(default, tuple):
        return f"`[{', '.join(member.value for member in default)}]`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default.value if isinstance(default, Enum) else default}`"


def _without_trailing_blanks(text: str) -> str:
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def main() -> int:
    return write_or_check(PAGE, page, __doc__)


if __name__ == "__main__":
    sys.exit(main())
