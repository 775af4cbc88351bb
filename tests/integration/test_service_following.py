"""Following a run and fetching its model, in pieces."""

import hashlib
from pathlib import Path

import pytest

from loghi_runner.orders.end import write_archive
from tests.made_service import MadeService, use_fake_trainer


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeService, str]:
    """A service with a finished order."""
    with pytest.MonkeyPatch.context() as patch:
        use_fake_trainer(patch, "success")
        made = MadeService(tmp_path_factory.mktemp("service"))
        order_id = made.order()
        assert made.until_over(order_id)["stage"] == "finished"
    return made, order_id


def events(text: str) -> list[dict[str, str]]:
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").strip().split("\n\n")]
    return [dict(line.split(": ", 1) for line in block if not line.startswith(":")) for block in blocks]


def test_a_follower_gets_every_event_and_how_it_ended(over: tuple[MadeService, str]) -> None:
    made, order_id = over
    told = events(made.get(f"/api/v1/orders/{order_id}/events").text)
    kinds = [event["event"] for event in told]
    assert (kinds[0], kinds[-2:]) == ("started", ["finished", "order"])
    assert '"stage":"finished"' in told[-1]["data"]
    assert kinds.count("epoch") == 4


def test_a_follower_who_comes_back_gets_what_it_missed_and_no_more(over: tuple[MadeService, str]) -> None:
    made, order_id = over
    path = f"/api/v1/orders/{order_id}/events"
    told = events(made.get(path).text)
    middle = told[len(told) // 2]
    rest = events(made.get(path, **{"Last-Event-ID": middle["id"]}).text)
    assert rest == told[len(told) // 2 + 1 :]
    assert made.get(path, **{"Last-Event-ID": told[-2]["id"]}).status_code == 204


@pytest.mark.parametrize("last", ["3", "999999999", "-1", "x", "99999999999999999999"])
def test_an_id_that_no_event_had_begins_at_the_beginning(over: tuple[MadeService, str], last: str) -> None:
    made, order_id = over
    told = events(made.get(f"/api/v1/orders/{order_id}/events", **{"Last-Event-ID": last}).text)
    assert told[0]["event"] == "started"


def test_a_broken_download_goes_on(over: tuple[MadeService, str]) -> None:
    made, order_id = over
    path = f"/api/v1/orders/{order_id}/model"
    whole = made.get(path)
    etag = whole.headers["etag"]
    assert etag == f'"{hashlib.sha256(whole.content).hexdigest()}"'
    rest = made.get(path, Range="bytes=100-", **{"If-Range": etag})
    assert (rest.status_code, whole.content[:100] + rest.content) == (206, whole.content)
    other = made.get(path, Range="bytes=100-", **{"If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)
    assert made.get(path, Range="bytes=999999999-").status_code == 416


def test_the_archive_of_a_model_is_always_the_same(over: tuple[MadeService, str], tmp_path: Path) -> None:
    made, order_id = over
    run = made.order_folder(order_id).run()
    assert run is not None
    again = write_archive(run.best_val, tmp_path / "again.zip", "bonnevie")
    assert again.sha256 == made.run_view(order_id)["model"]["sha256"]


def test_a_report_is_shown_in_a_cage(over: tuple[MadeService, str]) -> None:
    made, order_id = over
    policy = made.get(f"/api/v1/orders/{order_id}/report").headers["content-security-policy"]
    assert "sandbox" in policy
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy
