"""Every route of the HTTP API. The gateway knows them from the template, and a test holds this to it.

What no route takes comes to `$default`, which can tell a path that nobody has from a wrong method by this.
"""

import re
from functools import cache

ROUTES: dict[str, tuple[str, ...]] = {
    "/v0.1/messages": ("GET", "POST"),
    "/v0.1/messages/ping": ("GET",),
    "/v0.1/messages/dry-run": ("POST",),
    "/v0.1/messages/{message_uuid}": ("GET",),
    "/v0.1/messages/{message_uuid}/explain": ("GET",),
    "/v1/messages": ("POST",),
    "/v1/messages/ping": ("GET",),
    "/v1/messages/dry-run": ("POST",),
    "/v1/messages/{message_uuid}": ("GET", "PATCH"),
    "/v0.1/dispatch": ("GET", "POST"),
    "/v0.1/dispatch/ping": ("GET",),
    "/v0.1/dispatch/dry-run": ("POST",),
    "/v0.1/dispatch/{dispatch_uuid}": ("DELETE", "GET"),
    "/v0.1/dispatch/{dispatch_uuid}/explain": ("GET",),
    "/v0.1/media/{message_uuid}": ("GET",),
    "/v0.1/redact": ("POST",),
    "/v0.1/redact/{redaction_id}": ("GET",),
    "/v0.1/webhooks/endpoints": ("GET",),
    "/v0.1/webhooks/failed": ("GET",),
    "/v0.1/webhooks/replay": ("POST",),
    "/v0.1/insights": ("GET",),
    "/v0.1/reports/messages": ("GET",),
    "/v0.1/audit": ("GET",),
    "/v0.1/templates": ("GET", "POST"),
    "/v0.1/templates/{name}": ("DELETE", "GET"),
    "/v0.1/contacts/{channel}/{person}": ("GET",),
    "/v2/applications": ("GET", "POST"),
    "/v2/applications/ping": ("GET",),
    "/v2/applications/{application_id}": ("DELETE", "GET", "PUT"),
    "/account/settings": ("POST",),
    "/account/limits": ("GET", "PUT"),
    "/account/get-balance": ("GET",),
    "/account/numbers": ("GET",),
    "/ni/basic/json": ("GET",),
    "/number/update": ("POST",),
    "/accounts": ("GET",),
    "/accounts/{api_key}/secrets": ("GET", "POST"),
    "/accounts/{api_key}/secrets/{secret_id}": ("DELETE", "GET"),
    "/accounts/{api_key}/signature-secrets": ("GET", "POST"),
    "/accounts/{api_key}/signature-secrets/{secret_id}": ("DELETE", "GET"),
    "/accounts/{api_key}/signature-secrets/{secret_id}/promote": ("POST",),
    "/accounts/{provider}/{account_id}": ("DELETE", "GET", "PUT"),
    "/accounts/{provider}/{account_id}/verify": ("POST",),
    "/beta/chatapp-accounts": ("GET",),
    "/beta/chatapp-accounts/messenger": ("POST",),
    "/beta/chatapp-accounts/messenger/{external_id}": ("DELETE", "PATCH"),
    "/beta/chatapp-accounts/{provider}/{external_id}": ("GET",),
    "/beta/chatapp-accounts/{provider}/{external_id}/applications": ("POST",),
    "/beta/chatapp-accounts/{provider}/{external_id}/applications/{application_id}": ("DELETE",),
    "/console": ("GET",),
    "/console/assets/{name}": ("GET",),
    "/console/session": ("DELETE", "GET", "POST"),
    "/status/{provider}/{account_id}": ("GET", "POST"),
    "/inbound/{provider}/{account_id}": ("GET", "POST"),
}
"""Methods by path, without the slash at the end that some may have."""


@cache
def _patterns() -> dict[re.Pattern[str], str]:
    """Those with fewer parameters first, as the gateway prefers them."""
    return {
        re.compile(re.sub(r"\{([^/]+)\}", r"(?P<\1>[^/]+)", path.replace(".", r"\."))): path
        for path in sorted(ROUTES, key=lambda path: path.count("{"))
    }


def allowed(path: str) -> list[str]:
    """The methods that a path takes, in alphabetical order; empty if there is no such path."""
    path = path.rstrip("/")
    found = {
        method
        for pattern, route in _patterns().items()
        if pattern.fullmatch(path)
        for method in ROUTES[route]
    }
    return sorted(found)


def named(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The route that a request is for, and its parameters as they are in the path; empty if there is none."""
    for pattern, route in _patterns().items():
        found = pattern.fullmatch(path.rstrip("/"))
        if found and method in ROUTES[route]:
            return route, found.groupdict()
    return "", {}
