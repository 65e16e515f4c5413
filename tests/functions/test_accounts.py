"""Provider accounts, their senders, WhatsApp templates: /accounts and /v0.1/templates."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import CALLBACK_URL
from tests.support.payloads import accepts_all, basic

SHOP = "/accounts/whatsapp_cloud/shop"
NUMBER = "447700900200"
CREDENTIALS = {"access_token": "EAAB", "app_secret": "shop-secret", "verify_token": "v", "waba_id": "55"}


def call(flow: Flow, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    return flow.cloud.http("accounts", method, path, body, basic(), query or None)


def account(*senders: dict[str, Any], **more: Any) -> dict[str, Any]:
    listed = list(senders) or [{"channel": "whatsapp", "id": NUMBER}]
    return {"credentials": CREDENTIALS, "senders": listed, **more}


def secret(flow: Flow) -> Any:
    return json.loads(
        flow.cloud.secrets.get_secret_value(SecretId="sb/accounts/whatsapp_cloud/shop")["SecretString"]
    )


def test_an_account_is_made_shown_replaced_and_deleted(flow: Flow) -> None:
    status, made = call(flow, "PUT", SHOP, account(name="The shop"))
    assert status == 201
    assert made["callbacks"] == {
        "inbound": f"{CALLBACK_URL[:-1]}/inbound/whatsapp_cloud/shop",
        "status": f"{CALLBACK_URL[:-1]}/status/whatsapp_cloud/shop",
    }
    assert made["senders"] == [
        {"channel": "whatsapp", "id": NUMBER, "order": 0, "verification": {"state": "pending"}}
    ]
    assert secret(flow) == CREDENTIALS
    assert call(flow, "GET", SHOP) == (200, made)
    assert made["credentials"] == sorted(CREDENTIALS)
    assert "shop-secret" not in json.dumps(made)
    assert call(flow, "GET", "/accounts")[1]["_embedded"]["accounts"] == [made]

    rate = {"per_second": 5.0, "unit": "segments"}
    change = {"senders": [{"channel": "whatsapp", "id": "+447700900201", "rate": rate, "order": 2}]}
    status, changed = call(flow, "PUT", SHOP, change)
    assert (status, changed["senders"][0]["id"], changed["senders"][0]["rate"]) == (200, "447700900201", rate)
    assert secret(flow) == CREDENTIALS

    assert call(flow, "DELETE", SHOP)[0] == 204
    assert call(flow, "GET", SHOP)[0] == 404
    assert call(flow, "DELETE", SHOP)[0] == 404
    with pytest.raises(flow.cloud.secrets.exceptions.ResourceNotFoundException):
        secret(flow)
    assert call(flow, "PUT", SHOP, account())[0] == 201  # the name is free again


REFUSED: dict[str, tuple[str, Any, list[str]]] = {
    "no such provider": ("/accounts/carrier_pigeon/x", account(), ["provider"]),
    "not an object": (SHOP, [], ["body"]),
    "no credentials": (SHOP, {"senders": []}, ["credentials"]),
    "empty credentials": (SHOP, {"credentials": {}}, ["credentials"]),
    "odd id": ("/accounts/whatsapp_cloud/a%20b", account(), ["account_id"]),
    "everything at once": (
        SHOP,
        account(
            {"channel": "sms", "id": NUMBER},
            {"channel": "whatsapp", "id": "Acme"},
            {"channel": "whatsapp"},
            {"channel": "whatsapp", "id": NUMBER, "rate": {"per_second": 0}},
            {"channel": "whatsapp", "id": NUMBER},
            {"channel": "whatsapp", "id": f"+{NUMBER}"},
            name="",
        ),
        [
            "name",
            "senders[0].channel",
            "senders[1].id",
            "senders[2].id",
            "senders[3].rate.per_second",
            "senders[5].id",
        ],
    ),
    "application that is none": (
        SHOP,
        account({"channel": "whatsapp", "id": NUMBER, "application": "x"}),
        ["senders[0].application"],
    ),
}


@pytest.mark.parametrize(("path", "body", "names"), REFUSED.values(), ids=list(REFUSED))
def test_refused(flow: Flow, path: str, body: Any, names: list[str]) -> None:
    status, answer = call(flow, "PUT", path, body)
    assert status == 400
    assert [fault["name"] for fault in answer["invalid_parameters"]] == names
    assert call(flow, "GET", SHOP)[0] == 404


@pytest.mark.parametrize("path", ["/accounts", SHOP])
def test_only_the_account_itself_may(flow: Flow, path: str) -> None:
    assert flow.cloud.http("accounts", "GET", path)[0] == 401
    assert flow.cloud.http("accounts", "GET", path, None, flow.app["bearer"])[0] == 401


def test_a_sender_is_linked_to_one_application(flow: Flow) -> None:
    other = payloads.application(flow.cloud)
    mine = {"channel": "whatsapp", "id": NUMBER, "application": flow.app["id"]}
    assert call(flow, "PUT", SHOP, account(mine))[1]["senders"][0]["application"] == flow.app["id"]
    status, answer = call(flow, "PUT", SHOP, account(mine | {"application": other["id"]}))
    assert (status, answer["title"]) == (409, "Conflict")
    # Left out, it stays; null unlinks it, and then it is free.
    kept = call(flow, "PUT", SHOP, account())[1]
    assert kept["senders"][0]["application"] == flow.app["id"]
    assert (
        "application" not in call(flow, "PUT", SHOP, account(mine | {"application": None}))[1]["senders"][0]
    )
    assert call(flow, "PUT", SHOP, account(mine | {"application": other["id"]}))[0] == 200


def test_what_people_write_goes_to_the_linked_application(flow: Flow) -> None:
    other = payloads.application(flow.cloud, inbound_url="https://client.example/other")
    call(flow, "PUT", SHOP, account({"channel": "whatsapp", "id": NUMBER, "application": flow.app["id"]}))
    flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("whatsapp"), other["bearer"])
    payloads.whatsapp_inbound(flow.cloud, "When?", account_id="shop", app_secret="shop-secret")
    flow.drain()
    [heard] = [hook for hook in flow.world.webhooks if hook.get("direction") == "inbound"]
    item = flow.cloud.functions["send"].services.store.message(heard["message_uuid"])
    assert item.application_id == flow.app["id"]


def meta(state: dict[str, Any] | int) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path.endswith(NUMBER):
            if isinstance(state, int):
                return httpx.Response(state, json={"error": {"code": 190}} if state == 401 else None)
            return httpx.Response(200, json={"id": NUMBER, **state})
        return accepts_all(request)

    return answer


STATES: dict[str, tuple[dict[str, Any] | int, str, str]] = {
    "good": ({"status": "CONNECTED"}, "verified", ""),
    "not yet": ({"status": "PENDING"}, "pending", "not registered"),
    "banned": ({"status": "BANNED"}, "failed", "banned"),
    "bad token": (401, "failed", "refused"),
    "down": (503, "pending", "did not answer"),
}


@pytest.mark.parametrize(("meta_says", "state", "why"), STATES.values(), ids=list(STATES))
def test_verification(flow: Flow, meta_says: dict[str, Any] | int, state: str, why: str) -> None:
    call(flow, "PUT", SHOP, account())
    flow.world.provider = meta(meta_says)
    status, said = call(flow, "POST", f"{SHOP}/verify", {})
    assert (status, said["state"]) == (200, state)
    assert why in said.get("reason", "")
    [shown] = call(flow, "GET", SHOP)[1]["senders"]
    assert {"channel": "whatsapp", "id": NUMBER, **shown["verification"]} == said["senders"][0]
    # What changes nothing for the sender keeps it; new credentials have to prove themselves.
    assert call(flow, "PUT", SHOP, {"senders": account()["senders"]})[1]["senders"] == [shown]
    again = call(flow, "PUT", SHOP, account())[1]["senders"][0]["verification"]
    assert again == {"state": "pending"}


def test_credentials_that_no_header_can_hold(flow: Flow) -> None:
    """They can be put, as each provider has its own; asking about them or sending by them tells."""
    call(flow, "PUT", SHOP, account(credentials=CREDENTIALS | {"access_token": "clé"}))
    status, said = call(flow, "POST", f"{SHOP}/verify", {})
    assert (status, said["state"]) == (200, "failed")
    assert "1370" in said["reason"]
    assert "clé" not in json.dumps(said)
    body = payloads.text("whatsapp") | {"from": {"type": "whatsapp", "number": NUMBER}}
    uuid = flow.send(body)
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == ["rejected"]


def test_only_senders_of_the_account_are_verified(flow: Flow) -> None:
    call(flow, "PUT", SHOP, account())
    assert call(flow, "POST", f"{SHOP}/verify", {"sender": "447700900999"})[0] == 400


def test_who_puts_the_account_while_it_is_verified_is_right(flow: Flow) -> None:
    call(flow, "PUT", SHOP, account())
    other = {"channel": "whatsapp", "id": "447700900777"}

    def answer(request: httpx.Request) -> httpx.Response:
        assert call(flow, "PUT", SHOP, account(other))[0] == 200
        return httpx.Response(200, json={"id": NUMBER, "status": "CONNECTED"})

    flow.world.provider = answer
    assert call(flow, "POST", f"{SHOP}/verify", {})[0] == 200
    [shown] = call(flow, "GET", SHOP)[1]["senders"]
    assert (shown["id"], shown["verification"]) == ("447700900777", {"state": "pending"})


def test_other_credentials_have_another_token(flow: Flow) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "stable_token" not in request.url.path:
            return httpx.Response(200, json={"errcode": 0, "ip_list": ["203.0.113.7"]})
        if json.loads(request.content)["secret"] != "good":
            return httpx.Response(200, json={"errcode": 40125, "errmsg": "invalid appsecret"})
        return httpx.Response(200, json={"access_token": "T", "expires_in": 7200})

    flow.world.provider = answer
    states = []
    for app_secret in ("good", "bad"):
        held = {"app_id": "wx1", "app_secret": app_secret, "token": "t"}
        body = {"credentials": held, "senders": [{"channel": "wechat", "id": "gh_1"}]}
        call(flow, "PUT", "/accounts/wechat/w", body)
        states.append(call(flow, "POST", "/accounts/wechat/w/verify", {})[1]["state"])
    assert states == ["verified", "failed"]


FUNCTION_HOST = CALLBACK_URL.removeprefix("https://").rstrip("/")
CALLED: dict[str, tuple[dict[str, str], str, str]] = {
    "the function's own URL": ({"CALLBACK_URL": CALLBACK_URL}, CALLBACK_URL[:-1], FUNCTION_HOST),
    "it, where the API has another": (
        {"CALLBACK_URL": CALLBACK_URL, "PUBLIC_URL": "https://sb.example/"},
        CALLBACK_URL[:-1],
        FUNCTION_HOST,
    ),
    "the API's own": ({}, "https://api.example", "api.example"),
    "one before the API": (
        {"CALLBACK_URL": "https://sb.example", "PUBLIC_URL": "https://sb.example"},
        "https://sb.example",
        "api.example",
    ),
}
"""What the functions are told, where providers call then, and the name that AWS says was called."""


@pytest.mark.parametrize("kind", ["status", "inbound"])
@pytest.mark.parametrize(("told", "at", "domain"), CALLED.values(), ids=CALLED)
def test_a_callback_is_proven_under_the_address_that_was_called(
    make_cloud: Any,
    world: Any,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, str],
    at: str,
    domain: str,
    kind: str,
) -> None:
    """Twilio signs the address, with what is asked of it."""
    cloud = make_cloud(world)
    monkeypatch.setattr("tests.support.cloud.CALLBACK_URL", told.get("CALLBACK_URL", ""))
    monkeypatch.setenv("PUBLIC_URL", told.get("PUBLIC_URL", ""))
    for name in ("accounts", "status", "inbound"):
        cloud.load(name)
    body = {
        "credentials": {"account_sid": "AC1", "auth_token": "tok"},
        "senders": [{"channel": "sms", "id": "447700900200"}],
    }
    url = cloud.http("accounts", "PUT", "/accounts/twilio/main", body, basic())[1]["callbacks"][kind]
    assert url == f"{at}/{kind}/twilio/main"
    uuid = "6d2f0c1b-4e8a-4b57-9c3d-7a1e5f804c92"
    form = {"AccountSid": "AC1", "MessageSid": "SM1", "MessageStatus": "delivered"}
    # One function's URL has the paths of both.
    function = "status" if domain == FUNCTION_HOST else kind
    for host, status in (("", 200), ("https://elsewhere.example", 403)):
        signed = (host or at) + f"/{kind}/twilio/main?message_uuid={uuid}"
        signed += "".join(name + value for name, value in sorted(form.items()))
        signature = base64.b64encode(hmac.new(b"tok", signed.encode(), hashlib.sha1).digest()).decode()
        event = {
            "version": "2.0",
            "rawPath": f"/{kind}/twilio/main",
            "rawQueryString": f"message_uuid={uuid}",
            "queryStringParameters": {"message_uuid": uuid},
            "headers": {
                "x-twilio-signature": signature,
                "content-type": "application/x-www-form-urlencoded",
                "host": domain,
            },
            "requestContext": {
                "accountId": "anonymous",
                "domainName": domain,
                "http": {"method": "POST", "path": f"/{kind}/twilio/main", "sourceIp": "203.0.113.7"},
                "requestId": "r",
                "stage": "$default",
            },
            "body": base64.b64encode(urlencode(form).encode()).decode(),
            "isBase64Encoded": True,
        }
        assert cloud.call(function, event)["statusCode"] == status


def test_dying_half_way_leaves_what_a_repeat_finishes(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account is written last: what is there before it is a repeat of itself."""
    call(flow, "PUT", SHOP, account())
    change = account({"channel": "whatsapp", "id": "447700900201"})
    module = flow.cloud.functions["accounts"]
    store = module.services.account_store

    def die(*_: object) -> None:
        raise RuntimeError("died")

    monkeypatch.setattr(type(store), "put_account", die)
    assert call(flow, "PUT", SHOP, change)[0] == 500
    monkeypatch.undo()
    assert call(flow, "GET", SHOP)[1]["senders"][0]["id"] == NUMBER
    assert call(flow, "PUT", SHOP, change)[1]["senders"][0]["id"] == "447700900201"
    assert not store.sender("whatsapp", NUMBER).routes
    assert [route.account_id for route in store.sender("whatsapp", "447700900201").routes] == ["shop"]


# --- templates -----------------------------------------------------------------------------------

BODY = {"type": "BODY", "text": "Your parcel {{1}} comes at {{2}}."}
LISTED = {
    "id": "1",
    "name": "parcel",
    "language": "en_GB",
    "status": "APPROVED",
    "category": "UTILITY",
    "components": [BODY],
}


def has_templates(request: httpx.Request) -> httpx.Response:
    if request.method == "GET" and request.url.path.endswith("message_templates"):
        return httpx.Response(200, json={"data": [LISTED, LISTED | {"id": "2", "language": "de"}]})
    if request.method == "DELETE":
        return httpx.Response(200, json={"success": True})
    return accepts_all(request)


def template(*parameters: str, locale: str = "en-GB") -> dict[str, Any]:
    body = payloads.text("whatsapp")
    content = {"type": "template", "template": {"name": "ns:parcel", "parameters": list(parameters)}}
    body["message"] = {"content": content, "whatsapp": {"locale": locale}}
    return body


def test_templates_are_listed_shown_and_deleted(flow: Flow) -> None:
    flow.world.provider = has_templates
    status, found = call(flow, "GET", "/v0.1/templates")
    assert status == 200
    assert [(one["name"], one["language"], one["status"]) for one in found["_embedded"]["templates"]] == [
        ("parcel", "en_GB", "APPROVED"),
        ("parcel", "de", "APPROVED"),
    ]
    assert len(call(flow, "GET", "/v0.1/templates/parcel")[1]["_embedded"]["templates"]) == 2
    assert call(flow, "GET", "/v0.1/templates/other")[0] == 404
    assert call(flow, "DELETE", "/v0.1/templates/parcel", language="en-GB")[0] == 204
    assert dict(flow.world.sent[-1].url.params) == {"name": "parcel", "hsm_id": "1"}
    assert call(flow, "DELETE", "/v0.1/templates/other")[0] == 404


def test_a_template_is_created(flow: Flow) -> None:
    wanted = {"name": "parcel", "language": "en-GB", "category": "utility", "components": [BODY]}
    status, made = call(flow, "POST", "/v0.1/templates", wanted)
    assert (status, made["status"], made["language"]) == (201, "PENDING", "en_GB")
    assert json.loads(flow.world.sent[-1].content)["category"] == "UTILITY"
    status, answer = call(flow, "POST", "/v0.1/templates", {"name": "Not so", "category": "x"})
    assert status == 400
    assert [fault["name"] for fault in answer["invalid_parameters"]] == [
        "name",
        "language",
        "category",
        "components",
    ]


def test_parameters_are_counted_before_the_call(flow: Flow) -> None:
    flow.send(template("A-17"))  # not known yet: left to Meta
    flow.world.provider = has_templates
    call(flow, "GET", "/v0.1/templates")
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages", template("A-17"), flow.app["bearer"])
    assert status == 400
    [fault] = answer["invalid_parameters"]
    assert fault["name"] == "message.content.template.parameters"
    assert "must be 2" in fault["reason"]
    flow.send(template("A-17", "noon"))
    flow.send(template("A-17", locale="fr"))
    late = template() | {"failover": {"expiry_time": 60, "condition_status": "read"}}
    status, answer = flow.cloud.http(
        "dispatch", "POST", "/v0.1/dispatch", payloads.workflow(late, template("a")), flow.app["bearer"]
    )
    assert [fault["name"] for fault in answer["invalid_parameters"]] == [
        "workflow[0].message.content.template.parameters",
        "workflow[1].message.content.template.parameters",
    ]


def test_news_of_a_template_is_noted(flow: Flow) -> None:
    flow.world.provider = has_templates
    call(flow, "GET", "/v0.1/templates")
    payloads.whatsapp_hook(
        flow.cloud,
        {
            "event": "PAUSED",
            "message_template_id": 1,
            "message_template_name": "parcel",
            "message_template_language": "en_GB",
            "reason": "NONE",
        },
        field="message_template_status_update",
    )
    store = flow.cloud.functions["send"].services.templates.store
    assert store.get("whatsapp_cloud", "default", "parcel", "en_GB").status == "PAUSED"
    assert store.get("whatsapp_cloud", "default", "parcel", "de").status == "APPROVED"


def test_a_refusal_of_the_provider_is_told(flow: Flow) -> None:
    flow.world.provider = lambda request: httpx.Response(401, json={"error": {"code": 190}})
    status, answer = call(flow, "GET", "/v0.1/templates")
    assert status == 400
    assert "190" in answer["detail"]
    flow.world.provider = lambda request: httpx.Response(503)
    assert call(flow, "GET", "/v0.1/templates")[0] == 502
