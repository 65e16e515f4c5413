"""The console in a real browser, used as somebody uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

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
UNKNOWN = "\N{EN DASH}"
"""What the pages show of what they do not know."""
TELEGRAM = {
    "from": {"type": "telegram", "id": "447700900200"},
    "to": {"type": "telegram", "id": "447700900100"},
    "message": bodies.text(),
}
"""By a channel that tells of no delivery."""


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
    assert console.tab.title() == "Sign in · Switchboard"
    assert console.focus() == "Switchboard"
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
    phone.get_by_text("Open me").locator("..").locator(".ticks.read").wait_for()
    assert console.focus() == "Open Messenger", "it can be pressed again when there is something new"


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
    console.tab.locator(".row").first.locator(".ticks.delivered").wait_for()


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
    console.confirm("Cancel the dispatch")
    console.tab.locator(".summary").get_by_text("cancelled").wait_for()
    console.lane(0, "cancelled")
    assert "cancelled" in console.lane(1, "skipped").inner_text()
    assert console.tab.locator(".jump-line").count() == 0, "nothing follows"
    until(lambda: console.focus().startswith("Dispatch "), PATIENCE)


# --- messages, webhooks, applications ------------------------------------------------------------


def test_messages_come_by_themselves_and_are_found(console: Console, application: Application) -> None:
    console.open(f"messages?application_id={application.id}")
    console.tab.get_by_text("No messages here").wait_for()
    application.send(bodies.message("sms", "0100"))
    failed = application.send(bodies.message("whatsapp", "0003"))
    rows = console.tab.locator("main .row")
    rows.nth(1).wait_for()
    rows.locator(".ticks.rejected").wait_for()
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
    console.tab.get_by_role("button", name="Replay all shown").click()
    console.tab.get_by_role("dialog").get_by_text("Replay 30 events?").wait_for()
    console.confirm("Leave them")
    last.get_by_role("button", name=re.compile("Replay status")).click()
    last.get_by_text("replayed", exact=True).wait_for()


@pytest.fixture
def many(stack: LocalStack) -> Iterator[list[str]]:
    """More applications than are asked for together."""
    with httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=120) as http:
        made = [http.post("/v2/applications", json={"name": f"Shop {n}"}).json()["id"] for n in range(21)]
        yield made
        for application_id in made:
            http.delete(f"/v2/applications/{application_id}").raise_for_status()


def test_with_many_applications(stack: LocalStack, many: list[str], console: Console) -> None:
    """No list needs one to be chosen, and what belongs to none of them can be."""
    with httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=120) as http:
        sent = http.post("/v0.1/messages", json=bodies.message("sms", "0102")).json()["message_uuid"]
    row = console.tab.locator(f'main a.row[href="#/messages/{sent}"]').first
    for page in ("overview", "messages"):
        for owner in ("", "account"):
            console.open(f"{page}?application_id={owner}")
            row.wait_for()
        console.tab.get_by_label("Application", exact=True).select_option(many[20])
        row.wait_for(state="detached")
    for page in ("dispatches", "handsets", "insights"):
        console.open(page)
        console.tab.wait_for_load_state("networkidle")
        assert console.tab.get_by_role("alert").count() == 0
    console.open("webhooks")
    console.tab.get_by_text("choose one above").wait_for()
    console.tab.get_by_label("Application", exact=True).select_option("account")
    console.tab.get_by_text("Nothing was put aside").wait_for()


def create(console: Console, name: str) -> None:
    console.tab.get_by_label("Name").fill(name)
    console.tab.get_by_role("button", name="Create").click()
    console.tab.get_by_label(f"Private key of {name}", exact=True).wait_for()


def test_an_application_is_made_and_deleted(console: Console) -> None:
    console.open("applications")
    console.tab.get_by_label("Name").fill("   ")
    console.tab.get_by_text("A name needs").wait_for()
    assert console.tab.get_by_role("button", name="Create").is_disabled()
    console.tab.get_by_label("Status URL").fill("https://client.example/status")
    create(console, "Made here")
    assert console.focus() == "The private key of Made here"
    assert "Made here was created" in console.tab.get_by_role("status").inner_text()
    delete = console.tab.get_by_role("button", name="Delete Made here")
    delete.dblclick()
    dialog = console.tab.get_by_role("dialog")
    dialog.get_by_text("Delete Made here?").wait_for()
    console.tab.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert console.focus() == "Delete Made here"
    delete.click()
    assert console.focus() == "Keep it"
    console.confirm("Delete it")
    delete.wait_for(state="detached")
    until(lambda: console.focus() == "Yours", PATIENCE)


def test_private_keys_stay_until_somebody_has_them(console: Console) -> None:
    console.open("applications")
    create(console, "First")
    create(console, "Second")
    console.open("messages")
    console.open("applications")
    first = console.tab.get_by_label("Private key of First", exact=True)
    assert first.inner_text().startswith("-----BEGIN PRIVATE KEY-----")
    console.tab.get_by_role("button", name="I have the key of First").click()
    first.wait_for(state="detached")
    assert console.tab.get_by_label("Private key of Second", exact=True).is_visible()


def test_insights_of_the_newest_and_of_all(console: Console, application: Application) -> None:
    application.send(bodies.message("viber_service_msg", "0100"))
    console.open("insights")
    application.send(TELEGRAM)
    for kind in ("Newest", "7 days", "90 days"):
        console.tab.get_by_role("radio", name=kind).click()
        console.tab.get_by_role("row").filter(has_text="Viber").first.wait_for()
        console.tab.locator(".chart canvas").wait_for()
        if kind == "Newest":  # sums are counted half a minute later
            untold = console.tab.get_by_role("row").filter(has_text="Telegram")
            untold.get_by_text("not told").nth(1).wait_for()
    assert console.violations() == []


# --- composing -----------------------------------------------------------------------------------


def test_compose_says_what_is_wrong(rough: Console) -> None:
    rough.open("compose")
    rough.tab.get_by_label("Text").fill("€" * 75)
    rough.tab.get_by_text("1 segment, GSM-7, 10 characters left").wait_for()
    rough.tab.get_by_label("Text").fill("漢" * 71)
    rough.tab.get_by_text("2 segments, UCS-2").wait_for()
    rough.tab.get_by_text("phones on the screen").wait_for()
    recipient = rough.tab.get_by_label("To")
    recipient.fill("12")
    fault = rough.tab.get_by_text("It must be an international number")
    fault.wait_for()
    assert fault.count() == 1, "each once"
    assert recipient.get_attribute("aria-invalid") == "true"
    assert fault.get_attribute("id") == recipient.get_attribute("aria-describedby")
    assert "to.number" not in rough.tab.locator("main").inner_text().partition("The same by program")[0]
    assert not rough.tab.get_by_text("phones on the screen").is_visible(), "this is nobody's number there"
    recipient.fill("")
    assert rough.tab.get_by_role("button", name="Send the message").is_disabled()
    rough.tab.get_by_role("radio", name="Node").click()
    assert "nexmo.channel.send" in rough.tab.locator("pre").inner_text()


def test_the_first_failover_is_the_one_of_the_guide(console: Console) -> None:
    console.tab.get_by_role("navigation").get_by_role("link", name="Compose").click()
    console.tab.get_by_role("radio", name="Message").focus()
    console.tab.keyboard.press("ArrowRight")
    steps = console.tab.locator(".step-form")
    steps.nth(2).wait_for()
    assert console.focus() == "Dispatch", "arrow keys take the focus along"
    channels = [steps.nth(number).get_by_label("Channel").input_value() for number in range(3)]
    assert channels == ["messenger", "viber_service_msg", "sms"]
    assert [steps.nth(n).get_by_label("within seconds").input_value() for n in range(2)] == ["10", "10"]
    console.tab.get_by_text("It goes to the phones on the screen").wait_for()
    console.tab.get_by_role("button", name="Start the dispatch").click()
    assert "until read, for 10 s" in console.lane(0, "running").inner_text()


def test_a_draft_that_was_worked_on_stays(console: Console) -> None:
    console.open("compose")
    console.tab.get_by_label("Text").fill("Mine")
    console.tab.get_by_label("Channel").select_option("whatsapp")
    console.tab.get_by_role("radio", name="template").click()
    console.tab.get_by_label("Name of the template").fill("parcel")
    console.tab.get_by_role("radio", name="text").click()
    console.tab.get_by_label("To").fill("447700900123")
    console.tab.get_by_label("Channel").select_option("viber_service_msg")
    assert console.tab.get_by_label("To").input_value() == "447700900123", "a number is one here too"
    console.open("messages")
    console.open("compose")
    assert console.tab.get_by_label("Text").input_value() == "Mine"
    console.tab.get_by_role("radio", name="Dispatch").click()
    steps = console.tab.locator(".step-form")
    steps.nth(2).wait_for()
    assert [steps.nth(n).get_by_label("Text").input_value() for n in range(3)] == ["Mine"] * 3
    assert steps.nth(0).get_by_label("To").input_value() == "447700900123"
    steps.nth(0).get_by_label("Channel").select_option("telegram")
    steps.nth(0).get_by_text("Telegram tells of no delivery").wait_for()
    assert steps.nth(0).get_by_label("Go on unless it is").count() == 0
    console.tab.get_by_role("button", name="Start over").click()
    console.confirm("Start over")
    until(lambda: steps.nth(2).get_by_label("Text").input_value().startswith("Your parcel"), PATIENCE)
    assert steps.nth(0).get_by_label("Channel").input_value() == "messenger"


def test_what_every_channel_begins_with_can_be_sent(stack: LocalStack, console: Console) -> None:
    console.open("compose")
    channel = console.tab.get_by_label("Channel")
    channel.wait_for()
    names = channel.locator("option").evaluate_all("all => all.map(one => one.value)")
    assert len(names) > 8
    sent = {}
    with httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=60) as http:
        for name in names:
            channel.select_option(name)
            program = console.tab.get_by_label("Program in curl")
            program.get_by_text(f'"type": "{name}"').wait_for()
            body = json.loads(program.inner_text().partition("-d '")[2].rstrip().removesuffix("'"))
            sent[name] = http.post("/v0.1/messages", json=body).raise_for_status().json()["message_uuid"]

        def open_ones() -> dict[str, str]:
            found = {name: http.get(f"/v0.1/messages/{uuid}").json()["status"] for name, uuid in sent.items()}
            return {name: status for name, status in found.items() if status in ("accepted", "rejected")}

        until(lambda: not open_ones(), PATIENCE)


# --- when something fails ------------------------------------------------------------------------


def test_no_news_is_not_good_news(rough: Console) -> None:
    """Nothing is told that nobody knows, and what was there stays."""
    rough.tab.route("**/v0.1/**", lambda route: route.abort())
    rough.open("messages")
    rough.tab.get_by_role("alert").get_by_text("The messages could not be loaded. There is no con").wait_for()
    assert not rough.tab.get_by_text("No messages here").is_visible()
    rough.open("overview")
    rough.tab.get_by_role("alert").get_by_text("could not be loaded. There is no connection").wait_for()
    counters = rough.tab.locator(".counter-value")
    assert counters.all_inner_texts() == [UNKNOWN] * 4
    assert not rough.tab.get_by_text("Nothing failed lately").is_visible()
    rough.tab.unroute_all()
    rough.tab.get_by_role("button", name="Retry").click()
    rough.tab.get_by_role("alert").wait_for(state="detached")
    shown = counters.all_inner_texts()
    assert UNKNOWN not in shown[:3]
    rough.tab.route("**/v0.1/**", lambda route: route.abort())
    rough.tab.get_by_text("What is shown is of").wait_for()
    assert counters.all_inner_texts() == shown
    rough.open("compose")
    rough.tab.get_by_role("alert").get_by_text("It could not be tried").wait_for()


def test_a_page_that_could_not_be_loaded_once(rough: Console) -> None:
    rough.tab.route("**/assets/Insights*", lambda route: route.abort())
    rough.open("insights")
    rough.tab.get_by_role("alert").get_by_text("could not be loaded").wait_for()
    assert rough.tab.get_by_role("button", name="Reload").is_visible()
    rough.tab.unroute_all()
    rough.open("messages")
    rough.open("insights")
    rough.tab.get_by_role("radio", name="Newest").wait_for()


def test_a_page_with_a_fault_leaves_the_others(rough: Console) -> None:
    rough.tab.route("**/v0.1/messages*", lambda route: route.fulfill(json={"messages": [None], "next": None}))
    rough.open("messages")
    rough.heading("A fault")
    assert rough.tab.get_by_role("button", name="Reload").is_visible()
    rough.open("applications")
    rough.heading("Applications")


def test_an_address_that_does_not_take_events(console: Console, application: Application) -> None:
    """It is seen at once, not when its events are put aside a day later."""
    console.open(f"webhooks?application_id={application.id}")
    address = console.tab.locator('li[data-endpoint="status_url"]')
    address.get_by_text(application.mailbox.url).wait_for()
    application.mailbox.refuse(times=1000, status=500)
    application.send(bodies.message("sms", "0002"))
    address.get_by_text("failing", exact=True).wait_for()
    address.get_by_text("answered 500").wait_for()
    console.open(f"overview?application_id={application.id}")
    console.tab.get_by_text("does not take events").wait_for()
    assert not console.tab.get_by_text("Nothing failed lately").is_visible()


# --- numbers, times, pictures --------------------------------------------------------------------

FAR = "Asia/Kolkata"
"""Half an hour off from everywhere near."""


def test_every_time_is_the_readers(stack: LocalStack, browser: Browser, application: Application) -> None:
    """In prose too, where the API writes moments as it does everywhere."""
    uuid = application.dispatch(bodies.step("messenger", "0002", 600, "read"), bodies.step("sms", "0100"))
    console = Console(browser, stack, timezone_id=FAR)
    console.signed_in()

    console.open(f"dispatches/{uuid}")
    summary = console.tab.locator(".story > p")
    summary.get_by_text("has until").wait_for()
    deadline = summary.locator("time")
    local = datetime.fromisoformat(deadline.get_attribute("datetime") or "").astimezone(ZoneInfo(FAR))
    shown = deadline.inner_text()
    assert shown.endswith(f"{local:%H:%M:%S}")
    assert local.date() == datetime.now(ZoneInfo(FAR)).date() or str(local.day) in shown
    assert "Z" not in summary.inner_text()
    console.close()


def test_numbers_are_the_apis(console: Console, application: Application) -> None:
    application.send(TELEGRAM)
    application.send(bodies.message("sms", "0100"))
    failed = application.send(bodies.message("whatsapp", "0003"))
    read = application.send(bodies.message("whatsapp", "0100"))
    until(lambda: application.show(read)["status"] == "read", PATIENCE)
    console.open(f"overview?application_id={application.id}")

    def row(channel: str) -> list[str]:
        texts = console.tab.get_by_role("row").filter(has_text=channel).locator("td").all_inner_texts()
        return [text.strip() for text in texts]

    until(lambda: row("SMS") == ["1", "100 %", "not told"], PATIENCE)
    until(lambda: row("Telegram") == ["1", "not told", "not told"], PATIENCE)
    until(lambda: row("WhatsApp") == ["1", "50 %", "100 %"], PATIENCE)  # of two one was sent
    arrived = console.tab.locator("a.counter").filter(has_text="Arrived")
    assert arrived.inner_text().split("\n")[0] == "67 %"
    arrived.click()
    rows = console.tab.locator("main a.row")
    until(lambda: rows.count() == 2, PATIENCE)  # the read one is among them, the failed one is not
    console.open(f"messages/{failed}")
    console.tab.get_by_role("heading", name="Details").wait_for()
    assert "known yet" not in console.tab.locator("main").inner_text()


def test_half_of_two_is_the_smaller_one(console: Console, application: Application) -> None:
    phone = {"channel": "sms", "person": "447700900700"}
    body = bodies.message("sms") | {"to": {"type": "sms", "number": phone["person"]}}

    def arrive(uuid: str) -> float:
        until(lambda: application.show(uuid)["status"] == "delivered", PATIENCE)
        took = at(application.show(uuid)["statuses"]["delivered"]) - accepted[uuid]
        return max(0.0, took.total_seconds())

    def at(text: str) -> datetime:
        return datetime.fromisoformat(text)

    def accepted_at(uuid: str) -> datetime:
        query = {"application_id": application.id}
        found = application.http.get("/v0.1/messages", params=query, headers=application.authorization).json()
        [moment] = [one["accepted_at"] for one in found["messages"] if one["message_uuid"] == uuid]
        return at(moment)

    def switch(to: str) -> None:
        application.http.post("/sandbox/handsets", json=phone | {"do": to}).raise_for_status()

    accepted: dict[str, datetime] = {}
    switch("off")
    slow = application.send(body)
    accepted[slow] = accepted_at(slow)
    until(lambda: application.show(slow)["status"] == "submitted", PATIENCE)
    console.tab.wait_for_timeout(1500)
    switch("on")
    times = [arrive(slow)]
    fast = application.send(body)
    accepted[fast] = accepted_at(fast)
    times.append(arrive(fast))
    console.open(f"insights?application_id={application.id}")
    cells = console.tab.get_by_role("row").filter(has_text="SMS").locator("td")
    cells.first.wait_for()
    half, most = cells.nth(5).inner_text().removesuffix(" s").split(" s / ")
    assert [float(half), float(most)] == pytest.approx(sorted(times), abs=0.06)
    assert float(most) > float(half)


def test_a_workflow_is_listed_as_it_is(console: Console, application: Application) -> None:
    uuid = application.dispatch(
        bodies.step("sms", "0100", 600), bodies.step("whatsapp", "0100", 600), bodies.step("sms", "0101")
    )
    console.open(f"dispatches?application_id={application.id}&channel=whatsapp")
    row = console.tab.locator(f'main a.row[href="#/dispatches/{uuid}"]')
    row.wait_for()
    assert [name.split()[-1] for name in row.locator(".hop").all_inner_texts()] == ["SMS", "WhatsApp", "SMS"]


def test_the_picture_of_steps_that_failed(console: Console, application: Application) -> None:
    uuid = application.dispatch(bodies.step("whatsapp", "0003", 600), bodies.step("sms", "0004"))
    console.open(f"dispatches/{uuid}")
    last = console.lane(1, "failed")
    assert "began" in console.lane(0, "failed").locator(".track").inner_text()
    assert console.lane(0, "failed").locator(".jump-line").count() == 1
    assert last.locator(".jump-why").is_visible()
    assert last.locator(".jump-line").count() == 0, "it leads nowhere"


def test_what_went_to_and_fro_with_a_provider(console: Console, application: Application) -> None:
    uuid = application.send(bodies.message("whatsapp", "0100"))
    until(lambda: application.show(uuid)["status"] == "delivered", PATIENCE)
    console.open(f"messages/{uuid}")
    exchange = console.tab.locator(".exchange").filter(has_text="Its id")
    exchange.wait_for()
    assert exchange.inner_text().startswith("Account")
    told = application.http.get(f"/v0.1/messages/{uuid}/explain", headers=application.authorization)
    found = [line["evidence"].get("provider_id") for line in told.json()["lines"]]
    [theirs] = [name for name in found if name]
    assert theirs[-6:] in exchange.inner_text()
    assert len(theirs) < 10 or theirs not in console.tab.locator("main").inner_text()


def test_a_name_cannot_be_answered(console: Console) -> None:
    console.open("compose")
    console.tab.get_by_label("Text").fill("From a name")
    console.tab.get_by_role("button", name="Send the message").click()
    console.tab.get_by_text("delivered").first.wait_for()
    console.open("handsets")
    phone = console.tab.get_by_role("region", name="SMS, 447700900700")
    phone.get_by_text("Acme is a name, no number").wait_for()
    assert phone.get_by_label("Answer from SMS").is_disabled()


# --- looking for something -----------------------------------------------------------------------


def test_a_recipient_is_found_however_it_is_written(console: Console, application: Application) -> None:
    application.send(bodies.message("sms", "0102"))
    application.send(bodies.message("sms", "0103"))
    console.open(f"messages?application_id={application.id}")
    rows = console.tab.locator("main a.row")
    rows.nth(1).wait_for()
    before = console.tab.evaluate("history.length")
    console.tab.get_by_label("To", exact=True).press_sequentially(" +44 7700 900102 ", delay=20)
    rows.nth(1).wait_for(state="detached")
    rows.get_by_text("447700900102").wait_for()
    assert "to=447700900102" in console.hash()
    assert console.tab.evaluate("history.length") == before, "no place of its own for each letter"


def test_templates_are_asked_for_when_the_typing_stopped(rough: Console) -> None:
    asked: list[str] = []
    rough.tab.on("request", lambda sent: asked.append(sent.url) if "v0.1/templates" in sent.url else None)
    rough.open("templates")
    with rough.tab.expect_response("**/v0.1/templates*"):
        rough.tab.get_by_label("WhatsApp number").press_sequentially("+44 7700 900200", delay=20)
    assert [url.partition("sender=")[2] for url in asked] == ["447700900200"]


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
            until(lambda: console.tab.get_by_text("Loading").count() == 0, PATIENCE)
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
    menu = console.tab.get_by_role("button", name="Menu")
    menu.click()
    console.tab.get_by_role("link", name="Messages", exact=True).focus()
    console.tab.keyboard.press("Escape")
    assert menu.get_attribute("aria-expanded") == "false"
    assert console.focus() == "Menu"
    menu.click()
    console.tab.get_by_role("link", name="Messages", exact=True).click()
    console.heading("Messages")
    console.close()


def test_on_a_small_screen_one_sees_what_a_phone_does(stack: LocalStack, browser: Browser) -> None:
    console = Console(browser, stack, viewport={"width": 390, "height": 844})
    console.signed_in()
    console.compose(("read", "600", "Look"), ("delivered", "600", "x"), ("", "", "x"), to="handsets")
    console.heading("Handsets")
    phone = console.phone("Messenger")
    phone.get_by_text("Look").wait_for()
    phone.get_by_role("button", name="Open Messenger").click()
    met = console.tab.locator('[data-strip="0"][data-state="met"]')
    met.wait_for()
    box, height = met.bounding_box(), console.tab.evaluate("innerHeight")
    console.close()
    assert box
    assert 0 <= box["y"] < height, "without scrolling"


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
