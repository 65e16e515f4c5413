"""Tokens and keys that must not open the door. Each is answered 401, and no function stumbles over it."""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from tests.functions.flows import Flow
from tests.support import door, payloads
from tests.support.door import Answer

Make = Callable[[Flow], str]
NOW = int(time.time())
INVALID_TOKEN = {"title": "Unauthorised", "detail": "Invalid Token"}


@pytest.fixture(scope="module")
def flow() -> Iterator[Flow]:
    """One for all: who is refused changes nothing."""
    with door.opened() as flow:
        yield flow


@pytest.fixture(autouse=True)
def _nobody_stumbles(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged as an error, least of all an exception of ours."""
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records if "switchboard" in record.pathname] == []


def b64(data: bytes | str | dict[str, Any]) -> str:
    if isinstance(data, dict):
        data = json.dumps(data)
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


HEADER: dict[str, Any] = {"alg": "RS256", "typ": "JWT"}


def claims(flow: Flow, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"application_id": flow.app["id"], "iat": now, "exp": now + 600, "jti": str(uuid4())} | more


def signed(flow: Flow, header: Any = None, payload: Any = None, app: dict[str, Any] | None = None) -> str:
    """A token signed with the application's true key, whatever it says."""
    head = HEADER if header is None else header
    start = f"{b64(head)}.{b64(claims(flow) if payload is None else payload)}"
    key = load_pem_private_key((app or flow.app)["keys"]["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return f"{start}.{b64(key.sign(start.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def good(flow: Flow) -> str:
    return signed(flow)


def public_forms(flow: Flow) -> dict[str, bytes]:
    """A public key in every form that a library could have taken for a secret."""
    pem = flow.app["keys"]["public_key"]
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    numbers = key.public_numbers()
    return {
        "PEM": pem.encode(),
        "PEM without its last line end": pem.strip().encode(),
        "PEM with CRLF": pem.strip().replace("\n", "\r\n").encode() + b"\r\n",
        "PEM with one more line end": pem.strip().encode() + b"\n\n",
        "PEM in one line": pem.replace("\n", "").encode(),
        "base64 alone": "".join(pem.strip().splitlines()[1:-1]).encode(),
        "DER": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 PEM": key.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "PKCS1 DER": key.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "OpenSSH": key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "modulus": numbers.n.to_bytes(256, "big"),
        "nothing": b"",
    }


def confused(form: str, algorithm: str = "HS256") -> Make:
    """Signed by HMAC with the public key as the secret."""

    def make(flow: Flow) -> str:
        start = f"{b64(HEADER | {'alg': algorithm})}.{b64(claims(flow))}"
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
        return f"{start}.{b64(hmac.new(public_forms(flow)[form], start.encode(), digest).digest())}"

    return make


def unsigned(algorithm: Any, signature: str = "") -> Make:
    return lambda flow: f"{b64(HEADER | {'alg': algorithm})}.{b64(claims(flow))}.{signature}"


def with_claims(**more: Any) -> Make:
    def make(flow: Flow) -> str:
        told = claims(flow, **more)
        return signed(flow, payload={name: value for name, value in told.items() if value is not ...})

    return make


def with_header(**more: Any) -> Make:
    """Signed truly, with odd members of the header."""
    return lambda flow: signed(
        flow, header={name: value for name, value in (HEADER | more).items() if value is not ...}
    )


def raw_claims(text: str) -> Make:
    """Signed truly; `text` is JSON that a dict cannot say, with the application's id put in."""
    return lambda flow: signed(flow, payload=text.replace("$APP", flow.app["id"]))


def altered(change: Callable[[list[str]], str]) -> Make:
    """Of a good token's three parts something else."""
    return lambda flow: change(good(flow).split("."))


def other_key(flow: Flow) -> str:
    other = payloads.application(flow.cloud)
    return signed(flow, app=other)


def swapped_signature(flow: Flow) -> str:
    return ".".join([*good(flow).split(".")[:2], good(flow).split(".")[2]])


def own_key(**header: Any) -> Make:
    """Signed with the attacker's key, which the header offers."""

    def make(flow: Flow) -> str:
        key = rsa.generate_private_key(65_537, 2048)
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        told = {name: jwk | {"kid": "k"} if value == "jwk" else value for name, value in header.items()}
        start = f"{b64(HEADER | told)}.{b64(claims(flow))}"
        return f"{start}.{b64(key.sign(start.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    return make


def by_elliptic_curve(flow: Flow) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims(flow), key, "ES256")


def by_pss(flow: Flow) -> str:
    return jwt.encode(claims(flow), flow.app["keys"]["private_key"], "PS256")


def deleted(flow: Flow) -> str:
    other = payloads.application(flow.cloud)
    path = f"/v2/applications/{other['id']}"
    token = signed(flow, payload=claims(flow, application_id=other["id"]), app=other)
    assert flow.cloud.http("applications", "DELETE", path, headers=payloads.basic())[0] == 204
    return token


def with_replaced_key(flow: Flow) -> str:
    """A token by the key that the application had before."""
    other, newer = payloads.application(flow.cloud), payloads.application(flow.cloud)
    token = signed(flow, payload=claims(flow, application_id=other["id"]), app=other)
    body = {"name": "renewed", "keys": {"public_key": newer["keys"]["public_key"]}}
    path = f"/v2/applications/{other['id']}"
    assert flow.cloud.http("applications", "PUT", path, body, payloads.basic())[0] == 200
    return token


NO_ALGORITHMS: tuple[Any, ...] = (
    "none", "None", "NONE", "nOnE", "", " none", "none\u0000", "RS256 ", "rs256", "HS256", "RS999",
    0, True, None, [], {}, ["none"],
)  # fmt: skip
NO_APPLICATIONS: tuple[Any, ...] = (
    "", " ", "unknown", door.UUID, "../../etc/passwd", "APPLICATIONS", "\u0000", "x" * 64, "x" * 65,
    "x" * 5000, "é", "\ud83d", "*", "'; DROP TABLE table; --", "{}", 7, 0, True, None, 1.5, [], {}, ["x"],
    {"S": "x"},
)  # fmt: skip
NO_IDS: tuple[Any, ...] = ("", None, 7, True, [], {}, ["x"])
NO_TYPES: tuple[Any, ...] = (..., None, "", "at+jwt", "JWE", 7, [], {}, True)
TOKENS: dict[str, Make] = {
    **{
        f"HS256 by the public key as {form}": confused(form)
        for form in (
            "PEM",
            "PEM without its last line end",
            "PEM with CRLF",
            "PEM with one more line end",
            "PEM in one line",
            "base64 alone",
            "DER",
            "PKCS1 PEM",
            "PKCS1 DER",
            "OpenSSH",
            "modulus",
            "nothing",
        )
    },
    "HS384 by the public key": confused("PEM", "HS384"),
    "HS512 by the public key": confused("PEM", "HS512"),
    **{f"alg {name!r}": unsigned(name) for name in NO_ALGORITHMS},
    "alg none with a signature": unsigned("none", b64(b"x" * 256)),
    "alg RS256 without a signature": unsigned("RS256"),
    "alg RS256 with nothing but zeros": unsigned("RS256", b64(bytes(256))),
    "alg RS256 with one byte": unsigned("RS256", b64(b"\x01")),
    "no alg": with_header(alg=...),
    "RS384 signed as RS256": with_header(alg="RS384"),
    "PS256": by_pss,
    "ES256": by_elliptic_curve,
    "another application's key": other_key,
    "a key that was replaced": with_replaced_key,
    "a deleted application": deleted,
    # --- the signature
    "another token's signature": swapped_signature,
    "a signature cut short": altered(lambda p: ".".join([p[0], p[1], p[2][:-4]])),
    "a signature with more": altered(lambda p: ".".join([p[0], p[1], p[2] + "AAAA"])),
    "a signature turned round": altered(lambda p: ".".join([p[0], p[1], p[2][::-1]])),
    "a changed signature": altered(
        lambda p: ".".join([p[0], p[1], ("A" if p[2][0] != "A" else "B") + p[2][1:]])
    ),
    "a signature that is not base64": altered(lambda p: ".".join([p[0], p[1], "§$%&"])),
    "an empty header": altered(lambda p: f".{p[1]}.{p[2]}"),
    "empty claims": altered(lambda p: f"{p[0]}..{p[2]}"),
    "header and claims exchanged": altered(lambda p: f"{p[1]}.{p[0]}.{p[2]}"),
    "a changed header": altered(lambda p: f"{b64(HEADER | {'x': 1})}.{p[1]}.{p[2]}"),
    "claims of another time": altered(
        lambda p: (
            f"{p[0]}.{b64(json.loads(base64.urlsafe_b64decode(p[1] + '==')) | {'exp': NOW + 9999})}.{p[2]}"
        )
    ),
    "two parts": altered(lambda p: f"{p[0]}.{p[1]}"),
    "four parts": altered(lambda p: ".".join([*p, p[2]])),
    "five parts, as if encrypted": altered(lambda p: ".".join([*p, "a", "b"])),
    # --- times
    "expired": with_claims(iat=NOW - 7200, exp=NOW - 3600),
    "expired, and iat now": with_claims(exp=NOW - 60),
    "exp before iat": with_claims(iat=NOW, exp=NOW - 1),
    "exp is now past by a fraction": with_claims(exp=NOW - 0.5),
    "exp at the beginning": with_claims(exp=0),
    "exp is negative": with_claims(exp=-NOW),
    "iat in a year": with_claims(iat=NOW + 365 * 86_400, exp=NOW + 366 * 86_400),
    "iat in two minutes": with_claims(iat=NOW + 900, exp=NOW + 1800),
    "iat at the beginning": with_claims(iat=0),
    "iat is negative": with_claims(iat=-1),
    "iat two days ago, exp in a year": with_claims(iat=NOW - 2 * 86_400, exp=NOW + 365 * 86_400),
    "nbf in an hour": with_claims(nbf=NOW + 3600),
    **{
        f"{name} is {told}": raw_claims(
            f'{{"application_id": "$APP", "jti": "j", "iat": {NOW}, "exp": {NOW + 600}, "{name}": {text}}}'
        )
        for name in ("iat", "exp", "nbf")
        for told, text in {
            "text": '"soon"',
            "digits": f'"{NOW}"',
            "null": "null",
            "true": "true",
            "a list": f"[{NOW}]",
            "an object": "{}",
            "NaN": "NaN",
            "Infinity": "Infinity",
            "-Infinity": "-Infinity",
            "1e400": "1e400",
            "1e300": "1e300",
            "10**5000": "1" + "0" * 5000,
            "-1e300": "-1e300",
            "empty": '""',
        }.items()
    },
    # --- whose it is
    **{f"without {name}": with_claims(**{name: ...}) for name in ("application_id", "iat", "jti")},
    "no claims": raw_claims("{}"),
    **{f"application_id {told!r:.40}": with_claims(application_id=told) for told in NO_APPLICATIONS},
    "application_id in another case": lambda flow: signed(
        flow, payload=claims(flow, application_id=flow.app["id"].upper())
    ),
    "application_id with a space": lambda flow: signed(
        flow, payload=claims(flow, application_id=flow.app["id"] + " ")
    ),
    "application_id with a line end": lambda flow: signed(
        flow, payload=claims(flow, application_id=flow.app["id"] + "\n")
    ),
    "application_id in a list": lambda flow: signed(
        flow, payload=claims(flow, application_id=[flow.app["id"]])
    ),
    "application_id as sub only": lambda flow: signed(
        flow, payload={**claims(flow, sub=flow.app["id"]), "application_id": None}
    ),
    **{f"jti {told!r:.20}": with_claims(jti=told) for told in NO_IDS},
    # --- keys that the token offers
    "jwk": own_key(jwk="jwk"),
    "jku": own_key(jku="https://evil.example/jwks.json", kid="k"),
    "x5u": own_key(x5u="https://evil.example/cert.pem"),
    "x5c": own_key(x5c=["MIIB"]),
    "kid that is a path": own_key(kid="../../../../dev/null"),
    "kid that is a query": own_key(kid="x' UNION SELECT 'key"),
    "kid that is a number": own_key(kid=7),
    "crit that nobody knows": with_header(crit=["http://evil.example/x"], **{"http://evil.example/x": 1}),
    "crit that is empty": with_header(crit=[]),
    "crit that is text": with_header(crit="exp"),
    "b64 false": with_header(b64=False, crit=["b64"]),
    # --- form
    **{f"typ {told!r}": with_header(typ=told) for told in NO_TYPES},
    "header that is a list": lambda flow: signed(flow, header="[]"),
    "header that is text": lambda flow: signed(flow, header='"RS256"'),
    "header that is null": lambda flow: signed(flow, header="null"),
    "header that is no JSON": lambda flow: signed(flow, header="{"),
    "header that is no UTF-8": lambda flow: signed(flow, header=b"\xff\xfe"),
    "deep header": lambda flow: signed(flow, header="[" * 5000),
    "header with a huge number": lambda flow: signed(flow, header='{"alg": 1' + "0" * 5000 + "}"),
    "claims that are a list": raw_claims("[]"),
    "claims that are text": raw_claims('"$APP"'),
    "claims that are null": raw_claims("null"),
    "claims that are a number": raw_claims("7"),
    "claims that are no JSON": raw_claims("{"),
    "claims that are no UTF-8": lambda flow: signed(flow, payload=b"\xff\xfe{}"),
    "deep claims": raw_claims("[" * 50_000),
    "deep in the claims": raw_claims(
        f'{{"application_id": "$APP", "iat": {NOW}, "jti": "j", "deep": {"[" * 50_000}{"]" * 50_000}}}'
    ),
    "a token within the claims": lambda flow: signed(flow, payload={"token": claims(flow)}),
    "application_id twice, the unknown one last": raw_claims(
        f'{{"application_id": "$APP", "iat": {NOW}, "jti": "j", "application_id": "unknown"}}'
    ),
    "in base64 with + and /": altered(lambda p: ".".join([p[0], p[1], "+/+/" + p[2][4:]])),
    # --- size
    "100 KB": lambda flow: "x" * 100_000,
    "100 KB of claims, unsigned": lambda flow: f"{b64(HEADER)}.{b64('x' * 75_000)}.{b64(b'x')}",
    "a million dots": lambda flow: "." * 1_000_000,
    "a good one with a million dots": lambda flow: good(flow) + "." * 1_000_000,
    "a million letters in the header": lambda flow: f"{'A' * 1_000_000}.e30.e30",
    "empty": lambda flow: "",
    "dots": lambda flow: "..",
    "a space": lambda flow: " ",
    "a word": lambda flow: "token",
    "null": lambda flow: "null",
    "undefined": lambda flow: "undefined",
    "not ASCII": lambda flow: "é.ü.ß",
    "half a surrogate pair": lambda flow: "\ud83d.\ud83d.\ud83d",
    "NUL": lambda flow: "\u0000",
    "a good one cut in two": lambda flow: good(flow)[:100] + " " + good(flow)[100:],
    "two good ones": lambda flow: f"{good(flow)} {good(flow)}",
    "two good ones with a comma": lambda flow: f"{good(flow)}, {good(flow)}",
    "two headers joined": lambda flow: f"{good(flow)}, Bearer {good(flow)}",
    "a good one in quotes": lambda flow: f'"{good(flow)}"',
    "a good one with a line end within": lambda flow: good(flow)[:50] + "\n" + good(flow)[50:],
    "Bearer twice": lambda flow: f"Bearer {good(flow)}",
}


def attempt(flow: Flow, authorization: str) -> Answer:
    headers = {"Authorization": authorization}
    return door.request(
        flow.cloud, "POST", "/v1/messages", body=json.dumps(payloads.flat("sms")), headers=headers
    )


@pytest.mark.parametrize("kind", TOKENS)
def test_token_refused(flow: Flow, kind: str) -> None:
    before = flow.cloud.waiting("OutboundQueue")
    answer = attempt(flow, f"Bearer {TOKENS[kind](flow)}")
    told = {name: value for name, value in answer.body.items() if name != "instance"}
    assert (answer.status, told) == (401, INVALID_TOKEN)
    assert flow.cloud.waiting("OutboundQueue") == before


TAKEN: dict[str, Make] = {
    "plain": good,
    "kid, jku and the like of no use": with_header(kid="k", jku="https://evil.example/x"),
    "other claims": with_claims(sub="somebody", acl={"paths": {"/**": {}}}),
    "nbf long past": with_claims(nbf=0),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_token_taken(flow: Flow, kind: str) -> None:
    """The attacks differ from these in nothing but the attack."""
    assert attempt(flow, f"Bearer {TAKEN[kind](flow)}").status == 202


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


AUTHORIZATIONS: dict[str, str] = {
    "nothing": "",
    "spaces": "   ",
    "a scheme only": "Bearer",
    "Basic only": "Basic",
    "Basic and spaces": "Basic    ",
    "no colon": basic(b"localkey"),
    "a colon only": basic(b":"),
    "no secret": basic(b"localkey:"),
    "no key": basic(b":localsecret"),
    "another secret": basic(b"localkey:localsecret2"),
    "a part of the secret": basic(b"localkey:localsecre"),
    "in another case": basic(b"LocalKey:localsecret"),
    "with a line end": basic(b"localkey:localsecret\n"),
    "with NUL": basic(b"localkey\x00:localsecret"),
    "not UTF-8": basic(b"\xff\xfe:\xff"),
    "not base64": "Basic localkey:localsecret",
    "base64 cut short": basic(b"localkey:localsecret")[:-3],
    "base64 with spaces": basic(b"localkey:localsecret").replace("bG9j", "bG 9j"),
    "base64 for addresses": "Basic __--",
    "not ASCII": "Basic é",
    "half a surrogate pair": "Basic \ud83d",
    "huge": basic(b"x" * 1_000_000),
    "huge secret": basic(b"localkey:" + b"x" * 1_000_000),
    "a huge word": "x" * 1_000_000,
    "many spaces": "Basic" + " " * 100_000,
    "Digest": 'Digest username="localkey"',
    "Negotiate": "Negotiate YII=",
    "AWS": "AWS4-HMAC-SHA256 Credential=x",
    "twice": f"{basic(b'localkey:localsecret')}, {basic(b'localkey:localsecret')}",
    "Basic in Bearer": basic(b"localkey:localsecret").replace("Basic", "Bearer"),
    "both": f"{basic(b'localkey:x')}, Bearer x.y.z",
}


@pytest.mark.parametrize("kind", AUTHORIZATIONS)
@pytest.mark.parametrize("route", ["/v1/messages", "/v2/applications"])
def test_authorization_refused(flow: Flow, kind: str, route: str) -> None:
    headers = {"Authorization": AUTHORIZATIONS[kind]}
    answer = door.request(flow.cloud, "POST", route, body='{"name": "x"}', headers=headers)
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["title"] in ("Unauthorised", "Unauthorized")


OF_THE_ACCOUNT = {
    (method, route)
    for method, route in door.GUARDED
    if route.startswith(("/v2/applications", "/accounts", "/account/", "/number/", "/ni/", "/v0.1/audit"))
}
"""Routes that no application's token opens."""
OF_ANYBODY = {
    ("GET", "/v0.1/insights"),
    ("GET", "/v0.1/reports/messages"),
    ("GET", "/v0.1/messages"),
    ("GET", "/v0.1/dispatch"),
    ("POST", "/v0.1/messages"),
    ("GET", "/v0.1/messages/{message_uuid}"),
    ("POST", "/v1/messages"),
    ("GET", "/v1/messages/{message_uuid}"),
    ("PATCH", "/v1/messages/{message_uuid}"),
    ("POST", "/v0.1/dispatch"),
    ("GET", "/v0.1/dispatch/{dispatch_uuid}"),
    ("DELETE", "/v0.1/dispatch/{dispatch_uuid}"),
    ("GET", "/v0.1/dispatch/{dispatch_uuid}/explain"),
    ("GET", "/v0.1/messages/{message_uuid}/explain"),
    ("POST", "/v0.1/dispatch/dry-run"),
    ("POST", "/v0.1/messages/dry-run"),
    ("POST", "/v1/messages/dry-run"),
    ("GET", "/v0.1/media/{message_uuid}"),
    ("POST", "/v0.1/redact"),
    ("GET", "/v0.1/redact/{redaction_id}"),
    ("GET", "/v0.1/webhooks/endpoints"),
    ("GET", "/v0.1/webhooks/failed"),
    ("POST", "/v0.1/webhooks/replay"),
    ("GET", "/v0.1/templates"),
    ("POST", "/v0.1/templates"),
    ("GET", "/v0.1/templates/{name}"),
    ("DELETE", "/v0.1/templates/{name}"),
    ("GET", "/v0.1/contacts/{channel}/{person}"),
    ("GET", "/beta/chatapp-accounts"),
    ("POST", "/beta/chatapp-accounts/messenger"),
    ("PATCH", "/beta/chatapp-accounts/messenger/{external_id}"),
    ("DELETE", "/beta/chatapp-accounts/messenger/{external_id}"),
    ("GET", "/beta/chatapp-accounts/{provider}/{external_id}"),
    ("POST", "/beta/chatapp-accounts/{provider}/{external_id}/applications"),
    ("DELETE", "/beta/chatapp-accounts/{provider}/{external_id}/applications/{application_id}"),
}
"""Routes that key and secret open, and a token too."""


def test_every_route_says_who_may_use_it() -> None:
    assert set(door.GUARDED) == OF_THE_ACCOUNT | OF_ANYBODY
    assert not OF_THE_ACCOUNT & OF_ANYBODY


def label(route: tuple[str, str]) -> str:
    return " ".join(route)


@pytest.mark.parametrize("route", door.GUARDED, ids=label)
def test_every_route_wants_credentials(flow: Flow, route: tuple[str, str]) -> None:
    kinds = {
        "none": {},
        "a bad token": {"Authorization": "Bearer a.b.c"},
        "a token of nobody": {"Authorization": f"Bearer {with_claims(application_id='x')(flow)}"},
        "a forged token": {"Authorization": f"Bearer {confused('PEM')(flow)}"},
        "a wrong secret": payloads.basic(secret="x"),
        "a wrong key": payloads.basic(key="x"),
        "another scheme": {"Authorization": "Digest x"},
    }
    if route in OF_THE_ACCOUNT:
        kinds["an application's token"] = flow.app["bearer"]
    for kind, headers in kinds.items():
        for body in ("", "{}", "not JSON"):
            answer = door.request(flow.cloud, *route, body=body, headers=headers)
            assert answer.status == 401, (kind, body, answer)


@pytest.mark.parametrize("route", door.GUARDED, ids=label)
def test_every_route_takes_credentials(flow: Flow, route: tuple[str, str]) -> None:
    """So that the test above is one of credentials."""
    flow.cloud.world.provider = payloads.accepts_all
    allowed = [payloads.basic()] + ([flow.app["bearer"]] if route in OF_ANYBODY else [])
    for headers in allowed:
        assert door.request(flow.cloud, *route, body="{}", headers=headers).status not in (401, 500)


PARAMETERS = {
    "no secret": "api_key=localkey",
    "no key": "api_secret=localsecret",
    "both empty": "api_key=&api_secret=",
    "wrong": "api_key=localkey&api_secret=x",
    "not UTF-8": "api_key=%ff&api_secret=%ff",
    "half a surrogate pair": "api_key=%ed%a0%bd&api_secret=%ed%a0%bd",
    "twice, the wrong one last": "api_key=localkey&api_secret=localsecret&api_secret=x",
}


@pytest.mark.parametrize("query", PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("where", ["query", "form"])
def test_key_and_secret_as_parameters(flow: Flow, query: str, where: str) -> None:
    given = {"query": query} if where == "query" else {"body": query}
    answer = door.request(flow.cloud, "POST", "/number/update", **given)  # type: ignore[arg-type]
    assert (answer.status, answer.body["error-code"]) == (401, "401")


def test_secrets_are_compared_in_constant_time(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the key and the secret go through compare_digest."""
    compared: list[bytes] = []
    real = hmac.compare_digest

    def noted(left: Any, right: Any) -> bool:
        compared.extend(value if isinstance(value, bytes) else value.encode() for value in (left, right))
        return real(left, right)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    assert attempt(flow, basic(b"localkey:wrong-secret")).status == 401
    assert {b"localkey", b"wrong-secret"} <= set(compared)
