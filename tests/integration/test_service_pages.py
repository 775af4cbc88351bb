"""The web page without a browser: what it answers to forms, to strangers and to tricks; no script takes part."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from loghi_runner.web.callers import SESSION_COOKIE
from tests.made_service import BASE_URL, TOKENS, MadeService, use_fake_trainer
from tests.stand_in_platform import use_stand_in_platform

ORIGIN = {"Origin": BASE_URL}
HTML = {"Accept": "text/html"}


class Visitor:
    """Somebody with a browser that runs no scripts."""

    def __init__(self, made: MadeService, user: str = "ada") -> None:
        self.http = TestClient(made.app, base_url=BASE_URL, follow_redirects=False, headers=HTML)
        self.csrf = ""
        if user:
            self.signed_in = self.http.post("/sign-in", data={"token": TOKENS[user]}, headers=ORIGIN)
            self.csrf = self.word("/start?pages=bonnevie")

    def get(self, path: str) -> Any:
        return self.http.get(path)

    def word(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found
        return found[1]

    def post(self, path: str, **values: Any) -> Any:
        return self.http.post(path, data={"csrf": self.csrf, **values}, headers=ORIGIN)

    def start(self, **changes: Any) -> Any:
        values = {"action": "finetune", "name": "bonnevie", "base_model": "base", "pages": "bonnevie", "key": "1"}
        return self.post("/start", **(values | {"training.epochs": "3"} | changes))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeService:
    use_fake_trainer(monkeypatch, "success")
    return MadeService(tmp_path)


@pytest.fixture
def ada(made: MadeService) -> Visitor:
    return Visitor(made)


def test_a_run_is_started_watched_and_its_results_found_without_scripts(made: MadeService, ada: Visitor) -> None:
    page = ada.start().headers["location"]
    assert "waiting" in ada.get(page).text

    made.until_over(page.rpartition("/")[2])

    over = ada.get(page).text
    assert "finished" in over
    assert f'href="/api/v1{page}/report"' in over
    assert ada.get(f"/api/v1{page}/model").status_code == 200
    assert "HTRLOGHIMODEL=/…/bonnevie" in over
    assert ada.get(f"{page}/curve.svg").text.startswith("<svg")
    assert f'href="{page}"' in ada.get("/").text


def test_the_same_form_sent_twice_is_one_run(ada: Visitor) -> None:
    assert ada.start().headers["location"] == ada.start().headers["location"]
    assert ada.start(key="2").headers["location"] != ada.start().headers["location"]


def test_check_only_starts_no_training(made: MadeService, ada: Visitor) -> None:
    page = ada.start(action="check").headers["location"]

    made.until_over(page.rpartition("/")[2])

    assert "What the check found" in ada.get(page).text


def test_a_run_can_be_stopped(made: MadeService, ada: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "stops_when_asked")
    page = ada.start().headers["location"]
    made.until(page.rpartition("/")[2], lambda view: bool(view["run"] and view["run"]["epochs"]))

    assert ada.post(f"{page}/cancel").headers["location"] == page
    assert "It is being stopped" in ada.get(page).text
    made.until_over(page.rpartition("/")[2])

    assert "stopped" in ada.get(page).text


def test_what_is_wrong_stands_in_the_form_and_nothing_is_lost(ada: Visitor) -> None:
    answer = ada.start(**{"training.epochs": "0", "name": "my model", "training.learning_rate": "0.5"})

    assert answer.status_code == 422
    assert "2 answers are not right yet." in answer.text
    assert 'value="my model"' in answer.text
    assert 'value="0.5"' in answer.text


@pytest.mark.parametrize("path", ["/", "/start", "/orders/aaaaaaaaaaaaaaaa"])
def test_strangers_are_sent_to_sign_in(made: MadeService, path: str) -> None:
    answer = Visitor(made, "").get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?back={path}")


def test_a_wrong_code_lets_nobody_in(made: MadeService) -> None:
    stranger = Visitor(made, "")

    answer = stranger.http.post("/sign-in", data={"token": "wrong"}, headers=ORIGIN)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "wrong" not in answer.text


@pytest.mark.parametrize("back", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "/api/v1/orders"])
def test_signing_in_leads_to_our_own_pages_only(made: MadeService, back: str) -> None:
    answer = Visitor(made, "").http.post(
        "/sign-in", params={"back": back}, data={"token": TOKENS["ada"]}, headers=ORIGIN
    )

    assert answer.headers["location"] == "/"


def test_signing_out_ends_the_session(ada: Visitor) -> None:
    ada.post("/sign-out")

    assert ada.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/start", "/sign-out", "/orders/{id}/cancel", "/orders/{id}/push"])
def test_no_form_of_another_site_changes_anything(made: MadeService, ada: Visitor, path: str) -> None:
    page = path.replace("{id}", made.order())

    wrong_word = ada.http.post(page, data={"csrf": "guess"}, headers=ORIGIN)
    elsewhere = ada.http.post(page, data={"csrf": ada.csrf}, headers={"Origin": "https://elsewhere.example"})

    assert (wrong_word.status_code, elsewhere.status_code) == (403, 403)


def test_a_run_of_somebody_else_is_not_there(made: MadeService, ada: Visitor) -> None:
    theirs = made.order("bob")

    for path in ("", "/live", "/curve.svg"):
        assert ada.get(f"/orders/{theirs}{path}").status_code == 404
    assert ada.post(f"/orders/{theirs}/cancel").status_code == 404
    assert theirs not in ada.get("/").text


@pytest.mark.parametrize("place", ["../state", "/etc", "nothing_there", "bonnevie/../../state"])
def test_no_address_shows_a_folder_that_is_not_offered(ada: Visitor, place: str) -> None:
    answer = ada.http.get("/start", params={"pages": place})

    assert answer.status_code == 400
    assert "the service has no folder of that name" in answer.text


def test_what_people_write_is_shown_as_text(ada: Visitor) -> None:
    answer = ada.start(name="<script>alert(1)</script>", base_model='"><img src=x>')

    assert "<script>alert" not in answer.text
    assert "<img src=x>" not in answer.text


def test_problems_are_a_page_for_people_and_json_for_programs(made: MadeService, ada: Visitor) -> None:
    assert "<h1>Not found</h1>" in ada.get("/orders/aaaaaaaaaaaaaaaa").text
    assert made.get("/orders/aaaaaaaaaaaaaaaa").json()["code"] == "order.unknown"


def test_the_language_is_kept_once_it_was_chosen(ada: Visitor) -> None:
    assert '<html lang="en">' in ada.get("/").text
    assert "Neuer Lauf" in ada.get("/?lang=de").text
    assert '<html lang="de">' in ada.get("/start").text


@pytest.mark.parametrize("name", ["style.css", "service.css", "start.js", "run.js"])
def test_all_the_pages_need_comes_from_the_service(ada: Visitor, name: str) -> None:
    answer = ada.get(f"/static/{name}")

    assert answer.status_code == 200
    assert not re.search(r"https?://(?!ocr-d)", answer.text)


def test_no_other_file_is_served(ada: Visitor) -> None:
    assert ada.get("/static/..%2fform.py").status_code == 404
    assert ada.get("/static/form.py").status_code == 404


def test_an_earlier_runs_answers_fill_the_form_again(made: MadeService, ada: Visitor) -> None:
    order_id = made.order(training={"epochs": 7})

    form = ada.get(f"/start?again={order_id}").text

    assert re.search(r'name="training.epochs" value="7"', form)
    assert ada.get(f"/start?again={made.order('bob')}").status_code == 404


SECRET = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def with_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeService:
    """A service without an account of its own on the platform."""
    use_fake_trainer(monkeypatch, "success")
    use_stand_in_platform(monkeypatch)
    return MadeService(tmp_path, platforms={"escriptorium": {"url": "https://escriptorium.example.org"}})


def test_documents_are_shown_to_whoever_gives_their_own_token(with_platform: MadeService) -> None:
    ada = Visitor(with_platform)
    assert "Letters" not in ada.get("/start").text
    assert ada.get("/start?platform=escriptorium&document=12").status_code == 403

    ada.post("/platforms/escriptorium/token", platform_token=SECRET)

    assert "Letters &lt;b&gt;1878&lt;/b&gt;" in ada.get("/start").text
    form = ada.get("/start?platform=escriptorium&document=12")
    assert form.text.count('name="source.pages"') == 8
    assert ada.get("/thumbnails/escriptorium/12/1").headers["content-type"] == "image/jpeg"
    assert Visitor(with_platform, "bob").get("/start?platform=escriptorium&document=12").status_code == 403


def test_a_lent_token_goes_with_the_order_and_is_never_shown(with_platform: MadeService) -> None:
    ada = Visitor(with_platform)
    ada.post("/platforms/escriptorium/token", platform_token=SECRET)
    document = {"source.platform": "escriptorium", "source.document": "12", "source.layer": "1", "source.pages": "1"}

    page = ada.start(**document, recognize_pages="test").headers["location"]

    folder = with_platform.order_folder(page.rpartition("/")[2])
    assert (folder.path / "credential").is_file()
    shown = [ada.get(path).text for path in ("/start", "/start?platform=escriptorium&document=12", page)]
    assert SECRET not in "".join(shown)
    assert [path for path, content in with_platform.everything_written().items() if SECRET.encode() in content] == []


def test_a_lent_token_is_forgotten_at_the_end_of_the_session(with_platform: MadeService) -> None:
    ada = Visitor(with_platform)
    doorkeeper, lent = with_platform.app.state.services.doorkeeper, with_platform.app.state.lent_tokens
    caller = doorkeeper.by_cookie(ada.http.cookies[SESSION_COOKIE])
    ada.post("/platforms/escriptorium/token", platform_token=SECRET)
    assert lent.get(caller, "escriptorium") == SECRET

    ada.post("/sign-out")

    # a copy of the cookie opens nothing any more either
    assert lent.get(caller, "escriptorium") is None


def test_what_cannot_be_a_token_is_refused_without_repeating_it(with_platform: MadeService) -> None:
    answer = Visitor(with_platform).post("/platforms/escriptorium/token", platform_token="my secret, with blanks")

    assert answer.status_code == 400
    assert "my secret" not in answer.text


def test_more_pages_are_read_with_a_finished_model_and_fetched(
    made: MadeService, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "usable_model")
    model = ada.start().headers["location"].rpartition("/")[2]
    made.until_over(model)
    assert f'href="/start?model={model}"' in ada.get(f"/orders/{model}").text
    assert f'href="/start?model={model}&amp;pages=bonnevie"' in ada.get(f"/start?model={model}").text
    assert "base_model" not in ada.get(f"/start?model={model}&pages=bonnevie").text

    asked = {"action": "recognize", "name": "rest", "model": model, "pages": "bonnevie", "cut": "loghi", "key": "1"}
    page = ada.post("/start", **asked).headers["location"]
    over = made.until_over(page.rpartition("/")[2])

    assert (over["stage"], over["error"]) == ("finished", None)
    assert f'href="/api/v1{page}/texts"' in ada.get(page).text
    assert ada.get(f"/api/v1{page}/texts").content.startswith(b"PK")


def test_pages_of_a_document_are_chosen_for_reading(with_platform: MadeService) -> None:
    ada = Visitor(with_platform)
    ada.post("/platforms/escriptorium/token", platform_token=SECRET)

    form = ada.get("/start?model=base&platform=escriptorium&document=12").text

    assert re.findall(r'name="source.pages" value="(\d)" checked', form) == ["6", "7", "8"]
    assert "source.layer" not in form
    document = {"source.platform": "escriptorium", "source.document": "12", "source.pages": "6", "write_back": "yes"}
    page = ada.post("/start", action="recognize", name="rest", model="base", key="1", **document).headers["location"]
    asked = with_platform.run_view(page.rpartition("/")[2])["parameters"]
    assert asked["source"] == {"platform": "escriptorium", "document": "12", "pages": ["6"]}
    assert asked["write_back"] is True


ODD = ["", "0", "-1", "9" * 5000, "\u0661\u0662", "a/b", "..", "%00", "<b>", "\u202e", "null", "[]", "1e999", "ł" * 400]


@pytest.mark.parametrize("odd", ODD)
def test_odd_input_is_never_a_fault_of_ours(with_platform: MadeService, odd: str) -> None:
    ada = Visitor(with_platform)
    ada.post("/platforms/escriptorium/token", platform_token=SECRET)
    known = {"source.platform": "escriptorium", "source.document": "12", "source.layer": "1"}

    answers = [ada.http.get("/start", params={key: odd}) for key in ("pages", "again", "lang")]
    answers += [ada.http.get("/start", params={"platform": "escriptorium", "document": odd or "x"})]
    answers += [ada.http.get("/", params={"before": odd}), ada.http.get("/sign-in", params={"back": odd})]
    answers += [ada.start(**{key: odd}) for key in ("name", "base_model", "pages", "training.epochs", "charset", "key")]
    answers += [ada.start(**(known | {key: odd})) for key in (*known, "source.pages", "recognize_pages")]
    answers += [ada.post(path, platform_token=odd) for path in ("/platforms/x/token", "/platforms/escriptorium/token")]

    assert [str(answer.url) for answer in answers if answer.status_code >= 500] == []


def test_a_document_of_thousands_of_pages_can_be_chosen(with_platform: MadeService) -> None:
    ada = Visitor(with_platform)
    ada.post("/platforms/escriptorium/token", platform_token=SECRET)
    known = {"source.platform": "escriptorium", "source.document": "12", "source.layer": "1"}

    pages = [str(number) for number in range(3000)]
    answer = ada.start(**known, **{"source.pages": pages, "recognize_pages": ["test", *pages]})

    assert answer.status_code == 303


def test_below_a_proxys_path_every_link_stays_below_it(tmp_path: Path) -> None:
    stranger = Visitor(MadeService(tmp_path, public_url=f"{BASE_URL}/loghi"), "")

    page = stranger.get("/sign-in").text

    assert stranger.get("/start").headers["location"] == "/loghi/sign-in?back=/start"
    assert set(re.findall(r'(?:href|src|action)="(/[^"]*)"', page)) == {
        "/loghi/",
        "/loghi/sign-in",
        "/loghi/static/service.css",
        "/loghi/static/style.css",
    }
