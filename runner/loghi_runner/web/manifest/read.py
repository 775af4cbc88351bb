"""A manifest from a file, or every problem in it at once."""

from pathlib import Path

from loghi_runner.config.file import ConfigFile
from loghi_runner.web.manifest.model import Manifest

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
