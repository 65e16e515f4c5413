"""Run the carriers as a process of their own. See the package's docstring."""

import json
import logging
import signal
import sys
import threading
from io import FileIO

from pydantic import ValidationError

from sandbox.carriers.app import create
from sandbox.carriers.callbacks import sns_publisher
from sandbox.carriers.config import Config
from sandbox.carriers.server import Server


def main() -> int:
    """0 after a clean end; 2 if the configuration is wrong; 1 if the port is taken."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too, but the parent decides
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="carriers: %(message)s")
    # Unbuffered: a thread that waits in a buffered reader would hold its lock when the interpreter ends.
    standard_input = FileIO(0, closefd=False)
    try:
        config = Config.model_validate_json(standard_input.readline())
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            print("carriers: configuration:", *fault["loc"], fault["msg"], file=sys.stderr)
        return 2
    try:
        server = Server(create(config, sns_publisher(config.aws_endpoint)), config.port)
    except OSError as error:
        print(f"carriers: port {config.port}: {error.strerror}", file=sys.stderr)
        return 1

    def stop(*_: object) -> None:
        server.should_exit = True

    def watch() -> None:
        """The parent holds our standard input open for as long as it wants us."""
        while standard_input.read(4096):
            continue
        stop()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=watch, daemon=True).start()
    # The socket listens already: a request that comes before the loop runs waits in its backlog.
    print(json.dumps({"port": server.port}), flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
