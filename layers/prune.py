"""Takes out of a layer what no function of ours reads: botocore's data of services that we have no client
for, and what is written in the rest of it for people. A client is made in a fraction of the time then.

    python prune.py <the layer's folder of packages>
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

# The clients that `switchboard/services.py` makes, and what endpoints.json calls them.
SERVICES = {
    "dynamodb": "dynamodb",
    "events": "events",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sqs": "sqs",
    "stepfunctions": "states",
}
UNREAD = ("examples-1.json", "completions-1.json")
UNUSED = ("bin", "anyio", "anyio-*.dist-info")
"""Programs, and the asynchronous half of httpx, which looks for it and does without."""


def prune(packages: Path) -> None:
    for pattern in (*UNUSED, "**/__pycache__"):
        for folder in list(packages.glob(pattern)):
            shutil.rmtree(folder)
    data = packages / "botocore" / "data"
    for service in data.iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for service in SERVICES:
        *older, newest = sorted(path for path in (data / service).iterdir() if path.is_dir())
        for version in older:
            shutil.rmtree(version)
        for file in newest.iterdir():
            if file.name in UNREAD:
                file.unlink()
            elif file.suffix == ".gz":
                _write(
                    file.with_suffix(""),
                    _without_documentation(json.loads(gzip.decompress(file.read_bytes()))),
                )
                file.unlink()
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: value for name, value in partition["services"].items() if name in SERVICES.values()
        }
    _write(data / "endpoints.json", endpoints)


def _without_documentation(value: Any, *, names: bool = False) -> Any:
    """`names` says that an object's names are the service's own words, which may be `documentation` too."""
    if isinstance(value, list):
        return [_without_documentation(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_documentation(each, names=name in ("members", "shapes", "operations") and not names)
        for name, each in value.items()
        if names or name != "documentation" or not isinstance(each, str)
    }


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, separators=(",", ":")))


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
