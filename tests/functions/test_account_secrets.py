"""API secrets and signature secrets: what is live, what is told, and that neither rotation has a gap."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

import httpx
import pytest
from vonage_jwt import verify_signature

from switchboard import account_secrets, notifying, remembered, signing
from switchboard.store.secrets import FIRST, KeptSignatureSecrets, SecretStore
from tests.faults.injector import Died, Injector
from tests.functions.flows import Flow
from tests.functions.test_signing import bearer, is_standard, told
from tests.support import payloads
from tests.support.cloud import API_KEY, API_SECRET, SIGNATURE_SECRET

__all__ = ["told"]  # a fixture

SECRETS, SIGNATURES = f"/accounts/{API_KEY}/secrets", f"/accounts/{API_KEY}/signature-secrets"
ADDED, THIRD = "Parcels2027", "Letters2028"
ERRORS = "https://developer.nexmo.com/api-errors"


def call(flow: Flow, method: str, path: str, body: Any = None, secret: str = API_SECRET) -> tuple[int, Any]:
    status, answer = flow.cloud.http("applications", method, path, body, payloads.basic(secret=secret))
    if isinstance(answer, dict):
        answer.pop("instance", None)
    return status, answer


def add(flow: Flow, secret: str = ADDED) -> str:
    status, made = call(flow, "POST", SECRETS, {"secret": secret})
    assert status == 201, made
    return str(made["id"])


def ids(flow: Flow, secret: str = API_SECRET) -> list[str]:
    status, answer = call(flow, "GET", SECRETS, secret=secret)
    assert status == 200, answer
    return [one["id"] for one in answer["_embedded"]["secrets"]]


def opens(flow: Flow, secret: str) -> bool:
    """Whether a message can be sent with it."""
    status, _ = flow.cloud.http(
        "send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic(secret=secret)
    )
    return status == 202


# --- API secrets ---------------------------------------------------------------------------------


def test_api_secrets_take_turns(flow: Flow, quick: None) -> None:
    [first] = ids(flow)
    assert opens(flow, API_SECRET) and not opens(flow, ADDED)
    added = add(flow)
    assert opens(flow, API_SECRET) and opens(flow, ADDED)
    assert ids(flow) == [first, added]
    assert call(flow, "DELETE", f"{SECRETS}/{first}", secret=ADDED) == (204, "")
    assert opens(flow, ADDED) and not opens(flow, API_SECRET)
    assert ids(flow, ADDED) == [added]
    assert call(flow, "GET", SECRETS)[0] == 401
    assert call(flow, "POST", SECRETS, {"secret": THIRD}, ADDED)[0] == 201
    assert call(flow, "DELETE", f"{SECRETS}/{added}", secret=THIRD) == (204, "")
    assert [opens(flow, secret) for secret in (API_SECRET, ADDED, THIRD)] == [False, False, True]


def test_shapes_of_api_secrets(flow: Flow) -> None:
    [first] = ids(flow)
    status, made = call(flow, "POST", f"{SECRETS}/", {"secret": ADDED})  # one client has a slash there
    assert status == 201
    assert made == {
        "_links": {"self": {"href": f"{SECRETS}/{made['id']}"}},
        "id": made["id"],
        "created_at": made["created_at"],
    }
    assert call(flow, "GET", f"{SECRETS}/{made['id']}") == (200, made)
    _, listed = call(flow, "GET", SECRETS)
    assert listed["_links"] == {"self": {"href": SECRETS}}
    assert listed["_embedded"]["secrets"][1] == made
    assert call(flow, "GET", f"{SECRETS}/{first}")[1] == listed["_embedded"]["secrets"][0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param({"secret": secret}, "Does not meet complexity requirements", id=name)
        for name, secret in {
            "short": "Abcdef7",
            "long": "Abcdefghijklmnopqrstuvwx78",
            "no lower case": "ABCDEFG8",
            "no upper case": "abcdefg8",
            "no digit": "Abcdefgh",
            "not ASCII": "Grüße2027",
            "a space": "Parcels 2027",
        }.items()
    ]
    + [
        pytest.param({"secret": 12345678}, "must be a string", id="number"),
        pytest.param({}, "is required", id="none"),
    ],
)
def test_api_secret_refused(flow: Flow, body: Any, reason: str) -> None:
    assert call(flow, "POST", SECRETS, body) == (
        400,
        {
            "type": f"{ERRORS}/account/secret-management#validation",
            "title": "Bad Request",
            "detail": "The request failed due to validation errors",
            "invalid_parameters": [{"name": "secret", "reason": reason}],
        },
    )
    assert len(ids(flow)) == 1


def test_two_api_secrets_at_most_and_one_at_least(flow: Flow) -> None:
    [first] = ids(flow)
    last = {
        "type": f"{ERRORS}/account/secret-management#delete-last-secret",
        "title": "Secret Deletion Forbidden",
        "detail": "Can not delete the last secret. The account must always have at least 1 secret active "
        "at any time",
    }
    assert call(flow, "DELETE", f"{SECRETS}/{first}") == (403, last)
    add(flow)
    assert call(flow, "POST", SECRETS, {"secret": THIRD}) == (
        403,
        {
            "type": f"{ERRORS}/account/secret-management#add-excess-secret",
            "title": "Secret Addition Forbidden",
            "detail": "Account reached maximum number [2] of allowed secrets",
        },
    )
    assert not opens(flow, THIRD)


ROUTES = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/x"),
    ("DELETE", "/x"),
]


@pytest.mark.parametrize("kind", ["secrets", "signature-secrets"])
@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("POST", "/x/promote")])
def test_only_the_account_itself(flow: Flow, kind: str, method: str, path: str) -> None:
    if kind == "secrets" and path.endswith("promote"):
        path = ""
    body = {"secret": ADDED} if method == "POST" else None
    for headers in ({}, flow.app["bearer"], payloads.basic(secret="wrong")):
        address = f"/accounts/{API_KEY}/{kind}{path}"
        assert flow.cloud.http("applications", method, address, body, headers)[0] == 401
    assert call(flow, method, f"/accounts/other/{kind}{path}", body) == (
        404,
        {
            "type": f"{ERRORS}#invalid-api-key",
            "title": "Invalid API Key",
            "detail": "API key 'other' does not exist, or you do not have access",
        },
    )


@pytest.mark.parametrize("name", ["secrets", "signature-secrets"])
def test_no_provider_account_hides_behind_them(flow: Flow, name: str) -> None:
    body = {"credentials": {"auth_token": "x"}}
    status, answer = flow.cloud.http("accounts", "PUT", f"/accounts/viber_bot/{name}", body, payloads.basic())
    assert (status, answer["invalid_parameters"][0]["name"]) == (400, "account_id")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("list_", [SECRETS, SIGNATURES])
def test_unknown_secret(flow: Flow, method: str, list_: str) -> None:
    status, answer = call(flow, method, f"{list_}/5b2e")
    assert (status, answer["title"]) == (404, "Not Found")


def test_an_owner_who_lost_every_secret_is_let_in_by_a_new_first_one(flow: Flow) -> None:
    [first] = ids(flow)
    add(flow)
    call(flow, "DELETE", f"{SECRETS}/{first}")
    value = json.dumps({"api_key": API_KEY, "api_secret": "from-the-console"})
    flow.cloud.secrets.put_secret_value(SecretId="account", SecretString=value)
    flow.cloud.load("send")  # five minutes later
    assert opens(flow, "from-the-console") and opens(flow, ADDED) and not opens(flow, API_SECRET)


def test_only_the_first_request_pays_for_the_slow_hash(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    real = account_secrets.fits

    def fits(secret: bytes, kept: str) -> bool:
        asked.append(secret)
        return real(secret, kept)

    monkeypatch.setattr(account_secrets, "fits", fits)
    add(flow)
    for secret in (ADDED, "wrong", API_SECRET) * 3:
        assert opens(flow, secret) is (secret != "wrong")
    assert asked == [ADDED.encode(), b"wrong"]


def test_nothing_of_a_secret_is_kept_or_logged(
    flow: Flow, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    add(flow)
    call(flow, "POST", SECRETS, {"secret": 7})
    _, made = call(flow, "POST", SIGNATURES)
    opens(flow, ADDED)
    flow.drain()
    call(flow, "POST", SIGNATURES, {"secret": "another-system's-secret"})
    answers = [call(flow, "GET", path)[1] for path in (SECRETS, SIGNATURES, f"{SIGNATURES}/{made['id']}")]
    kept = str(flow.cloud.dynamodb.scan(TableName="table")["Items"])
    ours = [vars(record) for record in caplog.records if "site-packages" not in record.pathname]
    output = "".join(capfd.readouterr())
    for secret in (ADDED, made["secret"], made["standard_webhooks_secret"], SIGNATURE_SECRET, API_SECRET):
        for text in (kept, str(ours), output, str(answers)):
            assert secret not in text


def hash_of(flow: Flow) -> str:
    kept, _ = flow.cloud.functions["applications"].services.api_secrets.store.api_secrets()
    return str(kept.added[0].hash)


def test_the_same_secret_has_another_hash_each_time(flow: Flow) -> None:
    made = add(flow)
    before = hash_of(flow)
    call(flow, "DELETE", f"{SECRETS}/{made}")
    add(flow)
    assert before.startswith("scrypt$16384$8$")
    assert hash_of(flow) != before


# --- signature secrets ---------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is live is read for each request and webhook, as it is after a second."""
    monkeypatch.setattr(account_secrets.Signing, "SECONDS", 0)
    monkeypatch.setattr(remembered, "SECONDS", 0)


def states(flow: Flow) -> dict[str, str]:
    _, answer = call(flow, "GET", SIGNATURES)
    return {one["id"]: one["state"] for one in answer["_embedded"]["signature_secrets"]}


def webhook(flow: Flow, told: list[httpx.Request]) -> httpx.Request:
    """The next one."""
    before = len(told)
    flow.send(payloads.text("sms"))
    flow.drain()
    [request] = told[before:]
    return request


def verifiers(request: httpx.Request, *secrets: str) -> list[str]:
    """For each secret, by which signatures it can tell that the webhook is ours."""
    found = []
    for secret in secrets:
        jwt = verify_signature(bearer({"Authorization": request.headers["authorization"]}), secret)
        standard = is_standard(request.content, request.headers, secret)
        found.append(" ".join(["jwt"] * jwt + ["standard"] * standard))
    return found


def test_signature_secrets_take_turns(flow: Flow, told: list[httpx.Request], quick: None) -> None:
    both = "jwt standard"
    status, made = call(flow, "POST", SIGNATURES)
    assert status == 201
    new = made["secret"]
    assert made["standard_webhooks_secret"] == signing.standard(new)
    assert len(new) >= 32
    assert states(flow) == {FIRST: "current", made["id"]: "next"}
    assert verifiers(webhook(flow, told), SIGNATURE_SECRET, new) == [both, "standard"]

    status, promoted = call(flow, "POST", f"{SIGNATURES}/{made['id']}/promote")
    assert (status, promoted["state"]) == (200, "current")
    assert "secret" not in promoted
    assert call(flow, "POST", f"{SIGNATURES}/{made['id']}/promote") == (200, promoted)
    assert states(flow) == {FIRST: "previous", made["id"]: "current"}
    assert verifiers(webhook(flow, told), SIGNATURE_SECRET, new) == ["standard", both]

    assert call(flow, "DELETE", f"{SIGNATURES}/{FIRST}") == (204, "")
    assert states(flow) == {made["id"]: "current"}
    assert verifiers(webhook(flow, told), SIGNATURE_SECRET, new) == ["", both]

    # And once more, with one that was made elsewhere.
    _, given = call(flow, "POST", SIGNATURES, {"secret": "made-elsewhere-0123456789-0123456789"})
    assert given["secret"] == "made-elsewhere-0123456789-0123456789"
    call(flow, "POST", f"{SIGNATURES}/{given['id']}/promote")
    call(flow, "DELETE", f"{SIGNATURES}/{made['id']}")
    assert verifiers(webhook(flow, told), new, given["secret"]) == ["", both]
    names = {one["Name"] for one in flow.cloud.secrets.list_secrets()["SecretList"]}
    assert {name for name in names if name.startswith("sb/signatures/")} == {f"sb/signatures/{given['id']}"}


def test_a_change_is_seen_within_a_second(
    flow: Flow, told: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that has been signing all the while, and has its values in its cache."""
    now = [1000.0]
    monkeypatch.setattr(account_secrets, "monotonic", lambda: now[0])
    webhook(flow, told)
    _, made = call(flow, "POST", SIGNATURES)
    assert verifiers(webhook(flow, told), made["secret"]) == [""]
    now[0] += 1.0
    assert verifiers(webhook(flow, told), made["secret"]) == ["standard"]


def test_going_back(flow: Flow, told: list[httpx.Request], quick: None) -> None:
    _, made = call(flow, "POST", SIGNATURES)
    call(flow, "POST", f"{SIGNATURES}/{made['id']}/promote")
    call(flow, "POST", f"{SIGNATURES}/{FIRST}/promote")
    assert states(flow) == {FIRST: "current", made["id"]: "next"}
    assert call(flow, "DELETE", f"{SIGNATURES}/{made['id']}")[0] == 204
    assert verifiers(webhook(flow, told), SIGNATURE_SECRET, made["secret"]) == ["jwt standard", ""]


def test_signature_secrets_that_cannot_be(flow: Flow) -> None:
    status, answer = call(flow, "DELETE", f"{SIGNATURES}/{FIRST}")
    assert (status, answer["title"]) == (403, "Secret Deletion Forbidden")
    call(flow, "POST", SIGNATURES, {})
    status, answer = call(flow, "POST", SIGNATURES)
    assert (status, answer["title"]) == (403, "Secret Addition Forbidden")
    assert len(states(flow)) == 2


@pytest.mark.parametrize("secret", ["short", "with a space", "Grüße-und-Küsse", "x" * 129, 7, None])
def test_signature_secret_refused(flow: Flow, secret: Any) -> None:
    status, answer = call(flow, "POST", SIGNATURES, {"secret": secret})
    assert status == 400
    assert [fault["name"] for fault in answer["invalid_parameters"]] == ["secret"]
    assert states(flow) == {FIRST: "current"}


# --- two at once ---------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, other: Callable[[], object]) -> None:
    """Somebody else does something between another's read and its write, once."""
    replace = getattr(SecretStore, name)
    waiting = [other]

    def late(store: SecretStore, secrets: Any, revision: int) -> bool:
        if waiting:
            waiting.pop()()
        return bool(replace(store, secrets, revision))

    monkeypatch.setattr(SecretStore, name, late)


def test_two_adds_at_once_lose_none(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = ids(flow)
    add(flow)
    call(flow, "DELETE", f"{SECRETS}/{first}")
    made: list[str] = []
    other = "Stamps2029"

    def somebody() -> None:
        assert call(flow, "POST", SECRETS, {"secret": other}, ADDED)[0] == 201
        made.append(other)

    meanwhile(monkeypatch, "replace_api_secrets", somebody)
    assert call(flow, "POST", SECRETS, {"secret": THIRD}, ADDED)[0] == 403  # the other was the second
    assert made and opens(flow, other) and not opens(flow, THIRD)


def test_an_add_and_a_revocation_at_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = ids(flow)
    added = add(flow)
    meanwhile(monkeypatch, "replace_api_secrets", lambda: call(flow, "DELETE", f"{SECRETS}/{first}"))
    assert call(flow, "DELETE", f"{SECRETS}/{added}", secret=ADDED)[0] == 403  # it is the last by now
    assert opens(flow, ADDED) and not opens(flow, API_SECRET)


def test_a_repeated_write_knows_its_own(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The AWS client repeats a write whose answer was lost, and then finds what it wrote."""
    replace = SecretStore.replace_api_secrets
    lost = [True, True]

    def losing(store: SecretStore, secrets: Any, revision: int) -> bool:
        done = replace(store, secrets, revision)
        return done and not (lost and lost.pop())

    monkeypatch.setattr(SecretStore, "replace_api_secrets", losing)
    added = add(flow)
    assert len(ids(flow)) == 2
    lost.append(True)
    assert call(flow, "DELETE", f"{SECRETS}/{added}")[0] == 204
    assert len(ids(flow)) == 1


def test_promoted_while_it_is_revoked(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made = call(flow, "POST", SIGNATURES)
    path = f"{SIGNATURES}/{made['id']}"
    meanwhile(monkeypatch, "replace_signature_secrets", lambda: call(flow, "POST", f"{path}/promote"))
    assert call(flow, "DELETE", path)[0] == 403
    assert states(flow) == {FIRST: "previous", made["id"]: "current"}


def test_made_twice_at_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[tuple[int, dict[str, Any]]] = []
    meanwhile(
        monkeypatch,
        "replace_signature_secrets",
        lambda: answers.append(call(flow, "POST", SIGNATURES)),
    )
    answers.append(call(flow, "POST", SIGNATURES))
    assert [status for status, _ in answers] == [201, 403]
    assert states(flow) == {FIRST: "current", answers[0][1]["id"]: "next"}


# --- death in between ----------------------------------------------------------------------------


@pytest.fixture
def injector(monkeypatch: pytest.MonkeyPatch, quick: None) -> Injector:
    monkeypatch.setattr(account_secrets, "UNFINISHED", -account_secrets.UNFINISHED)  # a minute later
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    return Injector(monkeypatch)


def is_whole(flow: Flow, told: list[httpx.Request]) -> None:
    """Webhooks go out, signed by all that are live; every one of these can be told apart and no more."""
    live = states(flow)
    assert list(live.values()).count("current") == 1
    request = webhook(flow, told)
    assert len(request.headers["webhook-signature"].split()) == len(live)


def clean(flow: Flow) -> None:
    """Back to one secret of ours; whatever a death left behind goes with it."""
    for secret_id, state in states(flow).items():
        if state != "current":
            assert call(flow, "DELETE", f"{SIGNATURES}/{secret_id}")[0] == 204
    status, made = call(flow, "POST", SIGNATURES)
    assert status == 201, made
    call(flow, "POST", f"{SIGNATURES}/{made['id']}/promote")
    for secret_id in set(states(flow)) - {made["id"]}:
        assert call(flow, "DELETE", f"{SIGNATURES}/{secret_id}")[0] == 204
    names = [one["Name"] for one in flow.cloud.secrets.list_secrets()["SecretList"]]
    assert [name for name in names if name.startswith("sb/signatures/")] == [f"sb/signatures/{made['id']}"]


MOVES: dict[str, Callable[[Flow, str], tuple[int, Any]]] = {
    "made": lambda flow, next_: call(flow, "POST", SIGNATURES),
    "promoted": lambda flow, next_: call(flow, "POST", f"{SIGNATURES}/{next_}/promote"),
    "revoked": lambda flow, next_: call(flow, "DELETE", f"{SIGNATURES}/{next_}"),
}


@pytest.mark.parametrize("name", MOVES)
def test_dying_in_a_change(flow: Flow, told: list[httpx.Request], injector: Injector, name: str) -> None:
    """At any AWS call, before it or after it took effect."""

    def prepare() -> str:
        clean(flow)
        return "" if name == "made" else str(call(flow, "POST", SIGNATURES)[1]["id"])

    def move(next_: str, at: int | None, way: Literal["dies before", "dies after"]) -> None:
        injector.arm(at, way)
        with suppress(Died), injector.inside("applications"):
            MOVES[name](flow, next_)
        is_whole(flow, told)
        if name != "made":  # the owner does it again; 404: it was gone already
            assert MOVES[name](flow, next_)[0] in (200, 204, 404)
        is_whole(flow, told)
        clean(flow)
        is_whole(flow, told)

    move(prepare(), None, "dies before")
    calls = len(injector.calls)
    assert calls >= 2
    for at in range(calls):
        move(prepare(), at, "dies before")
        move(prepare(), at, "dies after")


def test_an_unfinished_one_keeps_its_place_for_a_minute_only(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = flow.cloud.functions["applications"].services.signature_secrets.store
    kept, revision = store.signature_secrets()
    dead = kept.secrets[0].model_copy(
        update={"id": "dead", "state": "making", "created_at": "2999-01-01T00:00:00.000Z"}
    )
    store.replace_signature_secrets(KeptSignatureSecrets(secrets=(*kept.secrets, dead)), revision)
    assert states(flow) == {FIRST: "current"}
    assert call(flow, "GET", f"{SIGNATURES}/dead")[0] == 404
    assert call(flow, "POST", f"{SIGNATURES}/dead/promote")[0] == 404
    assert call(flow, "DELETE", f"{SIGNATURES}/dead")[0] == 404
    assert call(flow, "POST", SIGNATURES)[0] == 403
    old = dead.model_copy(update={"created_at": "2026-01-01T00:00:00.000Z"})
    store.replace_signature_secrets(KeptSignatureSecrets(secrets=(*kept.secrets, old)), revision + 1)
    assert call(flow, "POST", SIGNATURES)[0] == 201
    assert "dead" not in {one.id for one in store.signature_secrets()[0].secrets}
