"""Line lists are read with their images found, and every line left out is named with its reason."""

import os
from pathlib import Path

import pytest

from loghi_contract.lines import SkipReason
from loghi_runner.findings import Severity
from loghi_runner.finetuning.plan import RunPlan
from tests.unit.made_project import Findings, Project, page


def skip_reasons(plan: RunPlan, split: str = "train") -> list[SkipReason]:
    return [line.reason for name, line in plan.skipped if name == split]


def test_several_lists_with_weights_comments_and_spaces_make_one_split(project: Project, ask: type[Findings]) -> None:
    project.line_list("more lists/b c.txt", [("my page/line 1.png", "more words")])
    project.line_list("lines/train.txt", page("p1", 2))
    text = "\ufeff# a comment\n\np1/p1-000.png\tone\r\np1/p1-001.png\t0.5\ttwo\r\n"
    (project.folder / "lines/train.txt").write_text(text, encoding="utf-8", newline="")
    project.values["data"]["train"] = ["lines/train.txt", "more lists/b c.txt"]
    plan = project.plan()
    assert [(line.text, line.weight) for line in plan.lists["train"]] == [("one", 1), ("two", 0.5), ("more words", 1)]
    assert plan.lists["train"][2].image.endswith("/line 1.png")
    assert [line.where for line in plan.lists["train"]][1:] == ["lines/train.txt:4", "more lists/b c.txt:1"]
    assert plan.skipped == ()


def test_a_missing_list_proposes_the_one_that_was_meant(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.train=lines/trian.txt").findings).one("data.missing_list")
    assert finding.severity is Severity.ERROR
    assert finding.where == "data.train"
    assert finding.message == "the line list lines/trian.txt does not exist"
    assert finding.hint == f"Did you mean {project.folder / 'lines/train.txt'}?"


def test_a_missing_list_in_a_missing_folder_says_so(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.test=nowhere/test.txt").findings).one("data.missing_list")
    assert finding.hint == (
        f"There is no folder {project.folder / 'nowhere'} either; relative paths begin at the config's folder."
    )


def test_a_folder_given_as_list_names_the_lists_in_it(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.train=lines").findings).one("data.list_is_folder")
    assert finding.hint == f"Name a line list (a text file) in it, such as {project.folder / 'lines/test.txt'}."


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_an_empty_list_is_an_error(project: Project, ask: type[Findings], content: str) -> None:
    (project.folder / "lines/val.txt").write_text(content)
    finding = ask(project.plan().findings).one("data.empty_list")
    assert (finding.severity, finding.where) == (Severity.ERROR, "data.validation")


def test_a_list_of_paths_that_begin_with_a_hash_is_told_why_it_is_empty(project: Project, ask: type[Findings]) -> None:
    (project.folder / "lines/val.txt").write_text("#12_register/000.png\tok\n")
    assert "begins with #" in ask(project.plan().findings).one("data.empty_list").message


def test_a_folder_of_images_with_a_text_each_is_told_what_a_list_is(project: Project, ask: type[Findings]) -> None:
    (project.folder / "lines/000.gt.txt").write_text("ok")
    hint = ask(project.plan("data.train=lines").findings).one("data.list_is_folder").hint
    assert hint is not None
    assert "single images (*.gt.txt)" in hint
    assert "the path, a TAB, the text" in hint


def test_a_list_that_is_not_utf8_names_the_line(project: Project, ask: type[Findings]) -> None:
    (project.folder / "lines/train.txt").write_bytes(b"p1/p1-000.png\tok\np1/p1-001.png\tbl\xe5\n")
    finding = ask(project.plan().findings).one("data.list_not_utf8")
    assert (finding.severity, finding.where) == (Severity.ERROR, "lines/train.txt:2")


def test_each_reason_to_skip_is_counted_and_the_rest_is_trained_on(project: Project, ask: type[Findings]) -> None:
    lines = [
        *page("p1", 2),
        ("p1/no.png", "gone"),
        ("p1/text.png", "no image"),
        ("p1/p1-000.png", ""),
        ("p1/x.png", ""),
    ]
    project.line_list("lines/train.txt", lines)
    with (project.folder / "lines/train.txt").open("a") as file:
        file.write("no tab here\np1/p1-000.png\theavy\tbad weight\n")
    (project.folder / "lines/p1/no.png").unlink()
    (project.folder / "lines/p1/text.png").write_text("hello")
    plan = project.plan()
    findings = ask(plan.findings)
    assert len(plan.lists["train"]) == 2
    assert plan.errors == ()
    assert findings.one("data.malformed").message == (
        "2 of 8 training lines are skipped: there is no TAB between image and text, or the weight is not a number "
        "above zero; the first is lines/train.txt:7 (no TAB)"
    )
    assert findings.one("data.empty_text").message.startswith("2 of 8 training lines are skipped: the text is empty")
    assert findings.one("data.unreadable_image").message.endswith(
        "the first is lines/train.txt:4 (not an image of a known kind)"
    )
    assert findings.one("data.missing_images").severity is Severity.WARNING
    assert sorted(reason.value for reason in skip_reasons(plan)) == [
        *("empty_text", "empty_text", "malformed", "malformed", "missing_image", "unreadable_image"),
    ]


def test_an_empty_image_file_is_skipped_as_such(project: Project, ask: type[Findings]) -> None:
    (project.folder / "lines/p1/p1-000.png").write_bytes(b"")
    assert "(empty file)" in ask(project.plan().findings).one("data.unreadable_image").message


def test_a_list_whose_lines_are_all_skipped_is_an_error_that_adds_up_the_reasons(
    project: Project, ask: type[Findings]
) -> None:
    (project.folder / "lines/test.txt").write_text("no tab\np4/p4-000.png\t \np4/nowhere.png\ta\n")
    finding = ask(project.plan().findings).one("data.all_skipped")
    assert finding.severity is Severity.ERROR
    assert finding.message.startswith("none of the 3 test lines can be used: ")
    assert "the text is empty (1x)" in finding.message


def test_blanks_around_texts_are_counted_before_and_after(project: Project, ask: type[Findings]) -> None:
    text = "p1/p1-000.png\t before\np1/p1-001.png\tafter  \r\np1/p1-002.png\tclean\r\n#p1/x.png\t no line\n"
    (project.folder / "lines/train.txt").write_text(text, newline="")
    finding = ask(project.plan().findings).one("data.trimmed")
    assert finding.severity is Severity.INFO
    assert finding.message == "2 training texts have blanks before or after them; these are taken off"


def test_a_linked_image_is_found_where_it_really_is(project: Project) -> None:
    real = project.image("scans/real.png")
    link = project.folder / "lines/p1/p1-000.png"
    link.unlink()
    link.symlink_to(real)
    plan = project.plan()
    sources = {mount.source for mount in plan.mounts}
    assert project.folder / "scans" in sources
    assert plan.lists["train"][0].image.endswith("/real.png")


def test_a_linked_image_folder_is_mounted_where_it_really_is(project: Project) -> None:
    (project.folder / "lines/p1").rename(project.folder / "moved")
    (project.folder / "lines/p1").symlink_to(project.folder / "moved")
    assert project.folder / "moved" in {mount.source for mount in project.plan().mounts}


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_an_image_without_permission_is_skipped_as_unreadable(project: Project, ask: type[Findings]) -> None:
    (project.folder / "lines/p1/p1-000.png").chmod(0)
    assert "Permission denied" in ask(project.plan().findings).one("data.unreadable_image").message


def test_moved_images_propose_the_root_by_the_end_of_their_paths(project: Project, ask: type[Findings]) -> None:
    """The tutorial's lists hold the absolute paths of its author's machine."""
    moved = [(f"/home/other/htr/lines/{image}", text) for image, text in page("p1", 3)]
    project.line_list("lists/train.txt", moved, make_images=False)
    finding = ask(project.plan("data.train=lists/train.txt").findings).one("data.missing_images")
    assert finding.severity is Severity.ERROR
    assert finding.where == "lists/train.txt:1"
    assert finding.message == ("all 3 training images do not exist; the first is /home/other/htr/lines/p1/p1-000.png")
    assert finding.hint == (
        f"Set data.root: {project.folder} (all that were tried are there, such as "
        f"{project.folder}/lines/p1/p1-000.png)."
    )


def test_the_proposed_root_works(project: Project, ask: type[Findings]) -> None:
    moved = [(f"/home/other/htr/lines/{image}", text) for image, text in page("p1", 3)]
    project.line_list("lists/train.txt", moved, make_images=False)
    plan = project.plan("data.train=lists/train.txt", "data.root=lines", "data.validation=", "data.test=")
    assert len(plan.lists["train"]) + len(plan.lists.get("val", ())) == 3
    finding = ask(plan.findings).one("data.found_by_tail")
    assert finding.severity is Severity.INFO
    assert finding.message == (
        "3 images were found in data.root by the end of their path: "
        f"/home/other/htr/lines/p1/p1-000.png is {project.folder}/lines/p1/p1-000.png"
    )


def test_relative_paths_begin_at_data_root_when_it_is_given(project: Project) -> None:
    project.line_list("lists/train.txt", page("p1", 3), make_images=False)
    plan = project.plan("data.train=lists/train.txt", "data.root=lines", "data.validation=../lists/train.txt")
    assert len(plan.lists["train"]) == 3


def test_relative_paths_below_another_folder_propose_it(project: Project, ask: type[Findings]) -> None:
    project.line_list("lists/train.txt", [(f"lines/{image}", text) for image, text in page("p1", 3)], make_images=False)
    finding = ask(project.plan("data.train=lists/train.txt").findings).one("data.missing_images")
    assert finding.hint is not None
    assert finding.hint.startswith(f"Set data.root: {project.folder} (")


def test_a_folder_where_the_pages_would_be_confused_is_not_proposed(project: Project, ask: type[Findings]) -> None:
    project.image("lists/line.png")
    for number in range(3):
        project.image(f"pages/q{number}/line.png")
    moved = [(f"/old/q{number}/line.png", "a") for number in range(3)]
    project.line_list("lists/train.txt", moved, make_images=False)
    finding = ask(project.plan("data.train=lists/train.txt").findings).one("data.missing_images")
    assert finding.hint is not None
    assert finding.hint.startswith(f"Set data.root: {project.folder / 'pages'} (")


def test_without_a_likely_place_the_rule_is_explained(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", [*page("p1", 1), ("gone/x.png", "a")])
    (project.folder / "lines/gone/x.png").unlink()
    finding = ask(project.plan().findings).one("data.missing_images")
    assert finding.message == (f"1 of 2 training images do not exist; the first is {project.folder}/lines/gone/x.png")
    assert finding.hint is not None
    assert finding.hint.startswith("Image paths are relative to the list's own folder")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (r"C:\Users\ada\lines\l1.png", "paths of Windows"),
        (r"lines\l1.png", "paths of Windows"),
        ("file:///data/lines/l1.png", "addresses (URLs)"),
        ('"lines/l1.png"', "in quotes"),
    ],
)
def test_paths_as_others_write_them_are_told_as_such(
    project: Project, ask: type[Findings], written: str, says: str
) -> None:
    (project.folder / "lines/train.txt").write_text(f"{written}\ta\n", encoding="utf-8")
    hint = ask(project.plan().findings).one("data.missing_images").hint
    assert hint is not None
    assert says in hint


def test_two_images_that_would_become_one_file_under_the_root_are_an_error(
    project: Project, ask: type[Findings]
) -> None:
    """Line images named alike on every page must not be taken for one another."""
    project.image("flat/line_1.png")
    project.line_list(
        "lists/train.txt", [("/old/a/line_1.png", "one"), ("/old/b/line_1.png", "two")], make_images=False
    )
    finding = ask(project.plan("data.train=lists/train.txt", "data.root=flat").findings).one("data.ambiguous_root")
    assert finding.severity is Severity.ERROR
    assert "/old/a/line_1.png and /old/b/line_1.png are both" in finding.message


def test_a_path_with_a_zero_byte_is_a_missing_image(project: Project) -> None:
    (project.folder / "lines/train.txt").write_text("p1/p1-000.png\ta\np1/\0.png\tb\n")
    assert skip_reasons(project.plan()) == [SkipReason.MISSING_IMAGE]


def test_lists_outside_the_configs_folder_are_named_in_full(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "t.txt").write_text(f"{project.folder}/lines/p1/p1-000.png\ta\n")
    assert project.plan(f"data.test={elsewhere}/t.txt").lists["test"][0].where == f"{elsewhere}/t.txt:1"
