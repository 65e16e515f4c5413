"""What AWS's services say to a request whose signature cannot be right.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import re

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=[^/\s]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request, *"
    r"SignedHeaders=[a-z0-9;-]+, *Signature=[0-9a-f]{64}"
)


def refusal(authorization: str | None, service: str) -> tuple[str, str] | None:
    """The name of the error and its message; None for a header of the right form. The signature itself is
    not computed: the carriers know no secret keys."""
    if authorization is None:
        return "MissingAuthenticationTokenException", "Missing Authentication Token"
    found = AUTHORIZATION.fullmatch(authorization)
    if found is None:
        return "IncompleteSignatureException", "The Authorization header is not complete"
    if found["service"] != service:
        reason = f"Credential should be scoped to correct service: '{service}'."
        return "InvalidSignatureException", reason
    return None
