"""E. Requests: bodies that are no orders, and answers that could be made long."""

import pytest

from loghi_runner.orders.orders import ArchiveFile
from tests.made_service import MadeService, as_user

ORDERS = "/api/v1/orders"
JSON = {"Content-Type": "application/json"}


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
    answer = made.http.post(ORDERS, content=body, headers=as_user("ada") | JSON)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert made.get(ORDERS).json()["orders"] == []


def test_many_ranges_are_no_amplifier(made: MadeService) -> None:
    order_id = made.order()
    folder = made.order_folder(order_id)
    made.worker.look()
    folder.model_archive.write_bytes(b"x" * 1000)
    state = folder.read_state().model_copy(update={"model": ArchiveFile(sha256="0" * 64, bytes=1000)})
    folder.write_state(state)
    ranges = ",".join("0-999" for _ in range(90))
    answer = made.get(f"{ORDERS}/{order_id}/model", Range=f"bytes={ranges}")
    assert len(answer.content) < 2000
    made.post(f"{ORDERS}/{order_id}/cancel")
    made.until_over(order_id)
    made.close()
