"""The schemas of PAGE and ALTO, as packages ship them that `make setup` lays beside the others."""

import sys
from functools import cache
from pathlib import Path

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
