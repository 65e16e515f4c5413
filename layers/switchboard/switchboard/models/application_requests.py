"""Application API v2: requests.

{"name", "capabilities"?: {product: {"webhooks"?, ...}}, "keys"?: {"public_key"?},
 "privacy"?: {"improve_ai"?}, "limits"?: {"daily_spend"}}

and the account's limits: {"daily_spend", "assumed_price"}
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from switchboard.models.amounts import Limit
from switchboard.models.applications import ApplicationRequest, Page
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY, Lazy


class _Wire(Lazy):
    model_config = ConfigDict(extra="ignore")


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_Text = Annotated[str, Field(min_length=1, max_length=2000)]
_Address = Annotated[str, Field(pattern=r"^https?://[^\s/]+", max_length=2000)]
_Post = Annotated[Literal["POST"], BeforeValidator(_upper)]
_GetOrPost = Annotated[Literal["GET", "POST"], BeforeValidator(_upper)]
_AnyMethod = Annotated[Literal["GET", "POST", "PUT"], BeforeValidator(_upper)]
_ConnectMs = Annotated[int, Field(ge=300, le=1000)]
_SocketMs = Annotated[int, Field(ge=1000, le=10_000)]
"""Documented as 5000 for all but event_url; clients let 10000 through for every one."""


class _PostWebhook(_Wire):
    address: _Text
    http_method: _Post | None = None


class _Webhook(_Wire):
    address: _Text
    http_method: _GetOrPost | None = None


class _MeetingsWebhook(_Wire):
    address: _Text
    http_method: _AnyMethod | None = None


class _VoiceWebhook(_Webhook):
    """Clients and documents differ in the name of the first timeout."""

    connection_timeout: _ConnectMs | None = None
    connect_timeout: _ConnectMs | None = None
    socket_timeout: _SocketMs | None = None


class _MessagesWebhook(_PostWebhook):
    """The only one that we call."""

    address: _Address


class _MessagesWebhooks(_Wire):
    inbound_url: _MessagesWebhook | None = None
    status_url: _MessagesWebhook | None = None


class _Messages(_Wire):
    webhooks: _MessagesWebhooks | None = None
    version: Literal["v1", "v0.1"] | None = None
    authenticate_inbound_media: bool | None = None


class _VoiceWebhooks(_Wire):
    answer_url: _VoiceWebhook | None = None
    fallback_answer_url: _VoiceWebhook | None = None
    event_url: _VoiceWebhook | None = None


class _Gateway(_Wire):
    mode: Literal["test", "live"] | None = None


class _Payments(_Wire):
    gateways: list[_Gateway] | None = None


class _Voice(_Wire):
    webhooks: _VoiceWebhooks | None = None
    signed_callbacks: bool | None = None
    conversation_ttl: Annotated[int, Field(ge=0, le=9000)] | None = None
    conversations_ttl: Annotated[int, Field(ge=0, le=9000)] | None = None
    leg_persistence_time: Annotated[int, Field(ge=0, le=31)] | None = None
    region: str | None = None
    payments: _Payments | None = None


class _EventWebhooks(_Wire):
    event_url: _Webhook | None = None


class _Rtc(_Wire):
    webhooks: _EventWebhooks | None = None
    signed_callbacks: bool | None = None
    leg_persistence_time: Annotated[int, Field(ge=0, le=31)] | None = None


class _StatusWebhooks(_Wire):
    status_url: _PostWebhook | None = None


class _Verify(_Wire):
    webhooks: _StatusWebhooks | None = None
    version: str | None = None


class _MeetingsWebhooks(_Wire):
    recording_changed: _MeetingsWebhook | None = None
    room_changed: _MeetingsWebhook | None = None
    session_changed: _MeetingsWebhook | None = None


class _Meetings(_Wire):
    webhooks: _MeetingsWebhooks | None = None


class _Capabilities(_Wire):
    """Those of other products do nothing and are kept for their clients, as is what is not named here."""

    messages: _Messages | None = None
    voice: _Voice | None = None
    rtc: _Rtc | None = None
    verify: _Verify | None = None
    meetings: _Meetings | None = None
    vbc: dict[str, Any] | None = None
    video: dict[str, Any] | None = None
    network_apis: dict[str, Any] | None = None
    bulk: dict[str, Any] | None = None


class _Keys(_Wire):
    public_key: str | None = None


class _Privacy(_Wire):
    improve_ai: bool = True


class _Limits(_Wire):
    """What is left out would be taken away, so that everything must be said; null is for no such limit."""

    daily_spend: Limit | None


class _AccountLimits(_Limits):
    assumed_price: Limit | None


_DEEPEST = 20
"""Levels of objects and lists in `capabilities`; the documented ones have six."""
_NAME: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(min_length=1, max_length=100)], config=LAZY)
_CAPABILITIES: TypeAdapter[_Capabilities] = TypeAdapter(_Capabilities)
_KEYS: TypeAdapter[_Keys] = TypeAdapter(_Keys)
_PRIVACY: TypeAdapter[_Privacy] = TypeAdapter(_Privacy)
_L = TypeVar("_L", bound=_Limits)
_REQUIRED = {
    "daily_spend": "is required: an amount, or null for no cap",
    "assumed_price": "is required: an amount, or null to assume none",
}
_SHOWN = ("currency", "spent_today", "resets_at", "warnings")
_PAGE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1)], config=LAZY)
_PAGE_SIZE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=100)], config=LAZY)


def application_request(body: object) -> ApplicationRequest:
    """InvalidRequest names every fault."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object") or {}
    faults.check()
    if root.get("name") is None:
        faults.add("name", "is required")
    name = faults.read(_NAME, root.get("name", "-"), "name")
    capabilities = root.get("capabilities") or {}
    if _shallow(capabilities):
        capabilities = _kept(capabilities)
        faults.read(_CAPABILITIES, capabilities, "capabilities")
    else:
        faults.add("capabilities", f"must have at most {_DEEPEST} levels")
    keys = faults.read(_KEYS, root.get("keys") or {}, "keys")
    privacy = faults.read(_PRIVACY, root.get("privacy") or {}, "privacy")
    given = root.get("limits")
    limits = _limits(faults, _Limits, given, "limits") if given is not None else None
    public_key = keys.public_key if keys else None
    if public_key and not _is_rsa_key(public_key):
        faults.add("keys.public_key", "must be an RSA public key in PEM, of 2048 bits or more")
    faults.check()
    assert name  # for the type checker: no fault was found
    assert privacy
    return ApplicationRequest(
        name=name,
        capabilities=capabilities,
        public_key=public_key or None,
        improve_ai=privacy.improve_ai,
        daily_spend=limits.daily_spend if limits else None,
        limits=limits is not None,
    )


def limits_request(body: object) -> tuple[Decimal | None, Decimal | None]:
    """What the account may spend on a day, None for any amount; and what a message counts as whose price
    nobody knows, if anything. Both must be said. InvalidRequest names every fault."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object") or {}
    faults.check()
    limits = _limits(faults, _AccountLimits, root, "")
    faults.check()
    assert limits
    return limits.daily_spend, limits.assumed_price


def _limits(faults: Faults, shape: type[_L], value: object, name: str) -> _L | None:
    """With what our answers have beside them taken as it comes: clients put back what they got."""
    given = faults.object(value, name)
    if given is None:
        return None
    names = list(shape.model_fields)
    for other in sorted(given.keys() - {*names, *_SHOWN}):
        faults.add(f"{name}.{other}" if name else other, f"is no limit. There are: {', '.join(names)}")
    missing = [field for field in names if field not in given]
    for field in missing:
        faults.add(f"{name}.{field}" if name else field, _REQUIRED[field])
    return faults.read(TypeAdapter(shape), given | dict.fromkeys(missing), name)


def page(query: dict[str, str]) -> Page:
    """`page` and `page_size`; the old CLI calls the page `index`."""
    faults = Faults()
    number = faults.read(_PAGE, query.get("page") or query.get("index") or 1, "page")
    size = faults.read(_PAGE_SIZE, query.get("page_size") or 10, "page_size")
    if any(fault.name == "page_size" for fault in faults.found):
        faults.found = [fault for fault in faults.found if fault.name != "page_size"]
        faults.add("page_size", "must be between 1 and 100")
    faults.check()
    assert number  # for the type checker: no fault was found
    assert size
    return Page(page=number, page_size=size)


def _shallow(value: object, levels: int = _DEEPEST) -> bool:
    """Whether a JSON value has no more levels than that."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels >= 0 and all(_shallow(member, levels - 1) for member in members)


def _kept(value: Any, name: str = "") -> Any:
    """As it is kept: a member that is null is one that is not there, and methods are in capitals."""
    if isinstance(value, dict):
        return {key: _kept(member, key) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_kept(member) for member in value]
    return value.upper() if name == "http_method" and isinstance(value, str) else value


def _is_rsa_key(pem: str) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPublicKey) and key.key_size >= 2048
