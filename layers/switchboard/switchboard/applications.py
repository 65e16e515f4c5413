"""The account's applications and its own webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from switchboard import clock
from switchboard.errors import NotFound
from switchboard.models.applications import Application, ApplicationRequest, Page, Webhook, Webhooks
from switchboard.models.faults import Faults
from switchboard.outgoing import Guard
from switchboard.store import EndpointStore, Store
from switchboard.store.keys import ACCOUNT

_IN_APPLICATION = {
    kind: f"capabilities.messages.webhooks.{kind}.address" for kind in ("inbound_url", "status_url")
}
_IN_SETTINGS = {"inbound_url": "moCallBackUrl", "status_url": "drCallBackUrl"}


@dataclass(frozen=True)
class Applications:
    store: Store
    endpoints: EndpointStore
    guard: Guard

    def create(self, request: ApplicationRequest) -> tuple[Application, str | None]:
        """A new application, and its private key if we made the pair. We do not keep that key."""
        self._check(request.webhooks, _IN_APPLICATION)
        private_key = None
        public_key = request.public_key
        if public_key is None:
            private_key, public_key = key_pair()
        application = Application(
            id=str(uuid4()),
            name=request.name,
            public_key=public_key,
            capabilities=request.capabilities,
            improve_ai=request.improve_ai,
            created_at=clock.wire(clock.now()),
        )
        self.store.put_application(application)
        return application, private_key

    def get(self, application_id: str) -> Application:
        application = self.store.application(application_id)
        if application is None:
            raise NotFound(application_id)
        return application

    def update(self, application_id: str, request: ApplicationRequest) -> Application:
        """Replace everything but the key, which is kept unless another is given. An endpoint that said 410 is
        called again from now on."""
        self._check(request.webhooks, _IN_APPLICATION)
        old = self.get(application_id)
        application = Application(
            id=old.id,
            name=request.name,
            public_key=request.public_key or old.public_key,
            capabilities=request.capabilities,
            improve_ai=request.improve_ai,
            created_at=old.created_at,
        )
        if not self.store.replace_application(application):
            raise NotFound(application_id)
        self.endpoints.lift(application_id)
        return application

    def delete(self, application_id: str) -> None:
        if not self.store.delete_application(application_id):
            raise NotFound(application_id)

    def list(self, page: Page) -> tuple[list[Application], int]:
        """One page, and how many there are in all."""
        everything = self.store.applications()
        start = (page.page - 1) * page.page_size
        return everything[start : start + page.page_size], len(everything)

    def account_webhooks(self) -> Webhooks:
        return self.store.account_webhooks()

    def set_account_webhooks(self, inbound_url: str | None, status_url: str | None) -> Webhooks:
        """Change what is given, keep what is None; an empty string takes a webhook away. As in `update`,
        endpoints that said 410 are called again."""
        old = self.store.account_webhooks()
        webhooks = Webhooks(
            inbound_url=_changed(old.inbound_url, inbound_url),
            status_url=_changed(old.status_url, status_url),
        )
        self._check(webhooks, _IN_SETTINGS)
        self.store.put_account_webhooks(webhooks)
        self.endpoints.lift(ACCOUNT)
        return webhooks

    def _check(self, webhooks: Webhooks, names: Mapping[str, str]) -> None:
        """InvalidRequest names the addresses that can never be called."""
        faults = Faults()
        for kind, webhook in (("inbound_url", webhooks.inbound_url), ("status_url", webhooks.status_url)):
            reason = self.guard.fault(webhook.address) if webhook else None
            if reason:
                faults.add(names[kind], reason)
        faults.check()


def _changed(old: Webhook | None, address: str | None) -> Webhook | None:
    if address is None:
        return old
    return Webhook(address=address) if address else None


def key_pair() -> tuple[str, str]:
    """A new RSA key of 2048 bits: private (PKCS#8) and public half in PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
