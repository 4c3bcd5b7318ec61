"""Which events a pattern matches: the rows are those of AWS's documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairway.engine.control.event_pattern import InvalidPattern, matches, parse_pattern


def match(pattern: Any, event: Any) -> bool:
    return matches(parse_pattern(json.dumps(pattern)), event)


@pytest.mark.parametrize(
    ("leaf", "yes", "no"),
    [
        pytest.param(["Alice"], ["Alice"], ["alice", "", None, 1], id="equals"),
        pytest.param(["Credit", "Debit"], ["Debit"], ["Cash"], id="or"),
        pytest.param([""], [""], ["x", None], id="empty"),
        pytest.param([None], [None], ["", 0, False], id="null"),
        pytest.param([True], [True], [1, "true"], id="a truth value is no number"),
        pytest.param([100], [100], ["100", True, 101], id="a number"),
        pytest.param([{"prefix": "us-"}], ["us-east-1"], ["eu-us-", 1], id="begins with"),
        pytest.param(
            [{"prefix": {"equals-ignore-case": "EventB"}}], ["eventbridge", "EVENTB"], ["event"], id="either case"
        ),
        pytest.param([{"suffix": ".png"}], ["a.png"], ["a.PNG", "png"], id="ends with"),
        pytest.param([{"suffix": {"equals-ignore-case": ".png"}}], ["a.PNG"], ["a.gif"], id="ends with, either case"),
        pytest.param([{"equals-ignore-case": "alice"}], ["ALICE"], ["alicex"], id="equals, either case"),
        pytest.param([{"anything-but": "initializing"}], ["stopped", 1], ["initializing"], id="anything but"),
        pytest.param([{"anything-but": ["stopped", "overloaded"]}], ["x"], ["stopped", "overloaded"], id="but several"),
        pytest.param([{"anything-but": [100, 200]}], [300, "100"], [100, 200], id="but numbers"),
        pytest.param(
            [{"anything-but": {"prefix": ["init", "stop"]}}], ["run"], ["initial", "stopped"], id="but prefixes"
        ),
        pytest.param([{"anything-but": {"suffix": ".txt"}}], ["a.rtf"], ["a.txt"], id="but a suffix"),
        pytest.param([{"anything-but": {"equals-ignore-case": "x"}}], ["y"], ["X"], id="but in either case"),
        pytest.param(
            [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}], ["/a/b"], ["/a/lib/b"], id="but wildcards"
        ),
        pytest.param([{"numeric": ["=", 3.018e2]}], [301.8], [301, "301.8"], id="numeric: equals"),
        pytest.param([{"numeric": [">", 0, "<=", 5]}], [0.1, 5], [0, 5.1, True, None], id="numeric: range"),
        pytest.param([{"cidr": "10.0.0.0/24"}], ["10.0.0.255"], ["10.0.1.0", "x"], id="address"),
        pytest.param(
            [{"wildcard": "dir/*.png"}], ["dir/a/b.png", "dir/.png"], ["dir/a.gif", "xdir/a.png"], id="wildcard"
        ),
        pytest.param([{"wildcard": "a\\*\\\\*"}], ["a*\\x"], ["ab\\x"], id="wildcard: plain * and backslash"),
        pytest.param([{"prefix": "a"}, 7], ["ab", 7], ["b", 8], id="operators and values together"),
        pytest.param(["a"], [["a", "b"]], [[], ["b"]], id="a list matches with one of its values"),
    ],
)
def test_leaves(leaf: list[Any], yes: list[Any], no: list[Any]) -> None:
    pattern = {"detail": {"x": leaf}}
    assert [value for value in yes if not match(pattern, {"detail": {"x": value}})] == []
    assert [value for value in no if match(pattern, {"detail": {"x": value}})] == []


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param({"detail": {"a": [{"exists": True}]}}, {"detail": {"a": None}}, True, id="exists, though null"),
        pytest.param({"detail": {"a": [{"exists": True}]}}, {"detail": {}}, False, id="does not exist"),
        pytest.param(
            {"detail": {"a": [{"exists": True}]}}, {"detail": {"a": {"b": 1}}}, False, id="an object is no leaf"
        ),
        pytest.param({"detail": {"a": [{"exists": False}]}}, {"detail": {}}, True, id="wanted not to exist"),
        pytest.param({"detail": {"a": [{"exists": False}]}}, {}, True, id="nothing above it exists"),
        pytest.param({"detail": {"a": [{"exists": False}]}}, {"detail": {"a": 1}}, False, id="but it exists"),
        pytest.param({"detail": {"a": [{"anything-but": 1}]}}, {"detail": {}}, False, id="anything-but needs a value"),
        pytest.param(
            {"a": ["1"], "b": ["2"]}, {"a": "1", "b": "2", "c": "3"}, True, id="and; what is not named is free"
        ),
        pytest.param({"a": ["1"], "b": ["2"]}, {"a": "1"}, False, id="and"),
        pytest.param({"$or": [{"a": ["1"]}, {"b": ["2"]}]}, {"b": "2"}, True, id="or over fields"),
        pytest.param({"$or": [{"a": ["1"]}, {"b": ["2"]}], "c": ["3"]}, {"b": "2"}, False, id="or, and another field"),
        pytest.param(
            {"detail": {"containers": {"name": ["app"], "exitCode": [1]}}},
            {"detail": {"containers": [{"name": "app", "exitCode": 1}, {"name": "x"}]}},
            True,
            id="one object of a list holds all",
        ),
        pytest.param(
            {"detail": {"containers": {"name": ["app"], "exitCode": [1]}}},
            {"detail": {"containers": [{"name": "app", "exitCode": 0}, {"name": "x", "exitCode": 1}]}},
            False,
            id="and not two of them together",
        ),
        pytest.param(
            {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {"lastStatus": ["STOPPED"], "stoppedReason": ["Essential container in task exited"]},
            },
            {
                "source": "aws.ecs",
                "detail-type": "ECS Task State Change",
                "detail": {"lastStatus": "STOPPED", "stoppedReason": "Essential container in task exited"},
            },
            True,
            id="the rule of the ECS guide",
        ),
    ],
)
def test_events(pattern: Any, event: Any, *, expected: bool) -> None:
    assert match(pattern, event) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects"),
        ('{"a": "b"}', '"a" must be an object or an array'),
        ('{"a": []}', "Empty arrays"),
        ('{"a": [[1]]}', "a list in a list"),
        ('{"a": [{"like": "b"}]}', "Unrecognized match type like"),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "Only one key"),
        ('{"a": [{"prefix": 1}]}', "the value of prefix at a"),
        ('{"a": {"b": [{"numeric": ["=", "1"]}]}}', "the value of numeric at a.b"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "numeric"),
        ('{"a": [{"numeric": ["=", 9007199254740993]}]}', "numeric"),
        ('{"a": [{"exists": "yes"}]}', "exists"),
        ('{"a": [{"wildcard": "a**"}]}', "wildcard"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "wildcard"),
        ('{"a": [{"anything-but": ["a", 1]}]}', "anything-but"),
        ('{"a": [{"cidr": "10.0.0.0/33"}]}', "cidr"),
        ('{"$or": [{"a": [1]}]}', "at least 2"),
    ],
)
def test_what_is_no_pattern(text: str, reason: str) -> None:
    with pytest.raises(InvalidPattern, match=reason.replace("(", r"\(")):
        parse_pattern(text)


def test_too_many_combinations() -> None:
    many = {f"x{n}": {"$or": [{"a": [1]}] * 2} for n in range(10)}
    with pytest.raises(InvalidPattern, match="combinations"):
        parse_pattern(json.dumps(many))
