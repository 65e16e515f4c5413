"""One cold start, as a script in a fresh interpreter: `function` or `floor`. Nothing is imported before the
clock runs but what the interpreter has by itself.

    python first_call.py function <directory of app.py> <file with an event>
    python first_call.py floor <service> ...

It writes {"seconds", "wall_seconds", "import_seconds", "services"} to standard output; seconds are those of a
processor.
"""

import sys
import time

START, WALL = time.process_time(), time.perf_counter()


def main() -> None:
    kind, *arguments = sys.argv[1:]
    output, sys.stdout = sys.stdout, sys.stderr
    imported = START
    if kind == "function":
        directory, event = arguments
        sys.path.insert(0, directory)
        import app  # type: ignore[import-not-found]

        imported = time.process_time()
        import json

        with open(event) as file:
            asked = json.load(file)
        answer = app.handler(asked, _Context())
        _end(output, imported)
        if answer.get("statusCode", 200) >= 500 or answer.get("batchItemFailures"):
            raise SystemExit(f"the handler did not do it: {answer}")
    else:
        _floor(arguments)
        _end(output, imported)


def _floor(services: list[str]) -> None:
    import boto3
    from botocore.config import Config
    from pydantic import BaseModel

    class Model(BaseModel):
        name: str

    Model(name="x")
    for service in services:
        boto3.client(
            service,
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=20,
                parameter_validation=False,
            ),
        )


def _end(output: object, imported: float) -> None:
    seconds, wall = time.process_time() - START, time.perf_counter() - WALL
    import gc
    import json

    from botocore.client import BaseClient

    clients = (each for each in gc.get_objects() if isinstance(each, BaseClient))
    services = sorted({client.meta.service_model.service_name for client in clients})
    found = {
        "seconds": seconds,
        "wall_seconds": wall,
        "import_seconds": imported - START,
        "services": services,
    }
    print(json.dumps(found), file=output)  # type: ignore[call-overload]


class _Context:
    function_name = "f"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    aws_request_id = "r"


main()
