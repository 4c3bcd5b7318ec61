"""Rolling deployments on a living engine: what a client can see of them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.conformance.world import until

if TYPE_CHECKING:
    from tests.conformance.world import World

pytestmark = pytest.mark.usefixtures("simulated")

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
NO_ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
CHECK = {"command": ["CMD", "true"], "interval": 5, "timeout": 2, "retries": 2}


def revision(arn: str) -> str:
    return arn.rsplit("/", 1)[1]


def patterns(events: list[str]) -> list[str]:
    """Events without what differs from run to run."""
    texts = []
    for event in events:
        text = re.sub(r"\(task [0-9a-f]{32}\)", "(task T)", event)
        text = re.sub(r"ecs-svc/\d+", "ecs-svc/N", text)
        texts.append(re.sub(r"arn:aws:elastic\S+[0-9a-f]{16}", "ARN", text))
    return texts


def test_a_good_rollout_tells_what_it_does(world: World) -> None:
    cluster = world.cluster()
    family = world.name("family")
    first = world.task_definition(world.sim(), family=family)
    service = world.service(cluster, first, 1, loadBalancers=world.balanced(), deploymentConfiguration=BREAKER)
    world.until_steady(cluster, service)
    before = len(world.events(cluster, service))
    second = world.task_definition(world.sim(), family=family)
    answer = world.ecs.update_service(cluster=cluster, service=service, taskDefinition=second)["service"]
    assert [d["status"] for d in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert answer["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    shown = world.until_steady(cluster, service)
    assert revision(shown["taskDefinition"]) == second
    identifier = shown["deployments"][0]["id"]
    assert shown["deployments"][0]["rolloutStateReason"] == f"ECS deployment {identifier} completed."
    told = world.events(cluster, service)[before:]
    assert patterns(told) == [
        f"(service {service}) has started 1 tasks: (task T).",
        f"(service {service}) registered 1 targets in (target-group ARN)",
        f"(service {service}) has stopped 1 running tasks: (task T).",
        f"(service {service}) deregistered 1 targets in (target-group ARN)",
        f"(service {service}, taskSet ecs-svc/N) has begun draining connections on 1 tasks.",
        f"(service {service}) (deployment ecs-svc/N) deployment completed.",
        f"(service {service}) has reached a steady state.",
    ]
    record, older = world.deployments(cluster, service)
    assert (record["status"], older["status"]) == ("SUCCESSFUL", "SUCCESSFUL")
    assert record["targetServiceRevision"]["runningTaskCount"] == 1
    assert record["createdAt"] <= record["startedAt"] <= record["finishedAt"]
    assert record["deploymentCircuitBreaker"] == {"status": "MONITORING_COMPLETE", "failureCount": 0, "threshold": 3}
    revisions = world.ecs.describe_service_revisions(
        serviceRevisionArns=[record["targetServiceRevision"]["arn"], record["sourceServiceRevisions"][0]["arn"]]
    )["serviceRevisions"]
    assert [revision(r["taskDefinition"]) for r in revisions] == [second, first]
    assert revisions[0]["containerImages"][0]["imageDigest"].startswith("sha256:")
    tasks = world.tasks(cluster, serviceName=service)
    assert [task["startedBy"] for task in tasks] == [identifier]
    assert tasks[0]["group"] == f"service:{service}"


@pytest.mark.parametrize(
    ("maximum", "most_at_once"),
    [
        pytest.param(140, 2, id="140 % of five: two at a time"),
        pytest.param(200, 5, id="200 % of five: all five at once"),
    ],
)
def test_the_documents_timeline(world: World, maximum: int, most_at_once: int) -> None:
    cluster, family = world.cluster(), world.name("family")
    configuration = {**BREAKER, "maximumPercent": maximum, "minimumHealthyPercent": 100}
    first = world.task_definition(world.sim(), family=family)
    service = world.service(
        cluster,
        first,
        5,
        loadBalancers=world.balanced(),
        deploymentConfiguration=configuration,
        healthCheckGracePeriodSeconds=60,
    )
    world.until_steady(cluster, service)
    before = len(world.events(cluster, service))
    second = world.task_definition(world.sim(), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=second)
    standing = []

    def watch() -> bool:
        shown = world.describe(cluster, service)
        standing.append((shown["runningCount"], shown["runningCount"] + shown["pendingCount"]))
        return len(shown["deployments"]) == 1

    until("only the new revision is left", watch)
    starts = [
        int(found[1])
        for event in world.events(cluster, service)[before:]
        if (found := re.search(r"has started (\d+) tasks", event))
    ]
    assert sum(starts) == 5
    assert max(starts) == most_at_once
    assert min(running for running, _ in standing) >= 5
    assert max(both for _, both in standing) <= 5 * maximum // 100


def broken(world: World, how: str) -> dict[str, Any]:
    match how:
        case "exits at once":
            return world.sim("app", {"exit_after": "1", "exit_code": "1"})
        case "fails its container checks":
            return world.sim("app", {"health": "unhealthy"}, healthCheck=CHECK)
        case _:
            return world.sim("app", {"health": "unhealthy"})


@pytest.mark.parametrize("how", ["exits at once", "fails its container checks", "fails its target checks"])
def test_the_breaker_rolls_back(world: World, how: str) -> None:
    cluster, family = world.cluster(), world.name("family")
    balancers = world.balanced() if how == "fails its target checks" else []
    good = world.task_definition(world.sim(), family=family)
    service = world.service(cluster, good, 2, loadBalancers=balancers, deploymentConfiguration=BREAKER)
    first = world.until_steady(cluster, service)["deployments"][0]["id"]
    before = len(world.events(cluster, service))
    kept = {task["taskArn"] for task in world.tasks(cluster, serviceName=service)}
    bad = world.task_definition(broken(world, how), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=bad)
    until(
        "the breaker trips",
        lambda: world.deployments(cluster, service)[0]["status"] == "ROLLBACK_SUCCESSFUL",
        seconds=60,
    )
    shown = world.until_steady(cluster, service)
    assert shown["deployments"][0]["id"] == first, "ECS uses the old deployment's id again"
    assert revision(shown["taskDefinition"]) == good
    assert {task["taskArn"] for task in world.tasks(cluster, serviceName=service)} == kept
    record = world.deployments(cluster, service)[0]
    assert record["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3} or (
        record["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
        and record["deploymentCircuitBreaker"]["failureCount"] >= 3
    )
    assert record["rollback"]["reason"] == "ECS deployment circuit breaker: tasks failed to start."
    told = patterns(world.events(cluster, service)[before:])
    failed = told.index(f"(service {service}) (deployment ecs-svc/N) deployment failed: tasks failed to start.")
    assert told[failed + 1] == f"(service {service}) rolling back to deployment ecs-svc/N."
    assert told[-2:] == [
        f"(service {service}) (deployment ecs-svc/N) deployment completed.",
        f"(service {service}) has reached a steady state.",
    ]
    waiter = {"Delay": 1, "MaxAttempts": 3}
    world.ecs.get_waiter("services_stable").wait(cluster=cluster, services=[service], WaiterConfig=waiter)


def test_without_rollback_the_failed_deployment_stays(world: World) -> None:
    cluster, family = world.cluster(), world.name("family")
    good = world.task_definition(world.sim(), family=family)
    service = world.service(cluster, good, 1, deploymentConfiguration=NO_ROLLBACK)
    world.until_steady(cluster, service)
    bad = world.task_definition(broken(world, "exits at once"), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=bad)

    def failed() -> bool:
        return bool(world.describe(cluster, service)["deployments"][0]["rolloutState"] == "FAILED")

    until("the deployment fails", failed, seconds=60)
    shown = world.describe(cluster, service)
    primary, old = shown["deployments"]
    assert (primary["status"], old["status"]) == ("PRIMARY", "ACTIVE")
    assert primary["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert old["runningCount"] == 1
    assert world.deployments(cluster, service)[0]["status"] == "STOPPED"
    third = world.task_definition(world.sim(), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=third)
    assert revision(world.until_steady(cluster, service)["taskDefinition"]) == third


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(world: World) -> None:
    cluster = world.cluster()
    bad = world.task_definition(broken(world, "exits at once"))
    service = world.service(cluster, bad, 1, deploymentConfiguration=BREAKER)

    def failed() -> bool:
        return bool(world.describe(cluster, service)["deployments"][0]["rolloutState"] == "FAILED")

    until("the deployment fails", failed, seconds=60)
    assert world.deployments(cluster, service)[0]["status"] == "ROLLBACK_FAILED"
    until("its tasks are gone", lambda: not world.tasks(cluster, serviceName=service))


def test_without_a_breaker_a_bad_deployment_goes_on_and_is_throttled(world: World) -> None:
    cluster = world.cluster()
    container = world.container(secrets=[{"name": "A", "valueFrom": "/missing"}])
    definition = world.task_definition(container, executionRoleArn="arn:aws:iam::123456789012:role/r")
    service = world.service(cluster, definition, 1)

    def impaired() -> bool:
        text = f"(service {service}) is unable to consistently start tasks successfully."
        return text in world.events(cluster, service)

    until("ECS says that it waits longer", impaired, seconds=60)
    shown = world.describe(cluster, service)["deployments"][0]
    assert shown["rolloutState"] == "IN_PROGRESS"
    assert shown["failedTasks"] >= 3


def test_a_newer_deployment_supersedes_a_running_one(world: World) -> None:
    cluster, family = world.cluster(), world.name("family")
    first = world.task_definition(world.sim(), family=family)
    service = world.service(cluster, first, 2, loadBalancers=world.balanced())
    world.until_steady(cluster, service)
    slow = world.task_definition(world.sim("app", {"start": "600"}), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=slow)
    until("its tasks start", lambda: world.describe(cluster, service)["deployments"][0]["pendingCount"])
    third = world.task_definition(world.sim(), family=family)
    answer = world.ecs.update_service(cluster=cluster, service=service, taskDefinition=third)["service"]
    assert [d["status"] for d in answer["deployments"]] == ["PRIMARY", "ACTIVE", "ACTIVE"]
    assert revision(world.until_steady(cluster, service)["taskDefinition"]) == third
    assert [record["status"] for record in world.deployments(cluster, service)] == [
        "SUCCESSFUL",
        "STOPPED",
        "SUCCESSFUL",
    ]


def test_a_user_asks_for_the_rollback(world: World) -> None:
    cluster, family = world.cluster(), world.name("family")
    first = world.task_definition(world.sim(), family=family)
    service = world.service(cluster, first, 2)
    world.until_steady(cluster, service)
    slow = world.task_definition(world.sim("app", {"start": "600"}), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=slow)
    record = until("it is in progress", lambda: world.deployments(cluster, service)[0])
    arn = record["serviceDeploymentArn"]
    answer = world.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert answer["serviceDeploymentArn"] == arn
    until("it is rolled back", lambda: world.deployments(cluster, service)[0]["status"] == "ROLLBACK_SUCCESSFUL")
    assert revision(world.until_steady(cluster, service)["taskDefinition"]) == first
    with pytest.raises(ClientError, match="ConflictException"):
        world.ecs.stop_service_deployment(serviceDeploymentArn=arn)


def test_scaling_out_and_in_makes_no_deployment(world: World) -> None:
    cluster = world.cluster()
    service = world.service(cluster, world.task_definition(world.sim()), 2, loadBalancers=world.balanced())
    identifier = world.until_steady(cluster, service)["deployments"][0]["id"]
    world.ecs.update_service(cluster=cluster, service=service, desiredCount=6)
    shown = world.until_steady(cluster, service)
    assert (shown["runningCount"], shown["deployments"][0]["id"]) == (6, identifier)
    zones = Counter(task["availabilityZone"] for task in world.tasks(cluster, serviceName=service))
    assert sorted(zones.values()) == [3, 3]
    world.ecs.update_service(cluster=cluster, service=service, desiredCount=2)
    until("two are left", lambda: len(world.tasks(cluster, serviceName=service)) == 2)
    zones = Counter(task["availabilityZone"] for task in world.tasks(cluster, serviceName=service))
    assert sorted(zones.values()) == [1, 1]
    stopped = until("the others ended", lambda: world.tasks(cluster, serviceName=service, desiredStatus="STOPPED"))
    assert {task["stoppedReason"] for task in stopped} == {f"Scaling activity initiated by (deployment {identifier})"}
    assert {task["stopCode"] for task in stopped} == {"ServiceSchedulerInitiated"}
    assert len(world.deployments(cluster, service)) == 1


def test_a_service_spreads_over_capacity_providers(world: World) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 4},
    ]
    cluster = world.cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy)
    definition = world.task_definition()
    name = world.name("service")
    world.ecs.create_service(
        cluster=cluster,
        serviceName=name,
        taskDefinition=definition,
        desiredCount=12,
        networkConfiguration=world.network,
    )
    world.until_steady(cluster, name)
    providers = Counter(task["capacityProviderName"] for task in world.tasks(cluster, serviceName=name))
    assert providers == {"FARGATE": 4, "FARGATE_SPOT": 8}
    shown = world.describe(cluster, name)
    assert shown["capacityProviderStrategy"] == strategy
    assert "launchType" not in shown
    fixed = world.service(cluster, definition, 1)
    world.until_steady(cluster, fixed)
    only = world.tasks(cluster, serviceName=fixed)[0]
    assert "capacityProviderName" not in only, "a launch type overrides the cluster's strategy"


def test_the_grace_period_keeps_a_slow_starter_alive(world: World) -> None:
    cluster = world.cluster()
    container = world.sim("app", {"health": "unhealthy"}, healthCheck=CHECK)
    balancers = world.balanced()
    service = world.service(
        cluster, world.task_definition(container), 1, loadBalancers=balancers, healthCheckGracePeriodSeconds=3600
    )

    def unhealthy() -> bool:
        tasks = world.tasks(cluster, serviceName=service)
        return bool(tasks and tasks[0]["healthStatus"] == "UNHEALTHY")

    until("the check fails for good", unhealthy, seconds=60)
    task = world.tasks(cluster, serviceName=service)[0]
    assert (task["lastStatus"], task["desiredStatus"]) == ("RUNNING", "RUNNING")
    world.ecs.update_service(cluster=cluster, service=service, healthCheckGracePeriodSeconds=0)
    ended = world.until_status(cluster, task["taskArn"], "STOPPED")
    assert ended["stoppedReason"] in {
        "Task failed container health checks",
        f"Task failed ELB health checks in (target-group {balancers[0]['targetGroupArn']})",
    }


def test_an_unhealthy_task_is_replaced_before_it_is_stopped(world: World) -> None:
    cluster = world.cluster()
    container = world.sim("app", {"health": "unhealthy_after=200"}, healthCheck=CHECK)
    service = world.service(cluster, world.task_definition(container), 1)
    world.until_steady(cluster, service)
    first = world.tasks(cluster, serviceName=service)[0]["taskArn"]
    ended = world.until_status(cluster, first, "STOPPED", seconds=60)
    assert ended["stoppedReason"] == "Task failed container health checks"
    told = world.events(cluster, service)
    started = next(
        n for n, text in enumerate(told) if "Amazon ECS replaced 1 tasks due to an unhealthy status." in text
    )
    stopped = next(n for n, text in enumerate(told) if "has stopped 1 running tasks" in text)
    assert started < stopped
    assert f"(service {service}) (task {first.rsplit('/', 1)[1]}) failed container health checks." in told


def test_a_task_that_a_user_stops_is_replaced(world: World) -> None:
    cluster = world.cluster()
    service = world.service(cluster, world.task_definition(), 1)
    world.until_steady(cluster, service)
    first = world.tasks(cluster, serviceName=service)[0]["taskArn"]
    world.ecs.stop_task(cluster=cluster, task=first)

    def replaced() -> bool:
        tasks = world.tasks(cluster, serviceName=service)
        return bool(tasks and tasks[0]["taskArn"] != first and tasks[0]["lastStatus"] == "RUNNING")

    until("another task runs", replaced)
    assert world.until_status(cluster, first, "STOPPED")["stoppedReason"] == "Task stopped by user"


@pytest.mark.parametrize("cleanup", ["BLOCKING", "DEFERRED"])
def test_early_success(world: World, cleanup: str) -> None:
    cluster, family = world.cluster(), world.name("family")
    configuration = {
        "minimumHealthyPercent": 50,
        "maximumPercent": 150,
        "earlySuccessCriteria": {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup},
    }
    first = world.task_definition(world.sim(), family=family)
    service = world.service(cluster, first, 4, deploymentConfiguration=configuration)
    world.until_steady(cluster, service)
    second = world.task_definition(world.sim(), family=family)
    world.ecs.update_service(cluster=cluster, service=service, taskDefinition=second)
    record = until(
        "it is successful",
        lambda: next((r for r in world.deployments(cluster, service)[:1] if r["status"] == "SUCCESSFUL"), None),
    )
    assert record["targetServiceRevision"]["runningTaskCount"] >= 2
    assert revision(world.until_steady(cluster, service)["taskDefinition"]) == second
    shown = world.describe(cluster, service)["deploymentConfiguration"]["earlySuccessCriteria"]
    assert shown == configuration["earlySuccessCriteria"]


@pytest.mark.parametrize("force", [True, False])
def test_deleting_a_service_stops_its_tasks(world: World, force: bool) -> None:  # noqa: FBT001
    cluster = world.cluster()
    service = world.service(cluster, world.task_definition(world.sim()), 2, loadBalancers=world.balanced())
    world.until_steady(cluster, service)
    if not force:
        world.ecs.update_service(cluster=cluster, service=service, desiredCount=0)
    answer = world.ecs.delete_service(cluster=cluster, service=service, force=force)["service"]
    assert answer["status"] == "DRAINING"
    assert world.ecs.list_services(cluster=cluster)["serviceArns"] == []
    world.ecs.get_waiter("services_inactive").wait(cluster=cluster, services=[service], WaiterConfig={"Delay": 1})
    for task in world.tasks(cluster, desiredStatus="STOPPED"):
        world.until_status(cluster, task["taskArn"], "STOPPED")
    assert world.describe(cluster, service)["status"] == "INACTIVE"
    assert world.ecs.delete_cluster(cluster=cluster)["cluster"]["status"] == "INACTIVE"


def test_a_service_of_nobody_completes_at_once(world: World) -> None:
    cluster = world.cluster()
    service = world.service(cluster, world.task_definition(), 0)
    shown = world.until_steady(cluster, service)
    assert shown["deployments"][0]["rolloutState"] == "COMPLETED"
    world.ecs.get_waiter("services_stable").wait(cluster=cluster, services=[service], WaiterConfig={"Delay": 1})


def test_service_deployments_are_filtered_and_paged(world: World) -> None:
    cluster = world.cluster()
    service = world.service(cluster, world.task_definition(), 0)
    for _ in range(3):
        world.until_steady(cluster, service)
        world.ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)
    world.until_steady(cluster, service)

    def listed(**filters: Any) -> list[Any]:
        found = world.ecs.list_service_deployments(cluster=cluster, service=service, **filters)["serviceDeployments"]
        return [record["createdAt"] for record in found]

    moments = listed()
    assert moments == sorted(moments, reverse=True)
    assert len(moments) == 4
    assert listed(status=["SUCCESSFUL"]) == moments
    assert listed(status=["IN_PROGRESS", "PENDING"]) == []
    assert listed(createdAt={"after": moments[1]}) == moments[:2]
    assert listed(createdAt={"before": moments[1]}) == moments[1:]
    first = world.ecs.list_service_deployments(cluster=cluster, service=service, maxResults=3)
    rest = world.ecs.list_service_deployments(cluster=cluster, service=service, nextToken=first["nextToken"])
    assert (len(first["serviceDeployments"]), len(rest["serviceDeployments"])) == (3, 1)
    unknown = "arn:aws:ecs:us-east-1:123456789012:service-deployment/c/s/x"
    answer = world.ecs.describe_service_deployments(serviceDeploymentArns=[unknown])
    assert answer["failures"] == [{"arn": unknown, "reason": "MISSING"}]


def test_tasks_that_cannot_start_trip_the_breaker_in_its_first_stage(world: World) -> None:
    cluster = world.cluster()
    definition = world.task_definition(world.sim("app", {"start": "nonsense"}))
    service = world.service(cluster, definition, 1, deploymentConfiguration=NO_ROLLBACK)

    def failed() -> bool:
        return bool(world.describe(cluster, service)["deployments"][0]["rolloutState"] == "FAILED")

    until("the breaker trips on tasks that cannot start", failed, seconds=60)
    stopped = world.tasks(cluster, serviceName=service, desiredStatus="STOPPED")
    assert {task["stopCode"] for task in stopped} == {"TaskFailedToStart"}
    assert all(task["stoppedReason"].startswith("CannotStartContainerError: ") for task in stopped)
