"""Orders for a platform's documents: what is pulled and pushed, whose token is used, and where it never appears."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_platform_process import use_fake_platform
from tests.made_service import MadeService, finetuning, use_fake_trainer
from tests.unit.made_pages import write_pages

SECRET = "0123456789abcdef0123456789abcdef01234567"
SOURCE = {"platform": "escriptorium", "document": "12", "layer": "3"}
BY_ALICE = {"Loghi-User": "alice"}


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in platform's folder."""
    folder = tmp_path / "platform"
    write_pages(folder / "pages", 8)
    use_fake_trainer(monkeypatch, "usable_model")
    use_fake_platform(monkeypatch, folder)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeService]:
    token_file = tmp_path / "service-token"
    token_file.write_text("f" * 40, encoding="utf-8")
    token_file.chmod(0o600)
    entry = {"url": "https://escriptorium.example.org", "token_file": "service-token"}
    service = MadeService(tmp_path, platforms={"escriptorium": entry})
    yield service
    service.close()


def placed(made: MadeService, **changes: Any) -> str:
    asked = finetuning(source=SOURCE, recognize_pages=["5"], write_back=True) | changes
    answer = made.post("/api/v1/orders", asked, "transkribo", **BY_ALICE)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def pushed(platform: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (platform / "pushed.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_document_is_pulled_learnt_from_read_and_written_back(made: MadeService, platform: Path) -> None:
    view = made.until_over(placed(made))
    assert (view["stage"], view["pushed"], view["error"]) == ("finished", "done", None)
    (written,) = pushed(platform)
    assert written["layer"] == view["layer"] == f"Loghi bonnevie {view['run']['id']}"
    assert len(written["read"]) == 8
    assert written["token"] == "f" * 40


def test_a_platform_that_is_away_parks_the_results_for_a_later_push(
    made: MadeService, platform: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "usable_model_on_go")
    order_id = placed(made)
    made.until(order_id, lambda view: bool(view["run"] and view["run"]["epochs"]))
    (platform / "down").touch()
    made.let_go(order_id)
    view = made.until_over(order_id)
    assert (view["stage"], view["pushed"], view["error"]["code"]) == ("finished", "parked", "platform.away")
    assert made.get(f"/api/v1/orders/{order_id}/model", "boss").status_code == 200
    (platform / "down").unlink()
    assert made.post(f"/api/v1/orders/{order_id}/push", {}, "boss").status_code == 202
    view = made.until_over(order_id)
    assert (view["stage"], view["pushed"], view["error"]) == ("finished", "done", None)
    again = made.post(f"/api/v1/orders/{order_id}/push", {}, "boss")
    assert (again.status_code, again.json()["code"]) == (409, "order.not_parked")


def test_a_users_token_is_used_and_then_forgotten(made: MadeService, platform: Path) -> None:
    order_id = placed(made, platform_token=SECRET)
    assert (made.order_folder(order_id).path / "credential").is_file()
    made.until_over(order_id)
    assert pushed(platform)[0]["token"] == SECRET
    assert not (made.order_folder(order_id).path / "credential").exists()


def test_a_users_token_is_nowhere_in_what_is_written_logged_or_told(
    made: MadeService, platform: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    order_id = placed(made, platform_token=SECRET)
    told = []
    while made.run_view(order_id, "boss")["stage"] == "queued":
        made.worker.look()
    told.append(made.get(f"/api/v1/orders/{order_id}", "boss").text)
    (platform / "down").touch()
    made.until_over(order_id)
    paths = ("", "/events", "/report", "/report.json", "/model")
    told += [made.get(f"/api/v1/orders/{order_id}{path}", "boss").text for path in paths]
    told.append(made.post("/api/v1/orders", {"action": "finetune", "platform_token": SECRET}).text)
    told.append(made.post(f"/api/v1/orders/{order_id}/push", {"platform_token": SECRET, "x": 1}, "boss").text)
    assert SECRET not in "".join(told)
    assert SECRET not in caplog.text
    assert [path for path, content in made.everything_written().items() if SECRET.encode() in content] == []


def test_the_real_platform_tells_no_token_either(made: MadeService, tmp_path: Path) -> None:
    entry = {"url": "http://127.0.0.1:9", "token_file": "service-token"}
    made = MadeService(tmp_path, platforms={"escriptorium": entry})
    view = made.until_over(placed(made, platform_token=SECRET))
    made.close()
    assert view["stage"] == "failed"
    assert view["error"]["code"].startswith("platform.")
    assert [path for path, content in made.everything_written().items() if SECRET.encode() in content] == []


def test_nobody_may_name_a_document_that_is_not_known_to_be_theirs(made: MadeService) -> None:
    answer = made.post("/api/v1/orders", finetuning(source=SOURCE), "ada")
    assert (answer.status_code, answer.json()["code"]) == (403, "request.forbidden")


def test_with_a_token_of_their_own_anybody_may(made: MadeService) -> None:
    asked = finetuning(source=SOURCE) | {"platform_token": SECRET}
    assert made.post("/api/v1/orders", asked, "ada").status_code == 201


def test_an_unknown_platform_is_said_to_be_unknown(made: MadeService) -> None:
    asked = finetuning(source=SOURCE | {"platform": "transkribus"})
    answer = made.post("/api/v1/orders", asked, "boss")
    assert (answer.status_code, answer.json()["code"]) == (400, "request.no_such_platform")
