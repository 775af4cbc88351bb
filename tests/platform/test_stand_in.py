"""The stand-in answers as real servers were recorded to: the same status, the same keys, the same kinds of values."""

import json
from pathlib import Path
from typing import Any  # JSON values have no narrower type

import pytest
import requests

from tests.platform.escriptorium_stand_in import ALICE, BOB, StandIn

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "escriptorium" / "recorded"


def recorded(name: str) -> dict[str, Any]:
    found = sorted(RECORDED.glob(f"{name}_*.json"))
    if not found:
        pytest.skip("the recorded answers are not on this machine: ../shared/escriptorium/recorded")
    response: dict[str, Any] = json.loads(found[0].read_text())["response"]
    return response


def same_shape(ours: Any, theirs: Any, where: str = "") -> None:
    """Whatever the stand-in says, the real server says in the same form; more of it may be there."""
    if ours is None or theirs is None:
        return
    if isinstance(ours, bool) or not isinstance(ours, (int, float)):
        assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert set(ours) <= set(theirs), where
        for key, value in ours.items():
            same_shape(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list) and ours and theirs:
        same_shape(ours[0], theirs[0], f"{where}[0]")


@pytest.mark.parametrize(
    ("name", "token", "path"),
    [
        ("007", ALICE, "users/current/"),
        ("013", ALICE, "documents/"),
        ("040", ALICE, "documents/1/"),
        ("041", ALICE, "documents/1/transcriptions/"),
        ("042", ALICE, "documents/1/parts/{page}/"),
        ("043", ALICE, "documents/1/parts/{page}/lines/"),
        ("046", ALICE, "documents/1/parts/{page}/transcriptions/?transcription={layer}"),
        ("048", ALICE, "documents/1/parts/?paginate_by=2&page=1"),
        ("003", "", "documents/"),
        ("004", "0" * 40, "documents/"),
        ("053", BOB, "documents/1/parts/"),
        ("054", BOB, "documents/1/"),
        ("056", ALICE, "documents/1/parts/?page=99"),
    ],
)
def test_reading_is_answered_as_recorded(stand_in: StandIn, name: str, token: str, path: str) -> None:
    theirs = recorded(name)
    document = stand_in.add_document(3)
    path = path.format(page=document.pages[0].pk, layer=document.layers[0].pk)
    headers = {"Authorization": f"Token {token}"} if token else {}
    ours = requests.get(f"{stand_in.url}/api/{path}", headers=headers, timeout=5)
    assert ours.status_code == theirs["status"]
    if ours.status_code < 400:
        same_shape(ours.json(), theirs["body"])
    else:
        assert ours.json() == theirs["body"]


def send(stand_in: StandIn, method: str, path: str, body: Any) -> requests.Response:
    headers = {"Authorization": f"Token {ALICE}"}
    return requests.request(method, f"{stand_in.url}/api/documents/1/{path}", json=body, headers=headers, timeout=5)


def test_writing_is_answered_as_recorded(stand_in: StandIn) -> None:
    document = stand_in.add_document(1)
    made = send(stand_in, "POST", "transcriptions/", {"name": "new", "comments": "c"})
    same_shape(made.json(), recorded("120")["body"])
    line = {"line": document.pages[0].lines[0]["pk"], "transcription": made.json()["pk"], "content": "x"}
    path = f"parts/{document.pages[0].pk}/transcriptions/"
    first = send(stand_in, "POST", path + "bulk_create/", {"lines": [line]})
    same_shape(first.json(), recorded("140")["body"])
    again = send(stand_in, "POST", path + "bulk_create/", {"lines": [line]})
    assert (again.status_code, again.json()) == (recorded("141")["status"], recorded("141")["body"])
    changed = {"lines": [{"pk": first.json()["lines"][0]["pk"], "content": "y"}]}
    same_shape(send(stand_in, "PUT", path + "bulk_update/", changed).json(), recorded("142")["body"])


def test_a_name_that_two_documents_have_breaks_the_server_as_recorded(stand_in: StandIn) -> None:
    stand_in.add_document(1)
    stand_in.add_document(1)
    assert send(stand_in, "POST", "transcriptions/", {"name": "manual"}).status_code == recorded("176")["status"]
