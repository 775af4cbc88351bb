"""A manifest as text: read from a file, or every problem in it at once; and written as YAML that a person reads."""

from pathlib import Path
from typing import Any  # what PyYAML hands over has no narrower type

import yaml

from loghi_runner.config.file import ConfigFile
from loghi_runner.web.manifest.model import Manifest, as_json

_HEAD = """\
# What a platform needs to know to offer loghi-runner; docs/manifest.md says what every key means.
# Written by docs/generate_manifest.py from the code (`loghi-runner manifest show`); do not edit.
# `loghi-runner manifest validate` checks a file such as this one.
"""
_WIDTH = 116
_HINT = "`loghi-runner manifest show` prints the one of this version."


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        ConfigError: it cannot be read, or anything in it is wrong.
    """
    file = ConfigFile.read(path, _HINT)
    manifest = file.checked(Manifest, file.values)
    for name, action in manifest.actions.items():
        schema, key = action.parameters, ("actions", name, "parameters")
        for missing in [field for field in schema.required if field not in schema.properties]:
            file.add((*key, "required"), f"names {missing}, which is no parameter", None)
        for field, described in schema.properties.items():
            for word in [word for word in ("title", "description") if not described.get(word)]:
                file.add((*key, "properties", field), f"has no {word}", "A form shows it to people.")
    file.checked(Manifest, file.values)
    return manifest


class _Dumper(yaml.SafeDumper):
    """Lists of plain values stand on one line; the same value twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    is_plain = not any(isinstance(item, (dict, list)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_plain)


_Dumper.add_representer(list, _represent_list)


def manifest_yaml(manifest: Manifest) -> str:
    """The whole file; a blank line before each key that holds a section."""
    parts = [_HEAD]
    for key, value in as_json(manifest).items():
        text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
        parts.append(f"\n{text}" if isinstance(value, dict) or "\n" in text.rstrip("\n") else text)
    return "".join(parts)
