"""Reading events while they are written."""

from pathlib import Path

from loghi_contract.event_lines import encode_event
from loghi_contract.events import Event, Failed, Finished, FinishStatus, Phase
from loghi_runner.runs.progress import EventReader, follow


def line(seq: int, payload: Phase | Finished | Failed) -> bytes:
    return encode_event(Event(seq, 1.0, "run", payload))


FINISHED = Finished(FinishStatus.COMPLETED, 1, 0.1, "model/best_val")


class Writer:
    """Writes the next piece at every pause, and has ended when nothing is left."""

    def __init__(self, path: Path, *pieces: bytes) -> None:
        self.path = path
        self.pieces = list(pieces)

    def pause(self) -> None:
        assert self.pieces, "the follower waits for a process that is gone"
        with self.path.open("ab") as file:
            file.write(self.pieces.pop(0))

    def has_ended(self) -> bool:
        return not self.pieces


def names(path: Path, writer: Writer) -> list[str]:
    return [
        getattr(event.payload, "name", event.payload.kind)
        for _line, event in follow(EventReader(path), writer.has_ended, writer.pause)
    ]


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert names(path, Writer(path, b"", b"", line(0, Phase("training")), line(1, FINISHED))) == [
        "training",
        "finished",
    ]


def test_a_character_cut_in_two_is_put_together(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = line(0, Phase("lære ð"))
    cut = whole.index("ð".encode()) + 1
    assert names(path, Writer(path, whole[:cut], whole[cut:])) == ["lære ð"]


def test_what_was_written_just_before_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    class LastWord(Writer):
        def has_ended(self) -> bool:
            # the process writes its last event between our look at the file and our look at the process
            while self.pieces:
                self.pause()
            return True

    assert names(path, LastWord(path, line(0, Phase("training")), line(1, Phase("saving")))) == ["training", "saving"]


def test_nothing_after_the_terminal_event_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(0, FINISHED))
    writer = Writer(path, b"never written")
    assert names(path, writer) == ["finished"]


def test_a_torn_line_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(0, Phase("training"))[:15] + b"\n" + line(1, Phase("saving")) + b"\xff\xfe\n")
    reader = EventReader(path)
    assert [event.payload for _line, event in reader.read()] == [Phase("saving")]
    assert reader.unreadable == 2


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 100_000)
    reader = EventReader(path)
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(b"\n" + line(1, Phase("saving")))
    assert [event.payload for _line, event in reader.read()] == [Phase("saving")]
