"""Hostile XML, YAML, names and texts: nothing is read or fetched by them, nothing obeys them, all is told shortly."""

import codecs
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loghi_runner.cli.main import app
from loghi_runner.config.file import ConfigError
from loghi_runner.config.load import load_config
from loghi_runner.ground_truth.survey import unique_ids
from loghi_runner.pages.model import Page, PageLine
from loghi_runner.pages.read import read_page
from loghi_runner.pages.xml import PageError
from loghi_runner.runs.run_report import write_run_report
from loghi_runner.wording import shown
from tests.attacks.hostile_files import never_waits, project, told  # noqa: F401  # fixtures
from tests.made_runs import make_run
from tests.unit.made_pages import MadeLine, page_xml, write_page, write_pages
from tests.unit.made_project import Project

#: Sets the terminal's title, asks it to answer, and turns the order of what follows.
TRICKS = "\x1b]0;owned\x07 \x1b[31m \x9b5n \u202egnp.exe \u2066"
OBEYED = "\x1b\x07\x9b\u202e\u2066"


def read(folder: Path, content: bytes) -> Page:
    file = folder / "p.xml"
    file.write_bytes(content)
    return read_page(file)


def with_doctype(doctype: str, inner: str) -> bytes:
    text = page_xml([MadeLine("l", inner=f"<TextEquiv><Unicode>{inner}</Unicode></TextEquiv>")])
    return (doctype + text.partition("\n")[2]).encode()


# -- XML


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE PcGts [<!ENTITY x SYSTEM "file://{secret}">]>',
        '<!DOCTYPE PcGts [<!ENTITY x SYSTEM "{secret}">]>',
        '<!DOCTYPE PcGts [<!ENTITY x SYSTEM "http://127.0.0.1:1/x">]>',
        '<!DOCTYPE PcGts [<!ENTITY % p SYSTEM "file://{secret}"> %p; <!ENTITY x "y">]>',
        '<!DOCTYPE PcGts SYSTEM "file://{secret}" [<!ENTITY x "y">]>',
        "<!DOCTYPE PcGts [<!ENTITY x 'plain'>]>",
    ],
)
def test_entities_are_neither_expanded_nor_looked_up(tmp_path: Path, doctype: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET", encoding="utf-8")
    with pytest.raises(PageError) as refused:
        read(tmp_path, with_doctype(doctype.replace("{secret}", str(secret)), "&x;"))
    assert "SECRET" not in refused.value.message


def test_entities_that_grow_are_never_grown(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    tracemalloc.start()
    with pytest.raises(PageError):
        read(tmp_path, with_doctype(f'<!DOCTYPE PcGts [<!ENTITY l0 "ha">{levels}]>', "&l9;"))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_an_inclusion_is_no_text(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET", encoding="utf-8")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret}" parse="text"/>'
    page = read(tmp_path, with_doctype("", include))
    assert all("SECRET" not in text.text for line in page.lines for text in line.texts)


@pytest.mark.parametrize(
    "content",
    [
        b"<PcGts>" * 200_000,
        b'<?xml version="1.0" encoding="no-such"?><PcGts/>',
        b'<?xml version="1.0" encoding="UTF-16"?><PcGts/>',
        codecs.BOM_UTF32_LE + "<PcGts/>".encode("utf-32-le"),
        b"\0" * 1000,
        b"<PcGts>\x1b[31m</PcGts>",
        b"",
    ],
)
def test_what_is_no_xml_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PageError) as refused:
        read(tmp_path, content)
    assert refused.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("prefix", ["", "pc"])
def test_a_page_of_more_lines_than_any_page_has_is_none(tmp_path: Path, encoding: str, prefix: str) -> None:
    for count, is_page in ((10_000, True), (10_001, False)):
        lines = [MadeLine(f"l{number}", "a", baseline=False, outline=False) for number in range(count)]
        content = page_xml(lines, prefix=prefix).replace("UTF-8", encoding.upper()).encode(encoding)
        if is_page:
            assert len(read(tmp_path, content).lines) == count
            continue
        with pytest.raises(PageError, match="more than 10000 lines, so it is no page"):
            read(tmp_path, content)


def test_a_page_of_more_bytes_than_any_page_has_is_none(tmp_path: Path) -> None:
    with (tmp_path / "p.xml").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(PageError, match="larger than 100 MB"):
        read_page(tmp_path / "p.xml")


def test_lines_that_are_all_named_alike_are_told_apart_in_their_own_number() -> None:
    ids = unique_ids([PageLine("l", 0, (), (), ()) for _ in range(10_000)])
    assert len(set(ids)) == 10_000
    assert ids[:3] == ["l", "l_2", "l_3"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("custom", "a" * 400_000),
        ("custom", "a{" * 100_000),
        ("points", "9" * 400_000),
        ("points", "1 " * 200_000 + ","),
        ("text", " " * 400_000 + "a"),
        ("text", "a\n " * 100_000),
    ],
)
def test_what_is_written_without_end_is_read_in_its_own_length(
    project: Project,  # noqa: F811
    attribute: str,
    value: str,
) -> None:
    """Each of these took the square of its length, or more: hours for one page."""
    write_pages(project.folder / "pages", 8)
    file = project.folder / "pages/page/p00.xml"
    old, new = {
        "custom": ('id="l0"', f'id="l0" custom="{value}"'),
        "points": ("40,60 400,60", value),
        "text": ("line 0 of page 0", value),
    }[attribute]
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    project.values["data"] = {"pages": "pages"}
    assert project.plan().pages is not None


@pytest.mark.parametrize(
    "named", ["../../secret.png", "/etc/passwd", "http://127.0.0.1:1/p.png", "\\\\host\\share\\p.png", "a\nb.png"]
)
def test_the_image_that_a_page_names_is_only_a_name(tmp_path: Path, named: str) -> None:
    page = read(tmp_path, page_xml([MadeLine("l")]).replace("p.png", named).encode())
    assert page.image_name is not None
    assert not set(page.image_name) & set("/\\")


@pytest.mark.parametrize("points", ["1e999,1", "nan,nan", "-5,-5 1,1", "1,2,3", "0,0 " * 50_000])
def test_wild_points_leave_the_line_or_take_it_out(project: Project, points: str) -> None:  # noqa: F811
    write_pages(project.folder / "pages", 8)
    file = project.folder / "pages/page/p00.xml"
    file.write_text(file.read_text(encoding="utf-8").replace("40,60 400,60", points), encoding="utf-8")
    project.values["data"] = {"pages": "pages"}
    assert project.plan().pages is not None


# -- YAML


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system [touch ran]\n",
        "name: !!python/name:os.system\n",
        "name: !include /etc/passwd\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "<<: {name: x}\n",
        "name: " + "[" * 5000 + "\n",
        "name: " + "{a: " * 5000 + "\n",
        "name: a\0b\n",
        "training: {epochs: 1" + "0" * 5000 + "}\n",
        "? [a, b]\n: c\n",
    ],
)
def test_a_config_is_values_and_nothing_else(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "config.yaml")
    assert "config.yaml has" in refused.value.message
    assert not (tmp_path / "ran").exists()


def test_a_config_of_megabytes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"name: {'x' * 20_000_000}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="longer than 1 MB") as refused:
        load_config(tmp_path / "config.yaml")
    assert len(refused.value.message) < 1000


@pytest.mark.parametrize("line", ["name: {long}", "{long}: x", "training: {{epochs: {long}}}", "charset: {long}"])
def test_a_long_value_is_not_repeated_whole(tmp_path: Path, line: str) -> None:
    (tmp_path / "config.yaml").write_text(line.format(long="x" * 500_000) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "config.yaml")
    assert len(refused.value.message) < 3000


# -- names and texts on a screen


def test_a_name_of_a_run_commands_no_terminal(tmp_path: Path) -> None:
    folder, record = make_run(tmp_path)
    folder.write(replace(record, name=TRICKS, verdict=TRICKS, overrides=(TRICKS,)))
    for command in (["runs", str(tmp_path)], ["show", str(folder.path)], ["logs", str(folder.path)]):
        output = CliRunner().invoke(app, command).output
        assert not set(OBEYED) & set(output), command
    assert r"\x1b]0;owned\x07" in CliRunner().invoke(app, ["runs", str(tmp_path)]).output
    (row,) = json.loads(CliRunner().invoke(app, ["runs", str(tmp_path), "--json"]).output)["runs"]
    assert row["name"] == TRICKS


def test_a_name_of_a_file_commands_no_terminal(
    project: Project,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGHI_RUNNER_TEST_TRAINER", "a stand-in")
    name = "p\x1b]0;owned\x07\u202egnp"
    project.values["data"]["test"] = f"{name}.txt"
    project.values["engine"] = {"kind": "local", "gpus": "none"}
    output = CliRunner().invoke(app, ["check", str(project.config())]).output
    assert r"\u202egnp" in output
    assert not set(OBEYED) & set(output)


def test_what_the_trainer_printed_commands_no_terminal(tmp_path: Path) -> None:
    folder, record = make_run(tmp_path)
    folder.write(record)
    folder.console_log.write_text(f"epoch 1 {TRICKS}\n", encoding="utf-8")
    output = CliRunner().invoke(app, ["logs", str(folder.path), "--console"]).output
    assert "epoch 1" in output
    assert not set(OBEYED) & set(output)


TEXTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    f"a{TRICKS}b",
)


def test_a_report_shows_texts_and_obeys_none(tmp_path: Path) -> None:
    folder, record = make_run(tmp_path, [(text.replace("\t", " "), text, text) for text in TEXTS if "\n" not in text])
    write_run_report(folder, replace(record, name="<script>x</script>" + TRICKS))
    page = folder.report_file.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "onerror=alert(1)>" not in page
    assert ">49<" not in page
    assert not set(OBEYED) & set(page)
    assert r"\u202e" in page


@pytest.mark.parametrize("text", ["שלום\u200f", "e\u0301", "a\u200cb", "ﷺ", "line\nline\ttab"])
def test_what_languages_need_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_a_folder_of_hostile_names_is_checked(project: Project, tmp_path: Path) -> None:  # noqa: F811
    write_pages(project.folder / "pages", 8)
    for name in ("-rf", "$(touch ran)", "a;b", "%s%n", "'\"<b>", "..hidden", "\u202egnp", "\x1b[31m"):
        write_page(project.folder / "pages", name, [MadeLine("l")], shade=100 + len(name))
    project.values["data"] = {"pages": "pages"}
    plan = project.plan()
    assert plan.pages is not None
    assert len(plan.pages.survey.pages) == 14  # one is hidden, one has a control character
    assert "1" in told(lambda: plan)
    assert not (tmp_path / "ran").exists()
