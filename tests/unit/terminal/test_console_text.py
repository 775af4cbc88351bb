"""Whatever is printed can be printed, in any encoding of the terminal."""

import io
import json
import os
import sys

import pytest
from rich.console import Console

from loghi_runner.json_answer import print_json
from loghi_runner.terminal.console import make_console, print_any_text, print_side_by_side, say
from loghi_runner.wording import shown

LATIN1_NAME = os.fsdecode(b"Caf\xe9")
TEXT = "\u017f \u05d0 \U0001f600 é"


def output_of(monkeypatch: pytest.MonkeyPatch, encoding: str) -> io.BytesIO:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    print_any_text()
    return written


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252"])
def test_a_sentence_is_printed_whole_or_with_escapes(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = output_of(monkeypatch, encoding)
    say(make_console(stderr=False), f"before {shown(TEXT)} after")
    printed = written.getvalue().decode(encoding)
    assert printed.startswith("before ")
    assert printed.endswith(" after\n")
    assert printed.encode("utf-8").decode("unicode_escape" if encoding == "ascii" else "utf-8")
    assert ("\u017f" in printed) == (encoding == "utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "UTF8"])
def test_json_says_the_same_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = output_of(monkeypatch, encoding)
    print_json({"text": TEXT, "name": LATIN1_NAME})
    assert json.loads(written.getvalue().decode(encoding)) == {"text": TEXT, "name": LATIN1_NAME}


def test_a_name_is_printed_as_the_bytes_it_is_and_shown_in_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = output_of(monkeypatch, "utf-8")
    make_console(stderr=False).print(LATIN1_NAME)
    assert written.getvalue() == b"Caf\xe9\n"
    assert shown(f"no page in {LATIN1_NAME}\x1b") == "no page in Caf\\xe9\\x1b"


def test_a_runs_id_beside_another_is_whole_on_a_narrow_terminal() -> None:
    screen = io.StringIO()
    ids = ("20261129-030302-kbid", "20261129-030506-7vj4")
    rows = [("", *(f"{each} (letters_hand)" for each in ids)), ("times it was resumed", "0", "1")]
    print_side_by_side(Console(file=screen, force_terminal=True, color_system=None, width=60), rows)

    assert screen.getvalue().splitlines()[0].split() == list(ids)
    assert max(map(len, screen.getvalue().splitlines())) <= 60
