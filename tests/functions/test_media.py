"""Media: fetched with limits, handed over as providers want it, and kept for the client."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox.carriers.media import PLACEHOLDERS
from switchboard import media, notifying
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import accepts_all, basic

Answer = Callable[[httpx.Request], httpx.Response]
GIF, MP3, MP4, PNG = (PLACEHOLDERS[name][1]() for name in (".gif", ".mp3", ".mp4", ".png"))
HTML = b"<!doctype html><title>Not found</title>"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "pause", lambda receives: 0)


def serving(*answers: httpx.Response | type[Exception], host: str = "media.example") -> Answer:
    """The media's host gives these answers in turn, the last one for ever."""
    waiting = list(answers)

    def provider(request: httpx.Request) -> httpx.Response:
        if not request.url.host.endswith(host):
            return accepts_all(request)
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        raise answer("as the test wants it")

    return provider


def file(content: bytes, kind: str = "application/octet-stream") -> httpx.Response:
    return httpx.Response(200, content=content, headers={"content-type": kind})


# --- outbound ------------------------------------------------------------------------------------


def mms(url: str = "https://media.example/a.gif", kind: str = "image") -> dict[str, Any]:
    body = payloads.text("mms")
    body["message"]["content"] = {"type": kind, kind: {"url": url}}
    return body


def moved(to: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": to})


TAKEN: dict[str, list[Any]] = {
    "whatever its host calls it": [file(GIF, "text/html")],
    "after its host had trouble": [httpx.Response(503), httpx.ReadTimeout, file(GIF)],
}


@pytest.mark.parametrize("answers", TAKEN.values(), ids=list(TAKEN))
def test_taken(flow: Flow, answers: list[Any]) -> None:
    flow.world.provider = serving(*answers)
    uuid = flow.send(mms())
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == ["submitted"]
    stored = flow.cloud.s3.get_object(Bucket="media", Key=f"outbound/{uuid}.gif")
    assert (stored["Body"].read(), stored["ContentType"]) == (GIF, "image/gif")


REFUSED: dict[str, tuple[str, list[Any], int]] = {
    "not there": ("https://media.example/a.gif", [httpx.Response(404)], 1380),
    "elsewhere by now": (
        "https://media.example/a.gif",
        [moved("https://cdn.media.example/b.gif"), file(GIF)],
        1380,
    ),
    "packed": (
        "https://media.example/a.gif",
        [httpx.Response(200, content=GIF, headers={"content-encoding": "somehow"})],
        1380,
    ),
    "to our own network": ("https://media.example/a", [moved("http://inside.example/a")], 1380),
    "our runtime": ("http://runtime.example:9001/2018-06-01/runtime/invocation/next", [], 1380),
    "our credentials": ("http://metadata.example/latest/meta-data", [], 1380),
    "half an address": ("http://[::1", [], 1380),
    "a name that cannot be": (f"https://{'a' * 70}.example/a.gif", [], 1380),
    "a nul": ("http://media.example/\0", [], 1380),
    "loopback": ("http://six.example/a.gif", [], 1380),
    "too large": ("https://media.example/a.gif", [file(GIF + bytes(2 * 1024 * 1024))], 1381),
    "a page": ("https://media.example/a.gif", [file(HTML, "image/gif")], 1382),
    "a film": ("https://media.example/a.gif", [file(MP4, "image/gif")], 1382),
    "nothing": ("https://media.example/a.gif", [file(b"", "image/gif")], 1382),
}


@pytest.mark.parametrize(("url", "answers", "code"), REFUSED.values(), ids=list(REFUSED))
def test_refused(flow: Flow, url: str, answers: list[Any], code: int) -> None:
    flow.world.provider = serving(*(answers or [AssertionError]))
    uuid = flow.send(mms(url))
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid)
    assert (hook["status"], hook["error"]["code"]) == ("rejected", code)
    assert not any("inside" in request.url.host for request in flow.world.sent)


def test_what_a_provider_wants_to_know_of_media_is_read_from_it(flow: Flow) -> None:
    """LINE must be told how long an audio file is."""
    flow.cloud.secrets.create_secret(
        Name="sb/accounts/line/default",
        SecretString=json.dumps({"channel_access_token": "t", "channel_secret": "s"}),
    )

    def provider(request: httpx.Request) -> httpx.Response:
        if request.url.host == "media.example":
            return file(MP3)
        return httpx.Response(200, json={"sentMessages": [{"id": "590117263548911203"}]})

    flow.world.provider = provider
    ends = {"type": "line", "id": "Uaa17c3f20b5e49d88c6610f2e3d4b597"}
    audio = {"type": "audio", "audio": {"url": "https://media.example/a.mp3"}}
    uuid = flow.send({"from": ends, "to": ends, "message": {"content": audio}})
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    [sent] = json.loads(flow.world.sent[-1].content)["messages"]
    assert sent["originalContentUrl"] == "https://media.example/a.mp3"
    assert 200 <= sent["duration"] <= 300


def rcs(kind: str, node: Any) -> dict[str, Any]:
    agent = {"type": "rcs", "id": "rcs-7b1f00c2d4e94a6f8a3c5d7e9f0a1b2c"}
    content = {"type": kind, kind: node}
    return {"from": agent, "to": {"type": "rcs", "number": "447700900100"}, "message": {"content": content}}


def card(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://media.example/{number}.gif"
    return {"title": f"Card {number}", "text": "x", "media_url": url, **more}


THUMBNAIL = {"thumbnail_url": "https://media.example/small.gif"}
SEVERAL: dict[str, tuple[dict[str, Any], list[str]]] = {
    "list of one": (
        payloads.text("mms")
        | {
            "message": {
                "content": {
                    "type": "content",
                    "content": [{"type": "image", "url": "https://media.example/a.gif"}],
                }
            }
        },
        [".gif"],
    ),
    "card": (rcs("card", card(1)), [".gif"]),
    "card with a thumbnail": (rcs("card", card(1, **THUMBNAIL)), [".gif", "-1.gif"]),
    "carousel": (
        rcs("carousel", {"cards": [card(1), card(2, **THUMBNAIL)]}),
        [".gif", "-1.gif", "-2.gif"],
    ),
}


@pytest.mark.parametrize(("body", "ends"), SEVERAL.values(), ids=list(SEVERAL))
def test_all_media_of_a_message_is_put_into_the_bucket(
    flow: Flow, body: dict[str, Any], ends: list[str]
) -> None:
    flow.world.provider = serving(file(GIF))
    uuid = flow.send(body)
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    keys = [f"outbound/{uuid}{end}" for end in ends]
    for key in keys:
        stored = flow.cloud.s3.get_object(Bucket="media", Key=key)
        assert (stored["Body"].read(), stored["ContentType"]) == (GIF, "image/gif")
    told = flow.world.sent[-1].content.decode()
    assert [f"s3://media/{key}" in told for key in keys] == [True] * len(keys)
    assert "media.example" not in told


@pytest.mark.parametrize(
    ("answer", "status"),
    [(file(GIF), "submitted"), (file(HTML), "rejected"), (httpx.Response(404), "rejected")],
    ids=["there", "a page", "not there"],
)
def test_a_video_s_thumbnail_must_be_had_too(flow: Flow, answer: httpx.Response, status: str) -> None:
    flow.world.provider = serving(file(MP4), answer)
    video = {"url": "https://media.example/a.mp4", "thumb_url": "https://media.example/small.gif"}
    uuid = flow.send(rcs("video", video))
    flow.drain()
    assert flow.statuses(uuid) == [status]


def test_a_file_goes_out_under_the_name_that_it_was_given(flow: Flow) -> None:
    flow.cloud.secrets.create_secret(
        Name="sb/accounts/viber_bot/default", SecretString=json.dumps({"auth_token": "t"})
    )

    def provider(request: httpx.Request) -> httpx.Response:
        if request.url.host == "media.example":
            return file(b"%PDF-1.4 x")
        return httpx.Response(200, json={"status": 0, "message_token": 5741311803571721087})

    flow.world.provider = provider
    ends = {"type": "viber_bot", "id": "01234567890A="}
    order = {"type": "file", "file": {"url": "https://media.example/7", "name": "order 7.pdf"}}
    uuid = flow.send({"from": ends, "to": ends, "message": {"content": order}})
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    assert json.loads(flow.world.sent[-1].content)["file_name"] == "order 7.pdf"


# --- inbound -------------------------------------------------------------------------------------


def writes(flow: Flow, wamid: str = "wamid.1") -> None:
    """A person sends a picture on WhatsApp."""
    picture = {"id": "900", "mime_type": "image/png", "sha256": "x", "caption": "Here"}
    said = {"from": "447700900100", "id": wamid, "timestamp": "1795600000", "type": "image", "image": picture}
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    payloads.whatsapp_hook(flow.cloud, {"metadata": metadata, "messages": [said]})


def graph(*answers: Any) -> Answer:
    """Meta tells where media is, and the answers are found there."""
    there = serving(*answers, host="lookaside.example")

    def provider(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/900"):
            return httpx.Response(200, json={"id": "900", "url": "https://lookaside.example/picture"})
        return there(request)

    return provider


def fetched(flow: Flow) -> int:
    return sum(request.url.host == "lookaside.example" for request in flow.world.sent)


def get(flow: Flow, url: str, headers: dict[str, str]) -> dict[str, Any]:
    event = {
        "version": "2.0",
        "rawPath": url.removeprefix("https://sb.example"),
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"http": {"method": "GET"}, "stage": "$default", "requestId": "r"},
        "isBase64Encoded": False,
    }
    return flow.cloud.call("media", event)


def test_what_a_person_sends_is_kept_for_its_application(flow: Flow) -> None:
    flow.send(payloads.text("whatsapp"))  # so that the sender is the application's
    flow.drain()
    flow.world.provider = graph(file(PNG, "image/png"))
    for _ in range(2):
        writes(flow)
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    node = heard["message"]["content"]["image"]
    assert node == {"url": f"https://sb.example/v0.1/media/{heard['message_uuid']}", "caption": "Here"}
    assert fetched(flow) == 1
    assert flow.world.sent[-1].headers["authorization"] == "Bearer wa-token"

    for headers in (flow.app["bearer"], basic()):
        answer = get(flow, node["url"], headers)
        assert answer["statusCode"] == 200
        assert answer["isBase64Encoded"]
        assert base64.b64decode(answer["body"]) == PNG
        assert answer["headers"]["Content-Type"] == "image/png"
        assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
    other = payloads.application(flow.cloud)
    assert get(flow, node["url"], other["bearer"])["statusCode"] == 404
    assert get(flow, node["url"], {})["statusCode"] == 401
    flow.cloud.s3.delete_object(Bucket="media", Key=media.kept(heard["message_uuid"]))
    assert get(flow, node["url"], flow.app["bearer"])["statusCode"] == 404


def test_a_providers_own_link_may_lead_elsewhere(flow: Flow) -> None:
    flow.world.provider = graph(moved("https://cdn.lookaside.example/b"), file(PNG))
    writes(flow)
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    assert heard["message"]["content"]["type"] == "image"


def test_but_not_to_us(flow: Flow) -> None:
    flow.world.provider = graph(moved("http://runtime.example/b"), file(PNG))
    writes(flow)
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    assert heard["error"]["code"] == 1380
    assert not any("runtime" in request.url.host for request in flow.world.sent)


def test_a_sticker_is_kept_as_well(flow: Flow) -> None:
    flow.world.provider = graph(file(PNG, "image/webp"))
    sticker = {"id": "900", "mime_type": "image/webp", "sha256": "x", "animated": False}
    said = {"from": "447700900100", "id": "wamid.9", "timestamp": "1795600000", "type": "sticker"}
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    payloads.whatsapp_hook(flow.cloud, {"metadata": metadata, "messages": [said | {"sticker": sticker}]})
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    answer = get(flow, f"/v0.1/media/{heard['message_uuid']}", basic())
    assert base64.b64decode(answer["body"]) == PNG


def test_a_large_file_is_had_by_another_address(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow.cloud.functions["media"], "LARGEST_ANSWER", len(PNG) - 1)
    flow.world.provider = graph(file(PNG))
    writes(flow)
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    answer = get(flow, heard["message"]["content"]["image"]["url"], basic())
    assert answer["statusCode"] == 302
    assert f"/{media.kept(heard['message_uuid'])}?" in answer["headers"]["Location"]


LOST: dict[str, tuple[list[Any], int]] = {
    "gone": ([httpx.Response(404)], 1380),
    "too large": ([file(PNG + bytes(9_000))], 1381),
    "a page": ([file(HTML)], 1382),
}


@pytest.mark.parametrize(("answers", "code"), LOST.values(), ids=list(LOST))
def test_a_message_whose_media_cannot_be_had_is_no_silence(
    flow: Flow, answers: list[Any], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "LARGEST", 8_000)
    flow.world.provider = graph(*answers)
    writes(flow)
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    assert heard["message"]["content"] == {"type": "unsupported"}
    assert heard["error"]["code"] == code
    assert get(flow, f"/v0.1/media/{heard['message_uuid']}", basic())["statusCode"] == 404


def test_a_host_that_has_trouble_is_asked_again(flow: Flow) -> None:
    flow.world.provider = graph(httpx.Response(503), httpx.ConnectTimeout, file(PNG))
    writes(flow)
    flow.until(lambda: flow.heard(direction="inbound"))
    [heard] = flow.heard(direction="inbound")
    assert "url" in heard["message"]["content"]["image"]


def test_in_the_end_it_goes_out_without(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "MEDIA_PATIENCE", timedelta(0))
    flow.world.provider = graph(httpx.Response(503))
    writes(flow)
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    assert heard["error"]["code"] == 1380


def test_the_client_is_asked_again_without_fetching_again(flow: Flow) -> None:
    replies = [httpx.Response(500), httpx.Response(200)]
    flow.world.client = lambda request: replies.pop(0)
    flow.world.provider = graph(file(PNG))
    writes(flow)
    flow.until(lambda: flow.heard(direction="inbound"))
    assert fetched(flow) == 1


def test_dying_between_the_file_and_its_note(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    store = type(flow.cloud.functions["notify"].services.store)
    note = store.note_media

    def die(self: Any, *args: Any) -> None:
        monkeypatch.setattr(store, "note_media", note)
        raise RuntimeError("died")

    monkeypatch.setattr(store, "note_media", die)
    flow.world.provider = graph(file(PNG))
    writes(flow)
    flow.until(lambda: flow.heard(direction="inbound"))
    [heard] = flow.heard(direction="inbound")
    assert get(flow, heard["message"]["content"]["image"]["url"], basic())["statusCode"] == 200
