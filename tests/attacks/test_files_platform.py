"""A platform that answers with malice, over real HTTP: without end, packed to bursting, nested without end."""

import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from loghi_runner.config.choices import PlatformKind
from loghi_runner.cutting.image import PageImageError
from loghi_runner.cutting.pictures import page_pictures, read_page_image
from loghi_runner.errors import EngineError, PlatformError
from loghi_runner.platform import pulled
from loghi_runner.platform.base import EMPTY_PICTURE, Platform, PlatformConnection, Source, open_platform
from tests.attacks.hostile_files import never_waits  # noqa: F401  # a fixture
from tests.integration.test_service_pages import Visitor
from tests.made_service import MadeService
from tests.platform.escriptorium_stand_in import ALICE, Fault, StandIn
from tests.platform.stand_in_server import running
from tests.stand_in_platform import StandInPlatform, use_stand_in_platform

JSON = {"Content-Type": "application/json"}
MEGABYTE = 1_000_000


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with running() as server:
        yield server


@pytest.fixture
def platform(stand_in: StandIn) -> Platform:
    return open_platform(PlatformConnection(PlatformKind.ESCRIPTORIUM, stand_in.url, timeout_s=20), ALICE)


def packed(content: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        content = gzip.compress(content, 6)
    return content


def refusal(platform: Platform) -> PlatformError:
    with pytest.raises(PlatformError) as refused:
        platform.whoami()
    return refused.value


def most_memory(doing: Any) -> int:
    """Bytes that were taken at the most, while it was done."""
    tracemalloc.start()
    try:
        doing()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_nested_without_end_is_told_in_words(platform: Platform, stand_in: StandIn, opening: str) -> None:
    stand_in.faults.append(Fault("GET", "users/current", 200, JSON, opening * 200_000))
    error = refusal(platform)
    assert error.code == "platform.broken_answer"
    assert "users/current" in error.message


def test_a_refusal_nested_without_end_is_a_refusal(platform: Platform, stand_in: StandIn) -> None:
    stand_in.faults.append(Fault("GET", "users/current", 403, JSON, "[" * 60_000))
    assert refusal(platform).code == "platform.forbidden"


@pytest.mark.parametrize("status", [200, 403])
def test_an_answer_without_end_is_given_up(platform: Platform, stand_in: StandIn, status: int) -> None:
    stand_in.faults.append(Fault("GET", "users/current", status, JSON, b" " * 40 * MEGABYTE))
    error = refusal(platform)
    assert error.code == ("platform.broken_answer" if status == 200 else "platform.forbidden")


def test_what_unpacks_to_a_thousandfold_is_given_up_on_the_way(platform: Platform, stand_in: StandIn) -> None:
    bomb = packed(b" " * 300 * MEGABYTE)
    stand_in.faults.append(Fault("GET", "users/current", 200, JSON | {"Content-Encoding": "gzip"}, bomb))
    assert most_memory(lambda: refusal(platform)) < 150 * MEGABYTE
    assert refusal_code_after(platform, stand_in, bomb) == "platform.broken_answer"


def refusal_code_after(platform: Platform, stand_in: StandIn, body: bytes) -> str:
    stand_in.faults.append(Fault("GET", "users/current", 200, JSON | {"Content-Encoding": "gzip"}, body))
    return refusal(platform).code


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "deflate, gzip"])
def test_other_packings_than_the_one_asked_for_are_not_unpacked(
    platform: Platform, stand_in: StandIn, encoding: str
) -> None:
    body = packed(b"{}", 2)
    stand_in.faults.append(Fault("GET", "users/current", 200, JSON | {"Content-Encoding": encoding}, body))
    assert refusal(platform).code == "platform.broken_answer"


def test_a_packed_answer_is_read(platform: Platform, stand_in: StandIn) -> None:
    answer = packed(json.dumps({"pk": 3, "username": "alice"}).encode())
    stand_in.faults.append(Fault("GET", "users/current", 200, JSON | {"Content-Encoding": "gzip"}, answer))
    assert platform.whoami().name == "alice"


def test_a_thumbnail_that_is_the_whole_page_is_an_empty_picture(platform: Platform, stand_in: StandIn) -> None:
    page = stand_in.add_document(1).pages[0]
    small, page.image = page.image, page.image + bytes(50 * MEGABYTE)
    found: list[bytes] = []
    assert most_memory(lambda: found.append(platform.thumbnail(1, page.pk))) < 100 * MEGABYTE
    assert found == [EMPTY_PICTURE]
    page.image = small
    assert platform.thumbnail(1, page.pk) == small


def test_an_image_that_is_larger_than_a_page_ever_is_ends_its_page(
    platform: Platform, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = stand_in.add_document(2)
    monkeypatch.setattr("loghi_runner.platform.escriptorium.server._MAX_IMAGE_BYTES", 2 * MEGABYTE)
    document.pages[0].image += bytes(3 * MEGABYTE)
    pulled = platform.pull(Source(1, document.layers[0].pk), tmp_path, lambda *_: None)
    assert len(list(tmp_path.glob("*.png"))) == 1
    assert "larger than 2 MB" in str(pulled)
    assert not list(tmp_path.glob(".*.part"))


def test_an_image_is_never_written_through_a_link(
    platform: Platform, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = stand_in.add_document(1)
    precious, folder = tmp_path / "precious", tmp_path / "pages"
    precious.write_text("thesis", encoding="utf-8")
    folder.mkdir()
    monkeypatch.setattr(pulled.secrets, "token_hex", lambda _bytes: "guessed")
    (folder / ".guessed.part").symlink_to(precious)
    with pytest.raises(EngineError):
        platform.pull(Source(1, document.layers[0].pk), folder, lambda *_: None)
    assert precious.read_text(encoding="utf-8") == "thesis"


def test_thumbnails_are_fetched_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve at once: no more than four are under way, and other pages are answered meanwhile."""
    use_stand_in_platform(monkeypatch)
    made = MadeService(tmp_path, platforms={"escriptorium": {"url": "https://escriptorium.example.org"}})
    ada = Visitor(made)
    ada.post("/platforms/escriptorium/token", platform_token="t" * 40)
    lock, go, four = threading.Lock(), threading.Event(), threading.Event()
    under_way: list[int] = [0]
    most: list[int] = [0]

    def slowly(_self: StandInPlatform, _document: int, _page: int) -> bytes:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            if under_way[0] == 4:
                four.set()
        go.wait()
        with lock:
            under_way[0] -= 1
        return EMPTY_PICTURE

    monkeypatch.setattr(StandInPlatform, "thumbnail", slowly)
    answers: list[int] = []
    with ada.http:
        ask = [
            threading.Thread(
                target=lambda: answers.append(ada.get("/thumbnails/escriptorium/12/1").status_code), daemon=True
            )
            for _ in range(12)
        ]
        for thread in ask:
            thread.start()
        four.wait()
        assert ada.get("/health/live").status_code == 200
        go.set()
        for thread in ask:
            thread.join()
    assert most == [4]
    assert answers == [200] * 12


def test_a_page_of_billions_of_pixels_is_not_decoded(tmp_path: Path) -> None:
    made = BytesIO()
    Image.new("L", (8, 8)).save(made, "PNG")
    content = bytearray(made.getvalue())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # PNG: width and height in the header, then its checksum
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "p.png").write_bytes(content)
    for read in (page_pictures, read_page_image):
        with pytest.raises(PageImageError, match="far too many for a page"):
            read(tmp_path / "p.png")
