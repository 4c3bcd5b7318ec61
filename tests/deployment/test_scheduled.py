"""Rules and schedules that start tasks: only the revision of our family moves."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.deployment.scheduled import family_of, has_revision, moved_schedule, moved_targets

NEW = "arn:aws:ecs:us-east-1:123456789012:task-definition/cleanup:2"
OLD = NEW[:-1] + "1"


@pytest.mark.parametrize(
    ("reference", "family", "revision"),
    [
        (NEW, "cleanup", True),
        (NEW[:-2], "cleanup", False),
        ("cleanup:7", "cleanup", True),
        ("cleanup", "cleanup", False),
    ],
)
def test_references(reference, family, revision):
    assert family_of(reference) == family
    assert has_revision(reference) is revision


def a_target(arn, name="1"):
    return {"Id": name, "Arn": "cluster", "Input": "{}", "EcsParameters": {"TaskDefinitionArn": arn, "TaskCount": 1}}


@pytest.mark.parametrize(
    ("targets", "moved"),
    [
        pytest.param([a_target(OLD)], ["1"], id="ours"),
        pytest.param([a_target(NEW)], [], id="it has moved already"),
        pytest.param([a_target(OLD.replace("cleanup", "report"))], [], id="another family"),
        pytest.param([a_target(OLD.replace("cleanup", "cleanup-all"))], [], id="a family whose name begins alike"),
        pytest.param([{"Id": "1", "Arn": "queue"}, a_target(OLD, "2")], ["2"], id="a queue beside it"),
    ],
)
def test_targets_of_a_rule(targets, moved):
    found = moved_targets(targets, "cleanup", NEW)
    assert [target["Id"] for target in found] == moved
    for target in found:
        assert target == a_target(NEW, target["Id"])


def test_a_schedule_keeps_all_but_the_revision():
    schedule: dict[str, Any] = {
        "Arn": "arn",
        "Name": "nightly",
        "GroupName": "default",
        "ScheduleExpression": "rate(1 day)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "CreationDate": "then",
        "Target": {"Arn": "cluster", "RoleArn": "role", "EcsParameters": {"TaskDefinitionArn": OLD, "TaskCount": 2}},
    }
    moved = moved_schedule(schedule, "cleanup", NEW)
    expected = {name: value for name, value in schedule.items() if name not in {"Arn", "CreationDate"}}
    expected["Target"] = {**schedule["Target"], "EcsParameters": {"TaskDefinitionArn": NEW, "TaskCount": 2}}
    assert moved == expected
    assert moved_schedule(schedule, "cleanup", OLD) is None
    assert moved_schedule(schedule, "report", NEW) is None
    assert moved_schedule({"Target": {"Arn": "queue"}}, "cleanup", NEW) is None
