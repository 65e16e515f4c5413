"""Application API v2: request, answer, list."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from switchboard.models.faults import Faults
from switchboard.models.frozen import Frozen


class Webhook(Frozen):
    address: str
    http_method: str = "POST"


class Webhooks(Frozen):
    """Where the client wants to be called: an application's own, or the account's."""

    inbound_url: Webhook | None = None
    status_url: Webhook | None = None


class Application(Frozen):
    """`capabilities` keeps what the client sent, so that fields of other products survive a round trip."""

    id: str
    name: str
    public_key: str | None = None
    capabilities: dict[str, Any] = Field(default_factory=dict)
    improve_ai: bool = True
    created_at: str

    @property
    def webhooks(self) -> Webhooks:
        messages = self.capabilities.get("messages") or {}
        return Webhooks.model_validate(messages.get("webhooks") or {})


class ApplicationRequest(Frozen):
    name: str
    capabilities: dict[str, Any] = Field(default_factory=dict)
    public_key: str | None = None
    improve_ai: bool = True


class Page(Frozen):
    page: int = 1
    page_size: int = 10


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Webhook(_Wire):
    address: Annotated[str, Field(pattern=r"^https?://[^\s/]+", max_length=2000)]
    http_method: Literal["POST"] = "POST"


class _MessagesWebhooks(_Wire):
    inbound_url: _Webhook | None = None
    status_url: _Webhook | None = None


class _Messages(_Wire):
    webhooks: _MessagesWebhooks = _MessagesWebhooks()
    version: Literal["v1", "v0.1"] | None = None


class _Capabilities(_Wire):
    messages: _Messages | None = None


class _Keys(_Wire):
    public_key: str | None = None


class _Privacy(_Wire):
    improve_ai: bool = True


_NAME: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(min_length=1, max_length=100)])
_CAPABILITIES: TypeAdapter[_Capabilities] = TypeAdapter(_Capabilities)
_KEYS: TypeAdapter[_Keys] = TypeAdapter(_Keys)
_PRIVACY: TypeAdapter[_Privacy] = TypeAdapter(_Privacy)
_PAGE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1)])
_PAGE_SIZE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=100)])


def application_request(body: object) -> ApplicationRequest:
    """InvalidRequest names every fault."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object") or {}
    faults.check()
    if root.get("name") is None:
        faults.add("name", "is required")
    name = faults.read(_NAME, root.get("name", "-"), "name")
    capabilities = root.get("capabilities") or {}
    faults.read(_CAPABILITIES, capabilities, "capabilities")
    keys = faults.read(_KEYS, root.get("keys") or {}, "keys")
    privacy = faults.read(_PRIVACY, root.get("privacy") or {}, "privacy")
    public_key = keys.public_key if keys else None
    if public_key and not _is_rsa_key(public_key):
        faults.add("keys.public_key", "must be an RSA public key in PEM, of 2048 bits or more")
    faults.check()
    assert name  # for the type checker: no fault was found
    assert privacy
    return ApplicationRequest(
        name=name, capabilities=capabilities, public_key=public_key or None, improve_ai=privacy.improve_ai
    )


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


def answer(application: Application, private_key: str | None = None) -> dict[str, Any]:
    """An application as clients see it. The private key is in the answer that made it and nowhere else."""
    keys = {"public_key": application.public_key}
    if private_key:
        keys["private_key"] = private_key
    return {
        "id": application.id,
        "name": application.name,
        "capabilities": application.capabilities,
        "keys": keys,
        "privacy": {"improve_ai": application.improve_ai},
    }


def answer_list(applications: list[Application], total: int, page: Page) -> dict[str, Any]:
    """With `_links`, which the newer clients insist on and the older ones do not look at."""
    pages = max(1, -(-total // page.page_size))
    return {
        "page_size": page.page_size,
        "page": page.page,
        "total_items": total,
        "total_pages": pages,
        "_embedded": {"applications": [answer(application) for application in applications]},
        "_links": _links(page, pages),
    }


def _links(page: Page, pages: int) -> dict[str, Any]:
    numbers = {"self": page.page, "first": 1, "last": pages}
    if page.page > 1:
        numbers["prev"] = page.page - 1
    if page.page < pages:
        numbers["next"] = page.page + 1
    return {
        name: {"href": f"/v2/applications?page={number}&page_size={page.page_size}"}
        for name, number in numbers.items()
    }


def _is_rsa_key(pem: str) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, RSAPublicKey) and key.key_size >= 2048
