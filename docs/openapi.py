"""Writes docs/openapi.yaml, the description of our HTTP API and of our webhooks: python docs/openapi.py

What channels can carry comes from `channels.py`, the rest is told here. A test holds the file to this, and
its paths to the template's routes; the contract test holds a running stack to it.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "layers" / "switchboard"))
sys.path.insert(0, str(ROOT))

from docs.openapi_messages import (  # noqa: E402
    CONTENT_NODES,
    MESSAGES,
    MOMENT,
    WEBHOOK_BODIES,
    webhooks,
)
from docs.openapi_shapes import (  # noqa: E402
    TEXT,
    URL,
    UUID,
    Schema,
    array,
    either,
    integer,
    obj,
    ref,
    text,
)
from switchboard import failures  # noqa: E402
from switchboard.models.insights import GROUPS  # noqa: E402
from switchboard.models.messages import Channel, Status  # noqa: E402

PAGE = ROOT / "docs" / "openapi.yaml"

INTRODUCTION = """\
A self-hosted Messages API and Dispatch API that Vonage's clients can use unchanged.

Members that are not described here are ignored, and null stands for a member that is left out. A slash at the
end of a collection's path does no harm. Every answer bears `x-nexmo-trace-id`; a request's own is repeated if
it is of up to 64 letters, digits and `._:=-`. Errors have the form of RFC 9457 and repeat it as `instance`.
A path that nobody has is answered with 404, a wrong method with 405 and `Allow`. The gateway itself, in front
of all this, answers 413 for bodies over 10 MB, 429 beyond its own rate and 503 when it cannot go on, with
`{"message"}` for a body.
"""

# --- answers -------------------------------------------------------------------------------------


def problem(
    description: str, headers: dict[str, Any] | None = None, schema: str = "Problem"
) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {"x-nexmo-trace-id": ref("headers", "Trace"), **(headers or {})},
        "content": {"application/problem+json": {"schema": ref("schemas", schema)}},
    }


def answered(
    description: str, schema: Schema | None = None, kind: str = "application/json"
) -> dict[str, Any]:
    body = {"content": {kind: {"schema": schema}}} if schema else {}
    return {"description": description, "headers": {"x-nexmo-trace-id": ref("headers", "Trace")}, **body}


RESPONSES = {
    "Refused": problem("The request is wrong; every fault is named.", schema="Refusal"),
    "RefusedV1": problem("The message is wrong; every fault is named.", schema="Refusal"),
    "Unauthorised": problem("No credentials, or none that count."),
    "NotThere": problem("There is no such thing, or it is not the caller's."),
    "NotThereBare": answered("There is no such account. No body."),
    "Forbidden": problem("This cannot be done with it."),
    "Conflict": problem("It is somebody else's already."),
    "Ended": problem("It has ended, or done what it was for: there is nothing to cancel."),
    "StillRunning": problem(
        "The request with this Idempotency-Key is being worked on.",
        {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}},
    ),
    "KeyReused": problem("Another request was made with this Idempotency-Key."),
    "NotAcceptable": problem("`Accept` leaves no room for JSON."),
    "OtherType": problem("The body is something else than JSON."),
    "TooFast": problem(
        "More than an application may ask for in a second, or than AWS takes.",
        {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}},
    ),
    "Failed": problem("A fault of ours, which is in the log under the trace."),
    "ProviderDown": problem("The provider did not answer, or not now."),
    "NumbersResult": answered("Refused: a code and a label.", ref("schemas", "NumbersResult")),
}


def answers(success: dict[int, dict[str, Any]], *errors: tuple[int, str]) -> dict[str, Any]:
    """By status: what comes of it, and the errors that any call can meet."""
    named = dict(success) | {status: ref("responses", name) for status, name in errors}
    named |= {429: ref("responses", "TooFast"), 500: ref("responses", "Failed")}
    return {str(status): named[status] for status in sorted(named)}


REPEATED = ((409, "StillRunning"), (422, "KeyReused"))
"""Of a request with an Idempotency-Key. In v1, 422 is for other refusals too."""
REFUSED, UNAUTHORISED, NOT_THERE = (400, "Refused"), (401, "Unauthorised"), (404, "NotThere")
NOT_ACCEPTABLE, OTHER_TYPE = (406, "NotAcceptable"), (415, "OtherType")
FORBIDDEN, CONFLICT, BARE = (403, "Forbidden"), (409, "Conflict"), (404, "NotThereBare")

# --- operations ----------------------------------------------------------------------------------

ACCOUNT: list[dict[str, list[str]]] = [{"key": []}]
ANYBODY: list[dict[str, list[str]]] = [{"token": []}, {"key": []}]
BY_PARAMETERS: list[dict[str, list[str]]] = [{"apiKey": [], "apiSecret": []}, {"key": []}]
NOBODY: list[dict[str, list[str]]] = []


def operation(
    name: str,
    tag: str,
    summary: str,
    security: list[dict[str, list[str]]],
    responses: dict[str, Any],
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: Schema | None = None,
    form: Schema | None = None,
    optional: bool = False,
    description: str = "",
) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    if body:
        sent = {"required": not optional, "content": {"application/json": {"schema": body}}}
    if form:
        sent = {"required": False, "content": {"application/x-www-form-urlencoded": {"schema": form}}}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        **({"description": description} if description else {}),
        "security": security,
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": sent} if sent else {}),
        "responses": responses,
    }


def in_path(name: str, schema: Schema, description: str = "") -> dict[str, Any]:
    more = {"description": description} if description else {}
    return {"name": name, "in": "path", "required": True, **more, "schema": schema}


def in_query(name: str, schema: Schema, description: str = "", required: bool = False) -> dict[str, Any]:
    more = {"description": description} if description else {}
    return {"name": name, "in": "query", **({"required": True} if required else {}), **more, "schema": schema}


SEGMENT = text(1, 64, r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
PONG = answered("It is there.", obj({"status": {"const": "ok"}}))


def ping(name: str, tag: str) -> dict[str, Any]:
    return operation(name, tag, "Whether it is there", NOBODY, answers({200: PONG}))


TOLD = {
    "description": "All in UTC, moments in sentences in full. As `text/plain` for people who accept that.",
    "headers": {"x-nexmo-trace-id": ref("headers", "Trace")},
    "content": {"application/json": {"schema": ref("schemas", "Story")}, "text/plain": {"schema": TEXT}},
}
REHEARSED = answered("Nothing was written or sent.", ref("schemas", "Rehearsal"))
DRY = "The same faults as when it is sent; else its parts, price, times and warnings as things are now."


def listed(name: str, tag: str, of: str, statuses: list[str]) -> dict[str, Any]:
    """The list of messages or of dispatches."""
    return operation(
        name,
        tag,
        f"List {of}, newest first (ours)",
        ANYBODY,
        answers(
            {200: answered("A page.", ref("schemas", f"{of.capitalize()}Page"))},
            REFUSED,
            UNAUTHORISED,
            NOT_THERE,
        ),
        parameters=[
            in_query("application_id", text(1, 100, "^[A-Za-z0-9-]+$"), OWNER),
            in_query("status", {"enum": statuses}),
            in_query("channel", CHANNEL),
            in_query("to", text(1, 200, r"\S"), "A number or id, whatever the channel; with or without +."),
            in_query("from_time", MOMENT),
            in_query("until", MOMENT),
            in_query("limit", integer(1, 100, default=20)),
            in_query("cursor", LIST_CURSOR, "`next` of the page before."),
        ],
        description="By key and secret, without `application_id`, those of the account and of all its "
        "applications. A page can have fewer than `limit`, or none, and not be the last: that one has no "
        "`next`. With more than 20 applications (messages `to` somebody: 335) most are empty, as a page is "
        "gathered by several answers. What was just written can take a moment to be listed.",
    )


def messages() -> dict[str, Any]:
    once = [ref("parameters", "IdempotencyKey")]
    uuid = in_path("message_uuid", UUID)
    accepted = answered("Taken in.", ref("schemas", "Accepted"))
    return {
        "/v0.1/messages": {
            "get": listed(
                "listMessages",
                "Messages v0.1",
                "messages",
                ["accepted", "submitted", "delivered", "read", "rejected", "undeliverable"],
            ),
            "post": operation(
                "sendV01",
                "Messages v0.1",
                "Send a message",
                ANYBODY,
                answers({202: accepted}, REFUSED, UNAUTHORISED, *REPEATED),
                parameters=once,
                body=ref("schemas", "MessageV01"),
            ),
        },
        "/v0.1/messages/{message_uuid}": {
            "get": operation(
                "showV01",
                "Messages v0.1",
                "A message as it is now (ours)",
                ANYBODY,
                answers({200: answered("The message.", ref("schemas", "ShownV01"))}, UNAUTHORISED, NOT_THERE),
                parameters=[uuid],
            )
        },
        "/v0.1/messages/{message_uuid}/explain": {
            "get": operation(
                "explainMessage",
                "Messages v0.1",
                "What became of a message, in sentences (ours)",
                ANYBODY,
                answers({200: TOLD}, UNAUTHORISED, NOT_THERE),
                parameters=[uuid],
            )
        },
        "/v0.1/messages/dry-run": {
            "post": operation(
                "rehearseV01",
                "Messages v0.1",
                "What would come of a message (ours)",
                ANYBODY,
                answers({200: REHEARSED}, REFUSED, UNAUTHORISED),
                body=ref("schemas", "MessageV01"),
                description=DRY,
            )
        },
        "/v0.1/messages/ping": {"get": ping("pingMessagesV01", "Messages v0.1")},
        "/v1/messages": {
            "post": operation(
                "sendV1",
                "Messages v1",
                "Send a message, or the first of a failover",
                ANYBODY,
                answers(
                    {202: answered("Taken in.", ref("schemas", "AcceptedV1"))},
                    UNAUTHORISED,
                    (409, "StillRunning"),
                    (422, "RefusedV1"),
                ),
                parameters=once,
                body=ref("schemas", "MessageV1"),
                description="With `failover` the next message goes out when the one before fails, or (ours) "
                "did not reach its `condition_status` within its `expiry_time`.",
            )
        },
        "/v1/messages/{message_uuid}": {
            "get": operation(
                "showV1",
                "Messages v1",
                "A message as it is now (ours)",
                ANYBODY,
                answers({200: answered("The message.", ref("schemas", "ShownV1"))}, UNAUTHORISED, NOT_THERE),
                parameters=[uuid],
            ),
            "patch": operation(
                "changeV1",
                "Messages v1",
                "Mark an inbound message as read, or take an outbound one back",
                ANYBODY,
                answers(
                    {200: answered("Done.")},
                    UNAUTHORISED,
                    NOT_THERE,
                    (422, "RefusedV1"),
                    (502, "ProviderDown"),
                ),
                parameters=[uuid],
                body=obj(
                    {"status": {"enum": ["read", "revoked"]}},
                    {"replying_indicator": obj({"show": {"type": "boolean"}}, {"type": TEXT})},
                ),
            ),
        },
        "/v1/messages/dry-run": {
            "post": operation(
                "rehearseV1",
                "Messages v1",
                "What would come of a message, or of a failover (ours)",
                ANYBODY,
                answers({200: REHEARSED}, UNAUTHORISED, (422, "RefusedV1")),
                body=ref("schemas", "MessageV1"),
                description=DRY,
            )
        },
        "/v1/messages/ping": {"get": ping("pingMessagesV1", "Messages v1")},
        "/v0.1/media/{message_uuid}": {
            "get": operation(
                "media",
                "Messages v0.1",
                "What a person sent (ours)",
                ANYBODY,
                answers(
                    {
                        200: answered("The file.", {}, "*/*"),
                        302: {
                            "description": "A large file: where it is for five minutes.",
                            "headers": {"Location": {"schema": URL}},
                        },
                    },
                    UNAUTHORISED,
                    NOT_THERE,
                ),
                parameters=[uuid],
            )
        },
    }


def dispatch() -> dict[str, Any]:
    return {
        "/v0.1/dispatch": {
            "get": listed(
                "listDispatches", "Dispatch", "dispatches", ["running", "completed", "error", "cancelled"]
            ),
            "post": operation(
                "dispatch",
                "Dispatch",
                "Start a dispatch",
                ANYBODY,
                answers(
                    {202: answered("Started.", obj({"dispatch_uuid": UUID}))},
                    REFUSED,
                    UNAUTHORISED,
                    *REPEATED,
                ),
                parameters=[ref("parameters", "IdempotencyKey")],
                body=ref("schemas", "Dispatch"),
                description="Steps are tried in their order, until one reaches its `condition_status` within "
                "its `expiry_time`. One report ends it.",
            ),
        },
        "/v0.1/dispatch/{dispatch_uuid}": {
            "get": operation(
                "showDispatch",
                "Dispatch",
                "A dispatch as it is now (ours)",
                ANYBODY,
                answers({200: answered("It.", ref("schemas", "ShownDispatch"))}, UNAUTHORISED, NOT_THERE),
                parameters=[in_path("dispatch_uuid", UUID)],
            ),
            "delete": operation(
                "cancelDispatch",
                "Dispatch",
                "Call a dispatch off (ours)",
                ANYBODY,
                answers(
                    {200: answered("As it is now.", ref("schemas", "ShownDispatch"))},
                    UNAUTHORISED,
                    NOT_THERE,
                    (409, "Ended"),
                ),
                parameters=[in_path("dispatch_uuid", UUID)],
                description="What is not with a provider yet is not sent; the report says `cancelled`. "
                "Once it is cancelled, the call changes nothing and is answered the same.",
            ),
        },
        "/v0.1/dispatch/{dispatch_uuid}/explain": {
            "get": operation(
                "explainDispatch",
                "Dispatch",
                "What became of a dispatch and why, in sentences (ours)",
                ANYBODY,
                answers({200: TOLD}, UNAUTHORISED, NOT_THERE),
                parameters=[in_path("dispatch_uuid", UUID)],
            )
        },
        "/v0.1/dispatch/dry-run": {
            "post": operation(
                "rehearseDispatch",
                "Dispatch",
                "What would come of a dispatch (ours)",
                ANYBODY,
                answers({200: REHEARSED}, REFUSED, UNAUTHORISED),
                body=ref("schemas", "Dispatch"),
                description=DRY,
            )
        },
        "/v0.1/dispatch/ping": {"get": ping("pingDispatch", "Dispatch")},
    }


def redactions() -> dict[str, Any]:
    tag = "Redaction (ours)"
    return {
        "/v0.1/redact": {
            "post": operation(
                "redact",
                tag,
                "Erase what is kept of a person",
                ANYBODY,
                answers({202: answered("Begun.", obj({"redaction_id": UUID}))}, REFUSED, UNAUTHORISED),
                body={
                    "oneOf": [
                        obj({name: shape}, {"channel": CHANNEL}, additionalProperties=False)
                        for name, shape in (("number", text(3, 15, "^[0-9]+$")), ("id", text(1, 256)))
                    ]
                },
            )
        },
        "/v0.1/redact/{redaction_id}": {
            "get": operation(
                "showRedaction",
                tag,
                "How far a redaction is",
                ANYBODY,
                answers({200: answered("It.", ref("schemas", "Redaction"))}, UNAUTHORISED, NOT_THERE),
                parameters=[in_path("redaction_id", UUID)],
            )
        },
    }


def failed_webhooks() -> dict[str, Any]:
    tag = "Webhooks (ours)"
    owner, ids = text(1, 100, "^[A-Za-z0-9-]+$"), array(text(1, 100), 1, 100)
    period = {"to": MOMENT, "cursor": CURSOR}
    return {
        "/v0.1/webhooks/endpoints": {
            "get": operation(
                "listWebhookEndpoints",
                tag,
                "Show whether webhooks' endpoints take events",
                ANYBODY,
                answers(
                    {200: answered("Those of so many applications.", ref("schemas", "WebhookEndpoints"))},
                    REFUSED,
                    UNAUTHORISED,
                    NOT_THERE,
                ),
                parameters=[
                    in_query("application_id", owner, OWNER),
                    in_query("page_size", integer(1, 100, default=20)),
                    in_query("cursor", CURSOR),
                ],
            )
        },
        "/v0.1/webhooks/failed": {
            "get": operation(
                "listFailedWebhooks",
                tag,
                "List events that the client did not take",
                ANYBODY,
                answers(
                    {200: answered("A page.", ref("schemas", "FailedWebhooks"))},
                    REFUSED,
                    UNAUTHORISED,
                    NOT_THERE,
                ),
                parameters=[
                    in_query("application_id", owner, OWNER),
                    in_query("from", MOMENT),
                    in_query("to", MOMENT),
                    in_query("order", {"enum": ["asc", "desc"], "default": "asc"}),
                    in_query("page_size", integer(1, 100, default=20)),
                    in_query("cursor", CURSOR),
                ],
            )
        },
        "/v0.1/webhooks/replay": {
            "post": operation(
                "replayWebhooks",
                tag,
                "Tell such events again",
                ANYBODY,
                answers(
                    {
                        202: answered(
                            "Queued; with `cursor` there is more to do.",
                            obj({"replayed": integer(0)}, {"not_found": array(TEXT), "cursor": TEXT}),
                        )
                    },
                    REFUSED,
                    UNAUTHORISED,
                    NOT_THERE,
                ),
                body={
                    "oneOf": [
                        obj({"event_ids": ids}, {"application_id": owner}, additionalProperties=False),
                        obj(
                            {"from": MOMENT}, {**period, "application_id": owner}, additionalProperties=False
                        ),
                    ]
                },
            )
        },
    }


def numbers_and_records() -> dict[str, Any]:
    tag = "Insights, reports, audit (ours)"
    owner = in_query("application_id", text(1, 100, "^[A-Za-z0-9-]+$"), OWNER)
    time = either(MOMENT, {"type": "string", "format": "date"})
    period = [in_query("from", time), in_query("to", time, "Not part of it; a date is, to its end.")]
    group = "|".join(GROUPS)
    insights = answered("Sums.", ref("schemas", "Insights"))
    insights["content"]["text/csv"] = {"schema": TEXT}
    records = answered(
        "A page, the newest first; a short one need not be the last.", TEXT, "application/jsonl"
    )
    records["content"]["text/csv"] = {"schema": TEXT}
    records["headers"] |= {
        "Link": {"description": "The next page, if there is more.", "schema": TEXT},
        "Switchboard-Cursor": {"description": "Of the next page.", "schema": TEXT},
    }
    return {
        "/v0.1/insights": {
            "get": operation(
                "insights",
                tag,
                "How channels, providers and the steps of workflows do",
                ANYBODY,
                answers({200: insights}, REFUSED, UNAUTHORISED, NOT_THERE),
                parameters=[
                    *period,
                    owner,
                    in_query(
                        "group_by",
                        text(1, 100, f"^({group})(,({group}))*$") | {"default": "channel"},
                        f"A list of {', '.join(GROUPS)}; hour or day, not both, and with step neither "
                        "provider nor country.",
                    ),
                ],
                description="Of up to 400 days, by hour of 31. Times are cut to whole hours or days (UTC). "
                "In CSV by `Accept: text/csv`: one table, by step that of the steps alone.",
            )
        },
        "/v0.1/reports/messages": {
            "get": operation(
                "reportMessages",
                tag,
                "Records of messages, as lines of JSON or as CSV",
                ANYBODY,
                answers({200: records}, REFUSED, UNAUTHORISED, NOT_THERE),
                parameters=[
                    *period,
                    owner,
                    in_query("channel", CHANNEL),
                    in_query("status", {"enum": [status.value for status in Status]}),
                    in_query("recipient", text(1, 200, r"\S"), "A number or id; `to` is a time."),
                    in_query("format", {"enum": ["csv", "jsonl"]}),
                    in_query("cursor", LIST_CURSOR),
                ],
            )
        },
        "/v0.1/audit": {
            "get": operation(
                "audit",
                tag,
                "Who changed what",
                ACCOUNT,
                answers(
                    {200: answered("A page, the newest first.", ref("schemas", "Audit"))},
                    REFUSED,
                    UNAUTHORISED,
                ),
                parameters=[
                    *period,
                    in_query("limit", integer(1, 200, default=50)),
                    in_query("cursor", CURSOR),
                ],
            )
        },
    }


def applications() -> dict[str, Any]:
    tag, both = "Applications", (NOT_ACCEPTABLE, UNAUTHORISED)
    one = answered("The application.", ref("schemas", "Application"))
    made = answered(
        "The application, with its private key if we made the pair.", ref("schemas", "Application")
    )
    identifier = in_path("application_id", UUID)
    page = [
        in_query("page_size", integer(1, 100, default=10)),
        in_query("page", integer(1, default=1)),
        in_query("index", integer(1), "Another name of `page`."),
    ]
    request = ref("schemas", "ApplicationRequest")
    return {
        "/v2/applications": {
            "get": operation(
                "listApplications",
                tag,
                "List applications, oldest first",
                ACCOUNT,
                answers({200: answered("A page.", ref("schemas", "ApplicationList"))}, REFUSED, *both),
                parameters=page,
            ),
            "post": operation(
                "createApplication",
                tag,
                "Create an application",
                ACCOUNT,
                answers({201: made}, REFUSED, *both, OTHER_TYPE),
                body=request,
            ),
        },
        "/v2/applications/{application_id}": {
            "parameters": [identifier],
            "get": operation(
                "getApplication", tag, "Get an application", ACCOUNT, answers({200: one}, NOT_THERE, *both)
            ),
            "put": operation(
                "updateApplication",
                tag,
                "Replace an application",
                ACCOUNT,
                answers({200: one}, REFUSED, NOT_THERE, *both, OTHER_TYPE),
                body=request,
                description="Everything but the key, which stays unless another is given.",
            ),
            "delete": operation(
                "deleteApplication",
                tag,
                "Delete an application",
                ACCOUNT,
                answers({204: answered("Gone.")}, NOT_THERE, *both),
            ),
        },
        "/v2/applications/ping": {"get": ping("pingApplications", tag)},
    }


def account() -> dict[str, Any]:
    """What the account itself has."""
    tag = "Account"
    return {
        "/account/settings": {
            "post": operation(
                "accountSettings",
                tag,
                "Set the account's own webhooks",
                BY_PARAMETERS,
                answers(
                    {200: answered("As they are now.", ref("schemas", "AccountSettings"))},
                    (401, "NumbersResult"),
                    (420, "NumbersResult"),
                ),
                form=obj(
                    {},
                    {
                        "moCallBackUrl": TEXT | {"description": "For inbound messages. Empty takes it away."},
                        "drCallBackUrl": TEXT | {"description": "For statuses. Empty takes it away."},
                    },
                ),
            )
        },
        "/account/limits": {
            "get": operation(
                "getLimits",
                tag,
                "The account's daily spend cap, and what of it is spent (ours)",
                ACCOUNT,
                answers({200: answered("As they are now.", ref("schemas", "Limits"))}, UNAUTHORISED),
            ),
            "put": operation(
                "setLimits",
                tag,
                "Set the account's daily spend cap (ours)",
                ACCOUNT,
                answers({200: answered("As they are now.", ref("schemas", "Limits"))}, REFUSED, UNAUTHORISED),
                body=obj({"daily_spend": CAP, "assumed_price": ASSUMED})
                | {"description": "Both must be said; null is for none."},
            ),
        },
        "/account/get-balance": {
            "get": operation(
                "balance",
                tag,
                "Whether key and secret are right",
                BY_PARAMETERS,
                answers(
                    {
                        200: answered(
                            "Nobody pays us.",
                            obj({"value": {"type": "number"}, "autoReload": {"type": "boolean"}}),
                        )
                    },
                    (401, "NumbersResult"),
                ),
            )
        },
        "/ni/basic/json": {
            "get": operation(
                "insight",
                "Numbers",
                "The country of a number",
                BY_PARAMETERS,
                answers({200: answered("It.", ref("schemas", "Insight"))}, (401, "NumbersResult")),
                parameters=[in_query("number", text(1, 40), required=True)],
            )
        },
        "/account/numbers": {
            "get": operation(
                "listNumbers",
                "Numbers",
                "List the account's numbers",
                BY_PARAMETERS,
                answers(
                    {200: answered("A page.", ref("schemas", "NumberList"))},
                    (401, "NumbersResult"),
                    (420, "NumbersResult"),
                ),
                parameters=[
                    in_query("application_id", text(1, 64)),
                    in_query("has_application", {"type": "boolean"}),
                    in_query("country", COUNTRY),
                    in_query("pattern", text(0, 20, "^[0-9]*$")),
                    in_query("search_pattern", integer(0, 2), "0 the beginning, 1 anywhere, 2 the end"),
                    in_query("index", integer(1, default=1)),
                    in_query("size", integer(1, 100, default=10)),
                ],
            )
        },
        "/number/update": {
            "post": operation(
                "updateNumber",
                "Numbers",
                "Link a number to an application, or to none",
                BY_PARAMETERS,
                answers(
                    {200: answered("Done.", ref("schemas", "NumbersResult"))},
                    (401, "NumbersResult"),
                    (420, "NumbersResult"),
                ),
                form=ref("schemas", "NumberUpdate"),
                description="Its parameters may be in the query too.",
            )
        },
    }


def secrets() -> dict[str, Any]:
    tag = "Secrets"
    key, identifier = in_path("api_key", SEGMENT), in_path("secret_id", SEGMENT)
    errors = (UNAUTHORISED, NOT_THERE, NOT_ACCEPTABLE)
    found: dict[str, Any] = {}
    for path, name, members in (
        ("secrets", "Secret", "secrets"),
        ("signature-secrets", "SignatureSecret", "signature_secrets"),
    ):
        base, is_ours = f"/accounts/{{api_key}}/{path}", name == "SignatureSecret"
        what = "signature secret (ours)" if is_ours else "API secret"
        shown = ref("schemas", name)
        listed = obj({"_links": LINKS, "_embedded": obj({members: array(shown)})})
        secret = text(8, 25, "^(aA1)[!-~]{5,22}$")
        found[base] = {
            "parameters": [key],
            "get": operation(
                f"list{name}s",
                tag,
                f"List each {what}",
                ACCOUNT,
                answers({200: answered("All.", listed)}, *errors),
            ),
            "post": operation(
                f"create{name}",
                tag,
                f"Add a second {what}",
                ACCOUNT,
                answers({201: answered("Made.", shown)}, REFUSED, FORBIDDEN, *errors, OTHER_TYPE),
                body=obj({}, {"secret": text(8, 128, "^[!-~]+$")}) if is_ours else obj({"secret": secret}),
                optional=is_ours,
                description="8 to 25 characters, with a capital, a small letter and a digit.",
            ),
        }
        found[f"{base}/{{secret_id}}"] = {
            "parameters": [key, identifier],
            "get": operation(
                f"get{name}", tag, f"Get one {what}", ACCOUNT, answers({200: answered("It.", shown)}, *errors)
            ),
            "delete": operation(
                f"delete{name}",
                tag,
                f"Revoke one {what}",
                ACCOUNT,
                answers({204: answered("Gone.")}, FORBIDDEN, *errors),
            ),
        }
    found["/accounts/{api_key}/signature-secrets/{secret_id}/promote"] = {
        "post": operation(
            "promoteSignatureSecret",
            tag,
            "Let a signature secret sign (ours)",
            ACCOUNT,
            answers({200: answered("It signs now.", ref("schemas", "SignatureSecret"))}, *errors),
            parameters=[key, identifier],
        )
    }
    return found


def provider_accounts() -> dict[str, Any]:
    tag = "Provider accounts (ours)"
    where = [in_path("provider", text(1, 40, "^[a-z_]+$")), in_path("account_id", SEGMENT)]
    shown = ref("schemas", "ProviderAccount")
    return {
        "/accounts": {
            "get": operation(
                "listAccounts",
                tag,
                "List provider accounts",
                ACCOUNT,
                answers(
                    {
                        200: answered(
                            "All of them.",
                            obj(
                                {
                                    "total_items": integer(0),
                                    "_embedded": obj({"accounts": array(shown)}),
                                }
                            ),
                        )
                    },
                    UNAUTHORISED,
                ),
            )
        },
        "/accounts/{provider}/{account_id}": {
            "parameters": where,
            "get": operation(
                "getAccount",
                tag,
                "Get a provider account",
                ACCOUNT,
                answers({200: answered("It, without its secrets.", shown)}, UNAUTHORISED, NOT_THERE),
            ),
            "put": operation(
                "putAccount",
                tag,
                "Create or change a provider account",
                ACCOUNT,
                answers(
                    {200: answered("Changed.", shown), 201: answered("Made.", shown)},
                    REFUSED,
                    UNAUTHORISED,
                    NOT_THERE,
                    CONFLICT,
                ),
                body=ref("schemas", "ProviderAccountRequest"),
            ),
            "delete": operation(
                "deleteAccount",
                tag,
                "Delete a provider account and its credentials",
                ACCOUNT,
                answers({204: answered("Gone.")}, UNAUTHORISED, NOT_THERE),
            ),
        },
        "/accounts/{provider}/{account_id}/verify": {
            "post": operation(
                "verifyAccount",
                tag,
                "Ask the provider about an account's senders",
                ACCOUNT,
                answers(
                    {200: answered("What it said.", ref("schemas", "Verified"))},
                    REFUSED,
                    UNAUTHORISED,
                    NOT_THERE,
                    (502, "ProviderDown"),
                ),
                parameters=where,
                body=obj({}, {"channel": CHANNEL, "sender": text(1, 100)}),
                optional=True,
            )
        },
    }


def templates_and_contacts() -> dict[str, Any]:
    tag = "Templates and contacts (ours)"
    sender = in_query("sender", text(0, 40), "The WhatsApp number whose account is meant.")
    name = in_path("name", text(1, 512, "^[a-z0-9_]+$"))
    shown = ref("schemas", "Template")
    listed = obj({"templates": array(shown)})
    provider = (REFUSED, UNAUTHORISED, NOT_THERE, (502, "ProviderDown"))
    return {
        "/v0.1/templates": {
            "get": operation(
                "listTemplates",
                tag,
                "List WhatsApp templates",
                ANYBODY,
                answers({200: answered("All of them.", obj({"_embedded": listed}))}, *provider),
                parameters=[sender, in_query("name", text(0, 512), "Only this one.")],
            ),
            "post": operation(
                "createTemplate",
                tag,
                "Create a WhatsApp template",
                ANYBODY,
                answers({201: answered("Handed in.", shown)}, *provider),
                parameters=[sender],
                body=ref("schemas", "TemplateRequest"),
            ),
        },
        "/v0.1/templates/{name}": {
            "parameters": [name, sender],
            "get": operation(
                "getTemplate",
                tag,
                "A WhatsApp template in every language",
                ANYBODY,
                answers({200: answered("It.", obj({"name": TEXT, "_embedded": listed}))}, *provider),
            ),
            "delete": operation(
                "deleteTemplate",
                tag,
                "Delete a WhatsApp template",
                ANYBODY,
                answers({204: answered("Gone.")}, *provider),
                parameters=[in_query("language", text(0, 20), "Only in this one.")],
            ),
        },
        "/v0.1/contacts/{channel}/{person}": {
            "get": operation(
                "getContact",
                tag,
                "Whether a person can be written to",
                ANYBODY,
                answers(
                    {200: answered("What is known.", ref("schemas", "Contact"))}, UNAUTHORISED, NOT_THERE
                ),
                parameters=[in_path("channel", CHANNEL), in_path("person", text(1, 64, "^[A-Za-z0-9_-]+$"))],
            )
        },
    }


def external_accounts() -> dict[str, Any]:
    tag, base = "External accounts", "/beta/chatapp-accounts"
    provider = in_path("provider", {"enum": ["messenger", "viber_service_msg", "whatsapp"]})
    identifier = in_path("external_id", text(1, 64, "^[A-Za-z0-9]+$"))
    shown = answered("The account.", ref("schemas", "ExternalAccount"))
    return {
        base: {
            "get": operation(
                "listExternalAccounts",
                tag,
                "List Messenger, Viber and WhatsApp senders",
                ANYBODY,
                answers(
                    {200: answered("A page.", ref("schemas", "ExternalAccountList"))}, REFUSED, UNAUTHORISED
                ),
                parameters=[
                    in_query("provider", {"enum": ["messenger", "viber_service_msg", "whatsapp"]}),
                    in_query("page_number", integer(1, default=1)),
                    in_query("page_size", integer(1, 100, default=20)),
                ],
            )
        },
        f"{base}/messenger": {
            "post": operation(
                "createMessengerAccount",
                tag,
                "Add a Facebook page",
                ANYBODY,
                answers({201: shown}, REFUSED, UNAUTHORISED, FORBIDDEN, CONFLICT),
                body=obj(
                    {"external_id": PAGE_ID, "access_token": TOKEN},
                    {"name": text(1, 100), "applications": array(UUID, most=1)},
                ),
            )
        },
        f"{base}/messenger/{{external_id}}": {
            "parameters": [identifier],
            "patch": operation(
                "updateMessengerAccount",
                tag,
                "Change a Facebook page's account",
                ANYBODY,
                answers({200: shown}, REFUSED, UNAUTHORISED, FORBIDDEN, BARE),
                body=obj(
                    {},
                    {
                        "name": text(1, 100),
                        "access_token": TOKEN,
                        "applications": array(UUID, most=1),
                    },
                ),
            ),
            "delete": operation(
                "deleteMessengerAccount",
                tag,
                "Remove a Facebook page",
                ANYBODY,
                answers({204: answered("Gone.")}, UNAUTHORISED, BARE),
            ),
        },
        f"{base}/{{provider}}/{{external_id}}": {
            "get": operation(
                "getExternalAccount",
                tag,
                "Get a sender",
                ANYBODY,
                answers({200: shown}, UNAUTHORISED, BARE),
                parameters=[provider, identifier],
            )
        },
        f"{base}/{{provider}}/{{external_id}}/applications": {
            "post": operation(
                "linkApplication",
                tag,
                "Link a sender to an application",
                ANYBODY,
                answers({200: shown}, REFUSED, UNAUTHORISED, FORBIDDEN, BARE, CONFLICT),
                parameters=[provider, identifier],
                body=obj({"application": UUID}),
            )
        },
        f"{base}/{{provider}}/{{external_id}}/applications/{{application_id}}": {
            "delete": operation(
                "unlinkApplication",
                tag,
                "Unlink a sender",
                ANYBODY,
                answers({204: answered("Done.")}, UNAUTHORISED, FORBIDDEN, BARE, CONFLICT),
                parameters=[provider, identifier, in_path("application_id", UUID)],
            )
        },
    }


def callbacks() -> dict[str, Any]:
    tag = "For providers"
    found: dict[str, Any] = {}
    for name, what in (("status", "receipts"), ("inbound", "messages from people")):
        where = [in_path("provider", text(1, 40, "^[a-z_]+$")), in_path("account_id", SEGMENT)]
        any_body = answered("Thanks, in the provider's own form.", {}, "*/*")
        errors = (REFUSED, FORBIDDEN, NOT_THERE)
        post = operation(f"{name}Callback", tag, f"Take {what}", NOBODY, answers({200: any_body}, *errors))
        post["requestBody"] = {"content": {"*/*": {"schema": {}}}}
        post["description"] = "The body and its proof are the provider's; 403 if the proof does not hold."
        found[f"/{name}/{{provider}}/{{account_id}}"] = {
            "parameters": where,
            "post": post,
            "get": operation(
                f"{name}Handshake",
                tag,
                "Prove that the address is ours",
                NOBODY,
                answers({200: any_body}, *errors),
            ),
        }
    return found


def paths() -> dict[str, Any]:
    return {
        **messages(),
        **dispatch(),
        **redactions(),
        **failed_webhooks(),
        **numbers_and_records(),
        **applications(),
        **account(),
        **secrets(),
        **provider_accounts(),
        **templates_and_contacts(),
        **external_accounts(),
        **callbacks(),
    }


# --- shapes --------------------------------------------------------------------------------------

CHANNEL: Schema = {"enum": [channel.value for channel in Channel]}
LIMIT = either(
    text(1, 12, r"^[0-9]{1,6}(\.[0-9]{1,4})?$"),
    {"type": "number", "minimum": 0, "maximum": 1_000_000},
    {"type": "null"},
)
CAP = LIMIT | {"description": "Of a day in UTC, with four decimals at most; null for none."}
ASSUMED = LIMIT | {
    "description": "What a message, or each part of an SMS, counts as where nobody knows its price."
}
COUNTRY = text(2, 2, "^[A-Z]{2}$")
CURSOR = text(1, 400, "^[A-Za-z0-9_=-]+$") | {"description": "Of the answer before."}
LIST_CURSOR = CURSOR | {"maxLength": 6000}
OWNER = "An application's, or `account`: what the account did itself, by its key."
PAGE_ID = text(1, 64, "^[0-9]+$")
TOKEN = text(1, 2000, "^[!-~]+$")
LINKS = {"type": "object", "additionalProperties": obj({"href": TEXT})}


def _webhook(methods: list[str], **more: Schema) -> Schema:
    return obj({"address": URL}, {"http_method": {"enum": methods}, **more})


def _capability(webhooks_: dict[str, Schema], **more: Schema) -> Schema:
    return obj({}, {"webhooks": obj({}, webhooks_), **more})


def capabilities() -> Schema:
    post, fetched = _webhook(["POST"]), _webhook(["GET", "POST"])
    flag: Schema = {"type": "boolean"}
    call = _webhook(
        ["GET", "POST"],
        connection_timeout=integer(300, 1000),
        connect_timeout=integer(300, 1000),
        socket_timeout=integer(1000, 10_000),
    )
    changed = _webhook(["GET", "POST", "PUT"])
    kept = {"type": "object", "description": "Kept and given back."}
    return obj(
        {},
        {
            "messages": _capability(
                {"inbound_url": post, "status_url": post},
                version={"enum": ["v0.1", "v1"]},
                authenticate_inbound_media=flag,
            ),
            "voice": _capability(
                {"answer_url": call, "fallback_answer_url": call, "event_url": call},
                signed_callbacks=flag,
                conversation_ttl=integer(0, 9000),
                conversations_ttl=integer(0, 9000),
                leg_persistence_time=integer(0, 31),
                region=TEXT,
            ),
            "rtc": _capability(
                {"event_url": fetched}, signed_callbacks=flag, leg_persistence_time=integer(0, 31)
            ),
            "verify": _capability({"status_url": post}, version=TEXT),
            "meetings": _capability(
                {"recording_changed": changed, "room_changed": changed, "session_changed": changed}
            ),
            "vbc": kept,
            "video": kept,
            "network_apis": kept,
            "bulk": kept,
        },
        description="Only `messages` does anything here; the rest is checked, kept and given back.",
    )


def management() -> dict[str, Schema]:
    verification = obj(
        {"state": {"enum": ["pending", "verified", "failed"]}}, {"reason": TEXT, "checked_at": TEXT}
    )
    rate = obj(
        {"per_second": {"type": "number", "minimum": 0.001, "maximum": 10_000}},
        {"unit": {"enum": ["messages", "segments"]}},
    )
    template = {
        "name": text(1, 512, "^[a-z0-9_]+$"),
        "language": text(2, 20, "^[a-z]{2,3}(_[A-Z]{2})?$"),
    }
    moment = {"type": ["string", "null"], "format": "date-time"}
    application = {
        "name": text(1, 100),
        "capabilities": ref("schemas", "Capabilities"),
        "privacy": obj({}, {"improve_ai": {"type": "boolean"}}),
    }
    limits = obj({"daily_spend": CAP}) | {
        "description": "Ours. Left out, those that are there stay. Other names are refused, but for those of "
        "the answer."
    }
    warnings = array(obj({"code": TEXT, "name": TEXT, "text": TEXT})) | {
        "description": "What these limits refuse that one may not expect."
    }
    spent: Schema = {"type": ["string", "null"], "description": "Null where there is no cap."}
    shown = obj({"daily_spend": TEXT}, {"spent_today": TEXT, "warnings": warnings}) | {
        "description": "Ours, where there is a cap. `spent_today` is not in a list, nor in the answer that "
        "made the application; `warnings` are in the answer that set it."
    }
    return {
        "Capabilities": capabilities(),
        "ApplicationRequest": obj(
            {"name": application["name"]},
            {
                "capabilities": application["capabilities"],
                "privacy": application["privacy"],
                "limits": limits,
                "keys": obj(
                    {},
                    {
                        "public_key": TEXT
                        | {"description": "An RSA key in PEM. Without one we make a pair.", "maxLength": 0}
                    },
                ),
            },
        ),
        "Application": obj(
            {
                "id": UUID,
                **application,
                "keys": obj(
                    {"public_key": {"type": ["string", "null"]}},
                    {"private_key": TEXT | {"description": "In the answer that made it only."}},
                ),
            },
            {"limits": shown},
        ),
        "Limits": obj(
            {
                "daily_spend": {"type": ["string", "null"]},
                "assumed_price": {"type": ["string", "null"]},
                "currency": TEXT,
                "spent_today": spent,
                "resets_at": moment,
                "warnings": warnings,
            }
        ),
        "ApplicationList": obj(
            {
                "page_size": integer(1, 100),
                "page": integer(1),
                "total_items": integer(0),
                "total_pages": integer(1),
                "_embedded": obj({"applications": array(ref("schemas", "Application"))}),
                "_links": LINKS,
            }
        ),
        "AccountSettings": obj({"mo-callback-url": TEXT, "dr-callback-url": TEXT}),
        "NumbersResult": obj({"error-code": TEXT, "error-code-label": TEXT}),
        "Insight": obj(
            {"status": integer(0), "status_message": TEXT},
            {
                "request_id": TEXT,
                "international_format_number": TEXT,
                "country_prefix": TEXT,
                "country_code": COUNTRY,
            },
        ),
        "Secret": obj({"_links": LINKS, "id": TEXT, "created_at": TEXT}),
        "SignatureSecret": obj(
            {
                "_links": LINKS,
                "id": TEXT,
                "created_at": TEXT,
                "state": {"enum": ["current", "next", "previous"]},
            },
            {
                "secret": TEXT | {"description": "In the answer that made it only."},
                "standard_webhooks_secret": TEXT | {"description": "The same, as Standard Webhooks have it."},
            },
        ),
        "NumberUpdate": obj(
            {"country": COUNTRY, "msisdn": text(3, 15, "^[1-9][0-9]{2,14}$")},
            {
                "app_id": TEXT | {"description": "Empty unlinks."},
                "messagesCallbackType": {"const": "app"},
                "messagesCallbackValue": text(1, 64),
                "voiceCallbackType": {"enum": ["app", "sip", "tel"]},
                "voiceCallbackValue": text(1, 64),
            },
        ),
        "NumberList": obj(
            {
                "count": integer(0),
                "numbers": array(
                    obj(
                        {"msisdn": TEXT, "features": array(TEXT)},
                        {
                            "country": COUNTRY,
                            "app_id": TEXT,
                            "messagesCallbackType": TEXT,
                            "messagesCallbackValue": TEXT,
                            "voiceCallbackType": TEXT,
                            "voiceCallbackValue": TEXT,
                        },
                    )
                ),
            }
        ),
        "ProviderAccountRequest": obj(
            {},
            {
                "name": text(1, 100),
                "credentials": {
                    "type": "object",
                    "minProperties": 1,
                    "description": "The provider's own settings. Left out, those that are there stay.",
                },
                "senders": array(
                    obj(
                        {"channel": CHANNEL, "id": text(1, 100)},
                        {
                            "order": integer(0, 1000),
                            "send_as": text(1, 100),
                            "rate": rate,
                            "application": either(text(1, 64), {"type": "null"}),
                        },
                    )
                ),
            },
        ),
        "ProviderAccount": obj(
            {
                "provider": TEXT,
                "account_id": TEXT,
                "credentials": array(TEXT) | {"description": "Their names."},
                "senders": array(
                    obj(
                        {"channel": CHANNEL, "id": TEXT, "order": integer(0), "verification": verification},
                        {"send_as": TEXT, "rate": rate, "application": TEXT},
                    )
                ),
                "callbacks": obj({"inbound": URL, "status": URL}),
                "created_at": TEXT,
                "updated_at": TEXT,
            },
            {"name": TEXT},
        ),
        "Verified": obj(
            {
                "provider": TEXT,
                "account_id": TEXT,
                "state": {"enum": ["pending", "verified", "failed"]},
                "senders": array(obj({"channel": CHANNEL, "id": TEXT}, {"state": TEXT})),
            },
            {"reason": TEXT},
        ),
        "TemplateRequest": obj(
            {
                **template,
                "category": {"enum": ["MARKETING", "UTILITY", "AUTHENTICATION"]},
                "components": array({"type": "object"}, least=1) | {"description": "In Meta's own form."},
            }
        ),
        "Template": obj(
            {"name": TEXT, "language": TEXT, "status": TEXT, "components": array({"type": "object"})},
            {"category": TEXT, "id": TEXT, "reason": TEXT},
        ),
        "Contact": obj(
            {
                "channel": CHANNEL,
                "id": TEXT,
                "opted_out": {"type": "boolean"},
                "window_open_until": moment,
                "senders": array(
                    obj(
                        {
                            "sender": TEXT,
                            "opted_out": {"type": "boolean"},
                            "opted_out_at": moment,
                            "last_inbound_at": moment,
                            "window_open_until": moment,
                        }
                    )
                ),
            }
        ),
        "ExternalAccount": obj(
            {"external_id": TEXT, "api_key": TEXT, "provider": CHANNEL, "applications": array(TEXT, most=1)},
            {"name": TEXT, "access_token": TEXT},
        ),
        "ExternalAccountList": obj(
            {
                "page_number": integer(1),
                "page_size": integer(1, 100),
                "_embedded": array(ref("schemas", "ExternalAccount")),
                "_links": LINKS,
            }
        ),
        "WebhookEndpoints": obj(
            {
                "endpoints": array(
                    obj(
                        {
                            "application_id": {"type": ["string", "null"]},
                            "kind": {"enum": ["status_url", "inbound_url"]},
                            "address": TEXT,
                            "state": {"enum": ["answering", "failing", "left_alone", "gone", "unknown"]},
                            "since": either(MOMENT, {"type": "null"}),
                            "reason": {"type": ["string", "null"]},
                            "retry_at": either(MOMENT, {"type": "null"}),
                        }
                    )
                ),
                "cursor": {"type": ["string", "null"]},
            }
        ),
        "FailedWebhooks": obj(
            {
                "page_size": integer(1, 100),
                "_embedded": obj(
                    {
                        "failed": array(
                            obj(
                                {
                                    "event_id": TEXT,
                                    "kind": TEXT,
                                    "occurred_at": MOMENT,
                                    "failed_at": MOMENT,
                                    "attempts": integer(0),
                                    "reason": TEXT,
                                },
                                {
                                    "application_id": TEXT,
                                    "message_uuid": UUID,
                                    "dispatch_uuid": UUID,
                                    "status": TEXT,
                                    "replayed_at": MOMENT,
                                },
                            )
                        )
                    }
                ),
                "_links": LINKS,
            },
            {"cursor": TEXT},
        ),
        "Redaction": obj(
            {
                "redaction_id": UUID,
                "status": {"enum": ["running", "completed"]},
                "requested_at": TEXT,
                "completed_at": moment,
                "scanned": integer(0),
                "redacted": integer(0),
            }
        ),
        "Problem": obj(
            {"title": TEXT, "instance": TEXT | {"description": "The trace."}},
            {"type": URL, "detail": TEXT},
        ),
        "Refusal": obj(
            {
                "type": URL,
                "title": TEXT,
                "detail": TEXT,
                "instance": TEXT,
            },
            {"invalid_parameters": array(obj({"name": TEXT, "reason": TEXT}), least=1)},
        ),
        "ErrorCode": {
            "type": "integer",
            "enum": sorted(failures.REASONS),
            "description": "; ".join(f"{code} {name}" for code, name in sorted(failures.REASONS.items())),
        },
        "Accepted": obj({"message_uuid": UUID}),
        "AcceptedV1": obj(
            {"message_uuid": UUID}, {"workflow_id": TEXT | {"description": "With a failover only."}}
        ),
    }


def numbers() -> dict[str, Schema]:
    """Shapes of what is counted, and of the audit trail."""
    count, share = integer(0), {"type": ["number", "null"], "minimum": 0, "maximum": 1}
    seconds: Schema = {"type": ["number", "null"]}
    times = obj({"p50": seconds, "p90": seconds}) | {"description": "Seconds, to within a tenth."}
    known: Schema = {"type": ["string", "null"]}
    groups = {name: known for name in GROUPS if name != "step"}
    cost = {"cost": text(pattern=r"^-?[0-9]+\.[0-9]{4}$"), "currency": TEXT}
    row = obj(
        {
            **dict.fromkeys(("messages", "sent", "delivered", "read", "failed"), count),
            **dict.fromkeys(("rejected", "undeliverable"), count),
            **dict.fromkeys(("delivery_rate", "read_rate"), share),
            "seconds_to_delivered": times,
            "seconds_to_read": times,
            **cost,
        },
        groups,
    )
    step = obj(
        {
            "step": count | {"description": "The first one is 0."},
            "channel": TEXT,
            "tried": count,
            "won": count,
            "late": count,
            "win_rate": share,
            **cost,
        },
        dict.fromkeys(("hour", "day", "application_id"), known),
    )
    value: Schema = {"type": ["string", "number", "boolean", "null"]}
    entry = obj(
        {
            "id": TEXT,
            "timestamp": MOMENT,
            "who": TEXT
            | {
                "description": "`key:{id}` of the API secret, `console:{id}` of the one that its session was "
                "begun with, or `application:{id}`."
            },
            "action": TEXT,
            "target": TEXT,
            "outcome": {"enum": ["open", "done", "refused"]},
            "changes": array(obj({"name": TEXT, "old": value, "new": value})),
        }
    )
    return {
        "Insights": obj(
            {
                "from": MOMENT,
                "to": MOMENT,
                "group_by": array({"enum": list(GROUPS)}),
                "currency": TEXT,
                "rows": array(row),
            },
            {"application_id": TEXT, "steps": array(step)},
        ),
        "Audit": obj({"entries": array(entry), "cursor": known}),
    }


def _together(*groups: dict[str, Schema]) -> dict[str, Schema]:
    found = {name: schema for group in groups for name, schema in group.items()}
    assert len(found) == sum(map(len, groups)), "two schemas of one name"
    return found


def description() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Switchboard", "version": "1.0.0", "description": INTRODUCTION},
        "servers": [{"url": "http://127.0.0.1:8080", "description": "The local stack"}],
        "paths": paths(),
        "webhooks": webhooks(),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "RS256, with `application_id`, `iat` and `jti`; valid for 15 minutes "
                    "unless `exp` says otherwise, and for a day at most.",
                },
                "key": {"type": "http", "scheme": "basic", "description": "API key and secret."},
                "apiKey": {"type": "apiKey", "in": "query", "name": "api_key"},
                "apiSecret": {"type": "apiKey", "in": "query", "name": "api_secret"},
            },
            "parameters": {
                "IdempotencyKey": {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "description": "Ours: within 24 hours a repeat with the same key starts nothing again "
                    "and has the same answer.",
                    "schema": text(1, 255, "^[!-~]+$"),
                }
            },
            "headers": {
                "Trace": {
                    "description": "By which the request is found again in the log.",
                    "schema": text(1, 64),
                }
            },
            "responses": RESPONSES,
            "schemas": _together(MESSAGES, CONTENT_NODES, WEBHOOK_BODIES, management(), numbers()),
        },
    }


class _Dumper(yaml.SafeDumper):
    """Never an alias: a shape that is used twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: _Dumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _string)


def page() -> str:
    note = "# Written by `python docs/openapi.py`; a test keeps it true.\n"
    return note + yaml.dump(
        description(), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True
    )


if __name__ == "__main__":
    PAGE.write_text(page())
