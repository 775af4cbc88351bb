"""Who may ask what of the service, and what is said to those who may not."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from loghi_runner.web.callers import SESSION_COOKIE
from tests.made_service import BASE_URL, TOKENS, MadeService, as_user, finetuning

ORDERS = "/api/v1/orders"


@pytest.fixture
def made(tmp_path: Path) -> MadeService:
    return MadeService(tmp_path)


def test_nobody_sees_anything_without_a_token(made: MadeService) -> None:
    for path in (ORDERS, "/api/v1/sources", "/metrics"):
        answer = made.get(path, user="")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_token_is_not_made_good_by_a_cookie(made: MadeService) -> None:
    cookie = sign_in(made)["Cookie"]
    assert made.get(ORDERS, user="", Cookie=cookie).status_code == 200
    assert made.get(ORDERS, user="", Cookie=cookie, Authorization="Bearer nonsense").status_code == 401


def test_a_user_sees_only_own_runs(made: MadeService) -> None:
    order_id = made.order("ada")
    assert made.get(f"{ORDERS}/{order_id}", "bob").status_code == 404
    assert made.post(f"{ORDERS}/{order_id}/cancel", user="bob").status_code == 404
    assert made.get(f"{ORDERS}/{order_id}/events", "bob").status_code == 404
    assert made.get(ORDERS, "bob").json()["orders"] == []
    assert len(made.get(ORDERS, "boss").json()["orders"]) == 1


def test_a_platform_says_for_whom_it_asks(made: MadeService) -> None:
    nobody = made.post(ORDERS, finetuning(), "transkribo")
    assert (nobody.status_code, nobody.json()["code"]) == (400, "request.no_user")
    made.post(ORDERS, finetuning(), "transkribo", **{"Loghi-User": "alice"})
    assert [run["user"] for run in made.get(ORDERS, "transkribo").json()["orders"]] == ["transkribo:alice"]
    assert made.get(ORDERS, "transkribo", **{"Loghi-User": "carol"}).json()["orders"] == []
    assert made.get(ORDERS, "ada", **{"Loghi-User": "alice"}).json()["orders"] == []


def test_a_key_belongs_to_one_content(made: MadeService) -> None:
    first = made.post(ORDERS, finetuning("k1"))
    other = made.post(ORDERS, finetuning("k1", training={"epochs": 4}))
    assert (other.status_code, other.json()["code"]) == (409, "order.other_content")
    of_another = made.post(ORDERS, finetuning("k1"), "bob")
    assert of_another.status_code == 201
    assert of_another.json()["id"] != first.json()["id"]


def test_an_order_that_the_operator_removed_can_be_placed_again(made: MadeService) -> None:
    order_id = made.post(ORDERS, finetuning("k1")).json()["id"]
    shutil.rmtree(made.order_folder(order_id).path)
    assert made.get(f"{ORDERS}/{order_id}").status_code == 404
    assert made.post(ORDERS, finetuning("k1")).status_code == 201


def test_more_than_a_user_may_have_is_refused(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"per_user": 2, "queued": 3})
    made.order(), made.order()
    third = made.post(ORDERS, finetuning())
    assert (third.status_code, third.json()["code"]) == (429, "order.too_many")
    assert third.headers["retry-after"]
    made.order("bob")
    full = made.post(ORDERS, finetuning(), "transkribo", **{"Loghi-User": "x"})
    assert (full.status_code, full.json()["code"]) == (429, "order.queue_full")


def test_pages_of_runs_go_on_where_the_last_ended(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"per_user": 9})
    orders = [made.order() for _ in range(5)]
    first = made.get(f"{ORDERS}?limit=2").json()
    rest = made.get(f"{ORDERS}?limit=9&before={first['next']}").json()
    assert [run["id"] for run in (*first["orders"], *rest["orders"])] == orders[::-1]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "place",
    ["../models/base", "bonnevie/../../models", "/etc", ".hidden", "link_out", "a\u0000b", "bonnevie//page", ""],
)
def test_pages_outside_the_operators_folders_cannot_be_named(made: MadeService, place: str) -> None:
    (made.folder / "pages" / "link_out").symlink_to("/etc")
    answer = made.post(ORDERS, finetuning(source={"pages": place}))
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["code"] in ("request.no_such_place", "request.invalid")


def test_links_within_pages_that_lead_outside_stop_the_order(made: MadeService) -> None:
    secret = made.folder / "secret.png"
    secret.write_bytes(b"secret")
    (made.folder / "pages" / "bonnevie" / "p99.png").symlink_to(secret)
    order_id = made.order()
    assert made.until_over(order_id)["error"]["code"] == "request.link_outside"


@pytest.mark.parametrize("key", ["image", "engine", "output", "command", "mounts", "gpus"])
def test_no_request_chooses_how_it_is_run(made: MadeService, key: str) -> None:
    answer = made.post(ORDERS, finetuning(**{key: "x"}))
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


def test_all_wrong_fields_are_named_and_no_value_is_repeated(made: MadeService) -> None:
    asked = finetuning(training={"epochs": 0, "nonsense": 1}) | {"platform_token": "short"}
    problem = made.post(ORDERS, asked).json()
    assert len(problem["fields"]) == 3
    assert "short" not in str([field["message"] for field in problem["fields"]])


def test_a_request_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"request_bytes": 2000})
    assert made.post(ORDERS, {"x": "y" * 3000}).status_code == 413

    def pieces() -> Any:
        for _ in range(300):
            yield b"y" * 10

    answer = made.http.post(ORDERS, content=pieces(), headers=as_user("ada"))
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_long")


def test_too_many_requests_wait(tmp_path: Path) -> None:
    made = MadeService(tmp_path, limits={"requests_per_minute": 3})
    assert [made.get(ORDERS).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert made.get(ORDERS, "bob").status_code == 200
    assert made.get("/health/live", user="").status_code == 200


def test_another_host_name_is_refused(made: MadeService) -> None:
    answer = made.get("/health/live", user="", Host="evil.example")
    assert (answer.status_code, answer.json()["code"]) == (421, "request.wrong_host")


def test_every_answer_keeps_browsers_careful(made: MadeService) -> None:
    for answer in (made.get(ORDERS), made.get("/nowhere", ""), made.post(ORDERS, {}), made.get("/health/live", "")):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"


def test_a_change_by_cookie_needs_the_sessions_word_and_our_own_page(made: MadeService) -> None:
    session = sign_in(made)
    cookie, word = {"Cookie": session["Cookie"]}, {"X-CSRF-Token": session["csrf"]}
    own, foreign = {"Origin": BASE_URL}, {"Origin": "https://evil.example"}
    for headers in (cookie, cookie | own, cookie | word, cookie | word | foreign, cookie | own | {"X-CSRF-Token": "x"}):
        answer = made.http.post(ORDERS, json=finetuning(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "request.csrf")
    assert made.http.post(ORDERS, json=finetuning(), headers=cookie | word | own).status_code == 201


def test_a_session_ends_with_its_clients_token(made: MadeService) -> None:
    cookie = sign_in(made)["Cookie"]
    clients = tuple(
        client.model_copy(update={"token_sha256": "0" * 64}) if client.name == "ada" else client
        for client in made.config.clients
    )
    made.config = made.config.model_copy(update={"clients": clients})
    made.restart()
    assert made.get(ORDERS, user="", Cookie=cookie).status_code == 401


def test_a_changed_cookie_is_nobody(made: MadeService) -> None:
    cookie = sign_in(made)["Cookie"]
    assert made.get(ORDERS, user="", Cookie=cookie[:-2] + "xx").status_code == 401


def test_numbers_for_prometheus_are_the_operators_and_name_nobody(made: MadeService) -> None:
    made.order("ada")
    assert made.get("/metrics", "ada").status_code == 403
    text = made.get("/metrics", "boss").text
    assert 'loghi_orders{stage="queued"} 1.0' in text
    assert "ada" not in text
    assert "bonnevie" not in text


def test_the_service_says_whether_anybody_works(made: MadeService) -> None:
    assert (made.get("/health", "").status_code, made.get("/health", "").json()["worker"]) == (503, "never")
    made.worker.look()
    assert made.get("/health", "").json() == {"status": "ok", "worker": "working"}


def test_a_fault_of_ours_shows_nothing_of_itself(made: MadeService, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ValueError(TOKENS["ada"])

    monkeypatch.setattr("loghi_runner.web.order_access.OrderAccess.page", breaks)
    answer = made.get(ORDERS)
    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert TOKENS["ada"] not in answer.text
    assert "frame-ancestors" in answer.headers["content-security-policy"]


def sign_in(made: MadeService, user: str = "ada") -> dict[str, str]:
    """A session's cookie and its word."""
    doorkeeper = made.app.state.services.doorkeeper
    cookie = doorkeeper.session_of_client(doorkeeper.by_token(TOKENS[user]))
    caller = doorkeeper.by_cookie(cookie)
    assert caller is not None
    assert caller.csrf is not None
    return {"Cookie": f"{SESSION_COOKIE}={cookie}", "csrf": caller.csrf}
