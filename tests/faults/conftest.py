"""The table of what was tried: at the end of the run, and in .local/faults.md and .local/faults.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from switchboard import applications
from tests.faults.system import System
from tests.support import moto_corrections

LOCAL = Path(__file__).parents[2] / ".local"
PROPERTY = "faults"
KEYS = [applications.key_pair()]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    monkeypatch.setattr(applications, "key_pair", lambda: KEYS[0])
    moto_corrections.install(monkeypatch)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield System(monkeypatch)


def rows(reports: list[Any]) -> list[dict[str, Any]]:
    """One of each flow, whatever the number of tests that it was tried in."""
    found: dict[str, dict[str, Any]] = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == PROPERTY:
                row = found.setdefault(
                    value["flow"], {"flow": value["flow"], "calls": 0, "crashes": 0, "survived": 0}
                )
                row["calls"] = max(row["calls"], value["calls"])
                row["crashes"] += value["crashes"]
                row["survived"] += value["survived"]
    return list(found.values())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    stats = terminalreporter.stats
    found = rows([*stats.get("passed", ()), *stats.get("failed", ())])
    if not found:
        return
    found.sort(key=lambda row: str(row["flow"]))
    total = {
        "flow": "all",
        **{name: sum(row[name] for row in found) for name in ("calls", "crashes", "survived")},
    }
    lines = ["| flow | calls | crashes tried | survived |", "|---|---:|---:|---:|"]
    lines += [
        f"| {row['flow']} | {row['calls']} | {row['crashes']} | {row['survived']} |"
        for row in [*found, total]
    ]
    LOCAL.mkdir(exist_ok=True)
    (LOCAL / "faults.md").write_text("\n".join(lines) + "\n")
    (LOCAL / "faults.json").write_text(json.dumps(found, indent=2) + "\n")
    terminalreporter.section("faults")
    for line in lines:
        terminalreporter.write_line(line)
