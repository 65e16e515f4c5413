"""The console in a real browser, used as somebody uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.console.browser import PAGES, Console
from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.support.stack import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response, Route

pytestmark = [pytest.mark.e2e, pytest.mark.console]

FIRST_VIEW = 200_000
"""Bytes, as they come over the wire."""


@pytest.fixture
def visitor(stack: LocalStack, browser: Browser) -> Iterator[Console]:
    """Not signed in."""
    console = Console(browser, stack)
    yield console
    console.close()


# --- signing in ----------------------------------------------------------------------------------


def test_a_wrong_secret_and_the_right_one(visitor: Console) -> None:
    visitor.sign_in("not it")
    visitor.tab.get_by_role("alert").get_by_text("do not fit").wait_for()
    assert not visitor.tab.get_by_role("navigation").is_visible()
    visitor.tab.get_by_label("API secret").fill(SECRET)
    visitor.tab.get_by_role("button", name="Sign in").click()
    visitor.heading("Overview")


def test_a_reload_and_a_sign_out(console: Console) -> None:
    console.tab.reload()
    console.heading("Overview")
    console.tab.get_by_role("button", name="Sign out").click()
    console.tab.get_by_label("API secret").wait_for()
    console.tab.reload()
    console.tab.get_by_label("API secret").wait_for()


def cookies(console: Console) -> int:
    return len(console.tab.context.cookies(f"{console.url}/session"))


def test_a_session_ends_when_nobody_is_there(visitor: Console) -> None:
    """In 20 minutes of the page's, of which the server knows nothing: its cookie would be good for long."""
    visitor.tab.clock.install()
    visitor.signed_in()
    visitor.open("applications")
    assert cookies(visitor) == 1
    visitor.tab.clock.fast_forward("20:01")
    visitor.tab.clock.run_for(15_000)
    visitor.tab.get_by_text("The session is over").wait_for()
    until(lambda: cookies(visitor) == 0, PATIENCE)
    visitor.tab.reload()
    visitor.tab.get_by_label("API secret").wait_for()


def test_a_touch_after_that_is_too_late(visitor: Console) -> None:
    visitor.tab.clock.install()
    visitor.signed_in()
    visitor.tab.clock.pause_at(datetime.now(UTC) + timedelta(minutes=25))  # as if it had slept
    visitor.tab.keyboard.press("Tab")
    visitor.tab.get_by_text("The session is over").wait_for()
    until(lambda: cookies(visitor) == 0, PATIENCE)


def test_a_renewal_under_way_does_not_undo_a_sign_out(visitor: Console) -> None:
    visitor.tab.clock.install()
    visitor.signed_in()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if route.request.method == "GET" else route.continue_()

    visitor.tab.route("**/console/session*", hold)
    visitor.tab.clock.fast_forward("04:30")
    for _ in range(100):
        visitor.tab.clock.run_for(1000)
        visitor.tab.wait_for_timeout(50)
        if held:
            break
    assert len(held) == 1
    assert "idle=2" in held[0].request.url
    visitor.tab.get_by_role("button", name="Sign out").click()
    visitor.tab.get_by_label("API secret").wait_for()
    with visitor.tab.expect_response(lambda answer: answer.request.method == "DELETE"):
        held[0].continue_()
    until(lambda: cookies(visitor) == 0, PATIENCE)
    assert visitor.tab.get_by_label("API secret").is_visible()
    visitor.tab.unroute_all()
    visitor.tab.reload()
    visitor.tab.get_by_label("API secret").wait_for()


def test_signing_out_is_for_all_tabs(console: Console) -> None:
    other = console.tab.context.new_page()
    other.goto(console.url)
    other.get_by_role("heading", level=1, name="Overview").wait_for()
    other.get_by_role("button", name="Sign out").click()
    console.tab.get_by_label("API secret").wait_for()


@pytest.mark.parametrize("address", ["x/%", "constructor", "toString/1", "overview/%E0%A4%A"])
def test_an_address_that_is_none_of_ours(console: Console, address: str) -> None:
    console.open(address)
    console.heading("Overview")
    console.tab.reload()
    console.heading("Overview")


@pytest.mark.parametrize("page", ["messages", "dispatches"])
def test_an_id_goes_no_further_than_its_place(stack: LocalStack, browser: Browser, page: str) -> None:
    console = Console(browser, stack)
    console.signed_in()
    asked: list[str] = []
    console.tab.on("request", lambda request: asked.append(request.url))
    console.open(f"{page}/..%2F..%2Fv2%2Fapplications%3Fx")
    console.tab.get_by_role("alert").first.wait_for()
    console.close()
    assert [url for url in asked if "%2F" in url]
    assert [url for url in asked if url.endswith("/v2/applications?x")] == []


def test_the_browser_keeps_no_secret(console: Console) -> None:
    """A script in the page, were there one, would find nothing that lasts."""
    kept = console.tab.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert kept == ["", 0, 0]
    [cookie] = console.tab.context.cookies(f"{console.url}/session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert SECRET not in cookie["value"]


def test_by_keyboard_alone(visitor: Console) -> None:
    keyboard = visitor.tab.keyboard
    visitor.tab.goto(visitor.url)
    visitor.tab.get_by_label("API key").wait_for()
    for text in ("localkey", SECRET):
        keyboard.press("Tab")
        keyboard.type(text)
    keyboard.press("Enter")
    visitor.heading("Overview")
    keyboard.press("Tab")
    assert visitor.tab.evaluate("document.activeElement.textContent").startswith("Skip")
    names = []
    for _ in range(4):
        keyboard.press("Tab")
        names.append(visitor.tab.evaluate("document.activeElement.textContent"))
    assert names == ["Switchboard", "Overview", "Messages", "Dispatches"]
    keyboard.press("Enter")
    visitor.heading("Dispatches")
    visitor.tab.wait_for_function("document.activeElement.tagName === 'H1'")  # read from its heading


# --- dispatches and phones -----------------------------------------------------------------------


def test_a_dispatch_fails_over_as_somebody_watches(console: Console) -> None:
    console.compose(("read", "3", "Read me"), ("delivered", "600", "Or this"), ("", "", "Or that"))
    console.tab.get_by_role("heading", level=1, name=re.compile("^Dispatch ")).wait_for()
    running = console.lane(0, "running")
    assert re.fullmatch(r"[0-3]s", running.locator(".ring-text").text_content() or "")
    left = console.lane(0, "timed_out")
    assert "Not read within 3 s → Viber" in left.inner_text()
    console.lane(1, "met")
    console.lane(2, "skipped")
    console.tab.locator(".summary").get_by_text("completed").wait_for()
    console.tab.get_by_role("heading", name="Why").wait_for()
    assert not console.tab.get_by_role("button", name="Cancel").is_visible()


def test_a_phone_that_is_opened_ends_the_dispatch(console: Console) -> None:
    console.compose(("read", "600", "Open me"), ("delivered", "600", "x"), ("", "", "x"), to="handsets")
    console.heading("Handsets")
    phone = console.phone("Messenger")
    phone.get_by_text("Open me").wait_for()
    lane = console.lane(0, "running")
    lane.locator(".track .done").get_by_text("delivered").wait_for()
    phone.get_by_role("button", name="Open Messenger").click()
    console.lane(0, "met")
    assert phone.get_by_text("Open me").locator("..").get_by_label("read").is_visible()


def test_a_phone_that_is_off_gets_nothing_until_it_is_on(console: Console) -> None:
    console.open("handsets")
    phone = console.phone("SMS")
    phone.get_by_role("button", name="Switch off SMS").click()
    phone.get_by_text("The phone is off").wait_for()
    console.open("compose")
    console.tab.get_by_label("Text").fill("Are you there?")
    console.tab.get_by_role("button", name="Send the message").click()
    console.tab.get_by_text("submitted").first.wait_for()
    console.open("handsets")
    phone.get_by_text("1 on the way").wait_for()
    phone.get_by_role("button", name="Switch on SMS").click()
    phone.get_by_text("Are you there?").wait_for()
    console.open("messages?channel=sms&to=447700900700")
    console.tab.locator(".row").first.get_by_label("delivered").wait_for()


def test_a_person_answers(console: Console, application: Application) -> None:
    whatsapp = {"type": "whatsapp"}
    application.send(
        {
            "from": whatsapp | {"number": "447700900200"},
            "to": whatsapp | {"number": "447700900700"},
            "message": bodies.text("When shall we come?"),
        }
    )
    console.open("handsets")
    phone = console.phone("WhatsApp")
    phone.get_by_text("When shall we come?").wait_for()
    phone.get_by_label("Answer from WhatsApp").fill("At three")
    phone.get_by_role("button", name="Send from WhatsApp").click()
    phone.locator(".bubble.mine").get_by_text("At three").wait_for()


def test_a_phone_of_ones_own(console: Console, application: Application) -> None:
    """With the digits of one that would refuse everything it still does."""
    console.open("handsets")
    console.tab.get_by_text("Another phone").click()
    form = console.tab.locator("details.add")
    form.get_by_label("Number").fill("447700900123")
    form.get_by_role("button", name="Add").click()
    console.tab.get_by_role("region", name="SMS, 447700900123").wait_for()
    application.send(
        bodies.message("sms")
        | {"to": {"type": "sms", "number": "447700900123"}, "message": bodies.text("Mine")}
    )
    console.tab.get_by_role("region", name="SMS, 447700900123").get_by_text("Mine").wait_for()


def test_cancelling(console: Console) -> None:
    console.compose(("read", "600", "Too late"), ("delivered", "600", "x"), ("", "", "x"))
    console.lane(0, "running")
    console.tab.get_by_role("button", name="Cancel").click()
    console.tab.get_by_role("button", name="Really cancel?").click()
    console.tab.locator(".summary").get_by_text("cancelled").wait_for()
    console.lane(0, "cancelled")
    console.lane(1, "skipped")


# --- messages, webhooks, applications ------------------------------------------------------------


def test_messages_come_by_themselves_and_are_found(console: Console, application: Application) -> None:
    console.open(f"messages?application_id={application.id}")
    console.tab.get_by_text("No messages here").wait_for()
    application.send(bodies.message("sms", "0100"))
    failed = application.send(bodies.message("whatsapp", "0003"))
    rows = console.tab.locator("main .row")
    rows.nth(1).wait_for()
    rows.get_by_label("rejected").wait_for()
    console.tab.get_by_label("Channel").select_option("whatsapp")
    rows.nth(1).wait_for(state="detached")
    rows.first.click()
    console.heading(f"Message {failed[:8]}")
    console.tab.get_by_role("heading", name="What happened").wait_for()
    console.tab.get_by_role("alert").first.wait_for()


def test_a_webhook_is_replayed(console: Console, application: Application) -> None:
    application.mailbox.refuse(times=1, status=400)
    uuid = application.send(bodies.message("sms", "0002"))
    until(lambda: application.mailbox.refused, PATIENCE)
    console.open(f"webhooks?application_id={application.id}")
    row = console.tab.locator("li[data-event]").first
    row.get_by_text("failed").wait_for()
    row.get_by_role("button", name=re.compile("Replay status")).click()
    row.get_by_text("replayed", exact=True).wait_for()
    until(lambda: application.mailbox.statuses(uuid), PATIENCE)


def test_failed_webhooks_come_newest_first_and_page_by_page(
    console: Console, application: Application
) -> None:
    application.mailbox.refuse(times=100, status=400)
    for _ in range(30):
        application.send(bodies.message("sms", "0002"))

    def failed() -> list[str]:
        answer = application.http.get(
            "/v0.1/webhooks/failed?order=desc&page_size=100", headers=application.authorization
        )
        return [event["event_id"] for event in answer.json()["_embedded"]["failed"]]

    until(lambda: len(failed()) == 30, PATIENCE)
    expected = failed()

    def shown() -> list[str]:
        names = "all => all.map(one => one.dataset.event)"
        return list(console.tab.locator("li[data-event]").evaluate_all(names))

    console.open(f"webhooks?application_id={application.id}")
    console.tab.locator("li[data-event]").nth(24).wait_for()
    assert shown() == expected[:25]
    console.tab.get_by_role("button", name="Older ones").click()
    last = console.tab.locator("li[data-event]").nth(29)
    last.wait_for()
    assert shown() == expected
    assert not console.tab.get_by_role("button", name="Older ones").is_visible()
    last.get_by_role("button", name=re.compile("Replay status")).click()
    last.get_by_text("replayed", exact=True).wait_for()


def test_with_many_applications(browser: Browser, tmp_path: Path) -> None:
    """Lists are of all together; for failed events one has to be chosen."""
    stack = LocalStack(tmp_path)
    stack.start()
    try:
        with httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=120) as http:
            made = [http.post("/v2/applications", json={"name": f"Shop {n}"}).json() for n in range(21)]
            body = {
                "channel": "sms",
                "from": "Acme",
                "to": "447700900321",
                "message_type": "text",
                "text": "Hi",
            }
            assert http.post("/v1/messages", json=body).status_code == 202
        console = Console(browser, stack)
        console.sign_in()
        for page in ("overview", "webhooks"):
            console.open(page)
            console.tab.get_by_role("alert").get_by_text("more than 20 applications").first.wait_for()
            console.tab.get_by_label("Application", exact=True).select_option(made[20]["id"])
            console.tab.get_by_role("alert").wait_for(state="detached")
        console.open("messages")
        mine = console.tab.get_by_text("447700900321").first
        mine.wait_for()
        console.tab.get_by_label("Application", exact=True).select_option(made[20]["id"])
        mine.wait_for(state="detached")
        console.tab.get_by_label("Application", exact=True).select_option("account")
        mine.wait_for()
        console.close()
    finally:
        stack.stop()


def test_an_application_is_made_and_deleted(console: Console) -> None:
    console.open("applications")
    console.tab.get_by_label("Name").fill("Made here")
    console.tab.get_by_label("Status URL").fill("https://client.example/status")
    console.tab.get_by_role("button", name="Create").click()
    key = console.tab.get_by_label("Private key", exact=True)
    assert key.inner_text().startswith("-----BEGIN PRIVATE KEY-----")
    console.tab.get_by_role("button", name="I have it").click()
    key.wait_for(state="detached")
    delete = console.tab.get_by_role("button", name="Delete Made here")
    delete.click()
    console.tab.get_by_role("button", name="Really delete?").click()
    delete.wait_for(state="detached")


def test_insights_of_the_newest_and_of_all(console: Console, application: Application) -> None:
    application.send(bodies.message("viber_service_msg", "0100"))
    console.open("insights")
    for kind in ("Newest", "7 days", "90 days"):
        console.tab.get_by_role("radio", name=kind).click()
        console.tab.get_by_role("row").filter(has_text="Viber").first.wait_for()
        console.tab.locator(".chart canvas").wait_for()


def test_compose_says_what_is_wrong(console: Console) -> None:
    console.open("compose")
    console.tab.get_by_label("Text").fill("€" * 75)
    console.tab.get_by_text("1 segment, GSM-7, 10 characters left").wait_for()
    console.tab.get_by_label("Text").fill("漢" * 71)
    console.tab.get_by_text("2 segments, UCS-2").wait_for()
    console.tab.get_by_label("To").fill("")
    assert console.tab.get_by_role("button", name="Send the message").is_disabled()
    console.tab.get_by_role("radio", name="Node").click()
    assert "nexmo.channel.send" in console.tab.locator("pre").inner_text()


# --- every page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(stack: LocalStack, browser: Browser) -> str:
    """Something to see on every page. The address of a dispatch."""
    console = Console(browser, stack)
    console.signed_in()
    console.compose(("read", "1", "One"), ("delivered", "600", "Two"), ("", "", "Three"))
    console.lane(1, "met")
    address = str(console.tab.evaluate("location.hash")).removeprefix("#/")
    console.close()
    return address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_in_the_way_of_a_screen_reader(
    stack: LocalStack, browser: Browser, busy: str, scheme: str
) -> None:
    console = Console(browser, stack, color_scheme=scheme)
    console.tab.goto(console.url)
    console.tab.get_by_label("API key").wait_for()
    found = {"sign-in": console.violations()}
    console.signed_in()
    for page in (*PAGES, busy, busy.replace("dispatches", "messages")):
        if page.startswith("messages/"):
            console.open("messages")
            console.tab.locator("main .row").first.click()
            console.tab.get_by_role("heading", name="What happened").wait_for()
        else:
            console.open(page)
            console.tab.wait_for_load_state("networkidle")
        found[page] = console.violations()
    console.close()
    assert {page: faults for page, faults in found.items() if faults} == {}


def test_it_fits_a_small_phone(stack: LocalStack, browser: Browser, busy: str) -> None:
    console = Console(browser, stack, viewport={"width": 360, "height": 740})
    console.signed_in()
    found = {}
    for page in (*PAGES, busy):
        console.open(page)
        console.tab.wait_for_timeout(500)
        found[page] = console.beyond_the_edge()
    assert {page: pixels for page, pixels in found.items() if pixels > 0} == {}
    console.tab.get_by_role("button", name="Menu").click()
    console.tab.get_by_role("link", name="Messages", exact=True).click()
    console.heading("Messages")
    console.close()


def test_the_first_view_is_small(stack: LocalStack, browser: Browser) -> None:
    console = Console(browser, stack)
    seen: list[Response] = []
    console.tab.on("response", lambda response: seen.append(response))
    console.signed_in()
    console.tab.wait_for_load_state("networkidle")
    sizes = {one.url: one.request.sizes()["responseBodySize"] for one in seen if "/console" in one.url}
    console.close()
    assert len(sizes) >= 3, "a page, its script and its style"
    assert 10_000 < sum(sizes.values()) < FIRST_VIEW
