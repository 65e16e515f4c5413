"""What the environment says about a local stack."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class BadSettings(Exception):
    """A variable that cannot be used; the text names it."""


@dataclass(frozen=True)
class Settings:
    port: int = 8080
    api_key: str = "localkey"
    api_secret: str = "localsecret"
    signature_secret: str = "local-signature-secret-for-webhooks"
    folder: Path = PROJECT / ".local" / "8080"
    """Where everything is kept that outlives a run."""
    log_level: str = "WARNING"
    """Of the stack, and of the functions in it."""
    status_url: str = ""
    """The account's webhooks, for requests with key and secret. Empty: the stack's own mailbox, and none."""
    inbound_url: str = ""
    hosts: frozenset[str] = frozenset()
    """Names beside the loopback ones under which the API may be called."""
    enforce_iam: bool = False
    """Whether the functions are held to their roles, as on AWS."""
    requests_per_second: int = 0
    """Of each application; 0 for any number."""
    publish_events: bool = False
    """Whether what webhooks tell goes out on the bus too."""
    tls_port: int | None = None
    """Where the API is served over TLS too."""
    project: Path = PROJECT
    """The folder with template.yaml."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises BadSettings."""

    def value(name: str, default: str) -> str:
        return environment.get(name, "").strip() or default

    def port_number(name: str, default: str) -> str:
        number = value(name, default)
        if number and (not re.fullmatch(r"[0-9]{1,5}", number) or not 0 < int(number) < 65536):
            raise BadSettings(f"{name} is {number!r}, which is no port number")
        return number

    def number(name: str) -> int:
        text = value(name, "0")
        if not re.fullmatch(r"[0-9]{1,6}", text):
            raise BadSettings(f"{name} is {text!r}, which is no number of requests")
        return int(text)

    port = port_number("PORT", "8080")
    tls_port = port_number("SWITCHBOARD_TLS_PORT", "")
    level = value("LOG_LEVEL", "WARNING").upper()
    if level not in LEVELS:
        raise BadSettings(f"LOG_LEVEL is {level!r}; it can be {', '.join(LEVELS)}")
    return Settings(
        port=int(port),
        api_key=value("SWITCHBOARD_API_KEY", "localkey"),
        api_secret=value("SWITCHBOARD_API_SECRET", Settings.api_secret),
        signature_secret=value("SWITCHBOARD_SIGNATURE_SECRET", Settings.signature_secret),
        # By port, so that two stacks on two ports do not meet.
        folder=PROJECT / value("SWITCHBOARD_STATE", f".local/{int(port)}"),
        log_level=level,
        status_url=value("SWITCHBOARD_STATUS_URL", ""),
        inbound_url=value("SWITCHBOARD_INBOUND_URL", ""),
        enforce_iam=value("SWITCHBOARD_ENFORCE_IAM", "") == "1",
        requests_per_second=number("SWITCHBOARD_REQUESTS_PER_SECOND"),
        publish_events=value("SWITCHBOARD_PUBLISH_EVENTS", "") == "1",
        tls_port=int(tls_port) if tls_port else None,
        hosts=frozenset(
            name.strip().lower() for name in value("SWITCHBOARD_HOSTS", "").split(",") if name.strip()
        ),
    )
