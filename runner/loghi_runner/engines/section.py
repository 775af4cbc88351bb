"""The section `engine` of a config: what can be wished of every engine, and the keys that engines have of their own."""

from collections.abc import Iterator, Mapping

from pydantic.fields import FieldInfo

from loghi_runner.engines import ENGINES, EngineKind, imported
from loghi_runner.engines.wish import EngineKeys, FromRequests, Wish

#: The keys of each engine that has keys of its own.
OWN_KEYS: dict[str, type[EngineKeys]] = {name: imported(it.keys) for name, it in ENGINES.items() if it.keys}


# The section as a config has it; a docstring would stand in its JSON Schema. Which engines there are no type knows.
class EngineConfig(*dict.fromkeys(OWN_KEYS.values()), Wish):  # type: ignore[misc]
    pass


def owners_of(key: str) -> list[str]:
    """The engines that have this key of their own; none where every engine can be asked for it."""
    return [name for name, keys in OWN_KEYS.items() if key in keys.model_fields]


def keys_from_requests() -> dict[str, FieldInfo]:
    """The engines' own keys that whoever asks the service for a run may set."""
    fields = (field for keys in OWN_KEYS.values() for field in keys.model_fields.items())
    return {name: field for name, field in fields if FromRequests() in field.metadata}


def foreign_keys(section: object) -> Iterator[tuple[str, str, str]]:
    """Each key of a section as written that another engine has, what is wrong with it, and what to do."""
    if not isinstance(section, Mapping):
        return
    kind = section.get("kind") or EngineKind.AUTO.value
    for key in section:
        owners = owners_of(str(key))
        if owners and kind not in owners:
            whose = " and ".join(owners)
            message = f"is a key of the engine {whose}, and the engine here is {kind}"
            yield key, message, f"Leave it out, or write `kind: {owners[0]}` under `engine`."
