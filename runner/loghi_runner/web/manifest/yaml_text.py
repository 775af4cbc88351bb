"""The manifest as YAML that a person reads."""

from typing import Any  # what PyYAML hands over has no narrower type

import yaml

from loghi_runner.web.manifest.model import Manifest, as_json

HEAD = """\
# What a platform needs to know to offer loghi-runner; docs/manifest.md says what every key means.
# Written by docs/generate_manifest.py from the code (`loghi-runner manifest show`); do not edit.
# `loghi-runner manifest validate` checks a file such as this one.
"""
_WIDTH = 116


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
    parts = [HEAD]
    for key, value in as_json(manifest).items():
        text = yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
        parts.append(f"\n{text}" if isinstance(value, dict) or "\n" in text.rstrip("\n") else text)
    return "".join(parts)
