"""An AWS account with nothing in it, as a process: `python -m tests.rehearsal.cloud FOLDER`.

It is the local stack's emulator without what the local stack deploys into it, so that `sam deploy` can, and
with the roles enforced. Prints {"aws": port, "api": port} when both are answered; the second is the first
HTTP API's. Ends when its standard input does.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox import runtime, template
from sandbox import state as states
from sandbox.emulator import Emulator
from sandbox.front import Front
from sandbox.mailbox import Mailbox
from sandbox.serving import Server


def own_transform() -> None:
    """CloudFormation applies SAM's transform with the stack's parameters, and makes an HTTP API's routes of
    its Body.

    ministack 1.5.33 applies it without them, and makes none.
    """
    from ministack.services.cloudformation import changesets, engine, handlers

    stock = engine._apply_transforms

    def apply(document: dict[str, Any], given: Any = None, previous: Any = None) -> Any:
        if engine._SAM_TRANSFORM not in engine.declared_transforms(document):
            return stock(document, given, previous)
        return template.translated(document, engine._transform_parameters(document, given, previous or {}))

    for module in (changesets, handlers):
        module._apply_transforms = apply


def yaml_definitions() -> None:
    """A state machine's definition in S3 may be YAML. ministack 1.5.33 reads JSON only."""
    from ministack.services.cloudformation import provisioners

    stock = provisioners._sfn_definition
    provisioners._sfn_definition = lambda properties: json.dumps(yaml.safe_load(stock(properties)))


async def main(folder: Path) -> None:
    # What the functions run on is Lambda's own client.
    runtime.WORKER = Path(__file__).with_name("environment.py")
    with states.opened(folder) as state:
        emulator = Emulator(state, os.environ.get("LOG_LEVEL", "WARNING"), enforce_iam=True)
        await emulator.start()
        own_transform()
        yaml_definitions()
        emulator.open_queues()

        async def api(
            method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
        ) -> tuple[int, dict[str, str | list[str]], bytes]:
            from ministack.services import apigateway

            found: str = next(iter(apigateway._apis))
            return await emulator.call_api(found, method, path, query, headers, body)

        bound = states.listen(0)
        front = Front(Mailbox())
        front.open(api, "http://127.0.0.1:9")  # it has no carriers
        server = Server(front, bound)
        await server.begin()
        print(json.dumps({"aws": emulator.port, "api": bound.getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await server.stop()
        await front.close()
        await emulator.stop(save=False)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
