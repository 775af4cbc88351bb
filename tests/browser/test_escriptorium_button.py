"""The button in eScriptorium's pages, put there by a real nginx with the file that operators include.

The pages are small ones of our own with the platform's addresses and class names.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from loghi_runner.web import pages
from tests.nginx import answering, running_nginx

pytestmark = [pytest.mark.browser, pytest.mark.nginx]

SCRIPT = Path(pages.__file__).parent / "static" / "escriptorium.js"

_LATE = "<script>setTimeout(() => {{ document.getElementById('app').innerHTML = '{}'; }}, 200)</script>"
#: Page by address: the old interface is there at once, the new one is drawn late.
PAGES = {
    "/old/document/7/images/": '<div class="multi-proc d-flex"><button>Transcribe</button></div>',
    "/old/document/7/edit/": '<div id="nav-tab"><a href="#">Images</a><div class="nav-div">Deeds</div></div>',
    "/models/": '<a href="/models/new/" class="btn">Upload a model</a>',
    "/new/document/7/images/": '<div id="app"></div>'
    + _LATE.format('<div class="escr-images-header"><h1>Images</h1><button>Import</button></div>'),
    "/new/document/7/": '<div id="app"></div>'
    + _LATE.format('<div class="escr-document-details"><div class="escr-card-actions"></div></div>'),
    "/later/document/7/": "<p>A version nobody has seen yet.</p>",
    "/new/document/7/part/1/edit/": "<p>the editor</p>",
    "/projects/": "<p>projects</p>",
}
DOCUMENTS = b'{"next": null, "results": [{"pk": 7, "name": "<b>Deeds</b>"}, {"pk": 8, "name": "Letters"}]}'


class _Upstream(BaseHTTPRequestHandler):
    """eScriptorium and the service in one; nginx takes the prefix `/loghi` away."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        kind, body = "text/html", b""
        if path in PAGES:
            body = f'<!doctype html><html lang="en"><body>{PAGES[path]}</body></html>'.encode()
        elif path == "/static/escriptorium.js":
            kind, body = "text/javascript", SCRIPT.read_bytes()
        elif path == "/api/documents/":
            kind, body = "application/json", DOCUMENTS
        elif path == "/launch":
            body = f"<!doctype html><html><body>launched {self.path}</body></html>".encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with answering(_Upstream) as port:
        upstream = f"127.0.0.1:{port}"
        with running_nginx(tmp_path_factory.mktemp("nginx"), upstream, {"loghi:8080": upstream}) as address:
            yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(20_000)
    yield page
    page.close()


@pytest.mark.parametrize("path", [path for path in PAGES if "document/7" in path and "part" not in path])
def test_every_page_of_a_document_has_one_button_that_opens_it(platform: str, page: Page, path: str) -> None:
    page.goto(platform + path)
    button = page.get_by_role("link", name="Fine-tune with Loghi")
    button.wait_for()
    assert button.count() == 1
    button.click()
    assert page.url == f"{platform}/loghi/launch?document=7"


def test_the_button_comes_back_when_the_page_is_drawn_anew(platform: str, page: Page) -> None:
    page.goto(platform + "/new/document/7/images/")
    button = page.get_by_role("link", name="Fine-tune with Loghi")
    button.wait_for()
    page.evaluate("document.getElementById('app').innerHTML += ''; document.getElementById('loghi-fine-tune').remove()")
    button.wait_for()


def test_on_the_models_page_a_document_is_chosen_first(platform: str, page: Page) -> None:
    page.goto(platform + "/models/")
    page.get_by_role("button", name="Fine-tune with Loghi").click()
    # names are text, whatever is in them
    page.get_by_role("link", name="<b>Deeds</b>").click()
    assert page.url == f"{platform}/loghi/launch?document=7"


@pytest.mark.parametrize("path", ["/projects/", "/new/document/7/part/1/edit/"])
def test_other_pages_have_no_button(platform: str, page: Page, path: str) -> None:
    page.goto(platform + path)
    page.wait_for_timeout(300)
    assert page.locator("#loghi-fine-tune").count() == 0


def test_our_own_pages_are_not_touched(platform: str, page: Page) -> None:
    page.goto(platform + "/loghi/launch?document=7")
    assert page.locator("script").count() == 0
