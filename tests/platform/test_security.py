"""The token goes to one place, and is shown nowhere."""

import json
import logging
import os
from pathlib import Path

import pytest

from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import PlatformError, RunnerError, UsageError
from loghi_runner.platform.access import TOKEN_VARIABLE, parse_origin, read_token
from loghi_runner.platform.base import Platform, PlatformConnection, Source, open_platform, open_session
from tests.platform.escriptorium_stand_in import ALICE, Fault, StandIn
from tests.platform.stand_in_server import running


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(platform: Platform, stand_in: StandIn, status: int) -> None:
    with running() as elsewhere:
        target = f"{elsewhere.url}/api/users/current/"
        stand_in.faults.append(Fault("GET", "users/current", status, {"Location": target}))
        with pytest.raises(PlatformError) as refused:
            platform.whoami()
        assert elsewhere.requests == []
    assert refused.value.code == "platform.redirected"


def test_a_next_page_on_another_host_is_not_asked_for(
    platform: Platform, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.add_document(60, lines=0)
    with running() as elsewhere:
        own = stand_in.url
        stand_in.url = elsewhere.url  # the addresses it writes, not the one it listens on
        with pytest.raises(PlatformError) as refused:
            platform.pages(1)
        stand_in.url = own
        assert elsewhere.requests == []
    assert refused.value.code == "platform.other_host"


def test_an_image_on_another_host_is_not_fetched(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    with running() as elsewhere:
        document.pages[0].uri = f"{elsewhere.url}/media/page.png"
        with pytest.raises(PlatformError, match="none of the pages"):
            platform.pull(Source(1, document.layers[0].pk), tmp_path, lambda *_: None)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "url",
    ["//evil.example/x", "http://evil.example/", "http://127.0.0.1:1/x", "ftp://127.0.0.1/", "http://a@127.0.0.1/"],
)
def test_what_is_no_address_of_the_platform_is_refused(url: str) -> None:
    with pytest.raises(PlatformError):
        parse_origin("http://127.0.0.1:8080").own(url)


def test_addresses_of_the_platform_are_taken() -> None:
    origin = parse_origin("https://Host.example/sub/")
    assert origin.own("/media/a b.jpg") == "https://host.example/media/a b.jpg"
    assert origin.own("https://host.example:443/x?page=2") == "https://host.example/x?page=2"
    # a proxy that does not tell its server about https; the token stays on https
    assert origin.own("http://host.example/x") == "https://host.example/x"


@pytest.mark.parametrize(
    "url", ["host.example", "ftp://host", "https://user:secret@host", "https://host/?x", "http://[::", ""]
)
def test_an_address_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_origin(url)
    assert "secret" not in refused.value.message


FAULTS = [
    Fault("GET", "", 401, body='{"detail":"Invalid token."}'),
    Fault("GET", "", 403, body='{"detail":"no"}'),
    Fault("GET", "", 404),
    Fault("GET", "", 413),
    Fault("GET", "", 500),
    Fault("GET", "", 200, body="<html>not JSON</html>"),
    Fault("GET", "", 302, {"Location": "/login/?next=/api/"}),
    Fault("GET", "", after=True, times=9),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault.status}-{number}" for number, fault in enumerate(FAULTS)])
def test_no_fault_shows_the_token(
    platform: Platform, stand_in: StandIn, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stand_in.faults.append(Fault(**{**fault.__dict__}))
    with pytest.raises(RunnerError) as failed:
        platform.whoami()
    error = failed.value
    shown = [str(error), repr(error), str(error.where), str(error.hint), repr(platform), caplog.text]
    assert not any(ALICE in text for text in shown)
    assert error.message and error.hint
    # nor can a crash report reach the request behind it
    assert error.__cause__ is None


def test_the_time_a_server_may_take_is_bounded(stand_in: StandIn) -> None:
    stand_in.delay_s = 0.6
    connection = PlatformConnection(PlatformKind.ESCRIPTORIUM, stand_in.url, timeout_s=0.2)
    with pytest.raises(PlatformError) as failed:
        open_platform(connection, ALICE).whoami()
    assert failed.value.code in ("platform.timeout", "platform.unreachable")
    assert failed.value.may_pass


def test_a_server_that_is_not_there_is_said() -> None:
    connection = PlatformConnection(PlatformKind.ESCRIPTORIUM, "http://127.0.0.1:9", timeout_s=1)
    with pytest.raises(PlatformError) as failed:
        open_platform(connection, ALICE).whoami()
    assert failed.value.code == "platform.unreachable"


@pytest.mark.parametrize("token", ["", "two words", f"{ALICE}\r\nX-Evil: 1", "Token é", "short"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(stand_in: StandIn, token: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_platform(PlatformConnection(PlatformKind.ESCRIPTORIUM, stand_in.url), token)
    assert not token or token not in refused.value.message


def test_a_session_reads_as_the_browsers_user(stand_in: StandIn) -> None:
    connection = PlatformConnection(PlatformKind.ESCRIPTORIUM, stand_in.url)
    with pytest.raises(PlatformError) as refused:
        open_session(connection, "abcdefgh1234").whoami()
    assert refused.value.code == "platform.token_refused"
    with pytest.raises(UsageError):
        open_session(connection, "abc; csrftoken=1")


def test_the_token_file_must_be_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    file = tmp_path / "token"
    file.write_text(ALICE + "\n")
    file.chmod(0o644)
    with pytest.raises(UsageError) as refused:
        read_token(file)
    assert refused.value.code == "platform.token_open"
    file.chmod(0o600)
    assert read_token(file) == ALICE
    monkeypatch.setenv(TOKEN_VARIABLE, "f" * 40)
    assert read_token(file) == "f" * 40


def test_what_is_pulled_names_no_token(platform: Platform, stand_in: StandIn, tmp_path: Path) -> None:
    document = stand_in.add_document(1)
    platform.pull(Source(1, document.layers[0].pk), tmp_path, lambda *_: None)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) == 3
    assert not any(ALICE.encode() in file.read_bytes() for file in files)
    assert json.loads((tmp_path / "pulled.json").read_text())["url"] == stand_in.url + "/"
    assert ALICE not in str(os.environ)
