"""docs/migrating-from-vonage.md, followed to the letter: its programs are run as they stand there."""

import os
import re
import shutil
from pathlib import Path

import httpx
import pytest

from tests.clients import kit
from tests.clients.kit import SecureStack
from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, ROOT, SECRET
from tests.support.stack import until

pytestmark = [pytest.mark.e2e, pytest.mark.clients]

PAGE = (ROOT / "docs" / "migrating-from-vonage.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)
PROGRAMS = {
    match[1]: code
    for language, code in BLOCKS
    if language in ("python", "js") and (match := re.match(r"(?:#|//) ([\w.-]+\.(?:py|js))", code))
}
"""By the name that the first line of each gives it."""
RUN_BY = {
    "copy_applications.py": "vonage4",
    "vonage4_send.py": "vonage4",
    "vonage3_send.py": "vonage3",
    "nexmo_send.py": "nexmo",
    "server_sdk_send.js": "node",
    "nexmo_dispatch.js": "node",
    "to-switchboard.js": "the CLI's test",
}


COMMANDS = [code for language, code in BLOCKS if language == "sh"]
SETTING_UP = ("make run", "export REQUESTS_CA_BUNDLE", "export HTTPS_PROXY")
"""Commands that the other tests of this page do by other means."""


def test_everything_on_the_page_is_run_here() -> None:
    assert {language for language, _ in BLOCKS} == {"python", "js", "sh"}
    assert sum(language in ("python", "js") for language, _ in BLOCKS) == len(PROGRAMS)
    assert set(PROGRAMS) == set(RUN_BY)
    assert sum(any(start in code for start in SETTING_UP) for code in COMMANDS) == len(SETTING_UP)


class Follower:
    """Somebody who does what the page says, in a folder of his own."""

    def __init__(self, stack: SecureStack, application: Application, folder: Path) -> None:
        self.stack, self.application, self.folder = stack, application, folder
        (folder / "private.key").write_text(application.private_key)

    def saved(self, name: str) -> Path:
        path = self.folder / name
        path.write_text(self.his(PROGRAMS[name]))
        return path

    def his(self, code: str) -> str:
        """With what is to be filled in, and the ports of this stack."""
        for there, here in {
            "127.0.0.1:8443": self.stack.host,
            "127.0.0.1:8080": f"127.0.0.1:{self.stack.port}",
            "port: 8080": f"port: {self.stack.port}",
            "YOUR_APPLICATION_ID": self.application.id,
            "YOUR_VONAGE_KEY": KEY,
            "YOUR_VONAGE_SECRET": SECRET,
        }.items():
            code = code.replace(there, here)
        return code

    def run(self, name: str, **env: str) -> list[str]:
        """The words that the program prints."""
        client = RUN_BY[name]
        interpreter = kit.node() if client == "node" else kit.python(client)
        env = kit.environment(NODE_PATH=str(kit.CLIENTS / "node_modules"), **self.stack.trust, **env)
        return kit.execute([interpreter, str(self.saved(name))], env, cwd=self.folder).split()


@pytest.fixture
def follower(stack: SecureStack, application: Application, tmp_path: Path) -> Follower:
    return Follower(stack, application, tmp_path)


@pytest.mark.parametrize(
    "name", ["vonage4_send.py", "vonage3_send.py", "nexmo_send.py", "server_sdk_send.js"]
)
def test_a_message_arrives(follower: Follower, name: str) -> None:
    words = follower.run(name)
    mailbox = follower.application.mailbox
    [hook] = mailbox.until(lambda: mailbox.bodies(status="delivered"), PATIENCE)
    if name == "vonage4_send.py":  # Messenger refuses that recipient, and the SMS goes out
        assert hook["channel"] == "sms"
        assert hook["workflow"]["workflow_id"] == words[-1]
    else:
        assert hook["message_uuid"] == words[-1]


def test_a_dispatch_comes_to_its_report(follower: Follower) -> None:
    [uuid] = follower.run("nexmo_dispatch.js")
    report = follower.application.report(uuid)
    assert report["status"] == "completed"
    assert [entry["channel"] for entry in report["_links"]["messages"]] == ["messenger", "sms"]


def test_applications_are_copied_with_their_keys(follower: Follower) -> None:
    """This stack is Vonage too: through its proxy."""
    words = follower.run("copy_applications.py", HTTPS_PROXY=f"http://{follower.stack.host}")
    copies = dict(zip(words[::4], words[3::4], strict=True))  # ID is now ID
    application = follower.application
    copy = copies[application.id]
    assert copy != application.id
    application.id = copy
    follower.run("vonage3_send.py")  # by the old key, in the name of the copy
    mailbox = application.mailbox
    until(lambda: mailbox.bodies(status="delivered"), PATIENCE)


@pytest.mark.parametrize(
    ("program", "function", "client"),
    [("vonage4.py", "send", "vonage4"), ("vonage3.py", "send", "vonage3")],
    ids=["vonage4", "vonage3"],
)
def test_a_python_program_as_it_is(
    stack: SecureStack, application: Application, program: str, function: str, client: str
) -> None:
    sms = {"to": "447700900100", "text": "Hello"}
    messages = {
        "vonage4": ["Sms", sms | {"from_": "Acme"}],
        "vonage3": sms | {"from": "Acme", "channel": "sms", "message_type": "text"},
    }
    given = kit.settings(stack, application, messages={"sms": messages[client]})
    del given["host"]
    sent = kit.run(program, function, given, stack.detour)
    application.mailbox.until_statuses(sent["sms"]["message_uuid"], PATIENCE, 2)


def test_a_node_program_as_it_is(follower: Follower) -> None:
    preload = follower.saved("to-switchboard.js")
    given = kit.settings(follower.stack, follower.application)
    del given["url"]
    given["messages"] = {"sms": ["SMS", {"to": "447700900100", "from": "Acme", "text": "Hello"}]}
    env = {"NODE_OPTIONS": f"--require {preload}", "SWITCHBOARD_URL": follower.stack.url}
    sent = kit.run("server_sdk.js", "send", given, env)
    follower.application.mailbox.until_statuses(sent["sms"]["messageUUID"], PATIENCE, 2)


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="needs curl and openssl")
def test_the_commands(follower: Follower) -> None:
    stack, folder = follower.stack, follower.folder
    follower.saved("to-switchboard.js")
    commands = [code for code in COMMANDS if not any(start in code for start in SETTING_UP)]
    (folder / "all.sh").write_text(follower.his("echo\n".join(commands)))
    modules = kit.CLIENTS / "node_modules" / ".bin"
    path = f"{modules}:{Path(kit.node()).parent}:{os.environ['PATH']}"
    output = kit.execute(["bash", "-eu", "all.sh"], kit.environment(HOME=str(folder), PATH=path), cwd=folder)

    account = httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=60)
    try:
        [made] = re.findall(r'"id": "([^"]+)", "name": "Parcels", "capabilities": {"messages"', output)
        public_key = (folder / "public.key").read_text()
        assert account.get(f"/v2/applications/{made}").json()["keys"] == {"public_key": public_key}
        [created] = re.findall(r"Application created: (\S+)", output)
        assert f"{created} | Parcels" in output
        assert '"error-code-label": "success"' in output
        linked = account.get("/account/numbers", params={"application_id": follower.application.id}).json()
        assert [number["msisdn"] for number in linked["numbers"]] == ["447700900200"]
        registered = account.get("/accounts/vonage/main").json()
        assert [sender["id"] for sender in registered["senders"]] == ["447700900200"]
    finally:
        account.delete("/accounts/vonage/main")


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "over TLS"])
def test_the_old_cli(follower: Follower, over_tls: bool) -> None:
    """As in its README: setup, applications, numbers and tokens."""
    stack, folder = follower.stack, follower.folder
    number = "447700900611" if over_tls else "447700900612"
    env = kit.environment(
        HOME=str(folder),
        NODE_OPTIONS=f"--require {follower.saved('to-switchboard.js')}",
        SWITCHBOARD_URL=f"https://{stack.host}" if over_tls else stack.url,
        NO_COLOR="1",
        **stack.trust,
    )
    cli = [kit.node(), str(kit.CLIENTS / "node_modules" / "nexmo-cli" / "lib" / "bin.js")]

    def nexmo(*arguments: str) -> str:
        return kit.execute([*cli, *arguments], env, cwd=folder)

    with pytest.raises(AssertionError, match="authentication failed"):
        nexmo("setup", KEY, "wrong")
    nexmo("setup", KEY, SECRET)
    assert f"api_secret={SECRET}" in (folder / ".nexmorc").read_text()
    assert nexmo("balance").strip() == "0 EUR"

    urls = ("https://example.com/answer", "https://example.com/event")
    made = nexmo("app:create", "Parcels", *urls, "--keyfile", "parcels.key")
    [uuid] = re.findall(r"Application created: (\S+)", made)
    assert (folder / "parcels.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert f"{uuid} | Parcels" in nexmo("app:list")
    shown = nexmo("app:show", uuid)
    assert "[name]\nParcels\n" in shown and urls[1] in shown
    assert f"Application updated: {uuid}" in nexmo("app:update", uuid, "Packets", *urls)
    assert f"{uuid} | Packets" in nexmo("app:list", "--size", "100", "--page", "1")

    assert nexmo("link:app", number, uuid).strip() == "Number updated"  # asks for its country first
    assert number in nexmo("numbers:list", "--pattern", f"{number[:-1]}*")
    assert nexmo("app:numbers", uuid).split() == [number]
    assert re.search(rf"{number} *\| GB", nexmo("numbers:list", "--verbose"))
    assert nexmo("unlink:app", number, "--country_code", "GB").strip() == "Number updated"
    assert nexmo("app:numbers", uuid).split() == []

    token = nexmo("jwt:generate", "parcels.key", f"application_id={uuid}").strip()
    answer = follower.application.http.post(
        "/v1/messages",
        json={"channel": "sms", "message_type": "text", "text": "Hi", "to": "447700900100", "from": "Acme"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 202
    assert nexmo("app:delete", uuid, "--confirm").strip() == "Application deleted"
    assert uuid not in nexmo("app:list")
