"""The table's stream as its event source hands it on: genuine records, as the template's filter lets pass."""

import json
from typing import Any

import boto3

from tests.support.cloud import Cloud
from tests.support.template import template

Record = dict[str, Any]
SOURCE: dict[str, Any] = template()["Resources"]["CountFunction"]["Properties"]["Events"]["Changes"][
    "Properties"
]


class Stream:
    """Of a cloud's table, from the moment on when this is made."""

    def __init__(self, cloud: Cloud) -> None:
        view = template()["Resources"]["Table"]["Properties"]["StreamSpecification"]
        cloud.dynamodb.update_table(TableName="table", StreamSpecification={"StreamEnabled": True, **view})
        self._arn = cloud.dynamodb.describe_table(TableName="table")["Table"]["LatestStreamArn"]
        self._client = boto3.client("dynamodbstreams")

    def everything(self) -> list[Record]:
        """All records, as the function would be given them."""
        [shard] = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        iterator = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = self._client.get_records(ShardIterator=iterator, Limit=1000)["Records"]
        return [self._wire(record) for record in found]

    def records(self) -> list[Record]:
        """Those that the filter lets pass."""
        return [record for record in self.everything() if passes(record)]

    def _wire(self, record: Record) -> Record:
        about = dict(record["dynamodb"])
        about["ApproximateCreationDateTime"] = about["ApproximateCreationDateTime"].timestamp()
        return {**record, "dynamodb": about, "eventSourceARN": self._arn}


def passes(record: Record) -> bool:
    patterns = [json.loads(one["Pattern"]) for one in SOURCE["FilterCriteria"]["Filters"]]
    return any(_matches(pattern, record) for pattern in patterns)


def _matches(pattern: Any, value: Any) -> bool:
    """By Lambda's rules, as far as our patterns use them."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            _matches(rule, value.get(name)) for name, rule in pattern.items()
        )
    return any(_fits(rule, value) for rule in pattern)


def _fits(rule: Any, value: Any) -> bool:
    match rule:
        case {"exists": wanted}:
            return (value is not None) is wanted
        case {"anything-but": words}:
            return value is not None and value not in words
        case str():
            return bool(rule == value)
    raise AssertionError(f"teach this matcher {rule}")
