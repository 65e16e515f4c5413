"""Our form of DynamoDB's attributes is boto3's, of what we store."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from switchboard.store.attributes import dump, load


class Word(StrEnum):
    ONE = "one"


VALUES: dict[str, Any] = {
    "text": "hello \N{GRINNING FACE}",
    "no text": "",
    "a word of ours": Word.ONE,
    "true": True,
    "false": False,
    "a number": 7,
    "a negative one": -7,
    "zero": 0,
    "a long one": 10**37,
    "a fraction": Decimal("0.0442"),
    "an exponent": Decimal("1E+20"),
    "a list": ["a", 1, None, [True]],
    "an empty list": [],
    "a map": {"a": {"b": None, "c": [1, Decimal("-1.5")]}},
    "an empty map": {},
}


@pytest.mark.parametrize("name", VALUES)
def test_it_is_as_boto3_writes_and_reads_it(name: str) -> None:
    value = VALUES[name]
    written = {"x": TypeSerializer().serialize(value)}
    assert dump({"x": value}) == written
    assert load(written) == {"x": TypeDeserializer().deserialize(written["x"])}


def test_tuples_are_lists() -> None:
    assert dump({"x": ("a", 1)}) == {"x": {"L": [{"S": "a"}, {"N": "1"}]}}


def test_none_is_left_out() -> None:
    assert dump({"x": None, "y": {"z": None}}) == {"y": {"M": {"z": {"NULL": True}}}}


def test_whole_numbers_are_int() -> None:
    assert [
        type(each) for each in load({"a": {"N": "12"}, "b": {"N": "-3"}, "c": {"N": "1.5"}}).values()
    ] == [
        int,
        int,
        Decimal,
    ]


@pytest.mark.parametrize("value", [1.5, {1, 2}, b"x", object()], ids=["float", "set", "bytes", "object"])
def test_what_is_not_stored_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        dump({"x": value})


@pytest.mark.parametrize("attribute", [{"B": b"x"}, {"SS": ["a"]}], ids=["bytes", "set"])
def test_what_we_never_stored_is_not_read(attribute: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        load({"x": attribute})
