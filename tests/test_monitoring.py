"""Alarms, dashboard, metrics and tracing: the template, the code and the documents say the same."""

import json
import re
from typing import Any

import pytest

from switchboard import measures
from tests.support.template import ROOT, template

RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
ALARMS = {
    name.removesuffix("Alarm"): resource
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
QUEUES = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::SQS::Queue"]
OURS = {"Fn::Sub": "Switchboard/${AWS::StackName}"}
METRICS = {metric.name: metric for metric in measures.METRICS}


def watched(metric: str) -> list[str]:
    """The queues that have an alarm on it."""
    return [
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"].removesuffix(".QueueName")
        for alarm in ALARMS.values()
        if alarm["Properties"]["MetricName"] == metric
    ]


def test_each_dead_letter_queue_has_an_alarm() -> None:
    assert sorted(watched("ApproximateNumberOfMessagesVisible")) == sorted(
        name for name in QUEUES if name.endswith("Dlq")
    )


def test_each_queue_that_somebody_waits_for_has_an_alarm() -> None:
    waited = {name for name in QUEUES if not name.endswith("Dlq")} - {"RedactionsQueue"}
    # Starts are put off at every try, and AWS counts no age after the third.
    assert set(watched("ApproximateNumberOfMessagesNotVisible")) == {"StartsQueue"}
    assert set(watched("ApproximateAgeOfOldestMessage")) == waited - {"StartsQueue"}


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm(name: str) -> None:
    alarm = ALARMS[name]
    about = alarm["Properties"]
    assert about["AlarmName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
    assert about["AlarmActions"] == [
        {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, {"Ref": "AWS::NoValue"}]}
    ]
    assert about["TreatMissingData"] == "notBreaching", "an idle stack rings nothing"
    assert "Metrics" not in about, "each metric of an alarm costs"
    if about["Namespace"] == OURS and about["MetricName"] != "Errors":
        assert measures.TOTAL in METRICS[about["MetricName"]].dimensions
        assert "Dimensions" not in about
        assert alarm["Condition"] == "IsMonitoredByMetrics"
    else:
        assert alarm["Condition"] == "IsMonitored"


def test_each_alarm_is_in_the_runbook_and_no_other() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    table = page[page.index("| alarm |") :]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(ALARMS)


def test_the_errors_of_all_functions_are_counted() -> None:
    about = RESOURCES["ErrorsFilter"]["Properties"]
    assert about["LogGroupName"] == template()["Globals"]["Function"]["LoggingConfig"]["LogGroup"]
    (made,) = about["MetricTransformations"]
    watched = ALARMS["Errors"]["Properties"]
    assert (made["MetricNamespace"], made["MetricName"]) == (watched["Namespace"], watched["MetricName"])


def dashboard() -> list[dict[str, Any]]:
    text = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    text = re.sub(r"\$\{(?!!)([^}]+)\}", r"<\1>", text).replace("${!", "${")
    widgets: list[dict[str, Any]] = json.loads(text)["widgets"]
    return widgets


def test_the_dashboard_does_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard():
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    """All of ours, by dimensions that they have; and all queues."""
    shown: set[str] = set()
    for widget in dashboard():
        assert widget["properties"]["region"] == "<AWS::Region>"
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                found = re.search(
                    r"SEARCH\('\{\"Switchboard/<AWS::StackName>\",([\w,]+)\} MetricName=\"(\w+)\"', "
                    r"'(Sum|SampleCount|p50|p90)', 300\)",
                    metric[0]["expression"],
                )
                assert found, metric
                dimensions, name, statistic = found.groups()
                assert tuple(dimensions.split(",")) in METRICS[name].dimensions
                assert (statistic == "Sum") is not METRICS[name].is_sampled
                shown.add(name)
            elif metric[0] == "Switchboard/<AWS::StackName>":
                assert measures.TOTAL in METRICS[metric[1]].dimensions if metric[1] in METRICS else True
                shown.add(metric[1])
    assert shown >= {*METRICS, "Errors"} - {"FailureRate"}
    text = json.dumps(dashboard())
    assert [name for name in QUEUES if f"<{name}.QueueName>" not in text] == ["RedactionsQueue"]


def test_the_page_lists_the_metrics() -> None:
    page = (ROOT / "docs" / "operation.md").read_text()
    table = page[page.index("<!-- metrics -->") :].split("\n\n")[1]
    rows = [[cell.strip() for cell in row.split("|")[1:4]] for row in table.splitlines()[2:]]
    expected = [
        [
            f"`{metric.name}`",
            metric.unit,
            "; ".join(", ".join(names) or "none" for names in metric.dimensions),
        ]
        for metric in measures.METRICS
    ]
    assert rows == [*expected, ["`Errors`", "Count", "none"]]


def test_tracing_is_of_all_or_none() -> None:
    """By one parameter, through functions and the state machine, and off at first."""
    assert template()["Parameters"]["Tracing"]["Default"] == "Disabled"
    assert template()["Globals"]["Function"]["Tracing"] == {"Ref": "Tracing"}
    machine = RESOURCES["DispatchMachine"]["Properties"]
    assert machine["Tracing"] == {"Enabled": {"Fn::If": ["IsTraced", True, False]}}
    assert RESOURCES["DispatchMachineTracing"]["Condition"] == "IsTraced"


@pytest.mark.parametrize("choice", ["Active", "Disabled"])
def test_what_sam_makes_of_tracing(choice: str) -> None:
    """The permission comes with it, and goes with it."""
    from sandbox import template as sam

    source, _ = sam.packaged(ROOT, "bucket")
    made = sam.translated(source, {"Tracing": choice})["Resources"]
    functions = [each["Properties"] for each in made.values() if each["Type"] == "AWS::Lambda::Function"]
    roles = json.dumps([each for each in made.values() if each["Type"] == "AWS::IAM::Role"])
    modes = [each.get("TracingConfig") for each in functions]
    assert modes == [{"Mode": {"Ref": "Tracing"}} if choice == "Active" else None] * len(functions)
    assert ("AWSX" in roles) is (choice == "Active")
    assert "DispatchMachineRole" in made, "which DispatchMachineTracing names"
