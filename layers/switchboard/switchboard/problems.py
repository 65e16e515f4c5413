"""Our errors as the API's error bodies (RFC 7807, as Vonage's live API fills it in)."""

import json
import secrets
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from switchboard import failures, logs
from switchboard.errors import (
    ApplicationConflict,
    BadKey,
    BadSignature,
    BadToken,
    ConfigurationError,
    Conflict,
    Forbidden,
    InvalidRequest,
    MissingCredentials,
    NotFound,
    Rejected,
    SendError,
    SwitchboardError,
    Unauthorised,
    Unreachable,
)
from switchboard.models.numbers import result

Body = dict[str, Any]

_ERRORS = "https://developer.nexmo.com/api-errors"
_MESSAGES = "https://www.nexmo.com/messages/Errors"


def messages(error: InvalidRequest) -> Body:
    """A refused message or dispatch."""
    return {
        "type": f"{_MESSAGES}#InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": f"Found errors validating {len(error.faults)} of your submitted parameters.",
    }


def applications(error: InvalidRequest) -> Body:
    """A refused application, or a refused page of their list."""
    is_list = any(fault.name in ("page", "page_size") for fault in error.faults)
    return {
        "type": f"{_ERRORS}/application#{'list' if is_list else 'payload'}-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
    }


def accounts(error: InvalidRequest) -> Body:
    """A refused provider account, template or number."""
    return {
        "type": f"{_ERRORS}#payload-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
    }


def install(app: APIGatewayHttpResolver, refusal: Callable[[InvalidRequest], Body] = messages) -> None:
    """Answer every error of ours, and anything unforeseen, in the API's form."""

    @app.exception_handler(SwitchboardError)  # type: ignore[untyped-decorator]
    def ours(error: SwitchboardError) -> Response[str]:
        return _answer(app, *_problem(error, refusal))

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]
    def unforeseen(error: Exception) -> Response[str]:
        logs.failure("unforeseen error", error)
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
        return _answer(app, HTTPStatus.NOT_FOUND, _not_found("No such resource"))


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
        return Response(
            status_code=code, content_type="application/json", body=json.dumps(result(code, label))
        )

    return answered


def _problem(error: SwitchboardError, refusal: Callable[[InvalidRequest], Body]) -> tuple[HTTPStatus, Body]:
    match error:
        case InvalidRequest():
            faults = [{"name": fault.name, "reason": fault.reason} for fault in error.faults]
            return HTTPStatus.BAD_REQUEST, refusal(error) | {"invalid_parameters": faults}
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
        case BadSignature():
            return HTTPStatus.FORBIDDEN, {"title": "Forbidden", "detail": "Invalid signature"}
        case NotFound():
            return HTTPStatus.NOT_FOUND, _not_found(
                f"ID '{error.identifier}' does not exist, or you do not have access"
            )
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


def _answer(app: APIGatewayHttpResolver, status: HTTPStatus, body: Body) -> Response[str]:
    trace = app.current_event.headers.get("x-nexmo-trace-id") or secrets.token_hex(16)
    return Response(
        status_code=status,
        content_type="application/problem+json",
        body=json.dumps(body | {"instance": trace}),
        headers={"x-nexmo-trace-id": trace},
    )
