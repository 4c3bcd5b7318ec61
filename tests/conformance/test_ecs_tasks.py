"""Tasks from RunTask to STOPPED."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from tests.conformance.world import ROLE, until

if TYPE_CHECKING:
    from tests.conformance.world import World


def test_a_task_runs_and_is_stopped_by_a_user(world: World) -> None:
    cluster, definition = world.cluster(), world.task_definition()
    task = world.run(cluster, definition, startedBy="me", group="mine")[0]
    assert (task["lastStatus"], task["desiredStatus"]) == ("PROVISIONING", "RUNNING")
    arn = task["taskArn"]
    world.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1})
    shown = world.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
    assert shown["connectivity"] == "CONNECTED"
    assert shown["healthStatus"] == "UNKNOWN"
    assert (shown["startedBy"], shown["group"], shown["launchType"]) == ("me", "mine", "FARGATE")
    assert shown["createdAt"] <= shown["pullStartedAt"] <= shown["pullStoppedAt"] <= shown["startedAt"]
    assert shown["platformVersion"] == "1.4.0"
    details = {detail["name"]: detail["value"] for detail in shown["attachments"][0]["details"]}
    assert shown["attachments"][0]["type"] == "ElasticNetworkInterface"
    assert details["subnetId"] in world.subnets
    assert shown["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] == details["privateIPv4Address"]
    stopping = world.ecs.stop_task(cluster=cluster, task=arn, reason="enough")["task"]
    assert stopping["desiredStatus"] == "STOPPED"
    assert stopping["version"] > shown["version"]
    world.ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1})
    ended = world.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "enough")
    assert ended["stoppingAt"] <= ended["executionStoppedAt"] <= ended["stoppedAt"]
    assert ended["containers"][0]["exitCode"] == 0
    assert world.ecs.stop_task(cluster=cluster, task=arn)["task"]["stoppedReason"] == "enough"


def test_the_task_ends_when_an_essential_container_does(world: World, simulated: None) -> None:
    cluster = world.cluster()
    definition = world.task_definition(
        world.sim("app", {"exit_after": "20", "exit_code": "3"}), world.container("side", essential=False)
    )
    arn = world.run(cluster, definition)[0]["taskArn"]
    ended = world.until_status(cluster, arn, "STOPPED")
    assert (ended["stopCode"], ended["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert {c["name"]: c["exitCode"] for c in ended["containers"]} == {"app": 3, "side": 0}


def test_the_task_outlives_a_container_that_is_not_essential(world: World, simulated: None) -> None:
    cluster = world.cluster()
    side = world.sim("side", {"exit_after": "5", "exit_code": "1"}, essential=False)
    del side["portMappings"]
    arn = world.run(cluster, world.task_definition(world.container(), side))[0]["taskArn"]

    def side_ended() -> bool:
        shown = world.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
        return any(c["name"] == "side" and c["lastStatus"] == "STOPPED" for c in shown["containers"])

    until("the side container ends", side_ended)
    assert world.until_status(cluster, arn, "RUNNING")["desiredStatus"] == "RUNNING"


@pytest.mark.parametrize("condition", ["SUCCESS", "COMPLETE"])
def test_a_container_waits_for_the_end_of_another(world: World, simulated: None, condition: str) -> None:
    cluster = world.cluster()
    first = world.container("first", essential=False, dockerLabels={"fairway.sim.exit_after": "10"})
    app = world.container(dependsOn=[{"containerName": "first", "condition": condition}])
    arn = world.run(cluster, world.task_definition(first, app))[0]["taskArn"]
    shown = world.until_status(cluster, arn, "RUNNING")
    by_name = {c["name"]: c for c in shown["containers"]}
    assert by_name["first"]["exitCode"] == 0
    assert by_name["app"]["lastStatus"] == "RUNNING"


def test_a_container_never_starts_when_its_condition_cannot_come_true(world: World, simulated: None) -> None:
    cluster = world.cluster()
    labels = {"fairway.sim.exit_after": "1", "fairway.sim.exit_code": "1"}
    first = world.container("first", essential=False, dockerLabels=labels)
    app = world.container(dependsOn=[{"containerName": "first", "condition": "SUCCESS"}])
    arn = world.run(cluster, world.task_definition(first, app))[0]["taskArn"]
    ended = world.until_status(cluster, arn, "STOPPED")
    assert ended["stopCode"] == "TaskFailedToStart"
    assert "startedAt" not in ended


def test_a_container_waits_for_the_health_of_another(world: World, simulated: None) -> None:
    cluster = world.cluster()
    check = {"command": ["CMD", "true"], "interval": 5}
    first = world.container("first", healthCheck=check)
    app = world.container(dependsOn=[{"containerName": "first", "condition": "HEALTHY"}])
    arn = world.run(cluster, world.task_definition(first, app))[0]["taskArn"]
    shown = world.until_status(cluster, arn, "RUNNING")
    assert {c["name"]: c["healthStatus"] for c in shown["containers"]} == {"first": "HEALTHY", "app": "UNKNOWN"}
    assert shown["healthStatus"] == "HEALTHY", "only containers with a check count"


def test_a_standalone_task_goes_on_when_it_is_unhealthy(world: World, simulated: None) -> None:
    cluster = world.cluster()
    container = world.sim("app", {"health": "unhealthy"}, healthCheck={"command": ["CMD", "x"], "interval": 5})
    arn = world.run(cluster, world.task_definition(container))[0]["taskArn"]

    def unhealthy() -> bool:
        shown = world.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
        return bool(shown["healthStatus"] == "UNHEALTHY" and shown["lastStatus"] == "RUNNING")

    until("it is UNHEALTHY and runs", unhealthy)
    # a second task lives through a whole life meanwhile: what would end the first had time for it
    other = world.run(cluster, world.task_definition(world.sim("app", {"exit_after": "60"})))[0]["taskArn"]
    world.until_status(cluster, other, "STOPPED")
    assert unhealthy(), "nobody stops it"


def test_run_task_is_idempotent_by_its_token(world: World) -> None:
    cluster, definition = world.cluster(), world.task_definition()
    first = world.run(cluster, definition, clientToken="once", count=2)
    again = world.run(cluster, definition, clientToken="once", count=2)
    assert [task["taskArn"] for task in first] == [task["taskArn"] for task in again]
    with pytest.raises(ClientError) as caught:
        world.run(cluster, definition, clientToken="once", count=3)
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    answer: dict[str, object] = {**caught.value.response}
    assert isinstance(answer["resourceIds"], list)
    assert set(answer["resourceIds"]) == {task["taskArn"] for task in first}
    assert len(world.ecs.list_tasks(cluster=cluster)["taskArns"]) == 2


def test_list_tasks_filters(world: World) -> None:
    cluster = world.cluster()
    first, second = world.task_definition(), world.task_definition()
    one = world.run(cluster, first, startedBy="x")[0]["taskArn"]
    two = world.run(cluster, second)[0]["taskArn"]
    service = world.service(cluster, first, 1)
    three = until("the service's task", lambda: world.ecs.list_tasks(cluster=cluster, serviceName=service)["taskArns"])[
        0
    ]

    def listed(**filters: str) -> set[str]:
        return set(world.ecs.list_tasks(cluster=cluster, **filters)["taskArns"])

    assert listed() == {one, two, three}
    assert listed(startedBy="x") == {one}
    assert listed(family=second.split(":")[0]) == {two}
    assert listed(launchType="FARGATE") == {one, two, three}
    assert listed(desiredStatus="STOPPED") == set()
    assert listed(desiredStatus="PENDING") == set(), "accepted, and never met"
    with pytest.raises(ClientError, match="InvalidParameterException"):
        listed(startedBy="x", family="y")
    world.ecs.stop_task(cluster=cluster, task=one)
    assert listed(desiredStatus="STOPPED") == {one}
    assert one not in listed()
    pages = world.ecs.get_paginator("list_tasks").paginate(cluster=cluster, PaginationConfig={"PageSize": 1})
    assert {arn for page in pages for arn in page["taskArns"]} == {two, three}


def test_tasks_are_spread_over_zones_and_keep_their_overrides(world: World) -> None:
    cluster = world.cluster()
    definition = world.task_definition()
    overrides = {"cpu": "512", "memory": "1024", "containerOverrides": [{"name": "app", "command": ["a"]}]}
    tasks = world.run(cluster, definition, count=4, overrides=overrides)
    assert Counter(task["availabilityZone"] for task in tasks).most_common()[0][1] == 2
    assert len({task["attachments"][0]["details"][0]["value"] for task in tasks}) == 2
    assert (tasks[0]["cpu"], tasks[0]["memory"]) == ("512", "1024")
    assert tasks[0]["overrides"]["containerOverrides"][0]["command"] == ["a"]


def test_run_task_distributes_by_base_and_weight(world: World) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    cluster = world.cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy)
    answer = world.ecs.run_task(
        cluster=cluster, taskDefinition=world.task_definition(), count=10, networkConfiguration=world.network
    )
    providers = Counter(task["capacityProviderName"] for task in answer["tasks"])
    assert providers == {"FARGATE": 4, "FARGATE_SPOT": 6}


SECRET_LOST = (
    "ResourceInitializationError: unable to pull secrets or registry auth: The task can't pull the secret from Secrets "
    "Manager. The task can't retrieve the secret with ARN '{arn}' from Secrets Manager. Check whether the secret exists in "
    "the specified Region. "
)


def test_missing_secrets_and_parameters_fail_the_task(world: World) -> None:
    cluster = world.cluster()
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:missing/one"

    def reason(value_from: str) -> str:
        container = world.container(secrets=[{"name": "S", "valueFrom": value_from}])
        task = world.run(cluster, world.task_definition(container, executionRoleArn=ROLE))[0]["taskArn"]
        ended = world.until_status(cluster, task, "STOPPED")
        assert ended["stopCode"] == "TaskFailedToStart"
        return str(ended["stoppedReason"])

    assert reason(arn).startswith(SECRET_LOST.format(arn=arn))
    assert reason("/no/such/parameter").startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: "
    )


def test_secrets_and_parameters_that_exist_let_the_task_run(world: World) -> None:
    cluster = world.cluster()
    vault, parameters = world.client("secretsmanager"), world.client("ssm")
    arn = vault.create_secret(Name=world.name("secret"), SecretString=json.dumps({"user": "u"}))["ARN"]
    name = f"/{world.name('parameter')}"
    parameters.put_parameter(Name=name, Value="v", Type="SecureString")
    sources = [arn, f"{arn}:user::", f"{arn}::AWSCURRENT:", name, f"arn:aws:ssm:us-east-1:123456789012:parameter{name}"]
    container = world.container(secrets=[{"name": f"S{n}", "valueFrom": s} for n, s in enumerate(sources)])
    task = world.run(cluster, world.task_definition(container, executionRoleArn=ROLE))[0]["taskArn"]
    shown = world.until_status(cluster, task, "RUNNING")
    assert "stoppedReason" not in shown
    assert [container["lastStatus"] for container in shown["containers"]] == ["RUNNING"]


def test_awslogs_needs_its_group_or_the_right_to_create_it(world: World) -> None:
    cluster, group = world.cluster(), f"/{world.name('group')}"

    def run(**options: str) -> str:
        chosen = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p", **options}
        container = world.container(logConfiguration={"logDriver": "awslogs", "options": chosen})
        arn: str = world.run(cluster, world.task_definition(container, executionRoleArn=ROLE))[0]["taskArn"]
        return arn

    ended = world.until_status(cluster, run(), "STOPPED")
    assert "ResourceInitializationError" in ended["stoppedReason"]
    assert group in ended["stoppedReason"]
    arn = run(**{"awslogs-create-group": "true"})
    world.until_status(cluster, arn, "RUNNING")
    streams = world.logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [f"p/app/{arn.rsplit('/', 1)[1]}"]


def test_the_metadata_endpoint_knows_the_container_and_its_task(world: World, simulated: None) -> None:
    cluster = world.cluster()
    definition = world.task_definition(world.container(dockerLabels={"a": "b"}, cpu=128))
    arn = world.run(cluster, definition, tags=[{"key": "team", "value": "shop"}])[0]["taskArn"]
    world.until_status(cluster, arn, "RUNNING")

    def ask(path: str) -> dict[str, object]:
        with urlopen(f"{world.endpoint}/v4/{arn.rsplit('/', 1)[1]}-app{path}") as answer:
            found: dict[str, object] = json.load(answer)
            return found

    own = ask("")
    assert (own["Name"], own["KnownStatus"], own["Type"]) == ("app", "RUNNING", "NORMAL")
    labels = own["Labels"]
    assert isinstance(labels, dict)
    assert labels["com.amazonaws.ecs.task-arn"] == arn
    assert labels["a"] == "b"
    task = ask("/task")
    assert (task["TaskARN"], task["KnownStatus"], task["LaunchType"]) == (arn, "RUNNING", "FARGATE")
    assert (task["Family"], task["Revision"]) == tuple(definition.split(":"))
    assert task["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert isinstance(task["Containers"], list)
    assert ask("/taskWithTags")["TaskTags"] == {"team": "shop"}
    assert "TaskTags" not in task
    assert ask("/task/stats").keys() == {task["Containers"][0]["DockerId"]}


def test_a_token_is_good_for_its_own_request_alone(world: World) -> None:
    cluster = world.cluster()
    for family in ("one", "two"):
        definition = world.task_definition(family=world.name(family))
        world.run(cluster, definition, count=2, startedBy=family)
    token = world.ecs.list_tasks(cluster=cluster, startedBy="one", maxResults=1)["nextToken"]
    rest = world.ecs.list_tasks(cluster=cluster, startedBy="one", nextToken=token)
    assert len(rest["taskArns"]) == 1
    with pytest.raises(ClientError, match="Invalid token") as caught:
        world.ecs.list_tasks(cluster=cluster, startedBy="two", nextToken=token)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"
    with pytest.raises(ClientError, match="Invalid token"):
        world.ecs.list_services(cluster=cluster, nextToken=token)


def test_the_answer_of_run_task_shows_the_tags(world: World) -> None:
    cluster = world.cluster()
    definition = world.task_definition(tags=[{"key": "of", "value": "the definition"}])
    tags = [{"key": "team", "value": "shop"}]
    (task,) = world.run(cluster, definition, tags=tags, propagateTags="TASK_DEFINITION")
    assert {tag["key"]: tag["value"] for tag in task["tags"]} == {"of": "the definition", "team": "shop"}


def test_no_fargate_task_is_on_a_container_instance(world: World) -> None:
    cluster = world.cluster()
    world.run(cluster, world.task_definition())
    assert world.ecs.list_tasks(cluster=cluster, containerInstance="a" * 32)["taskArns"] == []
