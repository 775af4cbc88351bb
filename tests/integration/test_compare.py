"""`loghi-runner compare A B`: two recognitions of the same pages, with a transcription and without."""

import errno
import json
import os
from pathlib import Path

from tests.unit.made_pages import MadeLine, page_xml

TRUTH = ["fyrste linja her", "andre linja der", "tredje linja no"]


def write(folder: Path, texts: list[str], *, ids: str = "l", pages: int = 3) -> None:
    (folder / "page").mkdir(parents=True)
    for page in range(pages):
        lines = [MadeLine(f"{ids}{n}", text, 60 + 80 * n) for n, text in enumerate(texts)]
        (folder / "page" / f"p{page}.xml").write_text(page_xml(lines), encoding="utf-8")


def close(monkeypatch, folder: Path) -> None:
    """Let it look like a folder of somebody else, also to root, whom no mode stops."""
    listdir, scandir = os.listdir, os.scandir

    def refusing(list_it):
        def list_folder(path="."):
            if isinstance(path, (str, Path)) and Path(path).absolute() == folder:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return list_it(path)

        return list_folder

    monkeypatch.setattr(os, "listdir", refusing(listdir))
    monkeypatch.setattr(os, "scandir", refusing(scandir))


def test_with_a_transcription_it_says_which_is_better(workplace) -> None:
    write(workplace.folder / "truth", TRUTH)
    write(workplace.folder / "old", [text.replace("e", "c") for text in TRUTH])
    write(workplace.folder / "new", [*TRUTH[:2], "tredje linje no"])
    result = workplace.run("compare", "old", "new", "--truth", "truth")
    assert result.returncode == 0, result.stderr
    assert "c for e" in result.stdout
    assert "new is better: CER on 9 lines " in result.stdout
    assert "p0 l2" in result.stdout
    answer = json.loads(workplace.run("compare", "old", "new", "--truth", "truth", "--json").stdout)
    assert set(answer["comparison"]["models"][0]["counts"]) == {"diplomatic", "caseless", "letters"}
    assert answer["loghi"][1]["cer"] == 3 / (3 * sum(map(len, TRUTH)))


def test_without_one_it_shows_the_differences(workplace) -> None:
    write(workplace.folder / "a", TRUTH)
    write(workplace.folder / "b", [TRUTH[0], TRUTH[1], "noko anna"])
    result = workplace.run("compare", "a", "b")
    assert "9, 6 of them equal" in result.stdout
    assert "--truth DIR" in result.stdout


def test_lines_are_paired_by_place_where_ids_differ(workplace) -> None:
    write(workplace.folder / "a", TRUTH)
    write(workplace.folder / "b", TRUTH, ids="other")
    assert json.loads(workplace.run("compare", "a", "b", "--json").stdout)["equal"] == 9


def test_what_has_no_partner_is_told(workplace) -> None:
    write(workplace.folder / "a", TRUTH, pages=3)
    write(workplace.folder / "b", TRUTH[:2], pages=2)
    (workplace.folder / "b" / "page" / "p9.xml").write_text("<broken")
    result = workplace.run("compare", "a", "b")
    assert "p9.xml is left out: it is not well-formed XML" in result.stderr
    assert "1 page not in all folders, such as p2" in result.stderr
    assert "2 lines without a partner" in result.stderr


def test_folders_without_pages_and_models_are_refused(workplace) -> None:
    write(workplace.folder / "a", TRUTH)
    (workplace.folder / "empty").mkdir()
    assert "there is no PAGE XML or ALTO in empty" in workplace.run("compare", "a", "empty").stderr
    assert workplace.run("compare", "a", "base").returncode == 2


def test_pages_without_a_common_line_or_a_text_are_no_comparison(workplace) -> None:
    write(workplace.folder / "a", TRUTH)
    write(workplace.folder / "unmarked", [])
    write(workplace.folder / "unread", ["", "", ""])
    for first, second, told in (
        ("a", "unmarked", "no line in common"),
        ("unread", "a", "no line in unread has a text"),
        ("a", "unread", "no line in unread has a text"),
    ):
        result = workplace.run("compare", first, second)
        assert result.returncode == 3
        assert told in result.stderr


def test_xml_in_capitals_is_compared_too(workplace) -> None:
    write(workplace.folder / "a", TRUTH, pages=1)
    write(workplace.folder / "b", TRUTH, pages=1)
    (workplace.folder / "b/page/p0.xml").rename(workplace.folder / "b/page/p0.XML")
    assert "3, 3 of them equal" in workplace.run("compare", "a", "b").stdout


def test_a_closed_folder_is_told(workplace, monkeypatch) -> None:
    write(workplace.folder / "a", TRUTH)
    write(workplace.folder / "shut", TRUTH)
    close(monkeypatch, workplace.folder / "shut" / "page")
    result = workplace.run("compare", "a", "shut")
    assert result.returncode == 3
    assert "no PAGE XML or ALTO in shut: shut/page: Permission denied" in result.stderr


def test_a_perfect_reading_with_shifted_ids_is_right_and_it_is_told(workplace) -> None:
    write(workplace.folder / "truth", TRUTH)
    write(workplace.folder / "old", [text.replace("e", "c") for text in TRUTH])
    for number in range(3):
        lines = [
            MadeLine("l0", "- 1 -", 390),
            *(MadeLine(f"l{n + 1}", text, 60 + 80 * n) for n, text in enumerate(TRUTH)),
        ]
        (workplace.folder / "new" / "page").mkdir(parents=True, exist_ok=True)
        (workplace.folder / "new" / "page" / f"p{number}.xml").write_text(page_xml(lines), encoding="utf-8")
    result = workplace.run("compare", "old", "new", "--truth", "truth")
    assert result.stdout.splitlines()[-2].startswith("verdict                new is better: CER on 9 lines")
    assert "0.0 % (new)" in " ".join(result.stdout.split())
    assert "9 of 9 lines are paired by where they lie" in " ".join(result.stderr.split())


def test_repeated_ids_drop_no_line_and_stay_apart(workplace) -> None:
    for folder in ("a", "b"):
        (workplace.folder / folder).mkdir()
        lines = [MadeLine("l", text, 60 + 80 * n) for n, text in enumerate(TRUTH)]
        (workplace.folder / folder / "p.xml").write_text(page_xml(lines), encoding="utf-8")
    result = workplace.run("compare", "a", "b", "--truth", "a", "--json", "-o", "out")
    assert json.loads(result.stdout)["lines"] == 3
    assert json.loads((workplace.folder / "out/report.json").read_text())["kind"] == "comparison"


def test_lines_without_a_transcription_are_left_out_and_it_is_told(workplace) -> None:
    write(workplace.folder / "truth", [*TRUTH[:2], ""])
    write(workplace.folder / "old", [text.replace("e", "c") for text in TRUTH])
    write(workplace.folder / "new", TRUTH)
    result = workplace.run("compare", "old", "new", "--truth", "truth", "-o", "out")
    assert "new is better: CER on 6 lines " in result.stdout
    assert "warning: 3 lines without a transcription left out" in result.stderr
    assert "3 lines without a transcription left out" in (workplace.folder / "out/report.html").read_text()
