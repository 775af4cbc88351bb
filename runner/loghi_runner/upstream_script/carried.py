"""What came out of a script: a config and notes about every value that matters."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

ConfigValue: TypeAlias = str | int | float | list[str] | dict[str, "ConfigValue"]


class Severity(str, Enum):
    """What became of a value of the script."""

    CARRIED = "carried"
    NOT_CARRIED = "not_carried"
    CHECK = "check"


@dataclass(frozen=True)
class Note:
    """One sentence about one value; `key` is the place in the config, such as `data.train`, where there is one."""

    severity: Severity
    line: int
    variable: str
    sentence: str
    key: str | None = None


@dataclass(frozen=True)
class CarriedOver:
    """`config` has the shape of the YAML file and holds only what the script sets; paths in it are absolute.

    `output` is always there: `runs`, beside the config, where the script names no lasting folder.
    """

    config: dict[str, ConfigValue]
    notes: tuple[Note, ...]
