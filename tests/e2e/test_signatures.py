"""Webhooks prove that they are ours, and the secrets behind that change under traffic. On a stack of its own
that holds each function to its role."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from vonage_http_client.errors import AuthenticationError, ForbiddenError
from vonage_jwt import verify_signature

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import step
from tests.e2e.clients import vonage
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.e2e.receiver import Hook
from tests.support.stack import until

pytestmark = pytest.mark.e2e
FIRST = "local-signature-secret-for-webhooks"
FOREIGN = "another-secret-0123456789-0123456789"
SIGNATURES = f"/accounts/{KEY}/signature-secrets"


@pytest.fixture(scope="module")
def strict_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("strict"), SWITCHBOARD_ENFORCE_IAM="1")
    stack.start()
    yield stack
    stack.stop()
    assert "AccessDenied" not in stack.output


@pytest.fixture
def application(
    strict_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> Application:
    return make_application(strict_stack)


def by_vonage(hook: Hook, known: list[str]) -> bool:
    """As a receiver with Vonage's client decides."""
    token = hook.headers["authorization"].removeprefix("Bearer ")
    if not any(verify_signature(token, secret) for secret in known):
        return False
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return bool(claims["payload_hash"] == hashlib.sha256(hook.raw).hexdigest())


def by_standard(hook: Hook, known: list[str]) -> bool:
    """As a receiver with the library of Standard Webhooks decides. It wants a secret's bytes, or whsec_."""
    for secret in known:
        try:
            Webhook(secret.encode()).verify(hook.raw, hook.headers)
            return True
        except WebhookVerificationError:
            continue
    return False


def test_both_libraries_accept_every_kind(strict_stack: LocalStack, application: Application) -> None:
    mailbox = application.mailbox
    dispatch = application.dispatch(step("sms", "0100"))
    application.report(dispatch)
    message = {"channel": "sms", "from": "447700900321", "to": "12065550100", "text": "Grüße 🚚"}
    assert httpx.post(f"{strict_stack.url}/sandbox/inbound", json=message).status_code == 202
    mailbox.until(lambda: len(mailbox.hooks) >= 4, PATIENCE)  # submitted, delivered, report, inbound
    assert {hook.kind for hook in mailbox.hooks} == {"status", "inbound"}
    for hook in mailbox.hooks:
        assert by_vonage(hook, [FIRST]) and by_standard(hook, [FIRST])
        assert not by_vonage(hook, [FOREIGN]) and not by_standard(hook, [FOREIGN])
        token = hook.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["iss"], claims["api_key"], claims["application_id"]) == ("Vonage", KEY, application.id)
        assert hook.headers["webhook-id"] == hook.headers["switchboard-event-id"]


def test_a_new_signature_secret_under_traffic(strict_stack: LocalStack, application: Application) -> None:
    """Two receivers, who know the old secret, then both, then only the new, miss nothing."""
    mailbox = application.mailbox
    owner = httpx.Client(base_url=strict_stack.url, auth=(KEY, SECRET), timeout=60)
    stop = threading.Event()
    uuids: list[str] = []

    def send() -> None:
        while not stop.is_set():
            uuids.append(application.send(bodies.message("sms")))
            stop.wait(0.1)

    def pass_by(seconds: float) -> float:
        """Let traffic pass, and return the moment after it."""
        before, end = len(mailbox.hooks), time.time() + seconds
        while time.time() < end or len(mailbox.hooks) < before + 5:
            assert time.time() < end + PATIENCE
            time.sleep(0.05)
        return time.time()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        pass_by(0.5)
        mailbox.refuse(3)  # these come again in five seconds, under other secrets than now
        made = owner.post(SIGNATURES).json()
        both_known = pass_by(1.5)
        assert owner.post(f"{SIGNATURES}/{made['id']}/promote").status_code == 200
        pass_by(2)
        assert owner.delete(f"{SIGNATURES}/first").status_code == 204
        old_forgotten = pass_by(2)
        pass_by(3)
    finally:
        stop.set()
        sender.join()
    mailbox.until(lambda: all(len(mailbox.statuses(uuid)) == 2 for uuid in uuids), PATIENCE)

    new = made["secret"]
    assert made["standard_webhooks_secret"].startswith("whsec_")

    def known(hook: Hook) -> list[str]:
        if hook.at < both_known:
            return [FIRST]
        return [FIRST, new] if hook.at < old_forgotten else [new]

    hooks = mailbox.refused + mailbox.hooks
    wrong = [
        (hook.headers["webhook-id"], hook.at - both_known, hook.at - old_forgotten)
        for hook in hooks
        if not (by_vonage(hook, known(hook)) and by_standard(hook, known(hook)))
    ]
    assert not wrong
    assert {len(known(hook)) for hook in hooks} == {1, 2}
    assert len(mailbox.refused) == 3
    assert {hook.headers["webhook-id"] for hook in mailbox.refused} <= {
        hook.headers["webhook-id"] for hook in mailbox.hooks
    }
    assert not any(by_vonage(hook, [FIRST]) or by_standard(hook, [FIRST]) for hook in mailbox.hooks[-5:])
    listed = owner.get(SIGNATURES).json()["_embedded"]["signature_secrets"]
    assert [(one["id"], one["state"]) for one in listed] == [(made["id"], "current")]


def test_api_secrets_by_vonages_client(strict_stack: LocalStack) -> None:
    """Last, as it takes the stack's own secret away; the stack starts again without it."""
    account = vonage(strict_stack).account
    [first] = account.list_secrets()
    made = account.create_secret("Parcels2027")
    assert account.get_secret(made.id) == made
    assert account.list_secrets() == [first, made]
    with pytest.raises(ForbiddenError, match="maximum number"):
        account.create_secret("Letters2028")
    successor = vonage(strict_stack, "Parcels2027")
    successor.account.revoke_secret(first.id)
    with pytest.raises(AuthenticationError):
        account.list_secrets()
    with pytest.raises(ForbiddenError, match="last secret"):
        successor.account.revoke_secret(made.id)

    strict_stack.stop()
    strict_stack.start()
    assert vonage(strict_stack, "Parcels2027").account.list_secrets() == [made]
    assert httpx.get(f"{strict_stack.url}/v2/applications", auth=(KEY, SECRET)).status_code == 401
    until(lambda: "No demonstration" in strict_stack.output, PATIENCE)
