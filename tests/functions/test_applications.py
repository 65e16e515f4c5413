"""/v2/applications, as the clients use it."""

from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from vonage_application import ApplicationData, ListApplicationsResponse

from switchboard.applications import key_pair
from tests.support import payloads
from tests.support.cloud import API_KEY, API_SECRET, Cloud

WEBHOOKS = {
    "messages": {
        "webhooks": {
            "inbound_url": {"address": "https://client.example/in", "http_method": "POST"},
            "status_url": {"address": "https://client.example/st", "http_method": "POST"},
        }
    }
}


def call(cloud: Cloud, method: str, path: str = "", body: Any = None, **query: str) -> tuple[int, Any]:
    return cloud.http("applications", method, f"/v2/applications{path}", body, payloads.basic(), query)


def test_life_of_an_application(cloud: Cloud) -> None:
    body = {"name": "one", "capabilities": WEBHOOKS | {"vbc": {}}, "privacy": {"improve_ai": False}}
    status, made = call(cloud, "POST", "", body)
    assert status == 201
    private_key = made["keys"].pop("private_key")
    assert private_key.startswith("-----BEGIN PRIVATE KEY-----")
    assert load_pem_private_key(private_key.encode(), None)
    assert made == body | {"id": made["id"], "keys": {"public_key": made["keys"]["public_key"]}}

    path = f"/{made['id']}"
    assert call(cloud, "GET", path) == (200, made)  # and no private key any more

    status, changed = call(cloud, "PUT", path, {"name": "two"})
    assert status == 200
    assert changed == made | {"name": "two", "capabilities": {}, "privacy": {"improve_ai": True}}

    _, own_key = key_pair()
    status, changed = call(cloud, "PUT", path, {"name": "two", "keys": {"public_key": own_key}})
    assert (status, changed["keys"]) == (200, {"public_key": own_key})

    assert call(cloud, "DELETE", path) == (204, "")
    for method, content in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        assert call(cloud, method, path, content)[0] == 404


EVERYTHING = {
    "voice": {
        "webhooks": {
            "answer_url": {
                "address": "https://client.example/answer",
                "http_method": "GET",
                "connection_timeout": 500,
                "socket_timeout": 3000,
            },
            "fallback_answer_url": {"address": "https://client.example/fallback", "http_method": "POST"},
            "event_url": {
                "address": "https://client.example/event",
                "http_method": "POST",
                "connect_timeout": 1000,
                "socket_timeout": 10_000,
            },
        },
        "signed_callbacks": True,
        "conversations_ttl": 48,
        "leg_persistence_time": 7,
        "region": "eu-west",
        "payments": {"gateways": [{"type": "Stripe", "mode": "live", "credential": "26f2"}]},
    },
    "rtc": {
        "webhooks": {"event_url": {"address": "https://client.example/rtc", "http_method": "GET"}},
        "signed_callbacks": False,
        "leg_persistence_time": 5,
    },
    "messages": WEBHOOKS["messages"] | {"version": "v1", "authenticate_inbound_media": True},
    "verify": {
        "webhooks": {"status_url": {"address": "https://client.example/verify", "http_method": "POST"}},
        "version": "v2",
    },
    "meetings": {
        "webhooks": {"room_changed": {"address": "https://client.example/room", "http_method": "PUT"}}
    },
    "network_apis": {
        "network_application_id": "2bzfIFqRG128IcjSj1YhZNtw6LADG",
        "redirect_uri": "https://a.b",
    },
    "video": {
        "webhooks": {"archive": {"address": "https://client.example/a", "secret": "s", "active": True}}
    },
    "bulk": {"webhooks": {}},
    "vbc": {},
}


def test_other_products_survive(cloud: Cloud) -> None:
    made = call(cloud, "POST", "", {"name": "all", "capabilities": EVERYTHING})[1]
    assert made["capabilities"] == EVERYTHING
    path = f"/{made['id']}"
    assert call(cloud, "GET", path)[1]["capabilities"] == EVERYTHING
    # What came is what the newer client sends back, with the rest of the answer around it.
    status, again = call(cloud, "PUT", path, call(cloud, "GET", path)[1] | {"name": "still"})
    assert (status, again["capabilities"], again["name"]) == (200, EVERYTHING, "still")
    assert again["keys"] == {"public_key": made["keys"]["public_key"]}
    parsed = ApplicationData(**again)
    assert parsed.capabilities and parsed.capabilities.voice and parsed.capabilities.voice.webhooks
    assert parsed.capabilities.messages and parsed.capabilities.messages.version == "v1"
    listed = ListApplicationsResponse(**call(cloud, "GET")[1])
    assert [one.id for one in listed.embedded.applications] == [made["id"]]
    assert listed.links.self.href == "/v2/applications?page=1&page_size=10"


def test_null_is_nothing_and_methods_are_in_capitals(cloud: Cloud) -> None:
    status_url = {"address": "https://client.example/st", "http_method": "post"}
    capabilities = {
        "messages": {"webhooks": {"status_url": status_url, "inbound_url": None}, "version": None},
        "rtc": None,
    }
    body = {"name": "x", "capabilities": capabilities, "keys": None, "privacy": None}
    status, made = call(cloud, "POST", "", body)
    assert status == 201
    kept = status_url | {"http_method": "POST"}
    assert made["capabilities"] == {"messages": {"webhooks": {"status_url": kept}}}


def test_own_public_key(cloud: Cloud) -> None:
    private_key, public_key = key_pair()
    status, made = call(cloud, "POST", "", {"name": "own", "keys": {"public_key": public_key}})
    assert (status, made["keys"]) == (201, {"public_key": public_key})
    made["keys"]["private_key"] = private_key
    sent, _ = cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.bearer(made))
    assert sent == 202


def test_list_in_pages(cloud: Cloud) -> None:
    _, public_key = key_pair()
    for number in range(5):
        call(cloud, "POST", "/", {"name": f"app {number}", "keys": {"public_key": public_key}})
    seen = []
    for page in ("1", "2", "3"):
        status, answer = call(cloud, "GET", "", page=page, page_size="2")
        assert (status, answer["total_items"], answer["total_pages"]) == (200, 5, 3)
        assert answer["_links"]["self"]["href"].endswith(f"page={page}&page_size=2")
        assert ("next" in answer["_links"], "prev" in answer["_links"]) == (page != "3", page != "1")
        seen += [application["name"] for application in answer["_embedded"]["applications"]]
    assert seen == [f"app {number}" for number in range(5)]
    assert call(cloud, "GET", "", index="3", page_size="2")[1]["page"] == 3  # as the old CLI asks
    assert call(cloud, "GET")[1]["page_size"] == 10
    assert call(cloud, "GET", "", page="9")[1]["_embedded"] == {"applications": []}


def _voice(**webhooks: Any) -> dict[str, Any]:
    return {"name": "x", "capabilities": {"voice": {"webhooks": webhooks}}}


def _nested(levels: int) -> dict[str, Any]:
    return {"a": _nested(levels - 1)} if levels else {}


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "name"),
    "not an object": ([], "body"),
    "empty name": ({"name": ""}, "name"),
    "webhook method": (
        {
            "name": "x",
            "capabilities": {
                "messages": {
                    "webhooks": {"status_url": {"address": "https://a.example", "http_method": "GET"}}
                }
            },
        },
        "capabilities.messages.webhooks.status_url.http_method",
    ),
    "webhook address": (
        {
            "name": "x",
            "capabilities": {"messages": {"webhooks": {"inbound_url": {"address": "nowhere"}}}},
        },
        "capabilities.messages.webhooks.inbound_url.address",
    ),
    "voice method": (
        _voice(answer_url={"address": "https://a.example", "http_method": "PATCH"}),
        "capabilities.voice.webhooks.answer_url.http_method",
    ),
    "voice timeout": (
        _voice(event_url={"address": "https://a.example", "socket_timeout": 10_001}),
        "capabilities.voice.webhooks.event_url.socket_timeout",
    ),
    "verify method": (
        {
            "name": "x",
            "capabilities": {
                "verify": {"webhooks": {"status_url": {"address": "https://a.example", "http_method": "GET"}}}
            },
        },
        "capabilities.verify.webhooks.status_url.http_method",
    ),
    "version": (
        {"name": "x", "capabilities": {"messages": {"version": "v2"}}},
        "capabilities.messages.version",
    ),
    "capability": ({"name": "x", "capabilities": {"video": []}}, "capabilities.video"),
    "nested": ({"name": "x", "capabilities": {"vbc": _nested(30)}}, "capabilities"),
    "key": ({"name": "x", "keys": {"public_key": "-----BEGIN"}}, "keys.public_key"),
}


@pytest.mark.parametrize(("body", "name"), REFUSED.values(), ids=REFUSED)
def test_refused(cloud: Cloud, body: Any, name: str) -> None:
    status, answer = call(cloud, "POST", "", body)
    assert (status, answer["title"]) == (400, "Bad Request")
    assert [fault["name"] for fault in answer["invalid_parameters"]] == [name]
    assert answer["type"] == "https://developer.nexmo.com/api-errors/application#payload-validation"
    assert answer["detail"] == "The request failed due to validation errors"


def test_a_wrong_method_is_told_as_documented(cloud: Cloud) -> None:
    body = _voice(answer_url={"address": "https://a.example", "http_method": "PATCH"})
    reason = "must be one of: GET, POST"
    found = call(cloud, "POST", "", body)[1]["invalid_parameters"]
    assert found == [{"name": "capabilities.voice.webhooks.answer_url.http_method", "reason": reason}]


@pytest.mark.parametrize("size", ["0", "101", "x"])
def test_page_size_refused(cloud: Cloud, size: str) -> None:
    status, answer = call(cloud, "GET", "", page_size=size)
    assert status == 400
    assert answer["invalid_parameters"] == [{"name": "page_size", "reason": "must be between 1 and 100"}]


def test_only_with_key_and_secret(cloud: Cloud) -> None:
    made = payloads.application(cloud)
    for headers in ({}, payloads.basic(secret="x"), made["bearer"]):
        assert cloud.http("applications", "GET", "/v2/applications", headers=headers)[0] == 401


NAMES = {"nexmo": ("moCallBackUrl", "drCallBackUrl"), "vonage": ("moCallbackUrl", "drCallbackUrl")}


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
@pytest.mark.parametrize("in_query", [True, False], ids=["query", "form"])
def test_account_webhooks_as_clients_name_them(cloud: Cloud, names: tuple[str, str], in_query: bool) -> None:
    wanted = dict(zip(names, ("https://client.example/in", "https://client.example/st"), strict=True))
    given = wanted | {"api_key": API_KEY, "api_secret": API_SECRET}
    body, query = ("", given) if in_query else (urlencode(given), None)
    answer = {"mo-callback-url": "https://client.example/in", "dr-callback-url": "https://client.example/st"}
    assert cloud.http("applications", "POST", "/account/settings", body, {}, query) == (200, answer)


def test_balance_proves_a_key(cloud: Cloud) -> None:
    for secret, status in ((API_SECRET, 200), ("x", 401)):
        given = {"api_key": API_KEY, "api_secret": secret}
        answer = cloud.http("applications", "GET", "/account/get-balance", None, {}, given)
        refused = {"error-code": "401", "error-code-label": "authentication failed"}
        assert answer == (status, refused if status == 401 else {"value": 0.0, "autoReload": False})
