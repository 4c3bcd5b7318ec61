"""What is no difference, and beside each row the near miss that is one."""

from __future__ import annotations

import copy

import pytest

from fairway.masking import HIDDEN
from fairway.observed import TaskDefinition
from fairway.planning.canonical import file_definition, living_definition, with_compute, with_swapped_groups
from fairway.planning.canonical import file_service as canonical_service
from fairway.planning.defaults import SERVICE, TASK_DEFINITION, service_defaults
from fairway.planning.difference import Difference, compare

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:shop/db-AbCdEf"


def a_file(**members):
    container = {"name": "api", "image": "shop/api:v1", **members.pop("container", {})}
    return {
        "family": "shop-api",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
        **members,
    }


def differences(file, shown, tags=None):
    """Of a file against a revision as AWS shows it."""
    living = TaskDefinition("arn:aws:ecs:us-east-1:1:task-definition/shop-api:7", shown, tags or {})
    return [d.name for d in compare(living_definition(living), file_definition(file), TASK_DEFINITION).differences]


def container(**members):
    return {"container": members}


@pytest.mark.parametrize(
    ("file", "shown", "missed"),
    [
        pytest.param({}, container(cpu=0, essential=True, environment=[], mountPoints=[], volumesFrom=[], portMappings=[], systemControls=[]), container(essential=False), id="a container's defaults and empty lists"),
        pytest.param({}, {"volumes": [], "placementConstraints": [], "enableFaultInjection": False}, {"enableFaultInjection": True}, id="a task's empty lists and defaults"),
        pytest.param({}, {"taskDefinitionArn": "x", "revision": 7, "status": "ACTIVE", "registeredBy": "me", "requiresAttributes": [{"name": "x"}], "compatibilities": ["EC2"]}, {"pidMode": "task"}, id="what only AWS says of a revision"),
        pytest.param(container(portMappings=[{"containerPort": 80}]), container(portMappings=[{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]), container(portMappings=[{"containerPort": 80, "hostPort": 80, "protocol": "udp"}]), id="host port and protocol of awsvpc"),
        pytest.param({"networkMode": "bridge", **container(portMappings=[{"containerPort": 80}])}, {"networkMode": "bridge", **container(portMappings=[{"containerPort": 80, "hostPort": 0}])}, {"networkMode": "bridge", **container(portMappings=[{"containerPort": 80, "hostPort": 8080}])}, id="any host port of bridge"),
        pytest.param(container(healthCheck={"command": ["CMD", "x"]}), container(healthCheck={"command": ["CMD", "x"], "interval": 30, "timeout": 5, "retries": 3}), container(healthCheck={"command": ["CMD", "x"], "interval": 31, "timeout": 5, "retries": 3}), id="a health check's defaults"),
        pytest.param(container(healthCheck={"command": ["CMD", "x"], "startPeriod": 0}), container(healthCheck={"command": ["CMD", "x"]}), container(healthCheck={"command": ["CMD", "y"]}), id="a default that only the file names"),
        pytest.param({"cpu": "1024"}, {"cpu": 1024}, {"cpu": 1025}, id="a number as text"),
        pytest.param({"cpu": "1 vCPU", "memory": "2GB"}, {"cpu": "1024", "memory": "2048"}, {"cpu": "1024", "memory": "2049"}, id="units of cpu and memory"),
        pytest.param({"cpu": ".5 vcpu", "memory": "0.5 GB"}, {"cpu": "512", "memory": "512"}, {"cpu": "512", "memory": "1024"}, id="parts of units"),
        pytest.param(container(memory=512), container(memory="512"), container(memory="513"), id="a number of a container as text"),
        pytest.param({"taskRoleArn": "shop"}, {"taskRoleArn": ROLE}, {"taskRoleArn": f"{ROLE}per"}, id="a role by its name"),
        pytest.param({"executionRoleArn": "shop"}, {"executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/teams/shop"}, {"executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/shop/teams"}, id="a role with a path"),
        pytest.param(container(secrets=[{"name": "A", "valueFrom": "/shop/a"}]), container(secrets=[{"name": "A", "valueFrom": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/shop/a"}]), container(secrets=[{"name": "A", "valueFrom": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/shop/b"}]), id="a parameter by its name"),
        pytest.param(container(secrets=[{"name": "A", "valueFrom": SECRET.replace(f":{ACCOUNT}:", "::")}]), container(secrets=[{"name": "A", "valueFrom": SECRET}]), container(secrets=[{"name": "A", "valueFrom": SECRET.replace("us-east-1", "us-west-2")}]), id="an account that AWS fills in"),
        pytest.param(container(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]), container(environment=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]), container(environment=[{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]), id="order of environment"),
        pytest.param(container(secrets=[{"name": "A", "valueFrom": "x"}, {"name": "B", "valueFrom": "y"}]), container(secrets=[{"name": "B", "valueFrom": "y"}, {"name": "A", "valueFrom": "x"}]), container(secrets=[{"name": "B", "valueFrom": "y"}]), id="order of secrets"),
        pytest.param(container(portMappings=[{"containerPort": 80}, {"containerPort": 81}]), container(portMappings=[{"containerPort": 81, "hostPort": 81}, {"containerPort": 80, "hostPort": 80}]), container(portMappings=[{"containerPort": 81, "hostPort": 81}]), id="order of ports"),
        pytest.param(container(mountPoints=[{"containerPath": "/a", "sourceVolume": "a"}, {"containerPath": "/b", "sourceVolume": "b"}]), container(mountPoints=[{"containerPath": "/b", "sourceVolume": "b", "readOnly": False}, {"containerPath": "/a", "sourceVolume": "a"}]), container(mountPoints=[{"containerPath": "/b", "sourceVolume": "b", "readOnly": True}, {"containerPath": "/a", "sourceVolume": "a"}]), id="order of mount points"),
        pytest.param({"requiresCompatibilities": ["FARGATE", "EC2"]}, {"requiresCompatibilities": ["EC2", "FARGATE"]}, {"requiresCompatibilities": ["EC2"]}, id="order of compatibilities"),
        pytest.param(container(linuxParameters={"capabilities": {"drop": ["ALL"]}}), container(linuxParameters={"capabilities": {"drop": ["ALL"], "add": []}, "devices": [], "tmpfs": []}), container(linuxParameters={"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}), id="empty members of linuxParameters"),
        pytest.param(container(logConfiguration={"logDriver": "awslogs", "options": {"a": "b"}}), container(logConfiguration={"logDriver": "awslogs", "options": {"a": "b"}, "secretOptions": []}), container(logConfiguration={"logDriver": "awslogs", "options": {"a": "b", "c": ""}}), id="empty secretOptions, though an option may be empty"),
        pytest.param(container(image="shop/api:v1"), container(image=f"shop/api:v1@sha256:{'0' * 64}"), container(image=f"shop/api:v2@sha256:{'0' * 64}"), id="a digest beside the tag"),
        pytest.param({}, {"runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}}, {"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}}, id="the default platform"),
        pytest.param({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs"}}]}, {"volumes": [{"name": "v", "host": {}, "efsVolumeConfiguration": {"fileSystemId": "fs", "rootDirectory": "/", "transitEncryption": "DISABLED"}}]}, {"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs", "rootDirectory": "/x"}}]}, id="a file system's defaults"),
    ],
)  # fmt: skip
def test_no_difference_and_its_near_miss(file, shown, missed):
    assert differences(a_file(**file), a_file(**copy.deepcopy({**file, **merged(file, shown)}))) == []
    assert differences(a_file(**file), a_file(**copy.deepcopy({**file, **merged(file, missed)}))) != []


def merged(file, shown):
    if "container" not in shown:
        return shown
    return {**shown, "container": {**file.get("container", {}), **shown["container"]}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"command": ["a", "b"]}, {"command": ["b", "a"]}, id="order of a command"),
        pytest.param({"environment": [{"name": "A", "value": "01"}]}, {"environment": [{"name": "A", "value": "1"}]}, id="texts of variables are texts"),
        pytest.param({"environment": [{"name": "A", "value": ""}]}, {}, id="an empty variable is there"),
        pytest.param({"dockerLabels": {"a": ""}}, {}, id="an empty label is there"),
        pytest.param({"image": "shop/api:v1"}, {"image": f"shop/api@sha256:{'0' * 64}"}, id="a digest alone is not known to be the tag"),
        pytest.param({"user": "1000"}, {"user": "1001"}, id="a number as text that is another"),
        pytest.param({"essential": True}, {"essential": False}, id="true and false"),
    ],
)  # fmt: skip
def test_a_difference(one, other):
    assert differences(a_file(**container(**one)), a_file(**container(**other))) != []
    assert differences(a_file(**container(**other)), a_file(**container(**one))) != []


def test_tags_of_fairway_and_of_aws_are_no_difference():
    file = a_file(tags=[{"key": "Team", "value": "a"}])
    own = {"fairway:verdict": "good", "aws:cloudformation:stack-name": "x"}
    assert differences(file, a_file(), {"Team": "a", **own}) == []
    assert differences(file, a_file(), {"Team": "b", **own}) == ["tags.Team"]
    assert differences(file, a_file(), {"Team": "a", "Owner": "c"}) == ["tags.Owner"]


KEYED = {"containerDefinitions", "portMappings", "mountPoints", "volumesFrom", "volumes", "capacityProviderStrategy", "lifecycleHooks"}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "defaults"),
    [pytest.param(row, table, id=f"{row.path}={row.value}") for table in (TASK_DEFINITION, SERVICE) for row in table],
)
def test_each_default_of_the_table_is_quiet_on_either_side(row, defaults):
    """No difference when only one side says it, and one when a side says otherwise."""
    document, other = canonical_at(row.path, row.value), canonical_at(row.path, "something else")
    absent = canonical_at(row.path, None)
    assert compare(document, absent, defaults).differences == ()
    assert compare(absent, document, defaults).differences == ()
    assert len(compare(document, other, defaults).differences) == 1
    assert len(compare(absent, other, defaults).differences) == 1
    assert row.source


def canonical_at(path, value):
    """A canonical document with a value at a path; None: everything but the value."""
    first, *rest = path.split(".")
    if not rest:
        return {} if value is None else {first: value}
    inner = canonical_at(".".join(rest), value)
    return {first: {"item": inner} if first in KEYED else inner}


def service_differences(file, shown, strategy=()):
    file, shown = canonical_service(file), canonical_service(shown)
    file, shown = with_compute(file, shown, strategy)
    shown = with_swapped_groups(file, shown)
    return [d.name for d in compare(shown, file, SERVICE).differences]


DEFAULT = [{"capacityProvider": "FARGATE", "base": 2, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 4}]
NETWORK = {"awsvpcConfiguration": {"subnets": ["a", "b"], "securityGroups": ["g", "h"]}}


def a_balancer(blue, green):
    advanced = {"alternateTargetGroupArn": green, "productionListenerRule": "rule", "roleArn": ROLE}
    return [{"targetGroupArn": blue, "containerName": "api", "containerPort": 80, "advancedConfiguration": advanced}]


@pytest.mark.parametrize(
    ("file", "shown", "missed"),
    [
        pytest.param({"desiredCount": 5}, {"desiredCount": 17}, {"desiredCount": 17, "propagateTags": "SERVICE"}, id="how many tasks run"),
        pytest.param({}, {"schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"}, "platformVersion": "LATEST", "propagateTags": "NONE", "enableECSManagedTags": False, "enableExecuteCommand": False, "availabilityZoneRebalancing": "ENABLED", "serviceRegistries": [], "placementStrategy": []}, {"platformVersion": "1.3.0"}, id="a service's defaults"),
        pytest.param({}, {"availabilityZoneRebalancing": "DISABLED"}, {"enableExecuteCommand": True}, id="zones of a service from before"),
        pytest.param({}, {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": False, "rollback": False, "resetOnHealthyTask": True, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}, "maximumPercent": 200, "minimumHealthyPercent": 100, "alarms": {"alarmNames": [], "enable": False, "rollback": False}, "strategy": "ROLLING", "bakeTimeInMinutes": 0}}, {"deploymentConfiguration": {"maximumPercent": 150}}, id="a deployment configuration's defaults"),
        pytest.param({"deploymentConfiguration": {"maximumPercent": 200}}, {"deploymentConfiguration": {"minimumHealthyPercent": 100}}, {"deploymentConfiguration": {"maximumPercent": 150}}, id="a default that the file names"),
        pytest.param({"networkConfiguration": NETWORK}, {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["b", "a"], "securityGroups": ["h", "g"], "assignPublicIp": "DISABLED"}}}, {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["b", "a"], "securityGroups": ["h", "g"], "assignPublicIp": "ENABLED"}}}, id="order of subnets and groups, no public address"),
        pytest.param({"loadBalancers": a_balancer("blue", "green")}, {"loadBalancers": a_balancer("green", "blue")}, {"loadBalancers": a_balancer("green", "red")}, id="target groups that a deployment has swapped"),
        pytest.param({}, {"launchType": "FARGATE"}, {"capacityProviderStrategy": DEFAULT}, id="a launch type that ECS chose"),
        pytest.param({"capacityProviderStrategy": DEFAULT}, {"capacityProviderStrategy": [*reversed(DEFAULT)]}, {"capacityProviderStrategy": DEFAULT[:1]}, id="order of capacity providers"),
        pytest.param({"healthCheckGracePeriodSeconds": 60}, {"healthCheckGracePeriodSeconds": 60}, {"healthCheckGracePeriodSeconds": 0}, id="grace period"),
        pytest.param({"tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}, {"tags": [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]}, {"tags": [{"key": "b", "value": "2"}]}, id="order of tags"),
    ],
)  # fmt: skip
def test_no_difference_of_a_service_and_its_near_miss(file, shown, missed):
    assert service_differences(file, shown) == []
    assert service_differences(file, missed) != []


def test_the_clusters_default_strategy_is_filled_in():
    shown = {"capacityProviderStrategy": [{**item, "base": item.get("base", 0)} for item in DEFAULT]}
    assert service_differences({}, shown, DEFAULT) == []
    assert service_differences({}, shown, DEFAULT[:1]) == ["capacityProviderStrategy"]
    assert "launchType" in service_differences({"launchType": "FARGATE"}, shown, DEFAULT)


def test_a_daemon_has_other_defaults():
    shown = {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}
    assert compare(shown, {}, service_defaults("DAEMON")).differences == ()
    assert compare(shown, {}, service_defaults("REPLICA")).differences != ()


def test_the_unchanged_are_counted():
    found = compare({"a": 1, "b": 2, "c": {"d": 3}}, {"a": 1, "b": 3, "c": {"d": 3}}, ())
    assert ([d.name for d in found.differences], found.unchanged) == (["b"], 2)


def test_a_hidden_difference_says_that_it_is_one():
    whole = Difference(("containerDefinitions", "api", "environment", "DB_PASSWORD"), "hunter2", "hunter3")
    assert whole.lines() == (HIDDEN, f"{HIDDEN} (another value)")
    part = Difference(("containerDefinitions", "api", "environment", "DATABASE_URL"), "db://a:x1@h/d", "db://a:x2@h/d")
    assert part.lines()[1].endswith("(the hidden part differs)")
    secret = Difference(("containerDefinitions", "api", "secrets", "DB_PASSWORD"), "arn:a", "/shop/db")
    assert secret.lines() == ('"arn:a"', '"/shop/db"')
