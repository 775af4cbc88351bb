"""The platform's button: who presses it, what is asked of the platform, and what is kept."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loghi_runner.web.callers import SESSION_COOKIE
from tests.background_server import in_background
from tests.made_service import BASE_URL, MadeService, finetuning

THEIR_COOKIE = "s3ss10nofal1ce0000000000000000aa"
DOCUMENT = {"pk": 12, "name": "Letters", "parts_count": 3, "transcriptions": [], "main_script": "Latin"}


class FakeEscriptorium(BaseHTTPRequestHandler):
    """Knows one session and one document of hers, and remembers what it was asked."""

    asked: tuple[list[str], ...] = ([],)
    status = 200

    def do_GET(self) -> None:
        self.asked[0].append(f"{self.path} {self.headers.get('Cookie')} {self.headers.get('Authorization')}")
        is_alice = self.headers.get("Cookie") == f"sessionid={THEIR_COOKIE}"
        answers = {"/api/users/current/": {"pk": 3, "username": "alice"}, "/api/documents/12/": DOCUMENT}
        found = answers.get(self.path)
        status = type(self).status if type(self).status != 200 else 401 if not is_alice else 200 if found else 404
        content = json.dumps(found or {"detail": "no"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def platform() -> Iterator[type[FakeEscriptorium]]:
    class Platform(FakeEscriptorium):
        asked = ([],)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    Platform.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    with in_background(server):
        yield Platform


@pytest.fixture
def made(tmp_path: Path, platform: type[FakeEscriptorium]) -> MadeService:
    token = tmp_path / "token"
    token.write_text("f" * 40, encoding="utf-8")
    token.chmod(0o600)
    url = platform.url  # type: ignore[attr-defined]
    return MadeService(tmp_path, platforms={"escriptorium": {"url": url, "token_file": "token"}})


def press(made: MadeService, document: str = "12", cookie: str = THEIR_COOKIE) -> "object":
    return made.http.get(f"/launch?document={document}", headers={"Cookie": f"sessionid={cookie}; csrftoken=abc"})


def ours(answer: object) -> dict[str, str]:
    return {"Cookie": f"{SESSION_COOKIE}={session(answer)}; sessionid={THEIR_COOKIE}"}


def session(answer: object) -> str:
    cookie: str = answer.headers["set-cookie"].partition(";")[0]  # type: ignore[attr-defined]
    return cookie.partition("=")[2]


def test_who_presses_the_button_comes_in_with_that_document(
    made: MadeService, platform: type[FakeEscriptorium]
) -> None:
    answer = press(made)
    assert (answer.status_code, answer.headers["location"]) == (303, "/start?platform=escriptorium&document=12")
    caller = made.app.state.services.doorkeeper.by_cookie(session(answer))
    assert (caller.user, caller.documents) == ("escriptorium:alice", ("12",))
    assert [line.split()[0] for line in platform.asked[0]] == ["/api/documents/12/", "/api/users/current/"]
    assert all(line.endswith("None") for line in platform.asked[0])


def test_our_cookie_is_closed_to_scripts_and_holds_nothing_of_theirs(made: MadeService) -> None:
    cookie = press(made).headers["set-cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert THEIR_COOKIE not in cookie
    assert [path for path, content in made.everything_written().items() if THEIR_COOKIE.encode() in content] == []


def test_only_a_document_of_theirs_can_be_ordered(made: MadeService) -> None:
    answer = press(made)
    doorkeeper = made.app.state.services.doorkeeper
    word = doorkeeper.by_cookie(session(answer)).csrf
    headers = ours(answer) | {"X-CSRF-Token": word, "Origin": BASE_URL}
    statuses = []
    for source in (
        {"platform": "escriptorium", "document": "12", "layer": "1"},
        {"platform": "escriptorium", "document": "13", "layer": "1"},
        {"pages": "bonnevie"},
    ):
        statuses.append(made.http.post("/api/v1/orders", json=finetuning(source=source), headers=headers).status_code)
    assert statuses == [201, 403, 403]


@pytest.mark.parametrize(("document", "cookie"), [("13", THEIR_COOKIE), ("12", "0" * 32)])
def test_somebody_elses_document_or_session_opens_nothing(made: MadeService, document: str, cookie: str) -> None:
    answer = press(made, document, cookie)
    assert (answer.status_code, answer.json()["code"]) == (403, "request.forbidden")
    assert "set-cookie" not in answer.headers


def test_without_a_session_there_one_is_sent_to_sign_in(made: MadeService) -> None:
    answer = made.http.get("/launch?document=12")
    assert (answer.status_code, answer.json()["code"]) == (401, "request.not_signed_in")


@pytest.mark.parametrize("document", ["../users/1", "12/../13", "12?x=1", "12%2F..", "１２", "a"])
def test_the_document_is_an_id_and_nothing_else(
    made: MadeService, platform: type[FakeEscriptorium], document: str
) -> None:
    assert press(made, document).status_code in (403, 422)
    assert platform.asked[0] == []


def test_a_platform_that_is_broken_is_said_to_be(made: MadeService, platform: type[FakeEscriptorium]) -> None:
    platform.status = 500
    answer = press(made)
    assert answer.status_code == 503
    assert THEIR_COOKIE not in answer.text


def test_the_script_that_the_nginx_file_adds_to_pages_is_there(made: MadeService) -> None:
    snippet = (Path(__file__).parents[3] / "docs" / "escriptorium" / "nginx-loghi.conf").read_text(encoding="utf-8")
    scripts = re.findall(r'<script async src="/loghi(/[^"]+)"', snippet)
    assert scripts
    for path in scripts:
        answer = made.http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/javascript")
