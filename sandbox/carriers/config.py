"""What the carriers need to know of the stack around them."""

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Credentials(_Frozen):
    """Both sides' secrets: what requests must show, and what callbacks are signed with."""

    access_token: str
    app_secret: str
    verify_token: str
    api_key: str
    callback_token: str


class Config(_Frozen):
    """See the package's docstring."""

    port: int = 0
    api_url: str
    aws_endpoint: str
    receipts_topic: str
    inbound_topic: str
    credentials: Credentials
    pace: float = 1.0
    phone_number_ids: dict[str, str] = {}

    def inbound_url(self, provider: str) -> str:
        """Where a provider calls back."""
        return f"{self.api_url.rstrip('/')}/inbound/{provider}/default"
