"""The carriers on a port of their own, with a receiver for what they send."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.carriers.app import create
from sandbox.carriers.config import Config
from sandbox.carriers.server import Server

from .rig import CREDENTIALS, INBOUND, PACE, PHONE, PHONE_ID, RECEIPTS, Receiver, Rig, aws_client


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    receiver = Receiver()
    config = Config.model_validate(
        {
            "api_url": receiver.url,
            "aws_endpoint": "http://127.0.0.1:1",
            "receipts_topic": RECEIPTS,
            "inbound_topic": INBOUND,
            "credentials": CREDENTIALS,
            "pace": PACE,
            "phone_number_ids": {PHONE: PHONE_ID},
        }
    )
    server = Server(create(config, receiver.publish))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=10) as http:
        yield Rig(url, receiver, http, aws_client(url))
    server.should_exit = True
    thread.join(10)
    receiver.close()


@pytest.fixture(scope="module")
def aws(rig: Rig) -> Any:
    return aws_client(rig.url, parameter_validation=False)
