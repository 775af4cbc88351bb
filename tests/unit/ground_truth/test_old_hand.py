"""Lines of the old hand that are mixed in: from lists and pages, and never of a page that chooses or judges."""

from collections.abc import Callable

import pytest

from loghi_contract.job import dump_job
from loghi_runner.findings import Severity
from loghi_runner.finetuning.plan import RunPlan
from tests.unit.made_pages import MadeLine, write_page
from tests.unit.made_project import Findings, Project, page


def refused(plan: RunPlan) -> list[str]:
    return Findings(plan.findings).codes(Severity.ERROR)


def of_page(name: str, first: int, last: int) -> list[tuple[str, str]]:
    """Some lines of a page, each with a text of its own."""
    return [(f"{name}/{name}-{number:03}.png", f"line {number} of {name}") for number in range(first, last)]


def write_old_page(project: Project, folder: str, name: str, count: int) -> None:
    lines = [MadeLine(f"l{number}", f"line {number} of {name}", 60 + 70 * number) for number in range(count)]
    write_page(project.folder / folder, name, lines)


def test_lists_and_pages_of_the_old_hand_are_mixed_in_and_told(project: Project, ask: type[Findings]) -> None:
    project.line_list("old/mixed.txt", page("o1", 3))
    write_old_page(project, "old/pages", "o2", 4)

    plan = project.plan("data.old_hand=[old/mixed.txt, old/pages]")

    assert not plan.errors
    assert plan.job.old_hand
    assert len(plan.lists["old_hand"]) == 7
    own = len(plan.lists["train"])
    told = ask(plan.findings).one("data.old_hand").message
    assert told == f"7 lines of the old hand are mixed in: {round(own / 2)} an epoch, beside {own} training lines"


def test_an_older_trainer_is_not_told_of_what_nobody_asked_for(project: Project) -> None:
    plan = project.plan()
    assert "old_hand" not in plan.lists
    assert "old_hand" not in dump_job(plan.job)


def test_letters_of_the_old_hand_alone_are_not_learnt(project: Project, ask: type[Findings]) -> None:
    project.line_list("old/mixed.txt", page("o1", 3, text="ß ß"))
    codes = ask(project.plan("data.old_hand=old/mixed.txt").findings).codes()
    assert "charset.new" not in codes and "charset.unseen" not in codes


_JUDGED: dict[str, Callable[[Project], None]] = {
    # other lines of one page
    "data.base_domain": lambda project: project.line_list("old/judge.txt", of_page("o1", 3, 6)) and None,
    "data.validation": lambda project: project.line_list("old/judge.txt", of_page("o1", 3, 6)) and None,
    # the same page, copied to another folder
    "data.test": lambda project: project.line_list("copy/judge.txt", of_page("o1", 0, 3)) and None,
}


@pytest.mark.parametrize("key", list(_JUDGED))
def test_a_page_that_chooses_or_judges_is_not_mixed_in(project: Project, ask: type[Findings], key: str) -> None:
    project.line_list("old/mixed.txt", [*of_page("o0", 0, 3), *of_page("o1", 0, 3)])
    _JUDGED[key](project)
    judge = "copy/judge.txt" if key == "data.test" else "old/judge.txt"

    plan = project.plan("data.old_hand=old/mixed.txt", f"{key}={judge}")

    assert refused(plan) == ["data.old_hand_judges"]
    finding = ask(plan.findings).one("data.old_hand_judges")
    assert finding.message.startswith("1 page of the ") and finding.message.endswith("the first is o1")
    assert key in (finding.hint or "")


def test_a_page_of_pages_is_known_again_by_its_texts(project: Project) -> None:
    write_old_page(project, "old", "o1", 4)
    project.line_list("judge/old.txt", of_page("o1", 1, 4))
    assert refused(project.plan("data.old_hand=old", "data.base_domain=judge/old.txt")) == ["data.old_hand_judges"]


def test_other_documents_may_have_pages_of_the_same_names(project: Project) -> None:
    project.line_list("old/mixed.txt", of_page("o1", 0, 3))
    project.line_list("judge/old.txt", page("o1", 3, text="something else"))
    assert not refused(project.plan("data.old_hand=old/mixed.txt", "data.base_domain=judge/old.txt"))


def test_a_model_from_scratch_has_no_old_hand(project: Project) -> None:
    project.line_list("old/mixed.txt", page("o1", 3))
    project.values["base_model"] = {"vgsl": "recommended"}
    assert refused(project.plan("data.old_hand=old/mixed.txt")) == ["data.no_old_hand"]


def test_a_list_that_is_not_there_is_told_by_its_key(project: Project, ask: type[Findings]) -> None:
    plan = project.plan("data.old_hand=nowhere.txt")
    assert ask(plan.findings).one("data.missing_list").where == "data.old_hand"
