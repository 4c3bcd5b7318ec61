"""A release and what lives, for tables of cases: what a row does not speak of has a default."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairway.aws.documents import read_service
from fairway.observed import DEPLOYMENT_TAG, SETTINGS_TAG, HealthCheck, Living, LivingTask, Surroundings, TaskDefinition
from fairway.planning.hashes import settings_hash
from fairway.planning.release import OneOff, Release, ServiceRelease

ACCOUNT = "123456789012"
PREFIX = f"arn:aws:ecs:us-east-1:{ACCOUNT}"
GROUP = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/api/0123456789abcdef"
T0 = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PASSWORD = "hunter2-of-the-plan"


def a_definition(tag="v1", key="api", **members):
    container = {
        "name": key,
        "image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/shop-{key}:{tag}",
        "portMappings": [{"containerPort": 8000}],
        "environment": [
            {"name": "LOG_LEVEL", "value": "INFO"},
            {"name": "DB_PASSWORD", "value": PASSWORD},
            {"name": "REDIS_URL", "value": f"redis://:{PASSWORD}@cache:6379/0"},
        ],
        "secrets": [{"name": "TOKEN", "valueFrom": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:shop/t-AbCdEf"}],
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": PASSWORD}},
        **members.pop("container", {}),
    }
    return {
        "family": f"shop-{key}",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "2048",
        "containerDefinitions": [container],
        "tags": [{"key": "Team", "value": "shop"}],
        **members,
    }


def a_service_file(key="api", **members):
    return {
        "serviceName": f"shop-{key}",
        "desiredCount": 5,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg"]}
        },
        "loadBalancers": [{"targetGroupArn": GROUP, "containerName": key, "containerPort": 8000}],
        "healthCheckGracePeriodSeconds": 60,
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
        "tags": [{"key": "Team", "value": "shop"}],
        **members,
    }


def registered(document, number=7, *, by_fairway=True, settings=None, **tags):
    """A revision as AWS shows it, with its defaults written out."""
    document = copy.deepcopy(document)
    own = {tag["key"]: tag["value"] for tag in document.pop("tags", ())}
    for container in document["containerDefinitions"]:
        container |= {"cpu": container.get("cpu", 0), "essential": True, "mountPoints": [], "volumesFrom": []}
        for port in container.get("portMappings", ()):
            port |= {"hostPort": port["containerPort"], "protocol": "tcp"}
    document |= {"volumes": [], "status": "ACTIVE", "revision": number, "registeredBy": "arn:aws:iam::1:user/somebody"}
    if by_fairway:
        own |= {DEPLOYMENT_TAG: "run-1"} | ({SETTINGS_TAG: settings} if settings else {})
    return TaskDefinition(f"{PREFIX}:task-definition/{document['family']}:{number}", document, own | tags)


def shown_service(file, serving, *, desired=5, **members):
    """A service as DescribeServices shows it."""
    file = copy.deepcopy({key: item for key, item in file.items() if key not in {"tags", "desiredCount"}})
    configuration = {
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        "alarms": {"alarmNames": [], "enable": False, "rollback": False},
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        **file.pop("deploymentConfiguration", {}),
    }
    document: dict[str, Any] = {
        **file,
        "serviceArn": f"{PREFIX}:service/shop/{file['serviceName']}",
        "clusterArn": f"{PREFIX}:cluster/shop",
        "status": "ACTIVE",
        "desiredCount": desired,
        "runningCount": desired,
        "pendingCount": 0,
        "taskDefinition": serving.arn,
        "deploymentConfiguration": configuration,
        "platformVersion": "LATEST",
        "schedulingStrategy": "REPLICA",
        "propagateTags": "NONE",
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "availabilityZoneRebalancing": "ENABLED",
        "serviceRegistries": [],
        "deployments": [
            {
                "id": "ecs-svc/1",
                "status": "PRIMARY",
                "rolloutState": "COMPLETED",
                "taskDefinition": serving.arn,
                "desiredCount": desired,
                "pendingCount": 0,
                "runningCount": desired,
            }
        ],
        **members,
    }
    return document


def living(document, *, tags=None, serving, **members):
    return Living(
        service=read_service(document),
        tags={"Team": "shop"} if tags is None else tags,
        serving=serving,
        checks=(HealthCheck(GROUP, interval_seconds=10, healthy_threshold=3),),
        deregistration_seconds={GROUP: 60},
        **members,
    )


def as_deployed(file, definition, **members):
    """A service that Fairway has deployed from these files, with what ECS keeps of it."""
    serving = registered(definition, settings=settings_hash(definition, file))
    document = shown_service(file, serving, **members)
    kept = ("networkConfiguration", "loadBalancers", "platformVersion", "launchType")
    revision = {name: copy.deepcopy(document[name]) for name in kept if name in document}
    return living(
        document,
        serving=serving,
        revision=revision,
        configuration=copy.deepcopy(document["deploymentConfiguration"]),
    )


def a_release(definition, service=None, *, key="api", before=()):
    path = Path("deploy") / f"{key}.task.json"
    return Release((ServiceRelease(key, f"shop-{key}", definition, path, service, path),), before=before, version="v2")


def a_one_off(tag="v2"):
    return OneOff("migrations", a_definition(tag, "migrations"), Path("deploy/migrations.task.json"))


def surroundings(*of, tasks=None, **members):
    """What lives, by ECS's name of each service."""
    services = {item.service.name if item.service else "shop-api": item for item in of}
    return Surroundings(
        ACCOUNT,
        "us-east-1",
        "shop",
        services,
        {family: LivingTask(newest) for family, newest in (tasks or {}).items()},
        **members,
    )
