"""Reads and writes of what is known of the account's secrets. None of them is here in the clear.

Either list is one item, replaced as a whole if it is still as it was read.
"""

from typing import Literal, TypeVar

from switchboard.models.frozen import Frozen
from switchboard.store import keys
from switchboard.store.attributes import dump, load
from switchboard.store.calls import Table

FIRST = "first"
"""The signature secret that the deployment made."""


class ApiSecret(Frozen):
    """An API secret that was added to the first one."""

    id: str
    created_at: str
    hash: str
    """As account_secrets.py writes it, with its salt."""


class KeptApiSecrets(Frozen):
    revoked: str | None = None
    """The version of the deployment's own secret that is not accepted any more."""
    added: tuple[ApiSecret, ...] = ()
    """Oldest first."""


class SignatureSecret(Frozen):
    """A signature secret by its name. Its value is in Secrets Manager."""

    id: str
    created_at: str = ""
    """Empty for the deployment's own, of which Secrets Manager knows."""
    state: Literal["making", "live", "leaving"] = "live"
    """Only a live one signs. The others are between two writes, or whoever was to do the second died."""


class KeptSignatureSecrets(Frozen):
    current: str = FIRST
    """The one that signs the JWT."""
    secrets: tuple[SignatureSecret, ...] = (SignatureSecret(id=FIRST),)
    """Oldest first."""

    @property
    def live(self) -> tuple[SignatureSecret, ...]:
        return tuple(secret for secret in self.secrets if secret.state == "live")

    def find(self, secret_id: str) -> SignatureSecret | None:
        return next((secret for secret in self.secrets if secret.id == secret_id), None)


T = TypeVar("T", KeptApiSecrets, KeptSignatureSecrets)


class SecretStore(Table):
    def api_secrets(self) -> tuple[KeptApiSecrets, int]:
        """With the revision that `replace_api_secrets` wants."""
        return self._secrets(keys.api_secrets(), KeptApiSecrets)

    def replace_api_secrets(self, secrets: KeptApiSecrets, revision: int) -> bool:
        """False if somebody else did since `revision`."""
        return self._replace(keys.api_secrets(), secrets, revision)

    def signature_secrets(self) -> tuple[KeptSignatureSecrets, int]:
        """With the revision that `replace_signature_secrets` wants."""
        return self._secrets(keys.signature_secrets(), KeptSignatureSecrets)

    def replace_signature_secrets(self, secrets: KeptSignatureSecrets, revision: int) -> bool:
        """False if somebody else did since `revision`."""
        return self._replace(keys.signature_secrets(), secrets, revision)

    def _secrets(self, key: keys.Key, kind: type[T]) -> tuple[T, int]:
        found = self._get(key, consistent=True)
        if found is None:
            return kind(), 0
        values = load(found)
        return kind.model_validate_json(values["secrets"]), int(values["revision"])

    def _replace(self, key: keys.Key, secrets: Frozen, revision: int) -> bool:
        unchanged = "attribute_not_exists(pk) OR revision = :revision"
        try:
            self._client.put_item(
                TableName=self._table,
                Item=dump(key | {"secrets": secrets.model_dump_json(), "revision": revision + 1}),
                ConditionExpression=unchanged,
                ExpressionAttributeValues=dump({":revision": revision}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True
