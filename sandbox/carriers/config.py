"""What the carriers need to know of the stack around them."""

import hashlib
import hmac
import secrets

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Credentials(_Frozen):
    """What carriers and our accounts with them know of each other: each secret follows from one seed."""

    seed: str = Field(min_length=16, repr=False)
    private_key: str = Field(repr=False)
    """RSA, in PEM, for providers whose customers sign their requests."""

    @classmethod
    def new(cls) -> "Credentials":
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        text = key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()
        return cls(seed=secrets.token_hex(16), private_key=text)

    def secret(self, name: str) -> str:
        """32 hexadecimal digits, the same ones each time."""
        return hmac.new(self.seed.encode(), name.encode(), hashlib.sha256).hexdigest()[:32]


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

    def secret(self, name: str) -> str:
        return self.credentials.secret(name)

    def inbound_url(self, provider: str) -> str:
        """Where a provider calls back."""
        return f"{self.api_url.rstrip('/')}/inbound/{provider}/default"
