"""What an order of the service asks of the pipeline."""

from pathlib import Path
from urllib.parse import urlsplit

from loghi_runner.orders.asked import OrderAsked
from loghi_runner.orders.lookup import Lookup
from tests.made_service import MadeService


def test_the_layers_comment_leads_to_the_page_of_its_order(tmp_path: Path) -> None:
    made = MadeService(tmp_path)
    folder = made.order_folder(made.order())
    order = folder.read_order()
    comment = OrderAsked(order, folder, Lookup(made.config), None).writing(None).comment
    link = urlsplit(comment.split()[-1])
    assert link.geturl().startswith(made.config.own_url)
    page = made.get(link.path)
    assert page.status_code == 200
    assert order.name in page.text
