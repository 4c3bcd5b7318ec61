"""Clusters, task definitions, tags, pages: what is there is shown as ECS shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conformance.world import World

STRATEGY = [
    {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
    {"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0},
]


def test_a_cluster_with_providers_settings_and_configuration(world: World) -> None:
    name = world.name("cluster")
    made = world.ecs.create_cluster(
        clusterName=name,
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=STRATEGY,
        settings=[{"name": "containerInsights", "value": "enabled"}],
        configuration={"executeCommandConfiguration": {"logging": "DEFAULT"}},
        tags=[{"key": "team", "value": "a"}],
    )["cluster"]
    assert made["status"] == "ACTIVE"
    assert made["defaultCapacityProviderStrategy"] == STRATEGY
    plain = world.ecs.describe_clusters(clusters=[name, "missing"])
    assert [failure["reason"] for failure in plain["failures"]] == ["MISSING"]
    assert plain["clusters"][0]["settings"] == []
    shown = world.ecs.describe_clusters(
        clusters=[name], include=["SETTINGS", "TAGS", "CONFIGURATIONS", "STATISTICS", "ATTACHMENTS"]
    )["clusters"][0]
    assert shown["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert shown["tags"] == [{"key": "team", "value": "a"}]
    assert shown["configuration"] == {"executeCommandConfiguration": {"logging": "DEFAULT"}}
    assert {"name": "runningFargateTasksCount", "value": "0"} in shown["statistics"]
    assert world.ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"] == made["clusterArn"]


def test_a_cluster_is_changed_and_deleted(world: World) -> None:
    name = world.cluster()
    changed = world.ecs.update_cluster_settings(
        cluster=name, settings=[{"name": "containerInsights", "value": "enhanced"}]
    )["cluster"]
    assert changed["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    put = world.ecs.put_cluster_capacity_providers(
        cluster=name, capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=STRATEGY
    )["cluster"]
    assert put["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    service = world.service(name, world.task_definition(), 0)
    with pytest.raises(ClientError, match="ClusterContainsServicesException"):
        world.ecs.delete_cluster(cluster=name)
    world.ecs.delete_service(cluster=name, service=service)
    world.ecs.get_waiter("services_inactive").wait(cluster=name, services=[service], WaiterConfig={"Delay": 1})
    assert world.ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"
    assert not any(arn.endswith(f"/{name}") for arn in world.ecs.list_clusters()["clusterArns"])


def test_revisions_count_on_and_are_never_used_again(world: World) -> None:
    family = world.name("family")
    assert world.task_definition(family=family) == f"{family}:1"
    assert world.task_definition(family=family) == f"{family}:2"
    gone = world.ecs.deregister_task_definition(taskDefinition=f"{family}:2")["taskDefinition"]
    assert gone["status"] == "INACTIVE"
    assert gone["deregisteredAt"] is not None
    assert world.task_definition(family=family) == f"{family}:3"
    world.ecs.deregister_task_definition(taskDefinition=f"{family}:3")
    latest = world.ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    assert latest["revision"] == 1, "a family stands for its latest ACTIVE revision"
    listed = world.ecs.list_task_definitions(familyPrefix=family, status="INACTIVE", sort="DESC")["taskDefinitionArns"]
    assert [arn.rsplit("/", 1)[1] for arn in listed] == [f"{family}:3", f"{family}:2"]
    deleted = world.ecs.delete_task_definitions(taskDefinitions=[f"{family}:2", f"{family}:1"])
    assert [definition["status"] for definition in deleted["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    assert len(deleted["failures"]) == 1
    assert family in world.ecs.list_task_definition_families(familyPrefix=family, status="ACTIVE")["families"]


def test_a_definition_comes_back_with_its_defaults(world: World) -> None:
    container = world.container(
        portMappings=[{"containerPort": 8000}], healthCheck={"command": ["CMD", "true"]}, cpu=128
    )
    name = world.task_definition(container, cpu="0.5 vCPU", memory="1 GB", tags=[{"key": "a", "value": "b"}])
    answer = world.ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    shown = answer["taskDefinition"]
    assert answer["tags"] == [{"key": "a", "value": "b"}]
    assert "tags" not in shown
    assert (shown["cpu"], shown["memory"]) == ("512", "1024")
    assert set(shown["compatibilities"]) == {"EC2", "FARGATE"}
    assert {"name": "ecs.capability.task-eni"} in shown["requiresAttributes"]
    only = shown["containerDefinitions"][0]
    assert only["portMappings"] == [{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}]
    assert only["healthCheck"] == {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
    assert (only["essential"], only["environment"], only["mountPoints"]) == (True, [], [])
    assert shown["registeredBy"].startswith("arn:aws:")
    assert "tags" not in world.ecs.describe_task_definition(taskDefinition=name)


def test_pages_of_every_list_hold_each_thing_once(world: World) -> None:
    cluster = world.cluster()
    family = world.name("family")
    for _ in range(5):
        world.task_definition(family=family)
    pages = world.ecs.get_paginator("list_task_definitions").paginate(
        familyPrefix=family, PaginationConfig={"PageSize": 2}
    )
    counts = [len(page["taskDefinitionArns"]) for page in pages]
    assert counts == [2, 2, 1]
    services = [world.service(cluster, f"{family}:1", 0) for _ in range(12)]
    assert len(world.ecs.list_services(cluster=cluster)["serviceArns"]) == 10, "ten a page unless asked otherwise"
    listed = world.ecs.get_paginator("list_services").paginate(cluster=cluster).build_full_result()["serviceArns"]
    assert [arn.rsplit("/", 1)[1] for arn in listed] == services
    with pytest.raises(ClientError, match="InvalidParameterException"):
        world.ecs.list_services(cluster=cluster, nextToken="no token of yours")


def test_tags_are_added_changed_and_removed(world: World) -> None:
    cluster = world.cluster(tags=[{"key": "a", "value": "1"}])
    arn = world.ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    world.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}, {"key": "b", "value": "3"}])
    world.ecs.untag_resource(resourceArn=arn, tagKeys=["b", "unknown"])
    assert world.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "2"}]
    with pytest.raises(ClientError, match="reserved"):
        world.ecs.tag_resource(resourceArn=arn, tags=[{"key": "aws:x", "value": "2"}])


@pytest.mark.parametrize(
    ("propagate", "expected"),
    [("SERVICE", {"of": "service"}), ("TASK_DEFINITION", {"of": "definition"}), ("NONE", {})],
)
def test_tags_are_propagated_to_tasks(world: World, propagate: str, expected: dict[str, str]) -> None:
    cluster = world.cluster()
    definition = world.task_definition(tags=[{"key": "of", "value": "definition"}])
    world.service(
        cluster,
        definition,
        1,
        propagateTags=propagate,
        enableECSManagedTags=True,
        tags=[{"key": "of", "value": "service"}],
    )
    from tests.conformance.world import until  # noqa: PLC0415

    arn = until("a task", lambda: world.ecs.list_tasks(cluster=cluster)["taskArns"])[0]
    shown = world.ecs.describe_tasks(cluster=cluster, tasks=[arn], include=["TAGS"])["tasks"][0]
    tags = {tag["key"]: tag["value"] for tag in shown["tags"]}
    assert tags.pop("aws:ecs:clusterName") == cluster
    assert tags.pop("aws:ecs:serviceName").startswith(world.prefix)
    assert tags == expected


def test_regions_do_not_see_each_other(world: World) -> None:
    cluster = world.cluster()
    elsewhere = world.client("ecs", "eu-west-1")
    assert elsewhere.describe_clusters(clusters=[cluster])["clusters"] == []
    assert world.client("sts", "eu-west-1").get_caller_identity()["Account"].isdigit()


def test_account_settings(world: World) -> None:
    assert world.ecs.list_account_settings(name="taskLongArnFormat", effectiveSettings=True)["settings"][0]["value"]
    put = world.ecs.put_account_setting(name="containerInsights", value="enabled")["setting"]
    assert (put["name"], put["value"]) == ("containerInsights", "enabled")
    world.ecs.put_account_setting(name="containerInsights", value="disabled")
