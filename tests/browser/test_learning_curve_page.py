"""The page of a learning curve in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from loghi_runner.learning_curve.curve import write_curve
from loghi_runner.recognition.next_pages import Confidence, NextPages, RankedPage
from tests.browser.looking import SIGHTS, Sight, assert_accessible, assert_quiet, opened
from tests.made_curve import FALLING, curve

pytestmark = pytest.mark.browser

RANKED = NextPages(
    tuple(RankedPage(f"IMG_{number:04}_a_page_with_a_long_name", 40, 42, 0.6 + number / 50) for number in range(18)),
    ("IMG_9000",),
    {},
    Confidence(123, 0.381, 0.092, "Confidence tells where the errors are."),
)


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_everybody_can_read_it_offline(browser: Browser, tmp_path: Path, sight: Sight) -> None:
    page = write_curve(curve((0.28, 0.24, 0.21), FALLING), RANKED, tmp_path)
    with opened(browser, page.as_uri(), sight) as seen:
        assert_quiet(seen)
        assert_accessible(seen.page)
