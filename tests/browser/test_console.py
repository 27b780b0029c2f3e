"""The console in Chromium, on a real suite: what people do, through kills, without JavaScript, under attack."""

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from perdure.approvers.signature import canonical
from perdure.asyncapi.examples import EXAMPLES
from tests.support.browser import PATIENCE, Shop, browser, findings_of, open_shop, watched

GONE = (
    r"ERR_CONNECTION_REFUSED",
    r"ERR_INCOMPLETE_CHUNKED|ERR_CONTENT_LENGTH_MISMATCH",
    r"ERR_EMPTY_RESPONSE",
    r"ERR_CONNECTION_RESET",
    r"\b(404|503)\b",
    "htmx:sse:error",
)
EVIL = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>{{7*7}}"

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def person(shop: Shop, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser whose person has entered, and has a key there that is accepted."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    shop.enter(page)
    shop.enrol(page)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(person: BrowserContext) -> Iterator[Page]:
    page = person.new_page()
    yield page
    page.close()


def test_a_request_is_published_watched_and_approved_with_three_keys(shop: Shop, page: Page) -> None:
    with watched(page):
        shop.publish(page, "Three keys?")
        page.get_by_role("link", name="Order~").first.click()
        run = page.context.new_page()
        run.goto(page.url)
        expect(run.get_by_role("cell", name="waiting", exact=True)).to_have_count(1)
        page.goto(f"{shop.address}/inbox")
        expect(page.get_by_role("link", name="Three keys?")).to_be_visible()
        for key in ("j", "a", "Enter"):
            page.keyboard.press(key)
            if key == "a":
                expect(page.get_by_role("button", name="Approve")).to_be_focused()
        expect(page.get_by_text("Accepted: ")).to_be_visible()
        expect(page.get_by_role("heading", name="Approved by")).to_be_visible()

        expect(run.get_by_role("cell", name="completed", exact=True)).to_have_count(1)
        run.close()


def test_a_page_heals_through_kills_without_a_lost_or_doubled_row(shop: Shop, page: Page) -> None:
    items = [f"Kill {number}" for number in range(3)]
    with watched(page, allowed=GONE):
        page.goto(f"{shop.address}/inbox")
        page.evaluate("window.sameDocument = true")
        other = page.context.new_page()
        for item, names in zip(items, (("console",), ("nats",), ("orchestrator", "console")), strict=True):
            shop.kill(*names)
            _until_published(shop, other, item)
        for item in items:
            expect(page.get_by_role("link", name=item)).to_have_count(1)
        other.goto(f"{shop.address}/inbox")
        expect(other.get_by_role("link", name="Kill")).to_have_count(len(items))

        assert page.locator("tbody th").all_inner_texts() == other.locator("tbody th").all_inner_texts()
        assert page.evaluate("window.sameDocument")
        expect(page.locator("#state")).to_be_hidden()
        other.close()


def _until_published(shop: Shop, page: Page, item: str) -> None:
    """Publish from the form as soon as the page is there again; it tries again by itself."""
    for _ in range(30):
        response = None
        try:
            response = page.goto(f"{shop.address}/publish?type=orders.placed")
        except Exception as error:
            if "ERR_" not in str(error):
                raise
        if response is not None and response.ok:
            page.get_by_label("item").fill(item)
            page.get_by_role("button", name="Publish").click()
            page.wait_for_load_state()
            if "/event?id=" in page.url:
                return
        page.wait_for_timeout(1_000)
    raise AssertionError(f"{item} could not be published")


def test_a_page_whose_first_connection_fails_is_live_as_soon_as_the_console_answers(shop: Shop, page: Page) -> None:
    answers = iter([None, 404, 503])
    refused = []

    def refuse(route: Route) -> None:
        status = next(answers, 200)
        refused.append(status)
        if status == 200:
            route.continue_()
        elif status is None:
            route.abort("connectionrefused")
        else:
            route.fulfill(status=status, content_type="text/html", body="<h1>Not found</h1>")

    page.route("**/live/**", refuse)
    page.goto(f"{shop.address}/inbox")
    expect(page.locator("#state")).to_be_visible()
    other = page.context.new_page()
    shop.publish(other, "Late?")

    expect(page.get_by_role("link", name="Late?")).to_have_count(1)
    expect(page.locator("#state")).to_be_hidden()
    assert (refused[:4], page.get_by_text("Not found").count()) == ([None, 404, 503, 200], 0)
    other.close()


def test_a_page_is_live_however_late_its_scripts_come(shop: Shop, page: Page) -> None:
    def delay(route: Route) -> None:
        time.sleep(0.3)  # htmx would have begun without its extensions by then
        route.continue_()

    page.route("**/static/hx-*.js", delay)
    page.goto(f"{shop.address}/inbox")
    other = page.context.new_page()
    shop.publish(other, "Slow?")

    expect(page.get_by_role("link", name="Slow?")).to_have_count(1)
    other.close()


def test_what_was_decided_elsewhere_is_shown_and_is_no_error(shop: Shop, page: Page) -> None:
    with watched(page):
        shop.publish(page, "Elsewhere?")
        page.goto(f"{shop.address}/inbox")
        page.get_by_role("link", name="Elsewhere?").click()
        other = page.context.new_page()
        other.goto(page.url)
        other.get_by_label("Comment").fill("no, thanks")
        other.get_by_role("button", name="Reject").click()
        expect(other.get_by_text("Accepted: ")).to_be_visible()
        expect(page.get_by_role("heading", name="Rejected by")).to_be_visible()
        page.get_by_role("button", name="Approve").click()

        expect(page.get_by_text("Refused: ")).to_be_visible()
        page.goto(f"{shop.address}/inbox?show=settled&text=Elsewhere")
        expect(page.get_by_role("link", name="Elsewhere?")).to_be_visible()
        other.close()


def test_no_page_has_a_finding_of_axe_wide_or_narrow(shop: Shop, page: Page) -> None:
    shop.publish(page, "Findings?")
    event = page.url
    page.get_by_role("link", name="Order~").first.click()
    run = page.url
    page.goto(f"{shop.address}/inbox")
    page.get_by_role("link", name="Findings?").click()
    paths = ["/", "/inbox", "/inbox?show=settled", "/runs", "/publish", "/publish?type=orders.placed", "/key"]
    addresses = [*(f"{shop.address}{it}" for it in paths), event, run, page.url, f"{shop.address}/find?text=nothing"]
    found, too_wide = {}, []
    with watched(page):
        for address in addresses:
            page.set_viewport_size({"width": 1280, "height": 800})
            page.goto(address)
            if findings := findings_of(page):
                found[address] = findings
            page.set_viewport_size({"width": 320, "height": 640})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                too_wide.append(address)

    assert found == {}
    assert too_wide == []


def test_without_javascript_every_form_works_but_the_signature_which_says_why(shop: Shop, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    shop.enter(page)
    shop.publish(page, "Plain?")
    page.goto(f"{shop.address}/inbox?text=Plain")
    while not page.get_by_role("link", name="Plain?").count():
        page.reload()
    page.get_by_role("link", name="Plain?").click()
    request = page.url
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("that needs JavaScript")).to_be_visible()
    expect(page.get_by_text("perdure approve Order~")).to_be_visible()
    page.goto(request)
    page.get_by_role("link", name="Order~").click()
    page.get_by_label("Reason").first.fill("not needed")
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("cancel: done.")).to_be_visible()
    page.goto(f"{shop.address}/find?text=Order~")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("prints a link")).to_be_visible()
    context.close()


def test_what_others_write_is_text_wherever_it_is_shown(shop: Shop, page: Page) -> None:
    with watched(page):
        shop.publish(page, EVIL)
        event = page.url
        expect(page.get_by_role("link", name="Order~").first).to_be_visible()
        page.get_by_role("link", name="Order~").first.click()
        run = page.url
        page.goto(f"{shop.address}/inbox")
        expect(page.get_by_role("link", name="<img").first).to_be_visible()
        page.get_by_role("link", name="<img").first.click()
        request = page.url
        page.get_by_label("Comment").fill(EVIL)
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("Accepted: ")).to_be_visible()
        evil = "/find?text=" + "%3Cimg%20src=x%20onerror=alert(1)%3E"
        for address in (
            event,
            run,
            request,
            *(f"{shop.address}{it}" for it in ("/", "/inbox?show=settled", "/runs", evil)),
        ):
            page.goto(address)
            page.wait_for_timeout(300)  # as long as a page is drawn again
            assert page.locator("img").count() == 0
            assert "hacked" not in page.title().removeprefix(page.locator("h1").inner_text())
            assert page.evaluate("document.querySelectorAll('script:not([nonce])').length") == 0


def test_a_foreign_page_can_neither_frame_the_console_nor_send_a_form_for_the_person(shop: Shop, page: Page) -> None:
    before = page.request.get(f"{shop.address}/runs").text().count("<tr id")
    page.route(
        "http://evil.example/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"<iframe src='{shop.address}/inbox'></iframe><form method=post action='{shop.address}/publish'>"
            "<input name=type value=orders.placed><input name=data.item value=evil><input name=data.amount value=1>"
            "<button>Win</button></form>",
        ),
    )
    page.goto("http://evil.example/")
    frame = page.frames[1]
    assert "Inbox" not in frame.content()
    page.get_by_role("button", name="Win").click()
    page.wait_for_load_state()

    assert "This form comes from another page" in page.content()
    assert page.request.get(f"{shop.address}/runs").text().count("<tr id") == before


def test_the_browser_writes_the_canonical_form_that_the_worker_verifies(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/key")
    odd = {
        "b": [1, -0.0, 1e21, 1e-7, 333333333.3333333],
        "é": '\u2028"\\\n',
        "\U0001f600": None,
        "a\u00e9": {"z": True, "": []},
    }
    for value in (odd, *EXAMPLES.values()):
        in_page = page.evaluate(
            "(text) => new TextDecoder().decode(canonicalForm(JSON.parse(text)))", json.dumps(value)
        )
        assert in_page == canonical({"signed": value}).decode()[len('{"signed":') : -1]


def test_the_key_cannot_be_read_out_of_the_browser(shop: Shop, page: Page) -> None:
    page.goto(f"{shop.address}/key")
    reading = """async () => {
        const opening = indexedDB.open("perdure", 1);
        await new Promise((done) => { opening.onsuccess = done; });
        const keys = opening.result.transaction("keys").objectStore("keys").getAll();
        await new Promise((done) => { keys.onsuccess = done; });
        const [pair] = keys.result;
        return crypto.subtle.exportKey("pkcs8", pair.privateKey).then(() => "read", (error) => error.name);
    }"""

    assert page.evaluate(reading) == "InvalidAccessError"
