"""The service before an eScriptorium: what comes back to a document, and who may still ask for it.

The platform is the stand-in behind a real socket; orders are carried out by the real exchange.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.made_service import BASE_URL, MadeService, finetuning, use_fake_trainer
from tests.platform.escriptorium_stand_in import LOGHI, Document, StandIn
from tests.platform.stand_in_server import running

HERS, HIS = "a11ce-session", "b0b-session"
PAGES = 8


@pytest.fixture
def platform() -> Iterator[StandIn]:
    with running() as stand_in:
        stand_in.sessions |= {HERS: "alice", HIS: "bob"}
        yield stand_in


@pytest.fixture
def document(platform: StandIn) -> Document:
    """A document of alice's that is transcribed from its first page to its last, and shared with the service."""
    document = platform.add_document(PAGES, lines=4)
    document.shared_with.add("loghi")
    return document


@pytest.fixture
def made(tmp_path: Path, platform: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeService]:
    use_fake_trainer(monkeypatch, "usable_model")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "token").write_text(LOGHI, encoding="utf-8")
    (tmp_path / "token").chmod(0o600)
    service = MadeService(tmp_path, platforms={"escriptorium": {"url": platform.url, "token_file": "token"}})
    yield service
    service.close()


class Browser:
    """A browser with somebody's session on the platform, which has pressed the button."""

    def __init__(self, made: MadeService, document: Document, session: str = HERS) -> None:
        headers = {"Accept": "text/html", "Origin": BASE_URL}
        self.http = TestClient(made.app, base_url=BASE_URL, follow_redirects=False, headers=headers)
        self.sign_in(session)
        self.launched = self.http.get(f"/launch?document={document.pk}")
        self.form = self.http.get(self.launched.headers.get("location", "/start")).text
        self.csrf = "".join(re.findall(r'name="csrf" value="([^"]+)"', self.form)[:1])

    def sign_in(self, session: str) -> None:
        """On the platform, as whoever it is; our own cookie stays."""
        self.http.cookies.pop("sessionid", None)
        self.http.cookies.set("sessionid", session)

    def start(self, **changes: Any) -> Any:
        """Send the form as it is shown, with these changes."""
        shown = re.findall(r'<input type="(\w+)"(?: id="[^"]*")? name="([^"]+)" value="([^"]*)"( checked)?', self.form)
        values: dict[str, Any] = {}
        for kind, name, value, checked in shown:
            if kind in ("hidden", "text", "number") or checked:
                values.setdefault(name, []).append(value)
        values |= {"action": "finetune", "base_model": "base", "source.layer": self.layer, "training.epochs": "3"}
        return self.http.post("/start", data=values | changes)

    @property
    def layer(self) -> str:
        return re.findall(r'<option value="(\d+)" selected', self.form)[0]


def id_of(answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].rpartition("/")[2])


def new_layer(document: Document) -> str | None:
    return next((layer.name for layer in document.layers if layer.name != "manual"), None)


def pages_read(platform: StandIn, document: Document) -> set[int]:
    lines = platform.layer_texts(new_layer(document) or "")
    return {page.pk for page in document.pages if any(line["pk"] in lines for line in page.lines)}


def test_a_document_that_is_all_transcribed_gets_its_test_pages_back(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    alice = Browser(made, document)

    order_id = id_of(alice.start())
    view = made.until_over(order_id)

    assert (view["stage"], view["pushed"], view["error"]) == ("finished", "done", None)
    assert view["parameters"]["recognize_pages"] == ["test"]
    run = made.order_folder(order_id).run()
    assert run is not None
    split = [row.split("\t")[:2] for row in run.split_file.read_text(encoding="utf-8").splitlines()[1:]]
    kept_for_the_test = {int(name.partition("_")[0]) for part, name in split if part == "test"}
    assert pages_read(platform, document) == kept_for_the_test != set()
    page = alice.http.get(f"/orders/{order_id}").text
    assert f"“{new_layer(document)}”" in page
    assert f"{4 * len(kept_for_the_test)} lines are there," in page
    # what people wrote is as it was
    assert len(platform.layer_texts("manual")) == 4 * PAGES


def test_all_pages_of_a_document_are_read_by_one_choice(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    made.until_over(id_of(Browser(made, document).start(recognize_pages="all")))

    assert pages_read(platform, document) == {page.pk for page in document.pages}


def test_a_choice_and_single_pages_are_read_together(made: MadeService, platform: StandIn, document: Document) -> None:
    chosen = [page.pk for page in document.pages]

    made.until_over(id_of(Browser(made, document).start(recognize_pages=["test", str(chosen[0]), str(chosen[1])])))

    assert {chosen[0], chosen[1]} < pages_read(platform, document) < set(chosen)


def test_with_two_pages_the_one_that_is_not_learnt_from_is_read(made: MadeService, platform: StandIn) -> None:
    document = platform.add_document(2, lines=6)
    document.shared_with.add("loghi")

    view = made.until_over(id_of(Browser(made, document).start()))

    assert (view["stage"], view["error"]) == ("finished", None)
    assert len(pages_read(platform, document)) == 1


def test_who_will_get_nothing_back_is_told_before_and_after(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    alice = Browser(made, document)

    answer = alice.start(recognize_pages="", write_back="yes")

    assert answer.status_code == 422
    assert "Nothing will come back to the document" in answer.text
    # pages chosen now are written back all the same
    assert re.search(r'name="write_back" value="yes" checked', answer.text)
    order_id = id_of(alice.start(recognize_pages="", write_back="yes", sure="yes"))
    view = made.until_over(order_id)
    assert (view["stage"], view["pushed"], new_layer(document)) == ("finished", None, None)
    page = alice.http.get(f"/orders/{order_id}").text
    assert "Nothing was written there, because no page was chosen" in page
    assert f'href="/start?model={order_id}&amp;platform=escriptorium&amp;document={document.pk}"' in page


def test_what_was_read_and_not_to_be_written_is_said_to_be_here_only(made: MadeService, document: Document) -> None:
    alice = Browser(made, document)

    order_id = id_of(alice.start(write_back=[]))
    made.until_over(order_id)

    page = alice.http.get(f"/orders/{order_id}").text
    assert "Nothing was written there, because that was not asked for." in page
    assert f"/api/v1/orders/{order_id}/texts" in page


def test_lines_that_could_not_be_written_are_named_on_the_runs_page(
    made: MadeService, platform: StandIn, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "usable_model_on_go")
    alice = Browser(made, document)
    order_id = id_of(alice.start(recognize_pages="all"))
    made.until(order_id, lambda view: bool(view["run"] and view["run"]["epochs"]))
    made.let_go(order_id)
    made.until(order_id, lambda view: view["stage"] == "recognizing")
    # meanwhile the page is segmented anew
    for line in document.pages[0].lines:
        line["pk"] = platform.new_pk()

    view = made.until_over(order_id)

    assert view["pushed"] == "done"
    assert "4 lines are no longer there; the page was segmented anew" in alice.http.get(f"/orders/{order_id}").text


def test_to_learn_from_no_page_is_refused_and_never_means_all(made: MadeService, document: Document) -> None:
    alice = Browser(made, document)

    answer = alice.start(**{"source.pages": []})

    assert answer.status_code == 422
    assert "names no page; name at least one" in answer.text
    assert not re.search(r'name="source.pages" value="\d+" checked', answer.text)
    assert list(made.state.orders.glob("[!.]*")) == []


def test_a_program_is_refused_an_empty_choice_in_a_sentence_and_may_leave_it_out(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    source = {"platform": "escriptorium", "document": str(document.pk), "layer": str(document.layers[0].pk)}

    refused = made.post("/api/v1/orders", finetuning(source=source | {"pages": []}), "boss")
    taken = made.post("/api/v1/orders", finetuning(source=source, write_back=True), "boss")

    assert refused.status_code == 422
    assert "names no page; name at least one" in refused.json()["message"]
    assert taken.status_code == 201
    assert "pages" not in taken.json()["parameters"]["source"]
    made.until_over(taken.json()["id"])
    pulled = made.order_folder(taken.json()["id"]).pages / "page"
    assert len(list(pulled.glob("*.xml"))) == PAGES
    assert 0 < len(pages_read(platform, document)) < PAGES


def test_an_order_of_an_earlier_version_still_means_every_page(made: MadeService, document: Document) -> None:
    source = {"platform": "escriptorium", "document": str(document.pk), "layer": str(document.layers[0].pk)}
    order_id = str(made.post("/api/v1/orders", finetuning(source=source), "boss").json()["id"])
    file = made.order_folder(order_id).path / "order.json"
    file.write_text(re.sub(r'"source": \{', '"source": {"pages": [],', file.read_text("utf-8"), count=1), "utf-8")
    made.restart()

    made.until_over(order_id)

    assert len(list((made.order_folder(order_id).pages / "page").glob("*.xml"))) == PAGES
    assert made.get(f"/orders/{order_id}", "boss").status_code == 200


# ---- who asks, again


def forget_what_was_asked(made: MadeService) -> None:
    """As if a minute had passed."""
    made.app.state.services.visits.answers.clock = lambda: float("inf")


def test_somebody_else_in_the_same_browser_is_not_the_first_one(made: MadeService, document: Document) -> None:
    browser = Browser(made, document)
    order_id = id_of(browser.start())

    browser.sign_in(HIS)

    paths = (
        "/",
        "/start",
        f"/orders/{order_id}",
        f"/orders/{order_id}/live",
        "/api/v1/orders",
        f"/api/v1/orders/{order_id}",
    )
    answers = [browser.http.get(path) for path in paths]
    answers += [browser.http.post(f"/orders/{order_id}/cancel", data={"csrf": browser.csrf}), browser.start(key="2")]
    assert {answer.status_code for answer in answers} == {403}
    assert [answer for answer in answers if "alice" in answer.text] == []
    assert "alice" not in browser.http.get("/sign-in").text
    assert len(made.get("/api/v1/orders", "boss").json()["orders"]) == 1


def test_who_has_signed_out_on_the_platform_is_signed_out_here(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    browser = Browser(made, document)
    platform.sessions.clear()

    assert browser.start().status_code == 403
    forget_what_was_asked(made)
    assert browser.http.get("/").status_code == 403
    browser.http.cookies.pop("sessionid")
    answer = browser.http.get("/")
    assert answer.status_code == 401
    assert "press the button again" in answer.text


def test_a_share_that_was_taken_away_ends_ordering_and_looking(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    document.shared_with.add("bob")
    bob = Browser(made, document, HIS)
    order_id = id_of(bob.start())
    document.shared_with.discard("bob")

    assert bob.start(key="2").status_code == 403
    assert len(made.get("/api/v1/orders", "boss").json()["orders"]) == 1
    forget_what_was_asked(made)
    form = f"/start?platform=escriptorium&document={document.pk}"
    thumbnail = f"/thumbnails/escriptorium/{document.pk}/{document.pages[0].pk}"
    for path in (form, thumbnail, f"/orders/{order_id}", f"/api/v1/orders/{order_id}/texts"):
        assert bob.http.get(path).status_code == 403, path
    # what he ordered himself he may end
    assert bob.http.post(f"/orders/{order_id}/cancel", data={"csrf": bob.csrf}).status_code == 303


def test_parked_results_are_pushed_only_for_whom_the_document_still_is(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    document.shared_with.add("bob")
    bob = Browser(made, document, HIS)
    order_id = id_of(bob.start())
    made.until(order_id, lambda view: view["stage"] == "recognizing")
    document.shared_with.discard("loghi")
    assert made.until_over(order_id)["pushed"] == "parked"
    document.shared_with.add("loghi")
    document.shared_with.discard("bob")

    refused = bob.http.post(f"/orders/{order_id}/push", data={"csrf": bob.csrf})
    document.shared_with.add("bob")
    taken = bob.http.post(f"/orders/{order_id}/push", data={"csrf": bob.csrf})

    assert (refused.status_code, taken.status_code) == (403, 303)
    assert made.until(order_id, lambda view: view["pushed"] == "done")


def test_the_platform_is_asked_once_a_minute_for_what_is_only_shown(
    made: MadeService, platform: StandIn, document: Document
) -> None:
    alice = Browser(made, document)
    order_id = id_of(alice.start())
    platform.requests.clear()

    for _ in range(20):
        assert alice.http.get(f"/orders/{order_id}").status_code == 200
        assert alice.http.get("/").status_code == 200

    assert len(platform.asked("GET", "/api/users/current/")) <= 1
    assert len(platform.asked("GET", f"/api/documents/{document.pk}/")) <= 1
