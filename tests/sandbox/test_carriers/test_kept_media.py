"""What people send is had from each provider the way it wants: our own fetching, over HTTP."""

from types import SimpleNamespace
from typing import Any

import pytest

from switchboard.adapters._whatsapp import MEDIA_URL
from switchboard.adapters.base import Account
from switchboard.adapters.line import DATA_URL
from switchboard.adapters.telegram import GET_FILE
from switchboard.clock import now
from switchboard.media import Media
from switchboard.models.messages import Image
from switchboard.outgoing import Guard, Outgoing
from switchboard.store import InboundItem

from .rig import Rig

pytestmark = pytest.mark.network

MEDIA = {
    "whatsapp_cloud": f"{MEDIA_URL}900100200300",
    "line": f"{DATA_URL}/v2/bot/message/590117263548911203/content",
    "telegram": f"{GET_FILE}AgACAgIAAxkBAAIBZ2cdefghijklmnop",
    "messenger": "https://scontent.example/door.png",  # public, by way of the gateway
}


@pytest.mark.parametrize("provider", MEDIA)
def test_kept(rig: Rig, provider: str) -> None:
    stored: dict[str, Any] = {}
    held = rig.http.get(f"/accounts/{provider}").json()["credentials"]
    accounts = SimpleNamespace(account=lambda name, account_id: Account(name, account_id, held))
    s3 = SimpleNamespace(put_object=lambda **object_: stored.update(object_))
    outgoing = Outgoing(Guard(), rig.http)
    media = Media(lambda: rig.http, lambda: outgoing, lambda: s3, accounts, "bucket", f"{rig.url}/media")  # type: ignore[arg-type]
    item = InboundItem(
        message_uuid="u",
        application_id=None,
        channel="line",
        sender="1",
        recipient="2",
        at=now(),
        content=Image(type="image", url=MEDIA[provider]),
        by="b",
        provider=provider,
    )
    media.keep(item)
    assert stored["Key"] == "inbound/u"
    assert (stored["ContentType"], stored["Body"][:4]) in (
        ("image/png", b"\x89PNG"),
        ("image/jpeg", b"\xff\xd8\xff\xe0"),
    )
