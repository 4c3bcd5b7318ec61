"""What RunTask is asked for by rules and schedules, and what a target is given of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairway.engine.control.ecs_target import InvalidInput, run_task_request, started_by_rule, started_by_schedule
from fairway.engine.control.event_input import fill, is_path, target_input

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/shop"
EVENT = {
    "version": "0",
    "id": "1",
    "time": "2026-01-01T00:00:00Z",
    "detail": {"key": 'a "b"', "count": 3, "containers": [{"name": "app"}]},
}
RULE = ("arn:aws:events:us-east-1:123456789012:rule/r", "r")


def test_started_by_is_cut_off() -> None:
    assert started_by_rule("nightly") == "events-rule/nightly"
    assert started_by_schedule("gold-coast-data-lake-refresh") == "chronos-schedule/gold-coast-data-lak"


def test_everything_that_a_target_says() -> None:
    parameters = {
        "TaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/f:1",
        "TaskCount": 2,
        "LaunchType": "FARGATE",
        "PlatformVersion": "1.4.0",
        "Group": "g",
        "EnableECSManagedTags": True,
        "EnableExecuteCommand": False,
        "PropagateTags": "TASK_DEFINITION",
        "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["s"], "AssignPublicIp": "DISABLED"}},
        "Tags": [{"Key": "a", "Value": "b"}],
    }
    overrides = {"containerOverrides": [{"name": "app", "command": ["clean"]}]}
    assert run_task_request({"Arn": CLUSTER, "EcsParameters": parameters}, "x", json.dumps(overrides)) == {
        "cluster": CLUSTER,
        "startedBy": "x",
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/f:1",
        "count": 2,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "group": "g",
        "enableECSManagedTags": True,
        "enableExecuteCommand": False,
        "propagateTags": "TASK_DEFINITION",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "DISABLED"}},
        "tags": [{"key": "a", "value": "b"}],
        "overrides": overrides,
    }


@pytest.mark.parametrize("tags", [[{"key": "a", "value": "b"}], [{"Key": "a", "Value": "b"}], [{"a": "b"}]], ids=str)
def test_tags_of_schedules(tags: list[dict[str, str]]) -> None:
    target = {"Arn": CLUSTER, "EcsParameters": {"TaskDefinitionArn": "f", "Tags": tags}}
    assert run_task_request(target, "x", None)["tags"] == [{"key": "a", "value": "b"}]


@pytest.mark.parametrize("given", ["{", "[]", '"text"'])
def test_input_that_is_no_override(given: str) -> None:
    with pytest.raises(InvalidInput):
        run_task_request({"Arn": CLUSTER, "EcsParameters": {"TaskDefinitionArn": "f"}}, "x", given)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param({}, None, id="an ECS target gets nothing of the event"),
        pytest.param({"Input": "{}"}, "{}", id="a constant"),
        pytest.param({"InputPath": "$.detail.containers"}, '[{"name": "app"}]', id="a part"),
        pytest.param(
            {
                "InputTransformer": {
                    "InputPathsMap": {"k": "$.detail.key", "n": "$.detail.containers[0].name", "c": "$.detail.count"},
                    "InputTemplate": '{"a": <k>, "b": "<n>-<c>", "r": <aws.events.rule-name>}',
                }
            },
            '{"a": "a \\"b\\"", "b": "app-3", "r": "r"}',
            id="a template",
        ),
    ],
)
def test_what_a_target_is_given(target: dict[str, Any], expected: str | None) -> None:
    assert target_input(target, EVENT, RULE) == expected


def test_values_in_quotes_cannot_break_out_of_them() -> None:
    assert json.loads(fill('{"a": "<k>"}', {"k": 'x", "b": "y'})) == {"a": 'x", "b": "y'}


@pytest.mark.parametrize(("text", "good"), [("$", True), ("$.a.b[0].c", True), ("a.b", False), ("$['a']", False)])
def test_paths(text: str, *, good: bool) -> None:
    assert is_path(text) is good
