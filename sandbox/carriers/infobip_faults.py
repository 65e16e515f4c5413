"""The two forms in which Infobip says what is wrong with a request.

https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from sandbox.carriers.faults import Fault, Faulty, parse_object


def parse(body: bytes) -> dict[str, Any]:
    """The body as an object. Faulty if it is none."""
    value = parse_object(body)
    if value is None:
        raise Faulty(Fault((), False, "the body is not a JSON object"))
    return value


def exception(status: int, name: str, words: str, **members: Any) -> Response:
    """The older of Infobip's two forms of an error."""
    exception = {"messageId": name, "text": words, **members}
    return JSONResponse({"requestError": {"serviceException": exception}}, status)


def invalid(faults: Sequence[Fault]) -> Response:
    """A bad request in that form."""
    errors: dict[str, list[str]] = {}
    for fault in faults:
        errors.setdefault(fault.dotted, []).append(fault.reason)
    return exception(400, "BAD_REQUEST", "Bad request", validationErrors=errors)


def bad_request(faults: Sequence[Fault]) -> Response:
    return JSONResponse(
        {
            "errorCode": "E400",
            "description": "Request cannot be processed.",
            "action": "Check the syntax, violations and adjust the request.",
            "violations": [{"property": _property(fault), "violation": fault.reason} for fault in faults],
            "resources": [],
        },
        400,
    )


def _property(fault: Fault) -> str:
    """Where a fault is: messages[0].content.text. Viber's models also have the content's type in the path."""
    path = fault.path
    if path[2:3] == ("content",) and str(path[3:4] and path[3]).isupper():
        path = (*path[:3], *path[4:])
    return replace(fault, path=path).dotted
