"""A recognition as a person reads it: what was read, what could not be, and what to type next."""

from pathlib import Path

from loghi_runner.aliases import Row
from loghi_runner.recognition.recognize import HTML_FILE, RECORD_FILE
from loghi_runner.recognition.recognize_lines import RESULTS_FILE
from loghi_runner.recognition.recognized import Recognized
from loghi_runner.wording import plural, short_path

#: So many failures are named; the record names all.
_NAMED = 8


def recognized_rows(recognized: Recognized, source: Path, out: Path, *, html: bool = False) -> list[Row]:
    """Label and text, the most important first."""
    count = len(recognized.lines)
    results = recognized.files.get("results")
    speed = f", {count / recognized.seconds:.0f} a second" if recognized.seconds > 0 else ""
    if results is not None and results.name == RESULTS_FILE:
        rows = [("lines", f"{plural(count, 'line')} read{speed}"), ("results", short_path(results))]
        after = f"loghi-runner evaluate MODEL {short_path(source)}"
    else:
        pages = plural(len(recognized.files), "page")
        rows = [("pages", f"{pages}, {plural(count, 'line')} read{speed}"), ("output", short_path(out))]
        after = f"loghi-runner compare {short_path(out)} OTHER_FOLDER [--truth {short_path(source)}]"
    if html:
        rows.append(("to look at", short_path(out / HTML_FILE)))
    failed = list(recognized.failed.items())
    rows += [("not read", f"{name}: {why}") for name, why in failed[:_NAMED]]
    if len(failed) > _NAMED:
        rows.append(("not read", f"{len(failed) - _NAMED} more, all in {short_path(out / RECORD_FILE)}"))
    return [*rows, ("next", after)] if count else rows
