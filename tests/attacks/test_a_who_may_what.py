"""A. Who may what: places, names, sessions, tokens, addresses that are somebody else's or made up."""

import json
from pathlib import Path

import pytest

from loghi_runner.orders.config import Role
from loghi_runner.web.callers import Caller
from loghi_runner.web.pages.start import LentTokens
from loghi_runner.web.problems import ServiceError
from tests.made_service import BASE_URL, TOKENS, MadeService, as_user, finetuning

ORDERS = "/api/v1/orders"
OWN = {"Origin": BASE_URL}


@pytest.mark.parametrize(
    "path",
    [
        f"{ORDERS}/..%2f..%2fservice.key",
        f"{ORDERS}/../../service.key",
        f"{ORDERS}/%2e%2e/%2e%2e/etc/passwd",
        f"{ORDERS}/AAAAAAAAAAAAAAAA/model",
        f"{ORDERS}/aaaaaaaaaaaaaaaa%00/model",
        f"{ORDERS}/.new-0011223344556677/report",
        "/static/..%2f..%2fconfig.py",
        "/static/../../../../etc/passwd",
    ],
)
def test_addresses_lead_to_no_file(made: MadeService, path: str) -> None:
    answer = made.get(path, "boss")
    assert answer.status_code in (400, 404, 405, 422)
    assert "root:" not in answer.text


@pytest.mark.parametrize("user", ["a:b", "a\tb", "", " a", "x" * 101, "transkribo:alice"])
def test_a_platforms_user_is_a_plain_name(made: MadeService, user: str) -> None:
    answer = made.post(ORDERS, finetuning(), "transkribo", **{"Loghi-User": user})
    assert answer.status_code in (400, 422)


def test_a_person_cannot_speak_for_others(made: MadeService) -> None:
    answer = made.post(ORDERS, finetuning(), "ada", **{"Loghi-User": "bob"})
    assert answer.json()["user"] == "ada"


def test_a_yaml_in_a_name_stays_a_name(made: MadeService) -> None:
    answer = made.post(ORDERS, finetuning(name="x\nengine: {image: evil}"))
    assert answer.status_code == 422


def test_a_place_that_became_a_link_after_it_was_ordered_is_looked_at_again(made: MadeService) -> None:
    order_id = made.order()
    pages = made.folder / "pages" / "bonnevie"
    pages.rename(made.folder / "elsewhere")
    pages.symlink_to(made.folder / "elsewhere")
    assert made.until_over(order_id)["error"]["code"] == "request.no_such_place"


def test_a_base_model_of_links_to_elsewhere_is_refused(made: MadeService) -> None:
    secret = made.folder / "secret"
    secret.write_text("secret", encoding="utf-8")
    (made.folder / "models" / "trick").mkdir()
    (made.folder / "models" / "trick" / "model.keras").symlink_to(secret)
    answer = made.post(ORDERS, finetuning(base_model="trick"))
    assert (answer.status_code, answer.json()["code"]) == (422, "request.link_outside")


def test_the_services_own_folders_cannot_be_named_or_listed(tmp_path: Path) -> None:
    made = MadeService(tmp_path, roots={"pages": ".", "base_models": "."})
    made.order(base_model="models/base", source={"pages": "pages/bonnevie"})
    for place in ("state", "state/orders", "models/../state"):
        asked = finetuning(base_model="models/base", source={"pages": place})
        assert made.post(ORDERS, asked).status_code in (400, 422)
    assert all("state" not in place for place in made.get("/api/v1/sources").json()["pages"])


def test_an_order_that_was_written_by_somebody_else_is_checked_again(made: MadeService) -> None:
    """The web account was taken over and writes orders itself."""
    order_id = made.order()
    file = made.order_folder(order_id).path / "order.json"
    order = json.loads(file.read_text(encoding="utf-8"))
    order["parameters"] |= {"source": {"pages": "../../etc"}, "engine": {"image": "evil"}}
    file.write_text(json.dumps(order), encoding="utf-8")
    made.worker.look()
    state = made.order_folder(order_id).read_state()
    assert state.error is not None
    assert (state.stage.value, state.error.code) == ("failed", "order.broken")
    assert made.order_folder(order_id).run() is None


def test_other_methods_and_formats_change_nothing(made: MadeService) -> None:
    order_id = made.order()
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        assert made.http.request(method, f"{ORDERS}/{order_id}", headers=as_user("ada")).status_code == 405
    form = made.http.post(ORDERS, data={"action": "finetune"}, headers=as_user("ada"))
    assert form.status_code == 422
    assert made.get(f"{ORDERS}/{order_id}/cancel").status_code == 405


def test_files_of_the_state_folder_are_closed_to_others(made: MadeService) -> None:
    made.order()
    assert (made.config.state / "service.key").stat().st_mode & 0o077 == 0
    assert made.config.state.stat().st_mode & 0o077 == 0


def test_no_token_or_digest_is_shown_in_the_config(made: MadeService) -> None:
    text = made.get("/openapi.json", "").text + made.get("/api/v1/sources").text
    assert all(token not in text for token in TOKENS.values())


def test_a_token_lent_by_one_program_is_not_anothers() -> None:
    lent = LentTokens()
    ada, bob = (Caller(name, name, Role.PERSON) for name in ("ada", "bob"))
    lent.keep(ada, "escriptorium", "t" * 40)
    assert lent.get(ada, "escriptorium") == "t" * 40
    assert lent.get(bob, "escriptorium") is None


def signed_in(made: MadeService) -> dict[str, str]:
    """The header with a person's cookie, as a browser has it after the sign-in page."""
    answer = made.http.post("/sign-in", data={"token": TOKENS["ada"]}, headers=OWN)
    assert answer.status_code == 303
    made.http.cookies.clear()
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def sign_out(made: MadeService, cookie: dict[str, str]) -> None:
    caller = made.app.state.services.doorkeeper.by_cookie(cookie["Cookie"].partition("=")[2])
    answer = made.http.post("/sign-out", data={"csrf": caller.csrf}, headers=cookie | OWN)
    assert answer.status_code == 303


def test_a_copy_of_a_cookie_opens_nothing_after_signing_out(made: MadeService) -> None:
    cookie, other = signed_in(made), signed_in(made)
    assert made.http.get(ORDERS, headers=cookie).status_code == 200
    sign_out(made, cookie)
    assert made.http.get(ORDERS, headers=cookie).status_code == 401
    assert made.http.get(ORDERS, headers=other).status_code == 200


def test_a_session_stays_ended_when_the_service_is_started_again(made: MadeService) -> None:
    cookie = signed_in(made)
    sign_out(made, cookie)
    made.restart()
    assert made.http.get(ORDERS, headers=cookie).status_code == 401
    word = cookie["Cookie"].partition("=")[2].encode()
    assert all(word not in content for content in made.everything_written().values())


def test_who_signs_out_very_often_ends_no_list_of_others(made: MadeService) -> None:
    cookie = signed_in(made)
    sign_out(made, cookie)
    ended = made.app.state.services.doorkeeper._ended
    for number in range(100):
        ended.add(f"word-{number}", "bob bob")
    assert made.http.get(ORDERS, headers=cookie).status_code == 401
    assert len(json.loads(made.state.ended_sessions.read_text(encoding="utf-8"))) == 21


def test_a_list_of_ended_sessions_that_was_damaged_is_told_and_stops_nobody(
    made: MadeService, caplog: pytest.LogCaptureFixture
) -> None:
    made.state.ended_sessions.write_text("[[", encoding="utf-8")
    made.restart()
    assert "ended-sessions.json cannot be read" in caplog.text
    sign_out(made, signed_in(made))


def test_no_other_host_or_path_can_set_our_cookie_below_https(tmp_path: Path) -> None:
    made = MadeService(tmp_path, public_url="https://htr.example.org")
    own = {"Host": "htr.example.org", "Origin": "https://htr.example.org"}
    set_cookie = made.http.post("/sign-in", data={"token": TOKENS["ada"]}, headers=own).headers["set-cookie"]
    made.http.cookies.clear()
    name, _, value = set_cookie.partition(";")[0].partition("=")
    # what browsers ask of this name: Secure, the whole host, no other one
    assert (name, "Secure" in set_cookie, "Path=/;" in set_cookie) == ("__Host-loghi_session", True, True)
    assert "domain" not in set_cookie.lower()
    host = {"Host": "htr.example.org"}
    assert made.http.get(ORDERS, headers={"Cookie": f"{name}={value}"} | host).status_code == 200
    assert made.http.get(ORDERS, headers={"Cookie": f"loghi_session={value}"} | host).status_code == 401


def test_a_token_is_lent_to_no_platform_that_does_not_exist(made: MadeService) -> None:
    cookie = signed_in(made)
    caller = made.app.state.services.doorkeeper.by_cookie(cookie["Cookie"].partition("=")[2])
    form = {"platform_token": "t" * 40, "csrf": caller.csrf}
    answer = made.http.post("/platforms/anything/token", data=form, headers=cookie | OWN)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.no_such_platform")
    assert made.app.state.lent_tokens.get(caller, "anything") is None


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\u202eb", "a\x00", "x" * 200])
def test_a_platforms_user_whose_name_cannot_be_shown_does_not_come_in(made: MadeService, name: str) -> None:
    with pytest.raises(ServiceError) as refused:
        made.app.state.services.doorkeeper.session_of_platform("escriptorium", name, ("1",))
    assert refused.value.code == "request.bad_user"


@pytest.mark.parametrize("path", ["/healthX", "/health/liveX", "/health/", "/health/../api/v1/orders"])
def test_only_the_two_addresses_of_health_are_not_counted(tmp_path: Path, path: str) -> None:
    made = MadeService(tmp_path, limits={"requests_per_minute": 2})
    assert [made.get(path, "").status_code for _ in range(3)][-1] == 429
    assert made.get("/health/live", "").status_code == 200


def test_nobody_sends_a_body_but_to_sign_in(made: MadeService) -> None:
    for path in (ORDERS, "/start", "/platforms/x/token", "/nowhere"):
        assert made.http.post(path, content=b"x").status_code == 401
    assert made.http.post("/sign-in", content=b"x" * 5000).status_code == 413


def test_a_person_whose_session_is_over_is_sent_to_sign_in(made: MadeService) -> None:
    answer = made.http.post("/start", content=b"x", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?back=/start")
