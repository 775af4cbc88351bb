"""Which text of a line is its ground truth, and what is left of it."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loghi_contract.lines import SkipReason
from loghi_contract.text import Normalization
from loghi_runner.config.choices import SkipTag, TextEquivChoice
from loghi_runner.pages.model import PageLine, TextVersion
from loghi_runner.pages.read import parse_custom
from loghi_runner.pages.texts import LineText, TextOptions, Unusable, choose_text

LOWEST = TextOptions(TextEquivChoice.LOWEST, (SkipTag.UNCLEAR,), False, Normalization.NFC)
LAST = TextOptions(TextEquivChoice.LAST, (SkipTag.UNCLEAR,), False, Normalization.NFC)
STYLED = TextOptions(TextEquivChoice.LOWEST, (), True, Normalization.NFC)


def line(*texts: str | TextVersion, custom: str = "", words: tuple[tuple[TextVersion, ...], ...] = ()) -> PageLine:
    versions = tuple(text if isinstance(text, TextVersion) else TextVersion(text) for text in texts)
    return PageLine("l", 1, (), (), versions, words, parse_custom(custom))


def text_of(made: PageLine, options: TextOptions = LOWEST) -> str:
    chosen = choose_text(made, options)
    assert isinstance(chosen, LineText)
    return chosen.text


def test_the_lowest_index_is_the_ground_truth_and_the_last_is_loghis() -> None:
    made = line(TextVersion("truth", 0), TextVersion("machine", 1))
    assert (text_of(made), text_of(made, LAST)) == ("truth", "machine")
    chosen = choose_text(made, LOWEST)
    assert isinstance(chosen, LineText)
    assert chosen.several


def test_a_text_without_an_index_comes_after_those_with_one() -> None:
    assert text_of(line(TextVersion("none"), TextVersion("two", 2))) == "two"
    assert text_of(line("first", "second")) == "first"


def test_equal_texts_are_not_several() -> None:
    chosen = choose_text(line("same", "same "), LOWEST)
    assert isinstance(chosen, LineText)
    assert not chosen.several


@pytest.mark.parametrize("empty", [TextVersion(""), TextVersion(" \n"), TextVersion("\ufeff"), TextVersion("", 0)])
@pytest.mark.parametrize("options", [LOWEST, LAST])
def test_an_empty_text_gives_way_to_the_next_one(empty: TextVersion, options: TextOptions) -> None:
    assert text_of(line(empty, "filled", empty), options) == "filled"
    assert (
        text_of(line(empty, words=((empty, TextVersion("en")), (empty,), (TextVersion("linje"),))), options)
        == "en linje"
    )


def test_a_line_that_only_a_machine_read_is_used_and_told() -> None:
    for made in (
        line(TextVersion("machine", 1)),
        line(TextVersion("", 0), TextVersion("machine", 1)),
        line(words=((TextVersion("checked", 0),), (TextVersion("machine", 1),))),
    ):
        chosen = choose_text(made, LOWEST)
        assert isinstance(chosen, LineText)
        assert chosen.machine_read
        assert choose_text(made, replace(LOWEST, skip_machine_read=True)) == Unusable(SkipReason.MACHINE_READ, "")


def test_a_line_that_somebody_checked_is_no_machines() -> None:
    for made in (line("no index"), line(TextVersion("truth", 0), TextVersion("machine", 1))):
        for options in (LOWEST, LAST):
            chosen = choose_text(made, replace(options, skip_machine_read=True))
            assert isinstance(chosen, LineText)
            assert not chosen.machine_read


def test_plain_text_stands_in_for_an_empty_unicode() -> None:
    assert text_of(line(TextVersion(" ", plain="plain"))) == "plain"


def test_words_are_joined_where_the_line_has_no_text() -> None:
    words = ((TextVersion("en"),), (TextVersion("linje", 0), TextVersion("lime", 1)), ())
    assert text_of(line(words=words)) == "en linje"


@pytest.mark.parametrize("custom", ["unclear {offset:3; length:4;}", "unclear", "x {a:b;} unclear{}"])
def test_unclear_lines_are_left_out(custom: str) -> None:
    assert choose_text(line("a text", custom=custom), LOWEST) == Unusable(SkipReason.TAGGED, "unclear")
    assert text_of(line("a text", custom=custom), STYLED) == "a text"


def test_gap_and_sic_are_left_out_on_request() -> None:
    options = TextOptions(TextEquivChoice.LOWEST, (SkipTag.GAP, SkipTag.SIC), False, Normalization.NFC)
    assert choose_text(line("a", custom="gap {offset:1;}"), options) == Unusable(SkipReason.TAGGED, "gap")
    assert text_of(line("a", custom="unclear {offset:1;}"), options) == "a"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  around  ", "around"),
        ("a\tb", "a b"),
        ("two\n   lines", "two lines"),
        ("two \r\n lines", "two lines"),
        ("\ufeffmark", "mark"),
        ("zero\x7fwidth", "zerowidth"),
        ("a  b", "a  b"),
        ("back\\nslash", "back\\nslash"),
        ("join\u200der", "join\u200der"),
        ("e\u0301", "é"),
    ],
)
def test_a_text_is_cleaned(raw: str, clean: str) -> None:
    chosen = choose_text(line(raw), LOWEST)
    assert isinstance(chosen, LineText)
    assert chosen.text == clean
    assert chosen.normalized == (raw == "e\u0301")
    assert chosen.trimmed == (raw != clean and raw != "e\u0301")


def test_style_marks_stand_before_each_letter() -> None:
    assert text_of(line("Hej du", custom="textStyle {offset:0; length:3;underlined:true;}"), STYLED) == "␅H␅e␅j du"
    both = "textStyle {offset: 4;length:2;superscript:true;strikethrough:true;}"
    assert text_of(line("Hej du", custom=both), STYLED) == "Hej ␆␃d␆␃u"


def test_style_marks_count_utf16_units_and_spare_accents() -> None:
    assert text_of(line("𝔄bc", custom="textStyle {offset:2; length:1;underlined:true;}"), STYLED) == "𝔄␅bc"
    assert text_of(line("e\u0301f", custom="textStyle {offset:0; length:3;subscript:true;}"), STYLED) == "␄é␄f"


def test_a_style_beyond_the_text_is_harmless() -> None:
    assert text_of(line("ab", custom="textStyle {offset:1; length:99999999;underlined:true;}"), STYLED) == "a␅b"


@given(st.text(max_size=60))
def test_what_is_chosen_can_stand_in_a_line_list(raw: str) -> None:
    chosen = choose_text(line(raw), LOWEST)
    if isinstance(chosen, LineText):
        assert not {unicodedata.category(character) for character in chosen.text} & {"Cc"}
        assert chosen.text == chosen.text.strip() != ""
        again = choose_text(line(chosen.text), LOWEST)
        assert isinstance(again, LineText)
        assert again.text == chosen.text
