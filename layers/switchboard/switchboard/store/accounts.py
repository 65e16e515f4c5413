"""Reads and writes of provider accounts, their senders and their circuits."""

from datetime import datetime
from typing import Literal

from pydantic import Field, PositiveFloat

from switchboard import clock
from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import Lost, Table

_ROUTE = "route:"


class Rate(Frozen):
    """How fast a provider lets a sender send."""

    per_second: PositiveFloat
    unit: str = "messages"
    """Or "segments": the parts that a text is billed as."""


class AccountSender(Frozen):
    """A sender in a provider account."""

    channel: Channel
    id: str
    order: int = 0
    """Of the accounts that have this sender, the one with the lowest is tried first."""
    send_as: str | None = None
    """What the provider is told instead of `id`: an account's own number that stands in for another."""
    rate: Rate | None = None
    state: Literal["pending", "verified", "failed"] = "pending"
    """What the provider last said of it."""
    reason: str = ""
    checked_at: str | None = None


class ProviderAccount(Frozen):
    """An account with a provider. Its credentials are in a secret and nowhere else."""

    provider: str
    account_id: str
    name: str | None = None
    senders: tuple[AccountSender, ...] = ()
    created_at: str
    updated_at: str

    @property
    def key(self) -> str:
        return f"{self.provider}/{self.account_id}"


class Route(Frozen):
    """One way out for a sender: an account that has it."""

    provider: str
    account_id: str
    channel: str = ""
    """SMS and MMS go out by one number, and may have a route each."""
    order: int = 0
    send_as: str | None = None
    rate: Rate | None = None

    @property
    def key(self) -> str:
        return f"{self.provider}/{self.account_id}"


class SenderItem(Frozen):
    """A sender, whichever accounts it is in."""

    application_id: str | None = None
    """The application that it is linked to."""
    last_application_id: str | None = None
    """The application that last sent from it."""
    stands_for: str | None = None
    """The sender in whose place this number is told to a provider (AccountSender.send_as)."""
    routes: tuple[Route, ...] = Field(default=())
    """In the order in which they are tried."""


def _sender(item: Item) -> SenderItem:
    values = load(item)
    routes = [Route.model_validate_json(text) for name, text in values.items() if name.startswith(_ROUTE)]
    return SenderItem(
        application_id=values.get("application_id"),
        last_application_id=values.get("last_application_id"),
        stands_for=values.get("stands_for"),
        routes=tuple(sorted(routes, key=lambda route: (route.order, route.key))),
    )


def _route_name(sender: AccountSender, account: ProviderAccount) -> str:
    return f"{_ROUTE}{account.key}:{sender.channel}"


class AccountStore(Table):
    # --- accounts --------------------------------------------------------------------------------

    def put_account(self, account: ProviderAccount) -> None:
        self._put(
            keys.account(account.provider, account.account_id),
            dump({"account": account.model_dump_json(), "updated_at": account.updated_at}),
        )

    def replace_account(self, account: ProviderAccount, updated_at: str) -> bool:
        """False if it is not there any more, or was put anew since `updated_at`."""
        try:
            self._update(
                keys.account(account.provider, account.account_id),
                "SET account = :account, updated_at = :now",
                "updated_at = :then",
                {":account": account.model_dump_json(), ":now": account.updated_at, ":then": updated_at},
            )
        except Lost:
            return False
        return True

    def account(self, provider: str, account_id: str) -> ProviderAccount | None:
        found = self._get(keys.account(provider, account_id), consistent=True)
        return ProviderAccount.model_validate_json(load(found)["account"]) if found else None

    def accounts(self) -> list[ProviderAccount]:
        """All, by provider and id."""
        found = self._query(keys.ACCOUNTS)
        return [ProviderAccount.model_validate_json(load(item)["account"]) for item in found]

    def delete_account(self, provider: str, account_id: str) -> None:
        self._client.delete_item(TableName=self._table, Key=dump(keys.account(provider, account_id)))

    # --- senders ---------------------------------------------------------------------------------

    def sender(self, channel: str, identifier: str, *, consistent: bool = False) -> SenderItem | None:
        found = self._get(keys.sender(channel, identifier), consistent=consistent)
        return _sender(found) if found else None

    def put_route(self, known_as: str, sender: AccountSender, account: ProviderAccount) -> None:
        """Note that a sender can go out by an account. `known_as` is the channel that it is known under."""
        route = Route(
            provider=account.provider,
            account_id=account.account_id,
            channel=sender.channel,
            order=sender.order,
            send_as=sender.send_as,
            rate=sender.rate,
        )
        self._set(known_as, sender.id, _route_name(sender, account), route.model_dump_json())
        if sender.send_as:
            self._set(known_as, sender.send_as, "stands_for", sender.id)

    def remove_route(self, known_as: str, sender: AccountSender, account: ProviderAccount) -> None:
        self._remove(known_as, sender.id, _route_name(sender, account))
        if sender.send_as:
            self._remove(known_as, sender.send_as, "stands_for")

    def _remove(self, channel: str, identifier: str, name: str) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=dump(keys.sender(channel, identifier)),
            UpdateExpression="REMOVE #name",
            ExpressionAttributeNames={"#name": name},
        )

    def note_use(self, channel: str, identifier: str, application_id: str) -> None:
        self._set(channel, identifier, "last_application_id", application_id)

    def link(self, channel: str, identifier: str, application_id: str) -> bool:
        """Link a sender to an application. False if it is linked to another."""
        try:
            self._update(
                keys.sender(channel, identifier),
                "SET application_id = :application",
                "attribute_not_exists(application_id) OR application_id = :application",
                {":application": application_id},
            )
        except Lost:
            return False
        return True

    def unlink(self, channel: str, identifier: str, application_id: str) -> bool:
        """False if it was not linked to that application."""
        try:
            self._update(
                keys.sender(channel, identifier),
                "REMOVE application_id",
                "application_id = :application",
                {":application": application_id},
            )
        except Lost:
            return False
        return True

    def relink(self, channel: str, identifier: str, application_id: str | None) -> None:
        """Link a sender to an application or to none, whatever it was linked to."""
        if application_id:
            return self._set(channel, identifier, "application_id", application_id)
        self._client.update_item(
            TableName=self._table,
            Key=dump(keys.sender(channel, identifier)),
            UpdateExpression="REMOVE application_id",
        )
        return None

    def _set(self, channel: str, identifier: str, name: str, value: str) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=dump(keys.sender(channel, identifier)),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues=dump({":value": value}),
        )

    # --- numbers ---------------------------------------------------------------------------------

    def put_number(self, msisdn: str, country: str) -> None:
        self._put(keys.number(msisdn), dump({"country": country}))

    def numbers(self) -> dict[str, str]:
        """The country of each, in two letters."""
        return {item["sk"]: item["country"] for item in map(load, self._query(keys.NUMBERS))}

    # --- circuits --------------------------------------------------------------------------------

    def open_circuit(self, route: Route, channel: str, identifier: str, until: datetime) -> None:
        """Let a sender not go out by an account until a moment, if there is another way."""
        key = keys.circuit(route.key, channel, identifier)
        self._put(key, dump({"until": clock.milliseconds(until)}), seconds=3600)

    def circuit_open_until(self, route: Route, channel: str, identifier: str) -> int:
        """Unix ms; 0 when it is not open."""
        found = self._get(keys.circuit(route.key, channel, identifier))
        return int(load(found)["until"]) if found else 0
