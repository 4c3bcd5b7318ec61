"""What `apply` would do, from what the files say and what lives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber
from tests.planning.builders import a_definition, a_service_file, as_deployed

from fairway.aws.beside import Bounds, Roles, scaling_bounds
from fairway.deployment.apply_plan import Beside, Item, apply_plan
from fairway.deployment.applying import carry_out, groups_of, roles_of
from fairway.observed import Living, LivingTask, Surroundings
from fairway.planning.release import ServiceRelease

MODEL = botocore.session.get_session().get_service_model("ecs")
SHAPE: Any = MODEL.operation_model("UpdateService").input_shape
ACCEPTED = set(SHAPE.members)
FILE = a_service_file()


def planned(file=FILE, living=None, *, beside=None, groups=(), retention=None, scaling=None, task=None):
    """The plan for one service `api`, against what lives (default: it was deployed from FILE)."""
    release = ServiceRelease("api", "shop-api", a_definition(), None, file)  # type: ignore[arg-type]
    surroundings = Surroundings(
        "123456789012",
        "us-east-1",
        "shop",
        services={"shop-api": living or as_deployed(FILE, a_definition())},
        tasks={"shop-api": LivingTask(task)},
    )
    return apply_plan(
        [Item(release, scaling)],
        surroundings,
        beside or Beside(),
        groups=groups,
        retention=retention,
        accepted=ACCEPTED,
    )


def calls(plan) -> list[tuple[str, dict[str, Any]]]:
    return [(call.operation, dict(call.parameters)) for call in plan.calls]


def test_nothing_differs():
    plan = planned()
    assert (plan.calls, plan.notes, plan.problems) == ((), (), ())


@pytest.mark.parametrize(
    ("changes", "expected", "deploys"),
    [
        pytest.param({"desiredCount": 9}, [], None, id="the number of tasks is never sent"),
        pytest.param(
            {"enableExecuteCommand": True},
            [("update_service", {"cluster": "shop", "service": "shop-api", "enableExecuteCommand": True})],
            None,
            id="a setting alone, without a task definition",
        ),
        pytest.param(
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-c"]}}},
            [("update_service", {"cluster": "shop", "service": "shop-api", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-c"]}}})],
            "shop-api",
            id="one that replaces tasks",
        ),
        pytest.param(
            {"tags": [{"key": "Team", "value": "other"}, {"key": "New", "value": "x"}]},
            [("tag_resource", {"resourceArn": "arn:aws:ecs:us-east-1:123456789012:service/shop/shop-api", "tags": [{"key": "Team", "value": "other"}, {"key": "New", "value": "x"}]})],
            None,
            id="tags that the file names",
        ),
        pytest.param({"tags": [{"key": "fairway:x", "value": "y"}]}, [], None, id="never Fairway's own, and none is taken away"),
    ],
)  # fmt: skip
def test_a_living_service(changes, expected, deploys):
    plan = planned({**FILE, **changes})
    assert calls(plan) == expected
    assert [call.deploys for call in plan.calls] == [deploys for _ in plan.calls]


def test_what_is_fixed_at_creation_is_noted():
    file = {name: value for name, value in FILE.items() if name != "launchType"}
    plan = planned({**file, "launchType": "EC2"})
    assert plan.calls == ()
    assert plan.notes == ('api: ~ launchType: "FARGATE" → "EC2"  (stays: it is fixed when the service is created)',)


def test_a_service_that_is_not_there():
    newest = as_deployed(FILE, a_definition()).serving
    [(operation, request)] = calls(planned(living=Living(), task=newest))
    assert operation == "create_service"
    assert newest is not None
    assert request == {**FILE, "cluster": "shop", "taskDefinition": newest.arn}
    plan = planned(living=Living())
    assert plan.calls == ()
    assert "fairway deploy api --tag T registers one, and creates the service" in plan.notes[0]


def test_only_revisions_are_managed():
    assert planned(None).calls == ()
    assert planned(None, Living()).calls == ()


@pytest.mark.parametrize(
    ("living", "retention", "expected"),
    [
        pytest.param({}, None, ["create_log_group"], id="a group that is missing"),
        pytest.param({}, 30, ["create_log_group", "put_retention_policy"], id="and how long it keeps events"),
        pytest.param({"/shop": None}, 30, ["put_retention_policy"], id="one that keeps them for ever"),
        pytest.param({"/shop": 30}, 30, [], id="as it should be"),
        pytest.param({"/shop": 7}, None, [], id="nothing is said"),
    ],
)
def test_log_groups(living, retention, expected):
    plan = planned(groups=["/shop"], beside=Beside(log_groups=living), retention=retention)
    assert [operation for operation, _ in calls(plan)] == expected


def test_roles_are_looked_for_and_not_made():
    plan = planned(beside=Beside(roles=Roles(("task",), ("execution",))))
    assert plan.calls == ()
    assert plan.problems == ("the role task does not exist, and is not made here",)
    assert plan.notes == ("not checked, because IAM may not be asked: the role execution",)


@pytest.mark.parametrize(
    ("living", "sign"),
    [
        pytest.param(None, "+ api: not scaled → scaled between 2 to 9 tasks", id="not scaled yet"),
        pytest.param(Bounds(1, 9), "~ api: 1 to 9 tasks → scaled between 2 to 9 tasks", id="other bounds"),
        pytest.param(Bounds(2, 9), None, id="the same"),
    ],
)
def test_bounds(living, sign):
    bounds = {} if living is None else {"shop-api": living}
    plan = planned(scaling={"MinCapacity": 2, "MaxCapacity": 9}, beside=Beside(bounds=bounds))
    assert [call.lines for call in plan.calls] == ([(sign,)] if sign else [])
    for call in plan.calls:
        assert call.parameters["ResourceId"] == "service/shop/shop-api"


def test_bounds_that_are_not_told():
    plan = planned(scaling={"MinCapacity": 2, "MaxCapacity": 9}, beside=Beside(bounds={"shop-api": "no such service"}))
    assert plan.calls == ()
    assert plan.problems == (
        "api: scaling between 2 to 9 tasks would be set, but AWS refused to tell what is: no such service",
    )


def test_what_stands_beside_is_named_by_the_definitions():
    log = {"options": {"awslogs-group": "/a", "awslogs-region": "us-east-1"}}
    other = {"options": {"awslogs-group": "/b", "awslogs-region": "eu-west-1"}}
    definition = {
        "containerDefinitions": [{"logConfiguration": log}, {"logConfiguration": other}, {}],
        "taskRoleArn": "arn:aws:iam::123456789012:role/path/task",
        "executionRoleArn": "execution",
    }
    assert groups_of([definition], "us-east-1") == {"/a"}
    assert roles_of([definition]) == {"task", "execution"}


def test_bounds_are_read_and_set_as_the_service_takes_them():
    """On an engine there is no Application Auto Scaling: botocore's own model is what the calls are held against."""
    client = boto3.client(
        "application-autoscaling", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    scaled = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    target = {**scaled, "ResourceId": "service/shop/shop-api", "MinCapacity": 1, "MaxCapacity": 9, "RoleARN": "r"}
    aws: Any = SimpleNamespace(client=lambda _name: client)
    told: list[str] = []
    context: Any = SimpleNamespace(
        observer=SimpleNamespace(aws=aws), guard=lambda: None, tell=lambda *words, **_: told.append(words[2])
    )
    with Stubber(client) as stub:
        stub.add_response(
            "describe_scalable_targets",
            {"ScalableTargets": [{**target, "CreationTime": 0}]},
            {**scaled, "ResourceIds": ["service/shop/shop-api"]},
        )
        stub.add_response(
            "register_scalable_target",
            {},
            {**scaled, "ResourceId": "service/shop/shop-api", "MinCapacity": 2, "MaxCapacity": 9},
        )
        bounds = scaling_bounds(aws, "shop", ["shop-api"])
        assert bounds == {"shop-api": Bounds(1, 9)}
        plan = planned(scaling={"MinCapacity": 2, "MaxCapacity": 9}, beside=Beside(bounds=bounds))
        assert carry_out(context, plan) == 0
        stub.assert_no_pending_responses()
    assert told == ["1 to 9 tasks → scaled between 2 to 9 tasks: done"]
