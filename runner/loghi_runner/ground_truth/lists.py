"""Line lists from disk: their lines, and what keeps a list from being read."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_contract.lines import LineSample, SkippedLine, parse_line_list
from loghi_runner.files import is_folder
from loghi_runner.findings import Finding, Severity


@dataclass(frozen=True)
class ListedLine:
    """A line as its list gives it; relative image paths begin at `folder`."""

    sample: LineSample
    folder: Path


@dataclass(frozen=True)
class ReadLists:
    """The lines of one split's lists, in order. `trimmed` counts texts with blanks around them."""

    lines: tuple[ListedLine, ...]
    skipped: tuple[SkippedLine, ...]
    trimmed: int
    findings: tuple[Finding, ...]


def read_lists(paths: Sequence[Path], key: str, config_folder: Path) -> ReadLists:
    """Read all line lists of one split.

    Args:
        key: the config's key that names them, for findings.
        config_folder: lists in it are named relative to it.
    """
    lines: list[ListedLine] = []
    skipped: list[SkippedLine] = []
    findings: list[Finding] = []
    trimmed = 0
    for path in paths:
        name = _shown(path, config_folder)
        content = read_list_text(path, name, key)
        if isinstance(content, Finding):
            findings.append(content)
            continue
        parsed = list(parse_line_list(content, name))
        if not parsed:
            findings.append(
                Finding(
                    Severity.ERROR,
                    "data.empty_list",
                    f"the line list {name} holds no lines",
                    where=key,
                    hint="A line list has one line per image: the path, a TAB, the text.",
                )
            )
        lines += [ListedLine(line, path.parent) for line in parsed if isinstance(line, LineSample)]
        skipped += [line for line in parsed if isinstance(line, SkippedLine)]
        trimmed += sum(map(_has_blanks_around, content.split("\n")))
    return ReadLists(tuple(lines), tuple(skipped), trimmed, tuple(findings))


def _shown(path: Path, config_folder: Path) -> str:
    return str(path.relative_to(config_folder)) if path.is_relative_to(config_folder) else str(path)


def read_list_text(path: Path, name: str, key: str) -> str | Finding:
    """What a list holds, its line endings made one, or why it cannot be read.

    Args:
        name: what to call it, and `key` what names it, in the finding.
    """
    try:
        content = read_plain(path)
    except FileNotFoundError:
        return Finding(
            Severity.ERROR,
            "data.missing_list",
            f"the line list {name} does not exist",
            where=key,
            hint=_did_you_mean(path),
        )
    except IsADirectoryError:
        hint = f"Name a line list (a text file) in it{_lists_in(path)}."
        return Finding(Severity.ERROR, "data.list_is_folder", f"{name} is a folder, not a line list", key, hint)
    except OSError as error:
        return _unreadable(name, key, error.strerror or str(error))
    try:
        # Loghi takes each of the three line endings
        return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        if b"\0" in content:
            return _unreadable(name, key, "it is not a text file, or not UTF-8")
        line = content[: error.start].count(b"\n") + 1
        return Finding(
            Severity.ERROR,
            "data.list_not_utf8",
            f"line {line} of {name} is not UTF-8 text",
            where=f"{name}:{line}",
            hint="Save the list again with the encoding UTF-8 (`iconv -f latin1 -t utf-8` for many older files).",
        )


def _unreadable(name: str, key: str, reason: str) -> Finding:
    hint = "Name a line list: a text file in UTF-8 that you may read."
    return Finding(Severity.ERROR, "data.unreadable_list", f"the line list {name} cannot be read: {reason}", key, hint)


def _did_you_mean(path: Path) -> str:
    if not is_folder(path.parent):
        return f"There is no folder {path.parent} either; relative paths begin at the config's folder."
    readable = os.access(path.parent, os.R_OK)
    names = sorted(entry.name for entry in path.parent.iterdir()) if readable else []
    close = difflib.get_close_matches(path.name, names, 1)
    if close:
        return f"Did you mean {path.with_name(close[0])}?"
    return "Correct the path; it is relative to the config's folder."


def _lists_in(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.glob("*.txt"))
    return f", such as {folder / names[0]}" if names else ""


def _has_blanks_around(raw: str) -> bool:
    # the reader has already cut blanks at the line's end, so this looks at the raw line
    if "\t" not in raw or raw.lstrip("\ufeff \t").startswith("#"):
        return False
    text = raw.rstrip("\r").split("\t")[-1]
    return bool(text.strip()) and text != text.strip()
