"""The bar on a terminal and the line elsewhere."""

import io
import sys

import pytest

from loghi_runner.terminal.console import Bars, make_console


class Terminal(io.StringIO):
    """A stand-in for a terminal."""

    def isatty(self) -> bool:
        return True


def be_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # in the test itself: pytest puts its own stream there after the fixtures
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    return screen


def test_a_bar_is_drawn_on_the_terminal_itself_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = be_a_terminal(monkeypatch)
    bars = Bars(make_console(stderr=True))
    for done in (1, 2, 3):
        bars.show("reading lines", done, 3)
    bars.close()
    assert "reading lines" in terminal.getvalue()
    assert sys.stderr is terminal


def test_a_warning_below_a_bar_ends_it_in_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = be_a_terminal(monkeypatch)
    console = make_console(stderr=True)
    bars = Bars(console)
    bars.show("reading lines", 1, 3)
    console.print("warning: a page is left out")
    bars.close()
    assert terminal.getvalue().count("a page is left out") == 1


def test_elsewhere_only_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    bars = Bars(make_console(stderr=True))
    for done in (1, 2, 3):
        bars.show("reading lines", done, 3)
    assert out.getvalue() == "reading lines: 3 of 3\n"
