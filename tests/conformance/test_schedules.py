"""EventBridge rules and schedules of EventBridge Scheduler start their ECS task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.engine_process import running_engine
from tests.conformance.world import World, until

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/events"
pytestmark = pytest.mark.usefixtures("simulated")


def arn_of(world: World, cluster: str) -> str:
    found: str = world.ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    return found


def definition_arn(world: World, *containers: dict[str, Any], family: str | None = None) -> str:
    label = world.task_definition(*(containers or (world.sim(labels={"exit_after": "2"}),)), family=family)
    found: str = world.ecs.describe_task_definition(taskDefinition=label)["taskDefinition"]["taskDefinitionArn"]
    return found


def target(world: World, cluster: str, definition: str, **more: Any) -> dict[str, Any]:
    """The target of a rule or a schedule."""
    network = {"Subnets": world.subnets, "AssignPublicIp": "DISABLED"}
    parameters = {
        "TaskDefinitionArn": definition,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {"awsvpcConfiguration": network},
    }
    return {"Arn": arn_of(world, cluster), "RoleArn": ROLE, "EcsParameters": parameters | more}


def started(world: World, cluster: str, by: str) -> list[dict[str, Any]]:
    """The tasks, living and stopped, oldest first; one that stops between the two questions is in both answers."""
    found = world.tasks(cluster, startedBy=by) + world.tasks(cluster, startedBy=by, desiredStatus="STOPPED")
    return sorted({task["taskArn"]: task for task in found}.values(), key=lambda task: task["createdAt"])


def schedule(world: World, name: str, expression: str, target: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    } | more


# -- rules -------------------------------------------------------------------------------------------------------------


def test_a_rule_starts_its_task_each_minute_until_it_is_disabled(world: World) -> None:
    events, cluster, name = world.client("events"), world.cluster(), world.name("rule")
    given = json.dumps({"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "b"}]}]})
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    first = definition_arn(world)
    tags = [{"Key": "team", "Value": "ops"}]
    wanted = target(world, cluster, first, TaskCount=2, Group="nightly", Tags=tags, EnableECSManagedTags=True)
    events.put_targets(Rule=name, Targets=[wanted | {"Id": "1", "Input": given}])
    by = f"events-rule/{name}"
    tasks = until("four runs", lambda: len(found := started(world, cluster, by)) >= 8 and found)
    shown = world.ecs.describe_tasks(cluster=cluster, tasks=[tasks[0]["taskArn"]], include=["TAGS"])["tasks"][0]
    assert (shown["taskDefinitionArn"], shown["launchType"], shown["group"]) == (first, "FARGATE", "nightly")
    assert shown["overrides"]["containerOverrides"][0]["environment"] == [{"name": "A", "value": "b"}]
    assert {"key": "team", "value": "ops"} in shown["tags"]
    # of three together, so that what a busy machine adds to the first or the last of them counts for a third
    between = (tasks[6]["createdAt"] - tasks[0]["createdAt"]) / 3
    assert 55 <= between.total_seconds() <= 70

    events.disable_rule(Name=name)
    number = len(started(world, cluster, by))
    other = world.name("other")
    events.put_rule(Name=other, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=other, Targets=[target(world, cluster, first) | {"Id": "1"}])
    until("another rule ran twice", lambda: len(started(world, cluster, f"events-rule/{other}")) >= 2)
    assert len(started(world, cluster, by)) == number
    events.enable_rule(Name=name)
    until("it runs again", lambda: len(started(world, cluster, by)) > number)
    for rule in (name, other):
        events.remove_targets(Rule=rule, Ids=["1"])
        events.delete_rule(Name=rule)


def test_a_moved_target_starts_the_other_revision(world: World) -> None:
    events, cluster, name, family = world.client("events"), world.cluster(), world.name("rule"), world.name("family")
    first, second = definition_arn(world, family=family), definition_arn(world, family=family)
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=name, Targets=[target(world, cluster, first) | {"Id": "1"}])

    def ran(definition: str) -> bool:
        tasks = started(world, cluster, f"events-rule/{name}")
        return any(task["taskDefinitionArn"] == definition for task in tasks)

    until("the first revision ran", lambda: ran(first))
    events.put_targets(Rule=name, Targets=[target(world, cluster, second) | {"Id": "1"}])
    until("the second revision ran", lambda: ran(second))
    events.disable_rule(Name=name)


def test_an_end_of_a_task_starts_another_one(world: World) -> None:
    events, cluster, name = world.client("events"), world.cluster(), world.name("rule")
    failing = definition_arn(world, world.sim(labels={"exit_after": "1", "exit_code": "3"}))
    wanted = {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {
            "clusterArn": [arn_of(world, cluster)],
            "lastStatus": ["STOPPED"],
            "containers": {"name": ["app"], "exitCode": [{"numeric": [">", 0]}]},
        },
    }
    events.put_rule(Name=name, EventPattern=json.dumps(wanted))
    template = '{"containerOverrides": [{"name": "app", "environment": [{"name": "OF", "value": <task>}]}]}'
    transformer = {"InputPathsMap": {"task": "$.detail.taskArn"}, "InputTemplate": template}
    events.put_targets(
        Rule=name,
        Targets=[target(world, cluster, definition_arn(world)) | {"Id": "1", "InputTransformer": transformer}],
    )
    (failed,) = world.run(cluster, failing.rsplit("/", 1)[1])
    (cleaner,) = until("the rule ran", lambda: started(world, cluster, f"events-rule/{name}"))
    environment = cleaner["overrides"]["containerOverrides"][0]["environment"]
    assert environment == [{"name": "OF", "value": failed["taskArn"]}]


@pytest.mark.parametrize(
    ("detail_type", "name"),
    [
        ("ECS Deployment State Change", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        ("ECS Deployment State Change", "SERVICE_DEPLOYMENT_COMPLETED"),
        ("ECS Service Action", "SERVICE_STEADY_STATE"),
    ],
)
def test_events_of_services(world: World, detail_type: str, name: str) -> None:
    events, cluster, rule = world.client("events"), world.cluster(), world.name("rule")
    wanted = {
        "source": ["aws.ecs"],
        "detail-type": [detail_type],
        "resources": [{"wildcard": f"*:service/{cluster}/*"}],
        "detail": {"eventName": [name], "eventType": ["INFO"]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(wanted))
    events.put_targets(Rule=rule, Targets=[target(world, cluster, definition_arn(world)) | {"Id": "1"}])
    world.service(cluster, world.task_definition())
    until("the rule ran", lambda: started(world, cluster, f"events-rule/{rule}"))


def test_an_alarm_starts_a_task(world: World) -> None:
    events, cluster, rule, alarm = world.client("events"), world.cluster(), world.name("rule"), world.name("alarm")
    wanted = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "resources": [{"suffix": f":alarm:{alarm}"}],
        "detail": {"state": {"value": ["ALARM"]}, "configuration": {"metrics": {"metricStat": {"stat": ["Sum"]}}}},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(wanted))
    events.put_targets(Rule=rule, Targets=[target(world, cluster, definition_arn(world)) | {"Id": "1"}])
    cloudwatch = world.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm,
        Namespace=world.prefix,
        MetricName="failed",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a drill")
    until("the rule ran", lambda: started(world, cluster, f"events-rule/{rule}"))


def test_events_of_clients_reach_their_bus_alone(world: World) -> None:
    events, cluster, bus = world.client("events"), world.cluster(), world.name("bus")
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    on_bus, on_default = world.name("rule"), world.name("rule")
    pattern = json.dumps({"source": [world.prefix], "detail": {"id": [{"exists": True}]}})
    there = target(world, cluster, definition_arn(world)) | {"Id": "1"}
    for rule, where in ((on_bus, bus), (on_default, "default")):
        events.put_rule(Name=rule, EventPattern=pattern, EventBusName=where)
        events.put_targets(Rule=rule, Targets=[there], EventBusName=where)
    entry = {"Source": world.prefix, "DetailType": "made", "Detail": '{"id": 1}'}
    answer = events.put_events(
        Entries=[
            entry | {"EventBusName": arn},
            entry | {"Source": "aws.ecs"},
            entry | {"Detail": "["},
            entry | {"EventBusName": bus, "Detail": "{}"},
        ]
    )
    assert answer["FailedEntryCount"] == 2
    codes = [shown.get("ErrorCode") for shown in answer["Entries"]]
    assert codes == [None, "NotAuthorizedForSourceException", "MalformedDetail", None]
    until("the rule ran", lambda: started(world, cluster, f"events-rule/{on_bus}"))
    assert started(world, cluster, f"events-rule/{on_default}") == []
    assert len(started(world, cluster, f"events-rule/{on_bus}")) == 1
    with pytest.raises(ClientError, match="rules"):
        events.delete_event_bus(Name=bus)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"ScheduleExpression": "rate(1 minutes)"}, "ValidationException"),
        ({"ScheduleExpression": "cron(7 20 * * 1-7 *)"}, "ValidationException"),
        ({"EventPattern": '{"a": "b"}'}, "InvalidEventPatternException"),
        ({}, "ValidationException"),
        ({"ScheduleExpression": "rate(1 day)", "EventBusName": "nowhere"}, "ResourceNotFoundException"),
    ],
    ids=str,
)
def test_rules_that_are_refused(world: World, request_: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        world.client("events").put_rule(Name=world.name("rule"), **request_)
    assert caught.value.response["Error"]["Code"] == code


def test_rules_are_described_listed_and_tagged(world: World) -> None:
    events, name, cluster = world.client("events"), world.name("rule"), world.cluster()
    arn = events.put_rule(Name=name, ScheduleExpression="rate(1 day)", Tags=[{"Key": "a", "Value": "b"}])["RuleArn"]
    wanted = target(world, cluster, definition_arn(world)) | {"Id": "1"}
    events.put_targets(Rule=name, Targets=[wanted])
    assert events.list_targets_by_rule(Rule=name)["Targets"] == [wanted]
    assert events.list_rule_names_by_target(TargetArn=wanted["Arn"])["RuleNames"] == [name]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    events.put_rule(Name=name, ScheduleExpression="rate(2 days)", State="DISABLED")
    shown = events.describe_rule(Name=name)
    assert (shown["ScheduleExpression"], shown["State"], shown["Arn"]) == ("rate(2 days)", "DISABLED", arn)
    assert [rule["Name"] for rule in events.list_rules(NamePrefix=name)["Rules"]] == [name]
    with pytest.raises(ClientError, match="since it has targets"):
        events.delete_rule(Name=name)
    topic = {"Id": "2", "Arn": "arn:aws:sns:us-east-1:123456789012:topic"}
    with pytest.raises(ClientError, match="not supported by this engine"):
        events.put_targets(Rule=name, Targets=[topic])
    assert events.remove_targets(Rule=name, Ids=["1", "7"])["FailedEntryCount"] == 1
    events.delete_rule(Name=name)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        events.describe_rule(Name=name)


# -- schedules ---------------------------------------------------------------------------------------------------------


def test_a_schedule_starts_its_task_and_then_another_revision(world: World) -> None:
    scheduler, cluster, name, family = (
        world.client("scheduler"),
        world.cluster(),
        world.name("schedule"),
        world.name("family"),
    )
    first, second = definition_arn(world, family=family), definition_arn(world, family=family)
    wanted = schedule(world, name, "cron(* * * * ? *)", target(world, cluster, first))
    arn = scheduler.create_schedule(**wanted, ScheduleExpressionTimezone="Europe/Berlin")["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"
    by = f"chronos-schedule/{name}"[:36]
    tasks = until("two runs", lambda: len(found := started(world, cluster, by)) >= 2 and found)
    assert {task["taskDefinitionArn"] for task in tasks} == {first}
    assert tasks[0]["createdAt"].second <= 5, "on the minute"

    shown = scheduler.get_schedule(Name=name)
    assert shown["ScheduleExpressionTimezone"] == "Europe/Berlin"
    shown["Target"]["EcsParameters"]["TaskDefinitionArn"] = second
    kept = ("ScheduleExpression", "ScheduleExpressionTimezone", "State", "Target", "FlexibleTimeWindow")
    scheduler.update_schedule(Name=name, **{member: shown[member] for member in kept})
    until(
        "the second revision ran",
        lambda: any(task["taskDefinitionArn"] == second for task in started(world, cluster, by)),
    )
    scheduler.update_schedule(**wanted | {"State": "DISABLED"})
    number = len(started(world, cluster, by))
    other = world.name("other")
    scheduler.create_schedule(**schedule(world, other, "rate(1 minute)", target(world, cluster, first)))
    until("another one ran twice", lambda: len(started(world, cluster, f"chronos-schedule/{other}")) >= 2)
    assert len(started(world, cluster, by)) == number
    for gone in (name, other):
        scheduler.delete_schedule(Name=gone)


def test_a_rate_runs_at_once_and_what_runs_once_goes(world: World) -> None:
    scheduler, cluster, definition = world.client("scheduler"), world.cluster(), definition_arn(world)
    daily, once, gone = world.name("daily"), world.name("once"), world.name("gone")
    scheduler.create_schedule(**schedule(world, daily, "rate(1 day)", target(world, cluster, definition)))
    until("it ran", lambda: started(world, cluster, f"chronos-schedule/{daily}"))
    ahead = scheduler.get_schedule(Name=daily)["CreationDate"].timestamp() + 120
    at = f"at({_utc(ahead)})"
    scheduler.create_schedule(**schedule(world, once, at, target(world, cluster, definition)))
    scheduler.create_schedule(
        **schedule(world, gone, at, target(world, cluster, definition), ActionAfterCompletion="DELETE")
    )
    until("it ran", lambda: started(world, cluster, f"chronos-schedule/{once}"))

    def names() -> list[str]:
        return [shown["Name"] for shown in scheduler.list_schedules(NamePrefix=world.prefix)["Schedules"]]

    until("the other one is deleted", lambda: names() == sorted([daily, once]))
    assert len(started(world, cluster, f"chronos-schedule/{gone}")) == 1
    scheduler.delete_schedule(Name=daily)


def _utc(seconds: float) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - only here

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def test_groups_and_their_tags(world: World) -> None:
    scheduler, group, name = world.client("scheduler"), world.name("group"), world.name("schedule")
    arn = scheduler.create_schedule_group(Name=group, Tags=[{"Key": "a", "Value": "b"}])["ScheduleGroupArn"]
    wanted = schedule(world, name, "rate(1 day)", target(world, world.cluster(), definition_arn(world)))
    scheduler.create_schedule(**wanted, GroupName=group, State="DISABLED")
    assert scheduler.get_schedule(Name=name, GroupName=group)["GroupName"] == group
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scheduler.get_schedule(Name=name)
    listed = scheduler.list_schedules(GroupName=group, MaxResults=1)["Schedules"]
    assert [(shown["Name"], shown["State"]) for shown in listed] == [(name, "DISABLED")]
    names = [shown["Name"] for shown in scheduler.list_schedule_groups()["ScheduleGroups"]]
    assert {"default", group} <= set(names)
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a", "x"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    scheduler.delete_schedule_group(Name=group)
    with pytest.raises(ClientError, match=f"Schedule group {group} does not exist."):
        scheduler.get_schedule_group(Name=group)
    with pytest.raises(ClientError, match="default"):
        scheduler.delete_schedule_group(Name="default")


def test_a_schedule_is_created_once_for_a_token(world: World) -> None:
    scheduler, name = world.client("scheduler"), world.name("schedule")
    there = target(world, world.cluster(), definition_arn(world))
    wanted = schedule(world, name, "rate(1 day)", there, State="DISABLED", ClientToken="t1")
    arn = scheduler.create_schedule(**wanted)["ScheduleArn"]
    assert scheduler.create_schedule(**wanted)["ScheduleArn"] == arn
    for other in ({"ScheduleExpression": "rate(2 days)"}, {"ClientToken": "t2"}):
        with pytest.raises(ClientError) as caught:
            scheduler.create_schedule(**wanted | other)
        assert caught.value.response["Error"]["Code"] == "ConflictException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ScheduleExpression": "rate(1 second)"}, r"Invalid Schedule Expression rate\(1 second\)"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Timezone"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}}, "MaximumWindowInMinutes"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}}, "1440"),
        ({"State": "ASLEEP"}, "ENABLED, DISABLED"),
        ({"StartDate": 1000}, "cannot be earlier than 5 minutes ago"),
        ({"EndDate": 1000}, "in the future"),
        ({"Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE}}, "not supported by this engine"),
        ({"GroupName": "nowhere"}, "Schedule group nowhere does not exist"),
    ],
    ids=str,
)
def test_schedules_that_are_refused(world: World, change: dict[str, Any], said: str) -> None:
    there = target(world, world.cluster(), definition_arn(world))
    with pytest.raises(ClientError, match=said):
        world.client("scheduler").create_schedule(**schedule(world, world.name("s"), "rate(1 day)", there) | change)


# -- the engine's life -------------------------------------------------------------------------------------------------


def test_a_failed_run_is_logged_and_the_next_one_is_made(tmp_path: Path) -> None:
    with running_engine(tmp_path / "data") as engine:
        world = World(engine.url, "failed", speed=50)
        scheduler, cluster = world.client("scheduler"), world.cluster()
        there = target(world, cluster, definition_arn(world).replace(":1", ":9"))
        scheduler.create_schedule(**schedule(world, "nightly", "rate(1 minute)", there))
        said = "chronos-schedule/nightly did not start a task"
        until("two failures are logged", lambda: engine.log.count(said) >= 2)
        assert "ClientException: TaskDefinition not found." in engine.log
        assert "Traceback" not in engine.log


def test_schedules_outlive_a_restart_but_no_reset(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_engine(data) as engine:
        world = World(engine.url, "kept", speed=50)
        cluster, definition = world.cluster(), definition_arn(world)
        scheduler, events = world.client("scheduler"), world.client("events")
        scheduler.create_schedule(**schedule(world, "s", "cron(* * * * ? *)", target(world, cluster, definition)))
        events.put_rule(Name="r", ScheduleExpression="rate(1 minute)")
        events.put_targets(Rule="r", Targets=[target(world, cluster, definition) | {"Id": "1"}])
        until("both ran", lambda: all(started(world, cluster, by) for by in ("chronos-schedule/s", "events-rule/r")))
    with running_engine(data) as engine:
        world = World(engine.url, "kept", speed=50)
        before = {by: len(started(world, cluster, by)) for by in ("chronos-schedule/s", "events-rule/r")}
        until("both run again", lambda: all(len(started(world, cluster, by)) > n for by, n in before.items()))
        engine.reset()
        assert world.client("scheduler").list_schedules()["Schedules"] == []
        assert world.client("events").list_rules()["Rules"] == []
        assert "Traceback" not in engine.log
