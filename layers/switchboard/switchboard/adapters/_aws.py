"""What AWS's messaging services share: addresses, and signatures version 4 by botocore.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from switchboard.adapters import _http
from switchboard.adapters._reading import secret
from switchboard.adapters.base import Account
from switchboard.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    import httpx

logging.getLogger("botocore.auth").setLevel(logging.INFO)  # on DEBUG it writes down session tokens

SMS, SOCIAL, S3 = "sms-voice", "social-messaging", "s3"
"""The names under which requests are signed; also the first word of the services' addresses."""

SERVICE = "aws_service"
"""The request extension that tells `sign` which service a request goes to."""


def operation(account: Account, name: str, body: Mapping[str, Any]) -> httpx.Request:
    """An operation of End User Messaging SMS: they all have one address."""
    return _http.request(
        "POST",
        account.base_url(f"https://{SMS}.{region(account)}.amazonaws.com") + "/",
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"PinpointSMSVoiceV2.{name}",
        },
        json=body,
        extensions={SERVICE: SMS},
    )


def call(
    account: Account,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    **extensions: Any,
) -> httpx.Request:
    """A call to End User Messaging Social."""
    url = account.base_url(f"https://{SOCIAL}.{region(account)}.amazonaws.com") + path
    if query:
        # A signature is over this very spelling, which httpx would not choose.
        url += "?" + urlencode(query, quote_via=quote, safe="-_.~")
    return _http.request(method, url, json=body, extensions={SERVICE: SOCIAL, **extensions})


def stored(account: Account, url: str) -> httpx.Request:
    """Fetches an `s3://bucket/key`, from a bucket in the account's region."""
    path = quote(url.removeprefix("s3://"), safe="/-_.~")
    address = f"https://{S3}.{region(account)}.amazonaws.com/{path}"
    return _http.request("GET", address, extensions={SERVICE: S3})


def region(account: Account) -> str:
    return account.get("region", "us-east-1")


def sign(request: httpx.Request, account: Account) -> None:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest

    service = request.extensions[SERVICE]
    signed = [name for name in ("Content-Type", "X-Amz-Target") if name in request.headers]
    copy = AWSRequest(
        method=request.method,
        url=str(request.url),
        data=request.content,
        headers={name: request.headers[name] for name in signed},
    )
    signer = S3SigV4Auth if service == S3 else SigV4Auth
    signer(_credentials(account), service, region(account)).add_auth(copy)
    request.headers.update(dict(copy.headers.items()))


@cache
def session() -> Any:
    from botocore.session import get_session

    return get_session()


def _credentials(account: Account) -> Any:
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError

    if account.get("access_key_id"):
        return Credentials(
            secret(account, "access_key_id"),
            secret(account, "secret_access_key"),
            account.get("session_token").strip() or None,
        )
    try:
        credentials = session().get_credentials()
        if credentials is None:
            raise ConfigurationError(1370, "no AWS credentials")
        return credentials.get_frozen_credentials()
    except BotoCoreError as error:  # asked for over the network, and not got: nothing was sent
        raise Unavailable(1331, type(error).__name__) from None
