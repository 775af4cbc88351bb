"""The schemas of PAGE, ALTO and model cards, as packages ship them that `make setup` lays beside the others."""

import json
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

_FOLDER = Path(sys.prefix) / "schemas"
#: By the name of the root element; the newest that a package has. Older files are held against the same schema:
#: both formats have only grown.
_FILES = {"PcGts": "ocrd_validators/page.xsd", "alto": "digiflow/resources/xsd/alto-4-2.xsd"}


def schema_faults(content: bytes) -> list[str]:
    """What the schema finds wrong with a PAGE or ALTO file of any version; the test is skipped without schemas."""
    root = etree.fromstring(content)
    name = etree.QName(root)
    schema, namespace = _schema(name.localname)
    if name.namespace and name.namespace != namespace:
        root = etree.fromstring(content.replace(name.namespace.encode(), namespace.encode()))
    schema.validate(root)
    return [f"{fault.line}: {fault.message}" for fault in schema.error_log]


@cache
def _schema(kind: str) -> tuple[etree.XMLSchema, str]:
    path = _FOLDER / _FILES[kind]
    if not path.is_file():
        pytest.skip(f"no schema of {kind} here: `make setup` installs it into {_FOLDER}")
    document = etree.parse(str(path), etree.XMLParser(no_network=True))
    return etree.XMLSchema(document), str(document.getroot().get("targetNamespace"))


def model_card_faults(head: Any) -> list[str]:
    """What HTRMoPo's schema, with its vocabularies, finds wrong with a card's metadata; skipped without schemas."""
    checker = jsonschema.FormatChecker()
    known = card_vocabularies()
    for name, kind in {"okfn-license": "licences", "iso-639-3": "languages", "iso-15924": "scripts"}.items():
        checker.checks(name)(_one_of(known[kind]))
    schema = json.loads(_part_of_htrmopo("v1.metadata.schema.json"))
    found = jsonschema.Draft7Validator(schema, format_checker=checker).iter_errors(head)
    return [f"{fault.json_path}: {fault.message}" for fault in found]


def card_vocabularies() -> dict[str, set[str]]:
    """The codes that HTRMoPo's schema knows; the test is skipped without schemas."""
    scripts = _part_of_htrmopo("iso15924.txt").splitlines()
    return {
        "licences": set(json.loads(_part_of_htrmopo("licenses.json"))),
        "languages": {row.split("\t")[0] for row in _part_of_htrmopo("iso639-3.txt").splitlines()[1:]},
        "scripts": {row.split(";")[0] for row in scripts if row and not row.startswith("#")},
    }


def _one_of(known: Collection[str]) -> Any:
    return lambda value: value in known


def _part_of_htrmopo(name: str) -> str:
    path = _FOLDER / "htrmopo" / name
    if not path.is_file():
        pytest.skip(f"no schema of model cards here: `make setup` installs it into {_FOLDER}")
    return path.read_text(encoding="utf-8")
