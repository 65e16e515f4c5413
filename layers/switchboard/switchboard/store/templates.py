"""Reads and writes of WhatsApp templates as their providers last showed them to us."""

from pydantic import Field

from switchboard.models.frozen import Frozen
from switchboard.store import keys
from switchboard.store.attributes import dump, load
from switchboard.store.calls import Lost, Table


class TemplateItem(Frozen):
    """One language of a template of a provider account."""

    name: str
    language: str
    """With an underscore, as Meta writes it: en_GB."""
    status: str
    category: str = ""
    template_id: str = ""
    reason: str = ""
    variables: int | None = None
    """How many its body has; None when only its status is known."""
    components: str = Field(default="")
    """JSON, in Meta's form."""


class TemplateStore(Table):
    def put(self, provider: str, account_id: str, item: TemplateItem) -> None:
        key = keys.template(provider, account_id, item.name, item.language)
        self._put(key, dump(item.model_dump(exclude_none=True)))

    def get(self, provider: str, account_id: str, name: str, language: str) -> TemplateItem | None:
        found = self._get(keys.template(provider, account_id, name, language))
        return TemplateItem.model_validate(load(found)) if found else None

    def change_status(
        self, provider: str, account_id: str, name: str, language: str, status: str, reason: str
    ) -> None:
        """Of a template that we know; what nobody listed here is not begun by its news."""
        try:
            self._update(
                keys.template(provider, account_id, name, language),
                "SET #status = :status, reason = :reason",
                "attribute_exists(pk)",
                {":status": status, ":reason": reason},
                {"#status": "status"},
            )
        except Lost:
            return

    def delete(self, provider: str, account_id: str, name: str, language: str) -> None:
        key = keys.template(provider, account_id, name, language)
        self._client.delete_item(TableName=self._table, Key=dump(key))
