"""The vonage package as it is, pointed at a local stack. tests/clients has the others."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from vonage import Auth, HttpClientOptions, Vonage

from tests.e2e.local_stack import KEY, SECRET, LocalStack


class PlainHttp(HTTPAdapter):
    """Sends what is meant for https as http: the vonage package knows no other scheme."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def vonage(stack: LocalStack, secret: str = SECRET, **application: str) -> Vonage:
    """`application`: application_id and private_key, for tokens."""
    host = f"127.0.0.1:{stack.port}"
    client = Vonage(Auth(api_key=KEY, api_secret=secret, **application), HttpClientOptions(api_host=host))
    client.http_client._session.mount(f"https://{host}", PlainHttp())
    return client
