"""The programs in docs/webhooks.md do what the page says of them."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from switchboard import clock, signing
from tests.clients import kit
from tests.support.template import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
CURRENT, OTHER, FOREIGN = (f"{name}-secret-0123456789-0123456789" for name in ("one", "two", "three"))
BODY = '{"status":"read","text":"Grüße"}'.encode()


def programs(language: str) -> str:
    """All of the page in one language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 2
    return "\n".join(found)


def signed(*secrets: str, age: int = 0) -> dict[str, str]:
    moment = clock.now() - timedelta(seconds=age)
    headers = signing.headers(BODY, "event:read", moment, secrets, "key", None)
    return {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True)
class Case:
    live: tuple[str, ...]
    """What we sign with, the current one first."""
    known: tuple[str, ...]
    """What the receiver knows."""
    vonage: bool
    standard: bool
    """What either check should say."""
    body: bytes = BODY
    age: int = 0
    headers: Mapping[str, str] | None = None

    def given(self) -> tuple[dict[str, str], bytes, list[str]]:
        headers = dict(self.headers) if self.headers is not None else signed(*self.live, age=self.age)
        return headers, self.body, list(self.known)


CASES = {
    "ours": Case((CURRENT,), (CURRENT,), True, True),
    "ours, a minute old": Case((CURRENT,), (CURRENT,), True, True, age=60),
    "the receiver knows both": Case((CURRENT, OTHER), (OTHER, CURRENT), True, True),
    "it knows the next one only": Case((CURRENT, OTHER), (OTHER,), False, True),
    "foreign": Case((FOREIGN,), (CURRENT, OTHER), False, False),
    "another body": Case((CURRENT,), (CURRENT,), False, False, body=BODY + b" "),
    "ten minutes old": Case((CURRENT,), (CURRENT,), False, False, age=600),
    "unsigned": Case((CURRENT,), (CURRENT,), False, False, headers={}),
    "rubbish": Case(
        (CURRENT,),
        (CURRENT,),
        False,
        False,
        headers={
            "authorization": "Bearer a.b.c",
            "webhook-id": "x",
            "webhook-timestamp": "x",
            "webhook-signature": "v1,eA==",
        },
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_in_python(case: Case) -> None:
    names: dict[str, Any] = {}
    exec(programs("python"), names)
    is_from_vonage: Callable[..., bool] = names["is_from_vonage"]
    is_standard: Callable[..., bool] = names["is_standard"]
    assert (is_from_vonage(*case.given()), is_standard(*case.given())) == (case.vonage, case.standard)


@pytest.mark.clients
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_in_node(case: Case) -> None:
    headers, body, known = case.given()
    given = {"headers": headers, "body": body.decode(), "known": known}
    script = f"""
{programs("js")}
const given = {json.dumps(given)};
const check = (test) => test(given.headers, Buffer.from(given.body), given.known);
console.log(JSON.stringify([check(isFromVonage), check(isStandard)]));
"""
    done = subprocess.run(
        [kit.node(), "-e", script],
        env=kit.environment(NODE_PATH=str(kit.CLIENTS / "node_modules")),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [case.vonage, case.standard]
