"""Writes docs/manifest.md from the manifest's model; `--check` exits 1 when the page is stale."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args  # annotations have no narrower type

from generated_page import write_or_check
from pydantic import BaseModel

from loghi_runner.web.manifest_model import Manifest

PAGE = Path(__file__).parent / "manifest.md"

_HEAD = """\
# The manifest

<!-- Written by docs/generate_manifest_page.py from the code; do not edit. -->

`plugin_manifest.yaml` says what a platform needs to know to offer loghi-runner: what may be asked for, with a form's
worth of detail, and over which addresses. The service answers the same as JSON at `GET /manifest`, without a token.

```
loghi-runner manifest show [--json]       the manifest of this version
loghi-runner manifest validate [FILE]     everything that is wrong with a file
```

A platform that knows only the manifest and HTTP can offer the runner; `examples/generic_platform.py` is one, in one
small file:

1. `GET /manifest`; offer the `actions`, and draw a form from an action's `parameters`: every field has `title` and
   `description`, most have `default`, and `minimum`, `maximum`, `enum`, `pattern` or `unit` where there is something to
   say. The schemas hold no references. Kinds of fields: text, number, integer, boolean, `enum`, a list, an object (a
   section of the form), `oneOf` (one of two sections), `anyOf` (one of two plain values).
2. `GET /api/v1/sources` lists what `base_model` and `source.pages` may name. This and all that follows need the header
   `Authorization: Bearer <token>` ([who gets one](service.md#for-others)); a client with the role `platform` says for
   which of its users it asks: `Loghi-User: alice`.
3. `POST /api/v1/orders` with `action`, `parameters` (the answers) and a `key` of your own; sent twice, it is one
   order. The answer's `id` names it; `run`, once there is one, has an id of its own.
4. Follow `GET /api/v1/orders/{id}/events`: server-sent events. Those named `order` hold what `GET /api/v1/orders/{id}`
   answers, whenever its `stage` changes; all others fit the schema `events`. After a lost connection send the header
   `Last-Event-ID`. It is over when the stage is `finished`, `failed` or `cancelled`.
5. `POST /api/v1/orders/{id}/cancel` ends it; then, or at the end, `GET` its `report` and `model`.

An error is JSON with `status`, `code` ([for programs](errors.md)), `message`, and where there is more to say `hint` and
`where`.

Keys are added in later versions of loghi-runner and never change their meaning within one `manifest_version`. The file
is strict: a key that is not below is a fault.
"""


def page() -> str:
    """The whole page."""
    sections = {"": Manifest} | dict(_sections(Manifest, ""))
    return "\n".join([_HEAD, *(_table(path, section) for path, section in sections.items())])


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        section, many = _section_in(field.annotation)
        if section is not None:
            key = f"{path}{field.alias or name}{many}"
            yield key, section
            yield from _sections(section, f"{key}.")


def _section_in(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    many = {dict: ".<name>", tuple: "[]"}.get(getattr(annotation, "__origin__", None), "")
    inner = [argument for argument in get_args(annotation) if isinstance(argument, type)]
    models = [argument for argument in inner if issubclass(argument, BaseModel)]
    return (models[0], many) if models else (None, "")


def _table(path: str, section: type[BaseModel]) -> str:
    title = f"`{path}`" if path else "Top level"
    rows = "\n".join(
        f"| `{field.alias or name}` | {field.description} |" for name, field in section.model_fields.items()
    )
    return f"## {title}\n\n| key | meaning |\n|---|---|\n{rows}\n"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page, __doc__))
