"""Attacks on the service; docs/security.md lists them with what came of them."""

import json
from pathlib import Path

import pytest

from loghi_runner.service.callers import Caller
from loghi_runner.service.config import Role
from loghi_runner.service.orders import ArchiveFile
from loghi_runner.service.pages.documents import LentTokens
from tests.made_service import TOKENS, MadeService, as_user, finetuning

RUNS = "/api/v1/runs"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def made(tmp_path: Path) -> MadeService:
    return MadeService(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        f"{RUNS}/..%2f..%2fservice.key",
        f"{RUNS}/../../service.key",
        f"{RUNS}/%2e%2e/%2e%2e/etc/passwd",
        f"{RUNS}/AAAAAAAAAAAAAAAA/model",
        f"{RUNS}/aaaaaaaaaaaaaaaa%00/model",
        f"{RUNS}/.new-0011223344556677/report",
        "/static/..%2f..%2fconfig.py",
        "/static/../../../../etc/passwd",
    ],
)
def test_addresses_lead_to_no_file(made: MadeService, path: str) -> None:
    answer = made.get(path, "boss")
    assert answer.status_code in (400, 404, 405, 422)
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"action":"finetune","parameters":' + b"[" * 100_000,
        b"\xff\xfe\x00",
        b"1" * 100_000,
        b'{"action":"finetune","parameters":{"name":"\\ud800"}}',
        b'{"action":"finetune","parameters":{"training":{"learning_rate":NaN}}}',
        b'{"action":"finetune","parameters":{"training":{"epochs":1e400}}}',
        b'{"action":"__class__","parameters":{}}',
        b"null",
        b"",
    ],
)
def test_bodies_that_are_no_orders_are_refused_and_break_nothing(made: MadeService, body: bytes) -> None:
    answer = made.http.post(RUNS, content=body, headers=as_user("ada") | JSON)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert made.get(RUNS).json()["runs"] == []


@pytest.mark.parametrize("user", ["a:b", "a\tb", "", " a", "x" * 101, "transkribo:alice"])
def test_a_platforms_user_is_a_plain_name(made: MadeService, user: str) -> None:
    answer = made.post(RUNS, finetuning(), "transkribo", **{"Loghi-User": user})
    assert answer.status_code in (400, 422)


def test_a_person_cannot_speak_for_others(made: MadeService) -> None:
    answer = made.post(RUNS, finetuning(), "ada", **{"Loghi-User": "bob"})
    assert answer.json()["user"] == "ada"


def test_a_yaml_in_a_name_stays_a_name(made: MadeService) -> None:
    answer = made.post(RUNS, finetuning(name="x\nengine: {image: evil}"))
    assert answer.status_code == 422


def test_a_place_that_became_a_link_after_it_was_ordered_is_looked_at_again(made: MadeService) -> None:
    order_id = made.order()
    pages = made.folder / "pages" / "bonnevie"
    pages.rename(made.folder / "elsewhere")
    pages.symlink_to(made.folder / "elsewhere")
    made.worker.look()
    assert made.run_view(order_id)["error"]["code"] == "request.no_such_place"


def test_a_base_model_of_links_to_elsewhere_is_refused(made: MadeService) -> None:
    secret = made.folder / "secret"
    secret.write_text("secret", encoding="utf-8")
    (made.folder / "models" / "trick").mkdir()
    (made.folder / "models" / "trick" / "model.keras").symlink_to(secret)
    answer = made.post(RUNS, finetuning(base_model="trick"))
    assert (answer.status_code, answer.json()["code"]) == (422, "request.link_outside")


def test_the_services_own_folders_cannot_be_named_or_listed(tmp_path: Path) -> None:
    made = MadeService(tmp_path, roots={"pages": ".", "base_models": "."})
    made.order(base_model="models/base", source={"pages": "pages/bonnevie"})
    for place in ("state", "state/orders", "models/../state"):
        asked = finetuning(base_model="models/base", source={"pages": place})
        assert made.post(RUNS, asked).status_code in (400, 422)
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
        assert made.http.request(method, f"{RUNS}/{order_id}", headers=as_user("ada")).status_code == 405
    form = made.http.post(RUNS, data={"action": "finetune"}, headers=as_user("ada"))
    assert form.status_code == 422
    assert made.get(f"{RUNS}/{order_id}/cancel").status_code == 405


def test_many_ranges_are_no_amplifier(made: MadeService) -> None:
    order_id = made.order()
    folder = made.order_folder(order_id)
    made.worker.look()
    folder.model_archive.write_bytes(b"x" * 1000)
    state = folder.read_state().model_copy(update={"model": ArchiveFile(sha256="0" * 64, bytes=1000)})
    folder.write_state(state)
    ranges = ",".join("0-999" for _ in range(90))
    answer = made.get(f"{RUNS}/{order_id}/model", Range=f"bytes={ranges}")
    assert len(answer.content) < 2000
    made.post(f"{RUNS}/{order_id}/cancel")
    made.until_over(order_id)
    made.close()


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
