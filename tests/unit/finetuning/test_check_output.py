"""Checks before a run: the base model, characters, transparency, the output folder, the disk."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from loghi_contract.exit_codes import ExitCode
from loghi_contract.text import Normalization
from loghi_runner.engines.mounts import DataFolders
from loghi_runner.findings import Severity
from loghi_runner.finetuning.check_output import check_disk, check_output
from tests.unit.made_project import LETTERS, Findings, Project, page

NO_DATA = DataFolders((), ())


@dataclass
class Disk:
    free: int


def test_a_sound_project_has_only_words_of_explanation(project: Project, ask: type[Findings]) -> None:
    plan = project.plan()
    # a made project has few lines, and pytest works in a temporary folder
    codes = ask(plan.findings).codes(Severity.ERROR, Severity.WARNING)
    assert codes == ["data.few_lines", "data.few_lines", "output.temporary"]
    assert ask(plan.findings).codes(Severity.INFO) == ["charset.normalization"]
    assert plan.errors == ()


def test_best_vals_parent_as_base_model_names_the_right_folder(project: Project, ask: type[Findings]) -> None:
    project.model("old_run/out/model/best_val")
    finding = ask(project.plan("base_model=old_run").findings).one("model.parent_folder")
    assert (finding.severity, finding.exit_code, finding.where) == (Severity.ERROR, ExitCode.DATA, "base_model")
    assert finding.hint == f"Use {project.folder}/old_run/out/model/best_val instead."


def test_a_missing_base_model_does_not_hide_the_datas_faults(project: Project, ask: type[Findings]) -> None:
    codes = ask(project.plan("base_model=nowhere", "data.train=nowhere.txt").findings).codes(Severity.ERROR)
    assert sorted(codes) == ["data.missing_list", "model.missing"]


def test_a_tokenizer_off_by_one_is_refused_with_the_remedy(project: Project, ask: type[Findings]) -> None:
    project.model("odd", extra=1)
    finding = ask(project.plan("base_model=odd").findings).one("model.tokenizer_mismatch")
    assert finding.hint is not None
    assert "copy charlist.txt from that base model's folder" in finding.hint


def test_a_saved_model_is_refused_with_its_conversion(project: Project, ask: type[Findings]) -> None:
    (project.folder / "old").mkdir()
    (project.folder / "old/saved_model.pb").touch()
    finding = ask(project.plan("base_model=old").findings).one("model.saved_model")
    assert finding.hint is not None
    assert "convert.py" in finding.hint


def test_a_truncated_model_is_refused(project: Project, ask: type[Findings]) -> None:
    model = project.folder / "base/model.keras"
    model.write_bytes(model.read_bytes()[:-40])
    assert "truncated" in ask(project.plan().findings).one("model.broken_file").message


def test_a_keras_2_model_is_announced(project: Project, ask: type[Findings]) -> None:
    project.model("legacy", keras="2.15.0")
    plan = project.plan("base_model=legacy")
    finding = ask(plan.findings).one("model.keras2")
    assert plan.errors == ()
    assert finding.message == (
        "the base model is a Keras 2 model (2.15.0): it is rebuilt for Keras 3 in memory, "
        f"{project.folder}/legacy/model.keras stays as it is"
    )


def test_a_model_linked_out_of_its_folder_is_refused_with_the_copy_command(
    project: Project, ask: type[Findings]
) -> None:
    model = project.folder / "base/model.keras"
    model.rename(project.folder / "blob")
    model.symlink_to(project.folder / "blob")
    finding = ask(project.plan().findings).one("model.symlink")
    assert finding.hint is not None
    assert f"cp -rL {project.folder}/base NEW_FOLDER" in finding.hint


def test_new_characters_are_listed_with_their_counts_under_extend(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 2, "ða ð") + page("p2", 1, "ſ\u200d"))
    finding = ask(project.plan().findings).one("charset.new")
    assert finding.severity is Severity.INFO
    assert finding.message == ("3 characters are new to the base model: ð (4x), ſ (1x), U+200D ZERO WIDTH JOINER (1x)")


def test_unknown_characters_stop_a_run_under_fail(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 2, "ða"))
    project.line_list("lines/val.txt", page("p3", 1, "þa"))
    finding = ask(project.plan("charset=fail").findings).one("charset.unknown")
    assert (finding.severity, finding.exit_code) == (Severity.ERROR, ExitCode.DATA)
    assert finding.message == (
        "2 characters in the training and validation lines cannot be written by the base model: ð (2x), þ (1x); "
        "the first is in lines/train.txt:1"
    )


def test_unknown_test_characters_do_not_stop_a_run_under_fail(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/test.txt", page("p4", 2, "þa"))
    plan = project.plan("charset=fail")
    assert plan.errors == ()
    assert len(plan.lists["test"]) == 2
    assert "þ (2x)" in ask(plan.findings).one("charset.unseen").message


def test_characters_only_in_judged_lines_are_not_learnt_but_kept_and_said(
    project: Project, ask: type[Findings]
) -> None:
    project.line_list("lines/val.txt", page("p3", 2, "þa"))
    plan = project.plan()
    findings = ask(plan.findings)
    assert "charset.new" not in findings.codes()
    assert findings.one("charset.unseen").message == (
        "1 character occurs in no training line, only where the model is judged: þ (2x); "
        "the model cannot learn them, each counts as an error"
    )
    assert len(plan.lists["val"]) == 2


def test_a_character_learnt_in_training_is_not_called_unlearnt(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 2, "ða"))
    project.line_list("lines/val.txt", page("p3", 2, "ða"))
    codes = ask(project.plan().findings).codes()
    assert "charset.new" in codes
    assert "charset.unseen" not in codes


def test_replace_warns_of_the_letters_that_are_lost(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 1, LETTERS.replace("q", "").strip() + " é"))
    finding = ask(project.plan("charset=replace").findings).one("charset.replaced")
    assert finding.severity is Severity.WARNING
    assert "1 of its characters cannot be written any more: q" in finding.message


def test_from_scratch_the_training_lines_make_the_charset(project: Project, ask: type[Findings]) -> None:
    project.values["base_model"] = {"vgsl": "recommended"}
    project.line_list("lines/train.txt", page("p1", 2, "abba"))
    project.line_list("lines/val.txt", page("p3", 2, "abc"))
    findings = ask(project.plan().findings)
    assert "2 characters" in findings.one("charset.from_training").message
    assert "c (2x)" in findings.one("charset.unseen").message
    assert "charset.new" not in findings.codes()


def test_texts_are_composed_unless_the_base_model_writes_accents_apart(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 2, "cafe\u0301"))
    composed = project.plan()
    assert composed.job.normalization is Normalization.NFC
    assert "é (2x)" in ask(composed.findings).one("charset.new").message
    project.model("apart", letters=LETTERS + "\u0301")
    apart = project.plan("base_model=apart")
    assert apart.job.normalization is Normalization.NONE
    assert "characters of their own" in ask(apart.findings).one("charset.normalization").message
    assert "charset.new" not in ask(apart.findings).codes()


def test_a_chosen_normalization_is_obeyed_without_comment(project: Project, ask: type[Findings]) -> None:
    plan = project.plan("text.normalization=none")
    assert plan.job.normalization is Normalization.NONE
    assert "charset.normalization" not in ask(plan.findings).codes()


def test_a_combining_mark_is_shown_on_a_circle(project: Project, ask: type[Findings]) -> None:
    project.line_list("lines/train.txt", page("p1", 1, "x\u0304"))
    assert "◌\u0304 U+0304 (1x)" in ask(project.plan().findings).one("charset.new").message


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_line_images_warn_when_the_model_cannot_see_it(
    project: Project, ask: type[Findings], mode: str
) -> None:
    project.image("lines/p1/p1-000.png", mode=mode)
    finding = ask(project.plan().findings).one("data.transparency")
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("1 line images have a transparent background, but the base model sees 1 channel:")


def test_transparent_line_images_are_right_for_a_model_with_four_channels(
    project: Project, ask: type[Findings]
) -> None:
    project.model("clear", channels=4)
    project.image("lines/p1/p1-000.png", mode="RGBA")
    assert "data.transparency" not in ask(project.plan("base_model=clear").findings).codes()


def test_a_missing_test_list_says_what_the_verdict_rests_on(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("data.test=").findings).one("data.no_test")
    assert finding.severity is Severity.INFO
    assert "the verdict will rest on the validation lines" in finding.message


@pytest.mark.parametrize("output", ["lines/runs", "lines", "lines/p1/runs"])
def test_an_output_in_the_data_is_refused(project: Project, ask: type[Findings], output: str) -> None:
    finding = ask(project.plan(f"output={output}").findings).one("output.in_data")
    assert (finding.severity, finding.exit_code, finding.where) == (Severity.ERROR, ExitCode.USAGE, "output")
    assert finding.hint == f"Name a folder outside the data, such as {project.folder / 'runs'}."


def test_data_in_the_output_is_refused(project: Project, ask: type[Findings]) -> None:
    assert ask(project.plan("output=.").findings).one("output.holds_data").severity is Severity.ERROR


def test_an_output_linked_into_the_data_is_refused(project: Project, ask: type[Findings]) -> None:
    (project.folder / "runs").symlink_to(project.folder / "lines")
    ask(project.plan().findings).one("output.in_data")


def test_an_output_in_the_base_model_is_refused(project: Project, ask: type[Findings]) -> None:
    ask(project.plan("output=base/runs").findings).one("output.in_base_model")


def test_a_file_as_output_is_refused(project: Project, ask: type[Findings]) -> None:
    finding = ask(project.plan("output=base/model.keras/runs").findings).one("output.not_a_folder")
    assert finding.message.startswith(f"{project.folder}/base/model.keras is a file")


@pytest.mark.parametrize("output", ["gone", "gone/runs", "loop", "loop/runs"])
def test_an_output_behind_a_link_to_nothing_is_refused(project: Project, ask: type[Findings], output: str) -> None:
    (project.folder / "gone").symlink_to("unmounted")
    (project.folder / "loop").symlink_to("loop")
    finding = ask(project.plan(f"output={output}").findings).one("output.not_a_folder")
    link = project.folder / output.split("/")[0]
    assert finding.message == f"{link} is a link that leads nowhere, so no runs can be written below it"


def test_an_output_without_permission_is_refused(
    project: Project, ask: type[Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    # permissions do not bind root, who may be running this
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != project.folder)
    finding = ask(project.plan("output=new/runs").findings).one("output.not_writable")
    assert finding.message == f"you may not write in {project.folder}"


def test_an_output_that_is_kept_is_no_temporary_one() -> None:
    codes = [finding.code for finding in check_output(Path("/srv/nowhere/runs"), NO_DATA, None, ())]
    assert "output.temporary" not in codes


def test_a_temporary_output_warns_that_models_were_lost(project: Project, ask: type[Findings]) -> None:
    finding = ask(check_output(Path("/var/tmp/runs"), NO_DATA, None, ())).one("output.temporary")
    assert finding.severity is Severity.WARNING
    assert "models have been lost that way" in finding.message


def test_images_lying_in_a_home_folder_are_refused(
    project: Project, ask: type[Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project.folder / "lines/p1"))
    finding = ask(project.plan().findings).one("data.folder_too_wide")
    assert finding.severity is Severity.ERROR
    assert finding.where == str(project.folder / "lines/p1")


def test_a_full_disk_is_told_with_both_numbers_before_the_start(
    tmp_path: Path, ask: type[Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(340_000_000))
    enough = list(check_disk(tmp_path, 10_000_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(339_000_000))
    finding = ask(check_disk(tmp_path / "runs", 10_000_000)).one("disk.full")
    assert enough == []
    assert finding.exit_code is ExitCode.ENGINE
    assert finding.message == f"the run needs about 340 MB in {tmp_path}, 339 MB are free"
