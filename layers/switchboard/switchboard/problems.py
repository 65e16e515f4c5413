"""Our errors as the API's error bodies (RFC 7807, as Vonage's live API fills it in)."""

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from botocore.exceptions import ClientError

from switchboard import api, failures, logs, routes
from switchboard.api import NO_JSON
from switchboard.errors import (
    ApplicationConflict,
    BadKey,
    BadSignature,
    BadToken,
    ConfigurationError,
    Conflict,
    Fault,
    Forbidden,
    InvalidRequest,
    KeyReused,
    MissingCredentials,
    NotAcceptable,
    NotFound,
    Rejected,
    SecretForbidden,
    SendError,
    StillRunning,
    SwitchboardError,
    TooManyRequests,
    Unauthorised,
    UnknownKey,
    Unreachable,
    UnsupportedMediaType,
)

Body = dict[str, Any]
Refusal = Callable[[InvalidRequest], tuple[HTTPStatus, Body]]

_ERRORS = "https://developer.nexmo.com/api-errors"
_MESSAGES = "https://www.nexmo.com/messages/Errors"
_SECRETS = f"{_ERRORS}/account/secret-management"
_MESSAGES_V1 = "https://developer.vonage.com/api-errors/messages"
_ONLY_JSON = "Must be one of the following: 'application/json'"
_TOO_FAST = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException")
"""What DynamoDB, SQS and Secrets Manager call it."""
_RATE_LIMIT = {
    "type": f"{_ERRORS}/messages-olympus#1010",
    "title": "Rate Limit Hit",
    "detail": "Please wait, then retry your request",
}


def messages(error: InvalidRequest) -> tuple[HTTPStatus, Body]:
    """A refused message or dispatch."""
    return HTTPStatus.BAD_REQUEST, {
        "type": f"{_MESSAGES}#InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": f"Found errors validating {len(error.faults)} of your submitted parameters.",
    }


_V1_REFUSALS = {
    "channel": ("1100", "Unsupported channel", "The specified channel is not supported."),
    "from": ("1120", "Invalid sender", "The `from` parameter is invalid for the given channel."),
    "to": ("1130", "Invalid recipient", "The `to` parameter is invalid for the given channel."),
    "message_type": ("1140", "Invalid message type", "The channel does not carry this `message_type`."),
    "client_ref": ("1060", "Invalid client reference", "The client reference is not valid."),
    "options": (
        "1110",
        "Invalid channel parameters",
        "The value of one or more parameters is invalid.",
    ),
    "": ("1150", "Invalid params", "The value of one or more parameters is invalid."),
}
_V1_OPTIONS = ("messenger", "viber_service", "viber_service_msg", "whatsapp", "sms", "rcs")


def messages_v1(error: InvalidRequest) -> tuple[HTTPStatus, Body]:
    """A message of version 1. Faults of one kind have its own anchor, a mixture and what is missing the
    general one."""
    if any(fault.reason == NO_JSON for fault in error.faults):
        return HTTPStatus.UNPROCESSABLE_ENTITY, {
            "type": f"{_ERRORS}#invalid-json",
            "title": "The request body did not contain valid JSON",
            "detail": "The request body is not valid JSON",
        }
    kinds = {_v1_kind(fault) for fault in error.faults}
    anchor, title, detail = _V1_REFUSALS[kinds.pop() if len(kinds) == 1 else ""]
    return HTTPStatus.UNPROCESSABLE_ENTITY, {
        "type": f"{_MESSAGES_V1}#{anchor}",
        "title": title,
        "detail": detail,
    }


def _v1_kind(fault: Fault) -> str:
    name = fault.name.partition(".")[0]
    if name in _V1_OPTIONS:
        return "options"
    return name if name in _V1_REFUSALS and not fault.reason.startswith("is required") else ""


def applications(error: InvalidRequest) -> tuple[HTTPStatus, Body]:
    """A refused application, or a refused page of their list."""
    is_list = any(fault.name in ("page", "page_size") for fault in error.faults)
    return HTTPStatus.BAD_REQUEST, {
        "type": f"{_ERRORS}/application#{'list' if is_list else 'payload'}-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
    }


def accounts(error: InvalidRequest) -> tuple[HTTPStatus, Body]:
    """A refused provider account, template or number."""
    return HTTPStatus.BAD_REQUEST, {
        "type": f"{_ERRORS}#payload-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
    }


def secrets(error: InvalidRequest) -> tuple[HTTPStatus, Body]:
    """A refused secret."""
    return HTTPStatus.BAD_REQUEST, {
        "type": f"{_SECRETS}#validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
    }


def install(app: APIGatewayHttpResolver, refusal: Refusal = messages) -> None:
    """Answer every error of ours, and anything unforeseen, in the API's form; and trace every answer."""
    app.use(middlewares=[api.traced])

    @app.exception_handler(SwitchboardError)  # type: ignore[untyped-decorator]
    def ours(error: SwitchboardError) -> Response[str]:
        retry = {"Retry-After": "1"} if isinstance(error, StillRunning | TooManyRequests) else None
        return _answer(app, *_problem(error, refusal), retry)

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]
    def unforeseen(error: Exception) -> Response[str]:
        logs.failure("unforeseen error", error)
        if isinstance(error, ClientError) and error.response["Error"].get("Code") in _TOO_FAST:
            return _answer(app, HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT, {"Retry-After": "1"})
        return _answer(
            app,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            {
                "type": f"{_ERRORS}/messages-olympus#1000",
                "title": "Internal error",
                "detail": "There was an error processing your request in the Platform.",
            },
        )

    @app.not_found
    def no_route(error: NotFoundError) -> Response[str]:
        method, methods = app.current_event.http_method.upper(), routes.allowed(app.current_event.path)
        if not methods or method in methods:
            return _answer(app, HTTPStatus.NOT_FOUND, _not_found("No such resource"))
        body = {
            "type": f"{_ERRORS}#wrong-verb",
            "title": "Request method not allowed",
            "detail": f"Request method '{method}' not supported",
        }
        return _answer(app, HTTPStatus.METHOD_NOT_ALLOWED, body, {"Allow": ", ".join(methods)})


def bare(route: Callable[..., Response[str]]) -> Callable[..., Response[str]]:
    """Lets a route of the External Accounts API answer 404 without a body."""

    @wraps(route)
    def answered(**parameters: str) -> Response[str]:
        try:
            return route(**parameters)
        except NotFound:
            return Response(status_code=HTTPStatus.NOT_FOUND)

    return answered


METHOD_FAILED = 420


def numbers(route: Callable[[], Response[str]]) -> Callable[[], Response[str]]:
    """Lets a route of the Numbers API answer errors as that does: by a code and a label."""

    @wraps(route)
    def answered() -> Response[str]:
        try:
            return route()
        except Unauthorised:
            code, label = 401, "authentication failed"
        except InvalidRequest as error:
            faults = "; ".join(f"{fault.name} {fault.reason}" for fault in error.faults)
            code, label = METHOD_FAILED, f"method failed: {faults}"
        from switchboard.models.numbers import result  # few functions have such a route

        return Response(
            status_code=code, content_type="application/json", body=json.dumps(result(code, label))
        )

    return answered


def _problem(error: SwitchboardError, refusal: Refusal) -> tuple[HTTPStatus, Body]:
    match error:
        case InvalidRequest():
            faults = [{"name": fault.name, "reason": fault.reason} for fault in error.faults]
            status, body = refusal(error)
            return status, body | {"invalid_parameters": faults}
        case MissingCredentials():
            return HTTPStatus.UNAUTHORIZED, {
                "title": "Unauthorised",
                "detail": "Request header 'Authorization' missing",
            }
        case BadToken():
            return HTTPStatus.UNAUTHORIZED, {"title": "Unauthorised", "detail": "Invalid Token"}
        case BadKey():
            return HTTPStatus.UNAUTHORIZED, {
                "type": f"{_ERRORS}#unauthorized",
                "title": "Unauthorized",
                "detail": "You did not provide correct credentials.",
            }
        case NotAcceptable():
            return HTTPStatus.NOT_ACCEPTABLE, {
                "type": f"{_ERRORS}#accept-header",
                "title": "Invalid Accept header",
                "detail": f"Invalid Accept header provided. {_ONLY_JSON}",
            }
        case UnsupportedMediaType():
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {
                "type": f"{_ERRORS}#content-type-header",
                "title": "Unsupported Content-Type header",
                "detail": f"Unsupported Content-Type header provided. {_ONLY_JSON}",
            }
        case KeyReused():
            return HTTPStatus.UNPROCESSABLE_ENTITY, {
                "type": f"{_ERRORS}#idempotency-key-reused",
                "title": "Idempotency key reused",
                "detail": "Another request was made with this Idempotency-Key: a new one needs a new key",
            }
        case StillRunning():
            return HTTPStatus.CONFLICT, {
                "type": f"{_ERRORS}#idempotency-key-in-use",
                "title": "Conflict",
                "detail": "The request with this Idempotency-Key is being worked on: try again",
            }
        case TooManyRequests():
            return HTTPStatus.TOO_MANY_REQUESTS, _RATE_LIMIT
        case BadSignature():
            return HTTPStatus.FORBIDDEN, {"title": "Forbidden", "detail": "Invalid signature"}
        case UnknownKey():
            return HTTPStatus.NOT_FOUND, {
                "type": f"{_ERRORS}#invalid-api-key",
                "title": "Invalid API Key",
                "detail": f"API key '{error.identifier}' does not exist, or you do not have access",
            }
        case NotFound():
            return HTTPStatus.NOT_FOUND, _not_found(
                f"ID '{error.identifier}' does not exist, or you do not have access"
            )
        case SecretForbidden():
            done = "Addition" if error.kind == "add-excess-secret" else "Deletion"
            return HTTPStatus.FORBIDDEN, {
                "type": f"{_SECRETS}#{error.kind}",
                "title": f"Secret {done} Forbidden",
                "detail": str(error),
            }
        case Forbidden():
            return HTTPStatus.FORBIDDEN, {
                "type": f"{_MESSAGES}#Forbidden",
                "title": "Forbidden",
                "detail": str(error),
            }
        case ApplicationConflict():
            return HTTPStatus.CONFLICT, {
                "type": f"{_MESSAGES}#Conflict",
                "title": "Application conflict",
                "detail": str(error),
            }
        case Conflict():
            return HTTPStatus.CONFLICT, {
                "type": f"{_ERRORS}#conflict",
                "title": "Conflict",
                "detail": str(error),
            }
        case Rejected() | Unreachable():
            reason = f"{failures.reason(error.code)} ({error.provider_code})"
            return HTTPStatus.BAD_REQUEST, {
                "type": f"{_ERRORS}#provider-refusal",
                "title": "Bad Request",
                "detail": f"The provider refused this: {reason}",
            }
        case SendError():
            return HTTPStatus.BAD_GATEWAY, {
                "type": f"{_ERRORS}#provider-failure",
                "title": "Bad Gateway",
                "detail": "The provider did not answer, or not now: try again",
            }
        case ConfigurationError():
            return HTTPStatus.NOT_FOUND, _not_found("No such account")
        case _:
            raise error


def _not_found(detail: str) -> Body:
    return {"type": f"{_ERRORS}#not-found", "title": "Not Found", "detail": detail}


def _answer(
    app: APIGatewayHttpResolver, status: HTTPStatus, body: Body, headers: dict[str, str] | None = None
) -> Response[str]:
    trace = api.trace(app)
    return Response(
        status_code=status,
        content_type="application/problem+json",
        body=json.dumps(body | {"instance": trace}),
        headers={api.TRACE: trace, **(headers or {})},
    )
