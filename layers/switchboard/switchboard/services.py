"""Puts the parts together for a function. Each is made when first used, so that none pays for the others."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

from switchboard import logs
from switchboard.settings import Settings

if TYPE_CHECKING:
    import httpx

    from switchboard.account_secrets import ApiSecrets, SignatureSecrets
    from switchboard.accounts import ProviderAccounts
    from switchboard.answering import Answering
    from switchboard.applications import Applications
    from switchboard.auditing import Auditing
    from switchboard.bus import Bus
    from switchboard.callers import Callers
    from switchboard.cancelling import Cancelling
    from switchboard.contacts import Contacts
    from switchboard.conversations import Conversations
    from switchboard.counting import Counting
    from switchboard.delivering import Delivering
    from switchboard.dispatching import Dispatching
    from switchboard.exporting import Exporting
    from switchboard.external_accounts import ExternalAccounts
    from switchboard.gathering import Gathered
    from switchboard.insights import Insights
    from switchboard.limits import Limits
    from switchboard.listing import Listing
    from switchboard.marking import Marking
    from switchboard.media import Media
    from switchboard.models.applications import Application, Webhook, Webhooks
    from switchboard.models.events import Receipt
    from switchboard.money import Money
    from switchboard.notifying import Notifying
    from switchboard.numbers import Numbers
    from switchboard.outgoing import Guard, Outgoing
    from switchboard.pricing import Prices
    from switchboard.queues import Queue, Way
    from switchboard.receiving import Receiving
    from switchboard.redacting import Redacting
    from switchboard.rehearsing import Rehearsing
    from switchboard.remembered import Remembered
    from switchboard.replaying import Replaying
    from switchboard.secrets import Accounts, Secrets
    from switchboard.senders import Senders
    from switchboard.sending import Sending
    from switchboard.sns import Sns
    from switchboard.spending import Spending
    from switchboard.starting import Starting
    from switchboard.store import AccountStore, FailedStore, ReceiptStore, SecretStore, Store
    from switchboard.store.audit import AuditStore
    from switchboard.store.calls import Table
    from switchboard.store.spend import SpendStore
    from switchboard.template_catalog import TemplateCatalog
    from switchboard.templates import Templates
    from switchboard.transitions import Transitions
    from switchboard.workflows import Workflows

PROVIDER_SECONDS = {"timeout": 10, "connect": 3}
_CONNECTIONS = {"max_connections": 50, "max_keepalive_connections": 20}
_ATTEMPTS = 3
"""How often AWS is asked for one thing."""

T = TypeVar("T", bound="Table")


class Services:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # --- AWS -------------------------------------------------------------------------------------

    @cached_property
    def _dynamodb(self) -> Any:
        return _aws("dynamodb")

    def _table(self, kind: type[T]) -> T:
        return kind(self._dynamodb, self.settings.table_name, self.settings.retention_days)

    @cached_property
    def store(self) -> Store:
        from switchboard.store import Store

        return self._table(Store)

    @cached_property
    def account_store(self) -> AccountStore:
        from switchboard.store import AccountStore

        return self._table(AccountStore)

    @cached_property
    def _sqs(self) -> Any:
        return _aws("sqs")

    @cached_property
    def outbound(self) -> Queue:
        from switchboard.queues import Queue

        return Queue(self._sqs, self.settings.outbound_queue_url)

    @cached_property
    def urgent(self) -> Queue:
        from switchboard.queues import Queue

        return Queue(self._sqs, self.settings.urgent_queue_url)

    def outbound_queue(self, event: dict[str, Any]) -> Queue:
        """Which of the two a batch came from."""
        name = event["Records"][0]["eventSourceARN"].rpartition(":")[2]
        return self.urgent if self.settings.urgent_queue_url.endswith(f"/{name}") else self.outbound

    @cached_property
    def webhooks(self) -> Gathered:
        from switchboard.gathering import Gathered

        ways: tuple[Way, ...] = ("webhook", "bus") if self.settings.publish_events else ("webhook",)
        return Gathered(self._sqs, self.settings.webhooks_queue_url, ways)

    @cached_property
    def refused(self) -> Queue:
        from switchboard.queues import Queue

        return Queue(self._sqs, self.settings.refused_queue_url)

    @cached_property
    def starts(self) -> Queue:
        from switchboard.queues import Queue

        return Queue(self._sqs, self.settings.starts_queue_url)

    @cached_property
    def redactions_queue(self) -> Queue:
        from switchboard.queues import Queue

        return Queue(self._sqs, self.settings.redactions_queue_url)

    @cached_property
    def bus(self) -> Bus:
        from switchboard.bus import Bus

        return Bus(_Lazy("events"), self.settings.bus_name)

    @cached_property
    def workflows(self) -> Workflows:
        from switchboard.workflows import Workflows

        # Who starts an execution has a queue to put it in, and a caller who waits: it asks once.
        return Workflows(
            _Lazy("stepfunctions"), self.settings.state_machine_arn, _Lazy("stepfunctions", attempts=1)
        )

    @cached_property
    def secrets(self) -> Secrets:
        from switchboard.secrets import Secrets

        return Secrets(_aws("secretsmanager"))

    @cached_property
    def accounts(self) -> Accounts:
        from switchboard.secrets import Accounts

        return Accounts(
            self.secrets,
            self.settings.provider_secrets,
            callback_url=self.settings.callback_url,
            region=self.settings.aws_region,
        )

    # --- use cases -------------------------------------------------------------------------------

    @cached_property
    def callers(self) -> Callers:
        from switchboard.callers import Callers

        return Callers(self.known_applications, self.api_secrets)

    @cached_property
    def known_applications(self) -> Remembered[Application]:
        from switchboard.remembered import Remembered

        return Remembered(self.store.application)

    @cached_property
    def limits(self) -> Limits:
        from switchboard.limits import Limits
        from switchboard.store import RequestStore

        return Limits(self._table(RequestStore), self.settings.requests_per_second)

    @cached_property
    def _secret_store(self) -> SecretStore:
        from switchboard.store import SecretStore

        return self._table(SecretStore)

    @cached_property
    def api_secrets(self) -> ApiSecrets:
        from switchboard.account_secrets import ApiSecrets

        return ApiSecrets(self._secret_store, self.secrets, self.settings.account_secret)

    @cached_property
    def signature_secrets(self) -> SignatureSecrets:
        from switchboard.account_secrets import SignatureSecrets

        settings = self.settings
        return SignatureSecrets(
            self._secret_store, self.secrets, settings.signature_secret, settings.signature_secrets
        )

    @cached_property
    def money(self) -> Money:
        from switchboard.money import Money

        return Money(self.settings.currency, self.settings.exchange_rates)

    @cached_property
    def prices(self) -> Prices:
        from switchboard.pricing import Prices

        return Prices(self.money, providers=self.settings.default_providers)

    @cached_property
    def senders(self) -> Senders:
        from switchboard.senders import Senders

        return Senders(
            self.store, self.account_store, self._account_webhooks, self.settings.default_providers
        )

    @cached_property
    def _account_webhooks(self) -> Webhooks:
        from switchboard.models.applications import Webhooks

        return Webhooks(
            status_url=_webhook(self.settings.status_url),
            inbound_url=_webhook(self.settings.inbound_url),
            version=self.settings.webhook_version,
        )

    @cached_property
    def applications(self) -> Applications:
        from switchboard.applications import Applications
        from switchboard.store import EndpointStore

        return Applications(self.store, self._table(EndpointStore), self.guard)

    @cached_property
    def guard(self) -> Guard:
        from switchboard.outgoing import Guard

        return Guard(self.settings.allow_loopback)

    @cached_property
    def outgoing(self) -> Outgoing:
        """For addresses that somebody else chose."""
        import httpx

        from switchboard.outgoing import ANSWER_SECONDS, CONNECT_SECONDS, Outgoing, Transport

        transport = Transport(self.guard, httpx.Limits(**_CONNECTIONS))
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        return Outgoing(self.guard, httpx.Client(timeout=timeout, transport=transport))

    @cached_property
    def template_catalog(self) -> TemplateCatalog:
        from switchboard.store import TemplateStore
        from switchboard.template_catalog import TemplateCatalog

        return TemplateCatalog(
            self._table(TemplateStore), self.senders, self.accounts, lambda: self._provider_client
        )

    @cached_property
    def provider_accounts(self) -> ProviderAccounts:
        from switchboard.accounts import ProviderAccounts

        return ProviderAccounts(self.account_store, self.store, self.accounts, lambda: self._provider_client)

    @cached_property
    def external_accounts(self) -> ExternalAccounts:
        from switchboard.external_accounts import ExternalAccounts

        return ExternalAccounts(self.provider_accounts)

    @cached_property
    def numbers(self) -> Numbers:
        from switchboard.numbers import Numbers

        return Numbers(self.account_store, self.store)

    @cached_property
    def sending(self) -> Sending:
        from switchboard.sending import Sending

        return Sending(self.store, self.outbound, self.urgent, self.senders, self.templates)

    @cached_property
    def dispatching(self) -> Dispatching:
        from switchboard.dispatching import Dispatching

        return Dispatching(
            self.store,
            self.workflows,
            self.senders,
            self.templates,
            self.webhooks,
            self.starts,
            self.settings.last_step_seconds,
        )

    @cached_property
    def cancelling(self) -> Cancelling:
        from switchboard.cancelling import Cancelling

        return Cancelling(self.store, self.transitions, self.workflows, self.dispatching)

    @cached_property
    def starting(self) -> Starting:
        from switchboard.starting import Starting

        return Starting(self.sending, lambda: self.dispatching, lambda: self.guard)

    @cached_property
    def transitions(self) -> Transitions:
        from switchboard.transitions import Transitions

        return Transitions(self.store, self.webhooks, self.workflows, self.money, prices=lambda: self.prices)

    @cached_property
    def conversations(self) -> Conversations:
        from switchboard.conversations import Conversations
        from switchboard.store import ConversationStore

        return Conversations(self._table(ConversationStore), self.transitions)

    @cached_property
    def receipts(self) -> ReceiptStore:
        from switchboard.store import ReceiptStore

        return self._table(ReceiptStore)

    @cached_property
    def contacts(self) -> Contacts:
        from switchboard.contacts import Contacts
        from switchboard.store import ContactStore

        return Contacts(
            self._table(ContactStore),
            frozenset(self.settings.opt_out_words),
            frozenset(self.settings.opt_in_words),
            self.settings.opt_out_confirmation,
        )

    @cached_property
    def templates(self) -> Templates:
        from switchboard.store import TemplateStore
        from switchboard.templates import Templates

        return Templates(self._table(TemplateStore), self.senders)

    @cached_property
    def receiving(self) -> Receiving:
        from switchboard.receiving import Receiving

        return Receiving(
            self.store,
            self.webhooks,
            self.transitions,
            self.conversations,
            self.receipts,
            self.contacts,
            self.templates,
            self.sending,
            self.accounts,
            self.senders,
            sns=lambda: self._sns,
            unmatched=_log_unmatched,
        )

    @cached_property
    def _provider_client(self) -> httpx.Client:
        import httpx

        return httpx.Client(timeout=httpx.Timeout(**PROVIDER_SECONDS), limits=httpx.Limits(**_CONNECTIONS))

    @cached_property
    def _sns(self) -> Sns:
        from switchboard.sns import Sns

        return Sns(self._provider_client)

    @cached_property
    def s3(self) -> Any:
        return _aws("s3")

    @cached_property
    def media(self) -> Media:
        from switchboard.media import Media

        gateway = self.settings.media_gateway
        return Media(
            lambda: self._provider_client,
            lambda: self.outgoing,
            lambda: self.s3,
            self.accounts,
            self.settings.media_bucket,
            str(gateway) if gateway else None,
        )

    @cached_property
    def delivering(self) -> Delivering:
        from switchboard.circuits import Circuits
        from switchboard.delivering import Delivering
        from switchboard.handover import Handover
        from switchboard.pace import Pace
        from switchboard.store import PaceStore

        return Delivering(
            self.store,
            self.transitions,
            self.workflows,
            self.conversations,
            self.receipts,
            Handover(
                self.store,
                self.senders,
                self.contacts,
                Circuits(self.account_store),
                Pace(self._table(PaceStore)),
                self.accounts,
                self.media,
                self.spending,
                self._provider_client,
            ),
        )

    @cached_property
    def rehearsing(self) -> Rehearsing:
        from switchboard.rehearsing import Rehearsing
        from switchboard.store import ContactStore, TemplateStore

        return Rehearsing(
            self.templates,
            self._table(TemplateStore),
            self.senders,
            self._table(ContactStore),
            self.spending,
            self.starting.check_webhooks,
            self.settings.last_step_seconds,
        )

    @cached_property
    def spending(self) -> Spending:
        from switchboard.spending import Spending
        from switchboard.store import TemplateStore

        return Spending(self.spend_store, self.store, self._table(TemplateStore), lambda: self.prices)

    @cached_property
    def spend_store(self) -> SpendStore:
        from switchboard.store.spend import SpendStore

        return self._table(SpendStore)

    @cached_property
    def redacting(self) -> Redacting:
        from switchboard.redacting import Redacting
        from switchboard.store import RedactionStore

        return Redacting(
            self._table(RedactionStore),
            self.store,
            self.redactions_queue,
            self.senders,
            self.prices,
            lambda: self.s3,
            self.settings.media_bucket,
        )

    @cached_property
    def failed_events(self) -> FailedStore:
        from switchboard.store import FailedStore

        return self._table(FailedStore)

    @cached_property
    def listing(self) -> Listing:
        from switchboard.listing import Listing
        from switchboard.store.lists import ListStore

        return Listing(self._table(ListStore), self.store, self.prices)

    @cached_property
    def counting(self) -> Counting:
        from switchboard.counting import Counting
        from switchboard.store.insights import InsightStore

        return Counting(self._table(InsightStore), self.prices)

    @cached_property
    def insights(self) -> Insights:
        from switchboard.insights import Insights
        from switchboard.store.insights import InsightStore

        return Insights(self._table(InsightStore), self.settings.currency)

    @cached_property
    def audit_store(self) -> AuditStore:
        from switchboard.store.audit import AuditStore

        return self._table(AuditStore)

    @cached_property
    def auditing(self) -> Auditing:
        from switchboard.auditing import Auditing

        return Auditing(self.audit_store)

    @cached_property
    def exporting(self) -> Exporting:
        from switchboard.exporting import Exporting

        return Exporting(self.listing, self.prices)

    @cached_property
    def replaying(self) -> Replaying:
        from switchboard.replaying import Replaying

        return Replaying(self.failed_events, self.webhooks)

    @cached_property
    def answering(self) -> Answering:
        from switchboard.answering import Answering
        from switchboard.store import EndpointStore

        return Answering(self.store, self._table(EndpointStore), self._account_webhooks)

    @cached_property
    def marking(self) -> Marking:
        from switchboard.marking import Marking

        return Marking(self.store, self.accounts, lambda: self._provider_client)

    @cached_property
    def notifying(self) -> Notifying:
        from switchboard.account_secrets import Signing
        from switchboard.endpoints import Endpoints
        from switchboard.notifying import Notifying
        from switchboard.remembered import Remembered
        from switchboard.reporting import Reporting
        from switchboard.store import EndpointStore

        return Notifying(
            self.store,
            self.webhooks,
            Reporting(self.store, self.prices),
            self.outgoing,
            Endpoints(self._table(EndpointStore)),
            self.failed_events,
            self.known_applications,
            Remembered(lambda _: self.store.account_webhooks()),
            self._account_webhooks,
            self.media,
            self.settings.public_url,
            self.bus,
            Signing(self.signature_secrets, self.api_secrets.api_key),
        )


class _Lazy:
    """An AWS client that is made at its first call: most receipts have no dispatch to tell."""

    def __init__(self, service: str, attempts: int = _ATTEMPTS) -> None:
        self._service = service
        self._attempts = attempts
        self._making = Lock()
        self._client: Any = None

    def __getattr__(self, name: str) -> Any:
        with self._making:  # ten records may want it at once
            self._client = self._client or _aws(self._service, self._attempts)
        return getattr(self._client, name)


def _aws(service: str, attempts: int = _ATTEMPTS) -> Any:
    return boto3.client(
        service,
        config=Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=20,
            parameter_validation=False,  # our own types have done it; this is a tenth of a call's time
            user_agent="switchboard",  # botocore makes its own anew, twice for each call: a fifth of its time
        ),
    )


def _webhook(url: object) -> Webhook | None:
    from switchboard.models.applications import Webhook

    return Webhook(address=str(url)) if url else None


def _log_unmatched(provider: str, receipt: Receipt) -> None:
    logs.logger.warning(
        "receipt that nothing was done with",
        provider=provider,
        status=receipt.status,
        **logs.ids({"message_uuid": receipt.message_uuid}),
    )
