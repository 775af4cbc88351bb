"""The browser; `looking` has what tests look with. Each module has `pytestmark = pytest.mark.browser`."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.chromium import CHROMIUM

#: A busy machine may take its time; a page that never comes fails all the same.
expect.set_options(timeout=30_000)


# not for the whole session: while it runs, nothing else in this process can have an event loop
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
