"""Pages opened in a real browser, as a reader sees them: on a desktop, in the dark, on a phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

#: What of axe-core's findings keeps a reader out.
_GRAVE = ("serious", "critical")


@dataclass(frozen=True)
class Sight:
    """A screen to look at a page on."""

    name: str
    width_px: int
    scheme: Literal["light", "dark"]


SIGHTS = (Sight("desktop", 1280, "light"), Sight("dark", 1280, "dark"), Sight("phone", 390, "light"))


@dataclass
class Seen:
    """An open page, with what the browser complained of and asked for since it was opened."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, address: str, sight: Sight = SIGHTS[0]) -> Iterator[Seen]:
    """The page at a `file://` or `http://` address."""
    context = browser.new_context(viewport={"width": sight.width_px, "height": 900}, color_scheme=sight.scheme)
    seen = Seen(context.new_page())
    seen.page.on(
        "console", lambda told: seen.complaints.append(told.text) if told.type in ("error", "warning") else None
    )
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    try:
        seen.page.goto(address)
        yield seen
    finally:
        context.close()


def assert_quiet(seen: Seen, *origins: str) -> None:
    """No complaint, and nothing asked of anybody but these origins; without any, of nobody but the page's own file."""
    allowed = origins or (seen.page.url.partition("#")[0],)
    strangers = [url for url in seen.requests if not url.startswith(("data:", *allowed))]
    assert (seen.complaints, strangers) == ([], [])


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing that keeps somebody out, and nothing sticks out of the screen sideways."""
    found = Axe().run(page).response["violations"]
    grave = [
        f"{each['id']}: {each['help']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in _GRAVE
        for node in each["nodes"]
    ]
    assert not grave, "\n".join(grave)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
