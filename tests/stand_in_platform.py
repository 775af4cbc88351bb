"""A stand-in for a platform as people choose from it: one document of a few pages, for whoever asks."""

import io
from collections.abc import Iterator, Sequence

import pytest
from PIL import Image, ImageDraw

from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import PlatformError
from loghi_runner.platform.base import PLATFORMS, Document, Layer, PageSummary, PlatformConnection, PlatformUser

DOCUMENT = Document(12, "Letters <b>1878</b>", 8, (Layer(3, "kraken"), Layer(1, "manual")), "Latin", "ltr")
TRANSCRIBED = 5


class StandInPlatform:
    def whoami(self) -> PlatformUser:
        return PlatformUser(7, "alice")

    def documents(self) -> Iterator[Document]:
        yield DOCUMENT

    def document(self, document_id: int) -> Document:
        if document_id != DOCUMENT.id:
            raise PlatformError("platform.not_found", "there is no such document, or it is not yours")
        return DOCUMENT

    def pages(self, document_id: int) -> Sequence[PageSummary]:
        numbers = range(1, DOCUMENT.pages + 1)
        return [PageSummary(number, f"page_{number}.jpg", float(number <= TRANSCRIBED)) for number in numbers]

    def thumbnail(self, document_id: int, page_id: int) -> bytes:
        image = Image.new("RGB", (90, 120), "#e9dfc8")
        for y in range(12, 112, 10):
            ImageDraw.Draw(image).line([(10, y), (80 - (7 * y + page_id) % 25, y)], fill="#4a3b28", width=2)
        content = io.BytesIO()
        image.save(content, "JPEG")
        return content.getvalue()


def with_token(_connection: PlatformConnection, _token: str) -> StandInPlatform:
    return StandInPlatform()


def with_session(_connection: PlatformConnection, _cookie: str) -> StandInPlatform:
    return StandInPlatform()


def use_stand_in_platform(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(PLATFORMS, PlatformKind.ESCRIPTORIUM, __name__)
