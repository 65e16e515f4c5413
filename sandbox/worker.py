"""One execution environment of a Lambda function: the child process.

Started by runtime.py as a script, so that nothing of the local stack is on the function's path. It
reads JSON lines from its standard input and answers each with one on what was its standard output:

    in   {"handler": "app.handler", "paths": [...]}        once; paths go before everything else
    out  {"ready": true} | {"raised": {...}}
    in   {"event": ..., "context": {...}}                  per invocation
    out  {"result": ...} | {"raised": {"errorType", "errorMessage", "stackTrace"}}
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """The context object of AWS's Python runtime, as far as a function can tell."""

    identity = None
    client_context = None

    def __init__(self, aws_request_id: str, invoked_function_arn: str, deadline: float) -> None:
        self.aws_request_id = aws_request_id
        self.invoked_function_arn = invoked_function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


def raised(error: BaseException) -> dict[str, Any]:
    """As AWS reports it. The traceback also goes to the log, as there."""
    traceback.print_exception(error)
    return {
        "raised": {
            "errorType": type(error).__name__,
            "errorMessage": str(error),
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
    }


def main() -> None:
    requests, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    # Whatever a handler reads is empty, and what it prints goes to the stack's log.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(1, "w", buffering=1)

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    start = json.loads(requests.readline())
    sys.path[:0] = start["paths"]
    module, _, name = start["handler"].rpartition(".")
    try:
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    except Exception as error:
        return reply(raised(error))
    reply({"ready": True})

    for line in requests:
        request = json.loads(line)
        try:
            reply({"result": handler(request["event"], Context(**request["context"]))})
        except Exception as error:
            reply(raised(error))
    os._exit(0)  # an environment does not say goodbye, and tearing down an interpreter takes a while


if __name__ == "__main__":
    main()
