"""The service's pages in a real browser: runs started, followed and stopped by people who only click."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import SIGHTS, Sight, assert_accessible, assert_quiet, opened
from tests.fake_platform_process import use_fake_platform
from tests.made_service import TOKENS, MadeService, use_fake_trainer
from tests.served import served
from tests.stand_in_platform import TRANSCRIBED, use_stand_in_platform
from tests.unit.made_pages import write_pages

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000


def make_service(folder: Path, patch: pytest.MonkeyPatch) -> MadeService:
    use_fake_trainer(patch, "success")
    use_stand_in_platform(patch)
    write_pages(folder / "platform" / "pages", 8)
    use_fake_platform(patch, folder / "platform")
    (folder / "token").write_text("f" * 40, encoding="utf-8")
    (folder / "token").chmod(0o600)
    platform = {"url": "http://127.0.0.1:9", "token_file": "token"}
    return MadeService(folder, platforms={"escriptorium": platform}, limits={"requests_per_minute": 10_000})


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeService:
    return make_service(tmp_path, monkeypatch)


@pytest.fixture
def address(made: MadeService) -> Iterator[str]:
    with served(made) as address:
        yield address


@pytest.fixture(scope="module")
def with_a_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service that carries out no more orders, and below it the page of a run that is finished."""
    with pytest.MonkeyPatch.context() as patch:
        made = make_service(tmp_path_factory.mktemp("with_a_run"), patch)
        order_id = made.order()
        made.until_over(order_id)
        with served(made, is_worked=False) as address:
            yield address, f"/orders/{order_id}"


def sign_in(page: Page) -> None:
    page.get_by_label("Access code").fill(TOKENS["ada"])
    page.get_by_role("button", name="Sign in").click()


def start_from_folder(page: Page, epochs: int = 3) -> None:
    page.get_by_role("link", name="New run").first.click()
    page.get_by_role("link", name="bonnevie", exact=True).click()
    page.get_by_text("Training How to train.").click()
    page.get_by_label("Epochs").fill(str(epochs))
    page.get_by_role("button", name="Start").click()


def launch(page: Page, address: str) -> None:
    """As the platform's button does it, with the session there."""
    page.context.add_cookies([{"name": "sessionid", "value": "alice-is-here", "url": address}])
    page.goto(f"{address}/launch?document=12")


def test_a_run_is_started_followed_and_its_model_fetched(browser: Browser, address: str, tmp_path: Path) -> None:
    with opened(browser, f"{address}/") as seen:
        sign_in(seen.page)
        start_from_folder(seen.page)
        # nobody loads the page again: it follows by itself
        expect(seen.page.get_by_role("link", name="Download the model")).to_be_visible(timeout=PATIENCE_MS)
        expect(seen.page.get_by_role("img", name="CER after each epoch")).to_be_visible()
        with seen.page.expect_download() as download:
            seen.page.get_by_role("link", name="Download the model").click()
        assert download.value.suggested_filename == "bonnevie.zip"
        seen.page.get_by_role("link", name="open the report").click()
        expect(seen.page.get_by_role("heading", name="Learning curve")).to_be_visible()
        assert_quiet(seen, address)


def test_the_page_follows_each_epoch_and_says_little_aloud(
    browser: Browser, made: MadeService, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "waits_for_go")
    with opened(browser, f"{address}/") as seen:
        sign_in(seen.page)
        start_from_folder(seen.page)
        expect(seen.page.get_by_role("img", name="CER after each epoch")).to_be_visible(timeout=PATIENCE_MS)
        expect(seen.page.locator("#say")).to_contain_text("training")
        seen.page.get_by_text("The numbers").click()
        numbers = seen.page.get_by_role("cell", name="0 (before training)")
        expect(numbers).to_be_visible()
        # drawn again, it is as the reader left it
        seen.page.evaluate("draw()")
        expect(seen.page.locator("summary", has_text="The numbers")).to_be_focused()
        expect(numbers).to_be_visible()
        made.let_go(seen.page.url.rpartition("/")[2])
        expect(seen.page.locator(".badge")).to_have_text("finished", timeout=PATIENCE_MS)
        assert_quiet(seen, address)


def test_a_run_is_stopped_and_keeps_its_model(browser: Browser, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "stops_when_asked")
    with opened(browser, f"{address}/") as seen:
        sign_in(seen.page)
        start_from_folder(seen.page)
        expect(seen.page.get_by_role("img", name="CER after each epoch")).to_be_visible(timeout=PATIENCE_MS)
        seen.page.get_by_role("button", name="Stop this run").click()
        expect(seen.page.locator(".badge")).to_have_text("stopped", timeout=PATIENCE_MS)
        expect(seen.page.get_by_role("link", name="Download the model")).to_be_visible()
        assert_quiet(seen, address)


def test_pages_of_a_document_are_chosen_learnt_from_read_and_written_back(
    browser: Browser, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "usable_model")
    with opened(browser, f"{address}/sign-in") as seen:
        launch(seen.page, address)
        expect(seen.page.get_by_text("Letters <b>1878</b>")).to_be_visible()
        expect(seen.page.get_by_label("Transcription")).to_have_value("1")
        expect(seen.page.locator("#chosen")).to_have_text(f"{TRANSCRIBED} to learn from, the test pages to read")
        seen.page.get_by_role("button", name="Read all other pages").click()
        expect(seen.page.locator("#chosen")).to_have_text(f"{TRANSCRIBED} to learn from, 3 to read")
        seen.page.get_by_role("button", name="Start").click()
        written = seen.page.get_by_text("What the model read is there as the transcription")
        expect(written).to_be_visible(timeout=PATIENCE_MS)
        expect(seen.page.get_by_role("link", name="Open the document")).to_be_visible()
        assert_quiet(seen, address)


def test_who_will_get_nothing_back_is_told_before_it_starts(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/sign-in") as seen:
        launch(seen.page, address)
        seen.page.get_by_role("button", name="Choose none").click()
        expect(seen.page.locator("#chosen")).to_contain_text("0 to read. Nothing will come back")
        seen.page.get_by_role("button", name="Learn from all transcribed pages").click()
        seen.page.get_by_role("button", name="Start").click()
        expect(seen.page.get_by_role("alert")).to_contain_text("Nothing will come back to the document")
        assert_accessible(seen.page)
        seen.page.get_by_label("all pages of the document").check()
        expect(seen.page.locator("#chosen")).to_have_text(f"{TRANSCRIBED} to learn from, 8 to read")


def test_results_that_the_platform_could_not_take_are_written_later(
    browser: Browser, made: MadeService, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGHI_FAKE_TRAINER", "usable_model_on_go")
    with opened(browser, f"{address}/sign-in") as seen:
        launch(seen.page, address)
        seen.page.get_by_role("button", name="Read all other pages").click()
        seen.page.get_by_role("button", name="Start").click()
        expect(seen.page.get_by_role("img", name="CER after each epoch")).to_be_visible(timeout=PATIENCE_MS)
        (tmp_path / "platform" / "down").touch()
        made.let_go(seen.page.url.rpartition("/")[2])
        expect(seen.page.get_by_text("nothing is lost")).to_be_visible(timeout=PATIENCE_MS)
        assert_accessible(seen.page)
        (tmp_path / "platform" / "down").unlink()
        seen.page.get_by_role("button", name="Write them now").click()
        expect(seen.page.get_by_text("What the model read is there")).to_be_visible(timeout=PATIENCE_MS)


def test_a_form_that_is_not_right_says_where(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/") as seen:
        sign_in(seen.page)
        seen.page.goto(f"{address}/start?pages=bonnevie")
        seen.page.get_by_label("Name").fill("två ord")
        seen.page.get_by_role("button", name="Start").click()
        expect(seen.page.locator("#problems")).to_be_focused()
        expect(seen.page.get_by_label("Name")).to_have_value("två ord")
        assert_accessible(seen.page)


def test_somebody_changes_the_language(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/") as seen:
        sign_in(seen.page)
        seen.page.get_by_role("link", name="Nederlands").click()
        expect(seen.page.get_by_role("heading", name="Runs")).to_be_visible()
        seen.page.get_by_role("link", name="Nieuwe run").first.click()
        expect(seen.page.get_by_role("heading", name="Van welke pagina's moet het model leren?")).to_be_visible()
        assert seen.page.locator("html").get_attribute("lang") == "nl"


def test_a_run_is_started_with_the_keyboard_alone(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}/sign-in") as seen:
        # a person sees the cursor there before typing
        expect(seen.page.get_by_label("Access code")).to_be_focused()
        seen.page.keyboard.type(TOKENS["ada"])
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_role("heading", name="Runs")).to_be_visible()
        seen.page.goto(f"{address}/start?pages=bonnevie")
        seen.page.keyboard.press("Tab")
        expect(seen.page.get_by_role("link", name="To the content")).to_be_focused()
        seen.page.get_by_label("Name").focus()
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_role("button", name="Stop this run")).to_be_visible()


def test_a_browser_without_scripts_can_start_and_watch(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/")
    sign_in(page)
    start_from_folder(page)
    expect(page.get_by_role("button", name="Stop this run")).to_be_visible()
    assert page.locator("meta[http-equiv=refresh]").count() == 1
    context.close()


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_everybody_can_use_every_page(browser: Browser, with_a_run: tuple[str, str], sight: Sight) -> None:
    address, finished = with_a_run
    with opened(browser, f"{address}/sign-in", sight) as seen:
        assert_accessible(seen.page)
        sign_in(seen.page)
        for path in ("/", "/start", "/start?pages=bonnevie"):
            seen.page.goto(address + path)
            for closed in seen.page.locator("details").all():
                closed.evaluate("details => { details.open = true; }")
            assert_accessible(seen.page)
        seen.page.get_by_role("button", name="Start").click()
        expect(seen.page.get_by_role("button", name="Stop this run")).to_be_visible()
        assert_accessible(seen.page)
        seen.page.goto(address + finished)
        expect(seen.page.get_by_role("link", name="Download the model")).to_be_visible()
        assert_accessible(seen.page)
        seen.page.goto(f"{address}/")
        assert_accessible(seen.page)
        launch(seen.page, address)
        assert_accessible(seen.page)
        assert_quiet(seen, address)
