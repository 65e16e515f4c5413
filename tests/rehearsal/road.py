"""The road into an account, as its owner goes it: `switchboard deploy`, with a cloud on this machine."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import httpx

from sandbox.carriers.config import Credentials
from tests.e2e.local_stack import ROOT

TOOLS = ROOT / ".venv" / "rehearsal"
PACKAGES = TOOLS / "packages"
"""What DependenciesLayer holds, for this machine and this Python."""
STACK, REGION = "rehearsal", "us-east-1"
ARCHITECTURE = "x86_64" if platform.machine() in ("x86_64", "AMD64") else "arm64"
SOURCES = ("functions", "layers", "statemachines", "template.yaml")
KEYS = {"AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": REGION}


class Project:
    """A copy of what is deployed, to be built and changed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._home = folder / "project", folder / "home"
        self._home.mkdir(parents=True)
        for name in SOURCES:
            source, target = ROOT / name, self.folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)

    def sam(self, *arguments: str, **environment: str) -> str:
        return self._run([str(TOOLS / "sam" / "bin" / "sam"), *arguments], **environment)

    def switchboard(self, *arguments: str, **environment: str) -> str:
        program = Path(sys.executable).with_name("switchboard")
        return self._run([str(program), *arguments], **environment)

    @property
    def built(self) -> Path:
        return self.folder / ".aws-sam" / "build"

    def _run(self, command: list[str], **environment: str) -> str:
        """What it printed. It is nobody's profile, and nobody is told that it ran."""
        paths = [str(Path(sys.executable).parent), str(TOOLS / "sam" / "bin"), os.environ["PATH"]]
        private = ("AWS_", "SAM_", "SWITCHBOARD_")
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(private)},
                "PATH": os.pathsep.join(paths),
                "HOME": str(self._home),
                "SAM_CLI_TELEMETRY": "0",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=420,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


class Account:
    """An empty account, and the simulated providers outside it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self._carriers: subprocess.Popen[str] | None = None
        self._cloud = self._start(
            ["tests.rehearsal.cloud", str(folder / "state")],
            REHEARSAL_RUNTIME_CLIENT=str(TOOLS / "runtime"),
        )
        ports = self._told(self._cloud)
        self.url = f"http://127.0.0.1:{ports['api']}"
        """Where the deployed API is answered."""
        self.environment = {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['aws']}"}

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=REGION,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def resources(self) -> dict[str, str]:
        """Physical ids by logical ones."""
        pages = self.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
        }

    def outputs(self) -> dict[str, str]:
        [stack] = self.aws("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def owner(self) -> httpx.Client:
        """With the key and the secret that the deployment made up."""
        found = self.aws("secretsmanager").get_secret_value(SecretId=self.outputs()["AccountSecret"])
        pair = json.loads(found["SecretString"])
        return httpx.Client(base_url=self.url, auth=(pair["api_key"], pair["api_secret"]), timeout=60)

    def open_carriers(self, outputs: dict[str, str]) -> httpx.Client:
        """The providers, who know the deployed stack from now on."""
        config = {
            "port": 0,
            "api_url": self.url,
            "aws_endpoint": self.environment["AWS_ENDPOINT_URL"],
            "receipts_topic": outputs["SmsEventsTopic"],
            "inbound_topic": outputs["SmsInboundTopic"],
            "credentials": Credentials.new().model_dump(),
        }
        self._carriers = self._start(["sandbox.carriers"], **KEYS)
        assert self._carriers.stdin
        print(json.dumps(config), file=self._carriers.stdin, flush=True)
        return httpx.Client(base_url=f"http://127.0.0.1:{self._told(self._carriers)['port']}", timeout=60)

    def close(self) -> None:
        for process in (self._carriers, self._cloud):
            if process:
                assert process.stdin
                process.stdin.close()
                try:
                    process.wait(20)
                finally:
                    process.kill()

    def _start(self, module: list[str], **environment: str) -> "subprocess.Popen[str]":
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _told(self, process: "subprocess.Popen[str]") -> dict[str, int]:
        assert process.stdout
        line = process.stdout.readline()
        assert line, self.output
        told: dict[str, int] = json.loads(line)
        return told


def basic(client: httpx.Client) -> str:
    """The authorization header that a client sends."""
    assert isinstance(client.auth, httpx.BasicAuth)
    request = next(client.auth.auth_flow(httpx.Request("GET", "http://localhost")))
    return str(request.headers["authorization"])
