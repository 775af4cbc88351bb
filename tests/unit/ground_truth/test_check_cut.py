"""A cut that does harm is named before anything is trained: boxes around lines that slope, narrow letters."""

from pathlib import Path

from loghi_contract.job import DeviceKind, Split
from loghi_contract.lines import LineSample
from loghi_contract.text import Normalization
from loghi_runner.config.load import load_config
from loghi_runner.config.schema import DataConfig
from loghi_runner.finetuning.plan import make_plan
from loghi_runner.ground_truth.check_cut import check_cut
from loghi_runner.ground_truth.collect import GroundTruth
from loghi_runner.ground_truth.lines import GroundTruthLine
from tests.unit.made_pages import MadeLine, page_xml, write_page
from tests.unit.made_project import RUN_ID, Findings, Project

LISTS = DataConfig.model_validate({"train": "train.txt"})


def of_lists(widths_px: list[int], data: DataConfig = LISTS) -> Findings:
    lines = tuple(
        GroundTruthLine(
            LineSample("x", "twenty characters ok", 1, f"list:{n}"), Path(f"page{n // 10}/{n}.png"), width, 64
        )
        for n, width in enumerate(widths_px)
    )
    truth = GroundTruth({Split.TRAIN: lines}, (), ())
    return Findings(tuple(check_cut(data, None, Normalization.NFC, truth)))


def test_pages_of_narrow_letters_are_named() -> None:
    finding = of_lists([400] * 40 + [180] * 10).one("data.squeezed")
    assert "10 of 50 training lines" in finding.message
    assert "on page4 9 px each" in finding.message
    assert "data.straighten: auto" in (finding.hint or "")


def test_usual_letters_and_straightened_lines_raise_no_alarm() -> None:
    assert of_lists([400] * 50).codes() == []
    straightened = LISTS.model_copy(update={"straighten": True})
    assert of_lists([180] * 50, straightened).codes() == []


def sloping(project: Project, slope: int, *overrides: str) -> Findings:
    pages = project.folder / "pages"
    for number in range(3):
        lines = [MadeLine(f"l{n}", f"line {n} of page {number}", 60 + 70 * n) for n in range(4)]
        write_page(pages, f"p{number}", lines, shade=200 + number)
        xml = page_xml(lines)
        for line in lines:
            top, bottom, y = line.y - 25, line.y + 10, line.y
            xml = xml.replace(
                f"40,{top} 400,{top} 400,{bottom} 40,{bottom}",
                f"40,{top} 400,{top + slope} 400,{bottom + slope} 40,{bottom}",
            ).replace(f"40,{y} 400,{y}", f"40,{y} 400,{y + slope}")
        (pages / "page" / f"p{number}.xml").write_text(xml)
    config = project.folder / "pages.yaml"
    config.write_text(f"base_model: base\ndata: {{pages: {pages}}}\noutput: runs\n")
    return Findings(make_plan(load_config(config, overrides), run_id=RUN_ID, device=DeviceKind.CPU).findings)


def test_boxes_around_sloping_lines_are_named_where_they_are_asked_for(project: Project) -> None:
    finding = sloping(project, 60, "data.cut=polygon").one("data.squeezed")
    assert "12 of 12 lines slope or bend" in finding.message
    assert "data.squeezed" not in sloping(project, 60, "data.cut=straight").codes()
    assert "data.squeezed" not in sloping(project, 0, "data.cut=polygon").codes()
