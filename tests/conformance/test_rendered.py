"""What is registered and described back differs in nothing from the file: whatever ECS fills in, reorders or converts."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.world import REGION, ROLE

from fairway.aws.documents import read_task_definition
from fairway.planning.adoption import adopt_definition, names_in
from fairway.planning.changes import compare_definitions
from fairway.planning.plain_secrets import PlainSecrets
from fairway.project.overlay import put_tag, substitute

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,11}", fullmatch=True)
VARIABLES = st.from_regex(r"[A-Z][A-Z0-9_]{0,11}", fullmatch=True)
TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=12)
SECRET = st.builds(
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/{}-AbCdEf".format,
    st.from_regex("[a-z]{1,8}", fullmatch=True),
)
PORTS = st.integers(1, 65535)
SIZES = st.sampled_from(
    [("256", "512"), (".25 vCPU", "1GB"), ("1 vCPU", "2 GB"), ("1024", "2048"), ("0.5 vCPU", "1024"), ("2048", "4GB")]
)


def optional(**members):
    return st.fixed_dictionaries({}, optional=members)


def named(names, **members):
    """A list of objects with different names."""
    return st.lists(st.fixed_dictionaries({"name": names, **members}), max_size=4, unique_by=lambda item: item["name"])


HEALTH = st.fixed_dictionaries(
    {"command": st.lists(TEXTS.filter(bool), min_size=1, max_size=3).map(lambda words: ["CMD", *words])},
    optional={
        "interval": st.integers(5, 300),
        "timeout": st.integers(2, 60),
        "retries": st.integers(1, 10),
        "startPeriod": st.integers(0, 300),
    },
)
LOGS = st.fixed_dictionaries(
    {
        "logDriver": st.just("awslogs"),
        "options": st.fixed_dictionaries(
            {
                "awslogs-group": st.just("/shop"),
                "awslogs-region": st.just("us-east-1"),
                "awslogs-stream-prefix": NAMES,
            }
        ),
    }
)
CONTAINER = st.fixed_dictionaries(
    {"image": st.just("public.ecr.aws/x/app:1")},
    optional={
        "cpu": st.integers(0, 64),
        "memory": st.integers(6, 128),
        "essential": st.just(True),
        "environment": named(VARIABLES, value=TEXTS),
        "secrets": named(VARIABLES, valueFrom=SECRET),
        "portMappings": st.lists(
            st.builds(
                lambda port, more: {
                    "containerPort": port,
                    **({"hostPort": port} if more.pop("same", False) else {}),
                    **more,
                },
                PORTS,
                optional(same=st.booleans(), protocol=st.sampled_from(["tcp", "udp"])),
            ),
            max_size=3,
            unique_by=lambda item: item["containerPort"],
        ),
        "command": st.lists(TEXTS, max_size=3),
        "entryPoint": st.lists(TEXTS, max_size=2),
        "healthCheck": HEALTH,
        "logConfiguration": LOGS,
        "dockerLabels": st.dictionaries(NAMES, TEXTS, max_size=3),
        "linuxParameters": optional(capabilities=st.just({"drop": ["ALL"]}), initProcessEnabled=st.booleans()),
        "readonlyRootFilesystem": st.booleans(),
        "user": st.sampled_from(["1000", "1000:1000", "app"]),
        "stopTimeout": st.integers(2, 120),
        "ulimits": st.just([{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}]),
        "workingDirectory": st.just("/app"),
    },
)
CONTAINERS = st.dictionaries(NAMES, CONTAINER, min_size=1, max_size=3).map(
    lambda made: [{"name": name, **container} for name, container in made.items()]
)
DEFINITIONS = st.builds(
    lambda size, containers, more: {
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": size[0],
        "memory": size[1],
        "executionRoleArn": ROLE,
        "containerDefinitions": containers,
        **more,
    },
    SIZES,
    CONTAINERS,
    optional(
        tags=st.lists(
            st.fixed_dictionaries(
                {"key": NAMES, "value": TEXTS.map(lambda text: text.strip("!\"#$%&'()*,;<>?[\\]^`{|}~"))}
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda item: item["key"],
        ),
        ephemeralStorage=st.fixed_dictionaries({"sizeInGiB": st.integers(21, 200)}),
        runtimePlatform=optional(cpuArchitecture=st.just("X86_64"), operatingSystemFamily=st.just("LINUX")),
        volumes=st.just([]),
    ),
)


@pytest.fixture
def ecs(endpoint):
    """A client that checks what it sends by AWS's model, as the AWS CLI does."""
    session = boto3.Session("tester", "secret", region_name=REGION) if endpoint else boto3.Session(region_name=REGION)
    return session.client("ecs", endpoint_url=endpoint)


def described(ecs, document):
    made = ecs.register_task_definition(**document)["taskDefinition"]
    answer = ecs.describe_task_definition(taskDefinition=made["taskDefinitionArn"], include=["TAGS"])
    return read_task_definition(answer)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(document=DEFINITIONS)
def test_a_registered_definition_differs_in_nothing(ecs, world, document):
    document = {"family": f"{world.prefix}rendered", **copy.deepcopy(document)}
    found = compare_definitions(document, described(ecs, document))
    assert [(d.name, d.before, d.after) for d in found.differences] == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(document=DEFINITIONS, which=st.sampled_from(["image", "environment", "cpu", "tags"]))
def test_and_whatever_is_changed_after_it_is_told(ecs, world, document, which):
    document = {"family": f"{world.prefix}rendered", **copy.deepcopy(document)}
    living = described(ecs, document)
    container = document["containerDefinitions"][0]
    match which:
        case "image":
            container["image"] = "public.ecr.aws/x/app:2"
        case "environment":
            container["environment"] = [*container.get("environment", ()), {"name": "NEW_ONE_OF_16", "value": ""}]
        case "cpu":
            document["cpu"] = "4096"
        case "tags":
            document["tags"] = [*document.get("tags", ()), {"key": "Owner", "value": "shop"}]
    found = compare_definitions(document, living)
    assert len(found.differences) == 1, found.differences


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(document=DEFINITIONS)
def test_what_is_adopted_from_a_registered_definition_differs_in_nothing(ecs, world, document):
    living = described(ecs, {"family": f"{world.prefix}adopted", **copy.deepcopy(document)})
    secrets = PlainSecrets()
    adopted, tag, _ = adopt_definition("api", living, {}, secrets)
    values = {**secrets.values, **{name: f"${{{name}}}" for name in names_in([living.document])}}
    rendered = put_tag(substitute(adopted, values, ()), tag or "")
    assert compare_definitions(rendered, living).differences == ()
    ecs.register_task_definition(**rendered)  # AWS takes it as well


def test_the_documents_own_definition_differs_in_nothing(ecs, world):
    """The files of this repository, as they are deployed to production."""
    folder = Path(__file__).parents[2] / "deploy"
    for path in sorted(folder.glob("*.task.json")):
        document = json.loads(path.read_text().replace("{{ tag }}", "v1"))
        document["family"] = world.name("document")
        assert compare_definitions(document, described(ecs, document)).differences == ()
