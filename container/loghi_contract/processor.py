"""Which processor this is: results of one type of processor can be the same bit for bit, those of two seldom are."""

import platform
from pathlib import Path

#: What tells types apart; the name alone may not, as a virtual machine often gives all of a maker's the same.
#: Source: Linux, /proc/cpuinfo on x86 and on ARM.
_NAME = "model name"
_TYPE = {
    "cpu family": "family",
    "model": "model",
    "stepping": "stepping",
    "CPU implementer": "implementer",
    "CPU part": "part",
}


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name and type, such as `AMD EPYC (family 25, model 17, stepping 1)`."""
    try:
        rows = [row.split(":", 1) for row in cpuinfo.read_text(errors="replace").split("\n\n")[0].splitlines()]
    except OSError:
        rows = []
    told = {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}
    name = told.get(_NAME) or platform.machine() or "processor"
    kind = ", ".join(f"{word} {told[key]}" for key, word in _TYPE.items() if told.get(key))
    return f"{name} ({kind})" if kind else name
