"""Plays one failover dispatch when the stack has started, and prints what happens as it happens."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt

from sandbox.mailbox import MAILBOX, Mailbox
from sandbox.settings import Settings

SECONDS = 2
"""What each step of the demonstration is given."""
PATIENCE = 60.0

WORKFLOW = [
    ("messenger", {"id": "1070830641"}, {"id": "3958010001"}, "read"),
    ("viber_service_msg", {"id": "Acme"}, {"number": "447700900002"}, "delivered"),
    ("sms", {"number": "Acme"}, {"number": "447700900100"}, None),
]
"""Channel, sender, recipient and condition. The recipients' digits: never read, silent, delivered."""


async def play(settings: Settings, mailbox: Mailbox) -> None:
    """Sends through the public API like any client, and listens like any client."""
    async with httpx.AsyncClient(base_url=settings.url, timeout=30) as client:
        try:
            application = await _application(client, settings)
        except httpx.HTTPStatusError:
            print("\nNo demonstration: this API secret was deleted here. Its successor works.", flush=True)
            return
        reader = mailbox.read()
        try:
            async with asyncio.timeout(PATIENCE):
                await _dispatch(client, application, reader)
        except (TimeoutError, httpx.HTTPError) as error:
            print(f"  The demonstration did not come to its end ({type(error).__name__}).", flush=True)
        finally:
            mailbox.close(reader)
    print(_hints(settings, application), flush=True)


async def _application(client: httpx.AsyncClient, settings: Settings) -> dict[str, Any]:
    """The demonstration's application: made once, then kept with its key beside the other state."""
    kept = settings.folder / "demo.json"
    auth = (settings.api_key, settings.api_secret)
    if kept.exists():
        application: dict[str, Any] = json.loads(kept.read_text())
        if (await client.get(f"/v2/applications/{application['id']}", auth=auth)).is_success:
            return application
    webhook = {"address": f"{settings.url}{MAILBOX}", "http_method": "POST"}
    body = {
        "name": "Demonstration",
        "capabilities": {"messages": {"webhooks": {"status_url": webhook, "inbound_url": webhook}}},
    }
    made = (await client.post("/v2/applications", json=body, auth=auth)).raise_for_status().json()
    application = {"id": made["id"], "private_key": made["keys"]["private_key"]}
    _write(kept, json.dumps(application))
    _write(_key(settings), application["private_key"])
    return application


def _key(settings: Settings) -> Path:
    return settings.folder / "demo.key"


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


async def _dispatch(
    client: httpx.AsyncClient, application: dict[str, Any], reader: "asyncio.Queue[dict[str, Any]]"
) -> None:
    claims = {"application_id": application["id"], "iat": int(time.time()), "jti": str(uuid4())}
    token = jwt.encode(claims, application["private_key"], "RS256")
    began = time.monotonic()
    answer = await client.post(
        "/v0.1/dispatch",
        json={"template": "failover", "workflow": [_step(*entry) for entry in WORKFLOW]},
        headers={"Authorization": f"Bearer {token}"},
    )
    uuid = answer.raise_for_status().json()["dispatch_uuid"]
    print(
        f"\nA dispatch: Messenger, and if it is not read within {SECONDS} s Viber, "
        f"and if that is not delivered within {SECONDS} s SMS."
    )
    _tell(began, "accepted", f"dispatch {uuid}")
    told: set[tuple[str, str]] = set()
    expected: set[tuple[str, str]] | None = None
    while expected is None or not expected <= told:  # a report can overtake the last status
        body = await reader.get()
        if body.get("dispatch_uuid") == uuid:
            _tell(began, "report", _summary(body))
            expected = {(entry["message_uuid"], entry["status"]) for entry in body["_links"]["messages"]}
        elif body.get("_links", {}).get("workflow", {}).get("dispatch_uuid") == uuid:
            _tell(began, body["to"]["type"], f"{body['status']}{_price(body)}")
            told.add((body["message_uuid"], body["status"]))


def _step(channel: str, sender: Any, recipient: Any, condition: str | None) -> dict[str, Any]:
    step = {
        "from": {"type": channel, **sender},
        "to": {"type": channel, **recipient},
        "message": {"content": {"type": "text", "text": "Your parcel arrives today between 3 and 4."}},
    }
    if condition:
        step["failover"] = {"expiry_time": SECONDS, "condition_status": condition}
    return step


def _tell(began: float, what: str, detail: str) -> None:
    print(f"  {time.monotonic() - began:5.2f} s  {what:<18} {detail}", flush=True)


def _price(body: dict[str, Any]) -> str:
    usage = body.get("usage")
    return f", {usage['price']} {usage['currency']}" if usage else ""


def _summary(body: dict[str, Any]) -> str:
    messages = body["_links"]["messages"]
    steps = ", ".join(f"{message['channel']} {message['status']}" for message in messages)
    return f"{body['status']}{_price(body)} ({steps})"


def _hints(settings: Settings, application: dict[str, Any]) -> str:
    host, port = "127.0.0.1", settings.port
    is_default = settings.api_secret == Settings.api_secret
    secret = settings.api_secret if is_default else "YOUR_SECRET"
    return f"""
Send the next message yourself:
  curl -u {settings.api_key}:{secret} {settings.url}/v0.1/messages -H 'Content-Type: application/json' -d '
    {{"from": {{"type": "sms", "number": "Acme"}}, "to": {{"type": "sms", "number": "447700900100"}},
     "message": {{"content": {{"type": "text", "text": "Hello"}}}}}}'
or with the client library (npm install nexmo@2.7.0-beta-1):
  const Nexmo = require("nexmo");
  const nexmo = new Nexmo({{ apiKey: "{settings.api_key}", apiSecret: "{secret}",
      applicationId: "{application["id"]}", privateKey: "{_key(settings)}" }},
    {{ apiHost: "{host}", restHost: "{host}", port: {port} }});
  nexmo.channel.send({{ type: "sms", number: "447700900100" }}, {{ type: "sms", number: "Acme" }},
    {{ content: {{ type: "text", text: "Hello" }} }}, console.log);
Its callbacks are at {settings.url}{MAILBOX}
The recipient's last four digits choose what the phone does; see README.md."""
