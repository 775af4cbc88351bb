"""Readings go into a layer of their own, once, and into no other."""

from pathlib import Path

import pytest

from loghi_runner.errors import PlatformError, UsageError
from loghi_runner.pages.write import Reading, with_readings
from loghi_runner.platform.base import Outcome, Platform, Source
from tests.platform.escriptorium_stand_in import BOB, Document, Fault, Layer, StandIn
from tests.platform.test_pull import told

NAME = "deeds 2026-11-24 20261124-090000-k3f9"


class Readings:
    """A document that was pulled, and what a model has read of it."""

    def __init__(self, platform: Platform, stand_in: StandIn, folder: Path, pages: int = 2) -> None:
        self.document: Document = stand_in.add_document(pages)
        self.pulled, self.recognized = folder / "pulled", folder / "recognized"
        self._platform = platform
        platform.pull(Source(self.document.pk, self.document.layers[0].pk), self.pulled, told)
        self.recognized.mkdir()
        self.read()

    def read(self, text: str = "read") -> None:
        for xml in (self.pulled / "page").glob("*.xml"):
            readings = {place: Reading(f"{text} {place}", 0.9) for place in range(3)}
            (self.recognized / xml.name).write_bytes(with_readings(xml, readings))

    def push(self):  # type: ignore[no-untyped-def]  # what the platform returns
        return self._platform.push(self.pulled, self.recognized, NAME, "CER 5 %", told)


@pytest.fixture
def readings(platform: Platform, stand_in: StandIn, tmp_path: Path) -> Readings:
    return Readings(platform, stand_in, tmp_path)


def test_readings_stand_beside_the_manual_layer(readings: Readings, stand_in: StandIn) -> None:
    manual = stand_in.layer_texts("manual")
    pushed = readings.push()
    assert (pushed.pages, pushed.lines, pushed.left_out) == (2, 6, ())
    lines = [line["pk"] for page in readings.document.pages for line in page.lines]
    assert stand_in.layer_texts(NAME) == {line: f"read {place % 3}" for place, line in enumerate(lines)}
    assert stand_in.layer_texts("manual") == manual
    layer = readings.document.layers[-1]
    assert (layer.name, layer.comments, layer.avg_confidence) == (NAME, "CER 5 %", 0.9)


def test_a_second_push_writes_nothing_again(readings: Readings, stand_in: StandIn) -> None:
    readings.push()
    stand_in.requests.clear()
    assert readings.push().lines == 6
    assert not stand_in.asked("POST") and not stand_in.asked("PUT")
    assert [layer.name for layer in readings.document.layers] == ["manual", NAME]


@pytest.mark.parametrize("lost", [r"/documents/1/transcriptions/$", "bulk_create"])
def test_a_lost_answer_leads_to_no_second_writing(readings: Readings, stand_in: StandIn, lost: str) -> None:
    stand_in.faults.append(Fault("POST", lost, after=True))
    assert readings.push().lines == 6
    assert len(stand_in.texts) == 12
    assert [layer.name for layer in readings.document.layers] == ["manual", NAME]


def test_a_push_that_failed_half_way_is_continued(readings: Readings, stand_in: StandIn) -> None:
    second = readings.document.pages[1].pk
    stand_in.faults.append(Fault("POST", f"/parts/{second}/", 503, times=5))
    with pytest.raises(PlatformError) as failed:
        readings.push()
    assert failed.value.may_pass
    assert len(stand_in.layer_texts(NAME)) == 3
    stand_in.faults.clear()
    assert readings.push().lines == 6
    assert len(stand_in.layer_texts(NAME)) == 6


def test_a_post_is_never_repeated_by_itself(readings: Readings, stand_in: StandIn) -> None:
    stand_in.faults.append(Fault("POST", "/documents/1/transcriptions/", 503, times=9))
    with pytest.raises(PlatformError):
        readings.push()
    assert len(stand_in.asked("POST")) == 1


def test_a_token_revoked_while_the_model_was_made_parks_the_readings(readings: Readings, stand_in: StandIn) -> None:
    token, user = stand_in.tokens.popitem()
    while user != "alice":
        token, user = stand_in.tokens.popitem()
    with pytest.raises(PlatformError) as failed:
        readings.push()
    assert (failed.value.code, failed.value.may_pass) == ("platform.token_refused", True)
    stand_in.tokens[token] = user
    assert readings.push().lines == 6


def test_a_name_that_another_document_has_is_not_asked_for(readings: Readings, stand_in: StandIn) -> None:
    other = stand_in.add_document(0)
    other.layers += [Layer(900, NAME), Layer(901, f"{NAME} (2)", archived=True)]
    assert readings.push().layer.name == f"{NAME} (3)"


def test_a_layer_that_was_deleted_is_not_written_to_again(readings: Readings, stand_in: StandIn) -> None:
    first = readings.push().layer
    readings.document.layers[-1].archived = True
    second = readings.push().layer
    assert second.id != first.id
    assert second.name == f"{NAME} (2)"


def test_what_a_person_corrected_meanwhile_stays(readings: Readings, stand_in: StandIn) -> None:
    readings.push()
    line = readings.document.pages[0].lines[0]["pk"]
    corrected = next(text for text in stand_in.texts.values() if text["line"] == line and text["content"] == "read 0")
    corrected.update(content="corrected", version_author="alice", versions=[{}])
    readings.read("read anew")
    pushed = readings.push()
    assert stand_in.layer_texts(NAME)[line] == "corrected"
    assert pushed.left_out == ("page Element 1: 1 lines were corrected by somebody and stay so",)
    assert pushed.lines == 5


def test_a_new_reading_replaces_our_own_earlier_one(readings: Readings, stand_in: StandIn) -> None:
    readings.push()
    readings.read("anew")
    readings.push()
    assert set(stand_in.layer_texts(NAME).values()) == {"anew 0", "anew 1", "anew 2"}


def test_lines_that_cannot_be_written_are_named(readings: Readings, stand_in: StandIn) -> None:
    xml = next((readings.pulled / "page").glob("*.xml"))
    long = {0: Reading("x" * 2049, 0.9), 1: Reading("", 0.1), 2: Reading("fits", 0.9)}
    (readings.recognized / xml.name).write_bytes(with_readings(xml, long))
    sentences = " ".join(readings.push().left_out)
    assert "2049 characters, the platform takes 2048" in sentences
    assert "the model read nothing" in sentences
    assert len(stand_in.layer_texts(NAME)) == 4


def test_a_page_segmented_anew_loses_only_the_lines_that_are_gone(readings: Readings, stand_in: StandIn) -> None:
    readings.document.pages[0].lines.pop()
    readings.document.pages.pop()
    pushed = readings.push()
    assert pushed.lines == 2
    assert len(pushed.left_out) == 2


def test_a_document_that_is_no_longer_shared_is_not_written_to(readings: Readings, stand_in: StandIn) -> None:
    readings.document.owner = stand_in.tokens[BOB]
    with pytest.raises(PlatformError) as failed:
        readings.push()
    assert failed.value.code == "platform.not_found"
    assert not stand_in.asked("POST")


def test_readings_go_only_to_where_their_pages_came_from(
    readings: Readings, platform: Platform, stand_in: StandIn
) -> None:
    record = readings.pulled / "pulled.json"
    record.write_text(record.read_text().replace(stand_in.url, "https://other.example"))
    with pytest.raises(UsageError, match=r"come from https://other\.example/"):
        readings.push()


def test_a_task_tells_the_epochs_and_is_cancelled_by_the_platform(platform: Platform, stand_in: StandIn) -> None:
    stand_in.add_document(0)
    report = platform.report(1, "Fine-tune with Loghi")
    report.update("epoch 1")
    assert not report.is_cancelled()
    assert report.id is not None
    again = platform.report(1, "Fine-tune with Loghi", report.id)
    again.update("epoch 2")
    again.update("epoch 2")
    task = stand_in.tasks[report.id]
    assert (task["label"], task["workflow_state"], task["messages"]) == ("Fine-tune with Loghi", 1, "epoch 1\nepoch 2")
    task.update(workflow_state=4, messages="epoch 2\nCanceled by user alice")
    assert again.is_cancelled()
    again.end(Outcome.CANCELLED, "ended")
    assert task["messages"] == "epoch 2\nCanceled by user alice\nended"


def test_a_platform_that_takes_no_tasks_is_no_fault(platform: Platform, stand_in: StandIn) -> None:
    stand_in.takes_tasks = False
    report = platform.report(1, "Fine-tune with Loghi")
    report.update("epoch 1")
    report.end(Outcome.FINISHED, "done")
    assert report.id is None
    assert not report.is_cancelled()
