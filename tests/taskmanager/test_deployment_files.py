from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from fairway.project.load import load_project
from fairway.project.render import render_definition

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("local", "staging", "production")
IMAGES = ("api", "worker", "migrations")


def value_at(document, path):
    for key in path.split("."):
        document = document[int(key)] if key.isdigit() else document[key]
    return document


def project(environment):
    return load_project(ROOT, environment, variables={})


@pytest.mark.parametrize(
    ("service", "path", "expected"),
    [
        ("api", "family", "taskmanager-api"),
        ("api", "cpu", "1024"),
        ("api", "memory", "2048"),
        ("api", "networkMode", "awsvpc"),
        ("api", "containerDefinitions.0.cpu", 1024),
        ("api", "containerDefinitions.0.memory", 2048),
        ("api", "containerDefinitions.0.portMappings", [{"containerPort": 8000, "protocol": "tcp"}]),
        ("api", "containerDefinitions.0.healthCheck.command", ["CMD-SHELL", "curl -f http://localhost:8000/health || exit 1"]),
        ("api", "containerDefinitions.0.healthCheck.interval", 30),
        ("api", "containerDefinitions.0.healthCheck.timeout", 10),
        ("api", "containerDefinitions.0.healthCheck.retries", 3),
        ("api", "containerDefinitions.0.healthCheck.startPeriod", 40),
        ("api", "containerDefinitions.0.user", "1000:1000"),
        ("api", "containerDefinitions.0.readonlyRootFilesystem", False),
        ("api", "tags.0", {"key": "Environment", "value": "production"}),
        ("worker", "cpu", "512"),
        ("worker", "memory", "1024"),
        ("worker", "containerDefinitions.0.cpu", 512),
        ("worker", "containerDefinitions.0.memory", 1024),
        ("worker", "containerDefinitions.0.environment.1", {"name": "CELERY_WORKER_CONCURRENCY", "value": "4"}),
        ("worker", "containerDefinitions.0.environment.2", {"name": "CELERY_WORKER_MAX_TASKS_PER_CHILD", "value": "1000"}),
        ("worker", "containerDefinitions.0.healthCheck.command.1", "celery -A taskmanager.celery inspect ping -d celery@$HOSTNAME || exit 1"),
        ("worker", "containerDefinitions.0.healthCheck.interval", 60),
        ("worker", "containerDefinitions.0.healthCheck.timeout", 10),
        ("worker", "containerDefinitions.0.healthCheck.retries", 3),
        ("worker", "containerDefinitions.0.healthCheck.startPeriod", 30),
        ("worker", "containerDefinitions.0.user", "1001:1001"),
    ],
)  # fmt: skip
def test_production_s_task_definitions_have_the_document_s_numbers(service, path, expected):
    assert value_at(project("production").services[service].definition, path) == expected


@pytest.mark.parametrize(
    ("service", "path", "expected"),
    [
        ("api", "desiredCount", 5),
        ("api", "healthCheckGracePeriodSeconds", 60),
        ("api", "deploymentConfiguration.maximumPercent", 200),
        ("api", "deploymentConfiguration.minimumHealthyPercent", 100),
        ("api", "deploymentConfiguration.deploymentCircuitBreaker", {"enable": True, "rollback": True}),
        ("api", "loadBalancers.0.containerPort", 8000),
        ("api", "networkConfiguration.awsvpcConfiguration.assignPublicIp", "DISABLED"),
        ("api", "platformVersion", "LATEST"),
        ("api", "enableExecuteCommand", True),
        ("api", "propagateTags", "SERVICE"),
        ("api", "tags", [{"key": "Environment", "value": "production"}]),
        ("worker", "desiredCount", 10),
        ("worker", "deploymentConfiguration.maximumPercent", 150),
        ("worker", "deploymentConfiguration.minimumHealthyPercent", 50),
        ("worker", "deploymentConfiguration.deploymentCircuitBreaker", {"enable": True, "rollback": True}),
        ("worker", "enableExecuteCommand", True),
    ],
)
def test_production_s_services_have_the_document_s_numbers(service, path, expected):
    assert value_at(project("production").services[service].service, path) == expected


def test_production_s_cluster_spreads_over_spot_with_two_tasks_always_on_fargate():
    cluster = project("production").cluster_definition
    assert cluster is not None
    assert cluster["clusterName"] == "taskmanager-prod"
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert cluster["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_migrations_are_small_and_have_a_network(environment):
    migrations = project(environment).tasks["migrations"]
    assert (migrations.definition["cpu"], migrations.definition["memory"]) == ("256", "512")
    assert migrations.run is not None
    assert len(migrations.run["networkConfiguration"]["awsvpcConfiguration"]["subnets"]) == 2


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_traps_of_the_document_are_mended(environment):
    loaded = project(environment)
    for spec in loaded.services.values():
        assert spec.service is not None
        assert "launchType" not in spec.service, "it would switch the cluster's default strategy off"
        assert "desiredCount" in spec.service
    for spec in (*loaded.services.values(), *loaded.tasks.values()):
        for container in spec.definition["containerDefinitions"]:
            for secret in container["secrets"]:
                assert not re.search(r"-[A-Za-z0-9]{6}$", secret["valueFrom"]), (
                    "a partial ARN that looks like a full one"
                )
        assert f":{'v1.2.3'}" in str(render_definition(spec, tag="v1.2.3")["containerDefinitions"][0]["image"])


def test_the_api_is_given_what_it_needs_to_queue_jobs():
    names = {
        secret["name"]
        for secret in project("production").services["api"].definition["containerDefinitions"][0]["secrets"]
    }
    assert names == {"DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY", "CELERY_BROKER_URL"}


def test_production_and_staging_are_never_told_to_misbehave_nor_share_secrets():
    for environment in ("staging", "production"):
        loaded = project(environment)
        for spec in (*loaded.services.values(), *loaded.tasks.values()):
            container = spec.definition["containerDefinitions"][0]
            assert {"name": "ENVIRONMENT", "value": environment} in container["environment"]
            staging = ["/staging/" in secret["valueFrom"] for secret in container["secrets"]]
            assert all(staging) if environment == "staging" else not any(staging)


def test_locally_five_api_tasks_and_two_workers_share_a_file_by_their_group():
    loaded = project("local")
    assert loaded.environment.is_local
    assert {key: (spec.service or {})["desiredCount"] for key, spec in loaded.services.items()} == {
        "api": 5,
        "worker": 2,
    }
    users = [
        spec.definition["containerDefinitions"][0]["user"]
        for spec in (*loaded.services.values(), *loaded.tasks.values())
    ]
    assert {user.partition(":")[2] for user in users} == {"1000"}
    assert "ssm:" in (loaded.services["api"].service or {})["loadBalancers"][0]["targetGroupArn"]
    assert loaded.balancer_definition is not None
    assert loaded.balancer_definition["targetGroups"][0]["HealthCheckPath"] == "/health"
    assert project("production").balancer_definition is None


def test_jobs_are_known_to_workers_before_the_api_sends_them():
    loaded = project("production")
    assert loaded.services["api"].after == ("worker",)
    assert set(loaded.tasks["migrations"].before) == {"worker", "api"}


@pytest.mark.parametrize("name", IMAGES)
def test_process_images_and_dockerfiles_run_the_same(name):
    image = tomllib.loads((ROOT / "docker" / f"{name}.image.toml").read_text())
    dockerfile = (ROOT / "docker" / f"{name}.Dockerfile").read_text()
    assert re.findall(r"-r /build/(\S+)", dockerfile) == image["requirements"]
    assert all((ROOT / "docker" / lock).is_file() for lock in image["requirements"])
    assert all((ROOT / "docker" / source).is_dir() for source in image["sources"])
    words = ", ".join(f'"{word}"' for word in image["command"])
    assert dockerfile.rstrip().endswith(f"\nCMD [{words}]")
    assert f"\nUSER {image['user']}\n" in dockerfile
    assert f"\nSTOPSIGNAL {image['stop_signal']}\n" in dockerfile
    definition = project("production")
    spec = definition.services.get(name) or definition.tasks[name]
    assert spec.definition["containerDefinitions"][0]["user"] == image["user"]


def test_images_are_made_of_the_versions_that_the_tests_ran_with():
    def pins(path):
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE))

    everything, images = pins("requirements.lock"), pins("docker/requirements.lock")
    assert images.items() <= everything.items()
    assert "boto3" not in images
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {re.split(r"[\[><=]", line)[0] for line in extras["workload"]}
    assert wanted <= set(images)
    # the worker alone speaks to AWS
    cloudwatch = pins("docker/cloudwatch.lock")
    assert cloudwatch.items() <= everything.items()
    assert "boto3" in cloudwatch
    assert all(images[name] == version for name, version in cloudwatch.items() if name in images)
