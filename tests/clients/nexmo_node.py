"""Calls of `nexmo@2.7.0-beta-1` from npm, the old Node client, which has `channel` and `dispatch`."""

import json
from dataclasses import dataclass
from typing import Any

from tests.clients import kit
from tests.e2e.local_stack import KEY, SECRET, LocalStack


@dataclass(frozen=True)
class Outcome:
    """What a callback was called with."""

    error: Any
    result: Any


def nexmo(
    stack: LocalStack,
    *calls: list[Any],
    secret: str = SECRET,
    together: bool = False,
    credentials: dict[str, str] | None = None,
) -> list[Outcome]:
    """Calls as ["channel.send", to, from, message]. `credentials`: applicationId and privateKey."""
    given = {
        "credentials": {"apiKey": KEY, "apiSecret": secret, **(credentials or {})},
        "options": {"apiHost": "127.0.0.1", "restHost": "127.0.0.1", "port": stack.port},
        "together": together,
        "calls": calls,
    }
    env = kit.environment(NODE_PATH=str(kit.CLIENTS / "node_modules"))
    output = kit.execute([kit.node(), str(kit.PROGRAMS / "nexmo_calls.js")], env, given=given)
    return [Outcome(**outcome) for outcome in json.loads(output)]
