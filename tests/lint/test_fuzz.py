"""Whatever stands in a file, lint finds something or nothing: it never fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lint.linting import lint_text, lint_texts

from fairway.lint.json_text import Malformed, read_json
from fairway.lint.rules.examples import fargate, service
from fairway.lint.toml_text import read_toml

if TYPE_CHECKING:
    from fairway.lint.document import Document

WORDS = [
    "family", "cpu", "memory", "name", "image", "containerDefinitions", "portMappings", "containerPort", "hostPort", "healthCheck",
    "command", "interval", "timeout", "environment", "secrets", "value", "valueFrom", "serviceName", "desiredCount", "taskDefinition",
    "loadBalancers", "containerName", "deploymentConfiguration", "deploymentCircuitBreaker", "enable", "maximumPercent",
    "minimumHealthyPercent", "networkConfiguration", "awsvpcConfiguration", "subnets", "launchType", "capacityProviderStrategy", "base",
    "weight", "clusterName", "settings", "services", "clusters", "TargetGroups", "Attributes", "Key", "Value", "ResourceId",
    "MinCapacity", "MaxCapacity", "PolicyName", "StepScalingPolicyConfiguration", "StepAdjustments", "ScalingAdjustment",
    "MetricIntervalLowerBound", "MetricIntervalUpperBound", "TargetTrackingScalingPolicyConfiguration", "TargetValue",
    "PredefinedMetricSpecification", "PredefinedMetricType", "alarmName", "metricName", "threshold", "namespace", "alarmActions",
    "version", "Resources", "Hooks", "Properties", "TaskDefinition", "deploymentConfigName", "trafficRoutingConfig", "overrides",
    "dependsOn", "condition", "mountPoints", "lifecycleHooks", "strategy", "requiresCompatibilities", "logConfiguration", "options",
]  # fmt: skip
VALUES = [
    "FARGATE", "FARGATE_SPOT", "EC2", "awsvpc", "shop:1", "latest", "${X}", "{{ tag }}", "256", "512", "CMD-SHELL", "curl x || true",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/jwt-secret", "celery inspect ping -d celery@$HOSTNAME", "HEALTHY", "DAEMON",
    "CANARY", "CODE_DEPLOY", "service/c/s", "ALBRequestCountPerTarget", "-1", "1e400", "awslogs", "0", "run", "uses",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.sampled_from(VALUES)
    | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=7)
    ),
    max_leaves=40,
)
MARKS = [
    "containerDefinitions",
    "serviceName",
    "clusterName",
    "stepAdjustments",
    "deploymentConfigName",
    "alarmName",
    "vpcId",
]
documents = st.dictionaries(st.sampled_from(MARKS), anything, min_size=1, max_size=2).flatmap(
    lambda marks: st.dictionaries(st.sampled_from(WORDS), anything, max_size=8).map(lambda rest: {**rest, **marks})
)


@settings(max_examples=150, deadline=None)
@given(st.lists(documents | anything, min_size=1, max_size=4))
def test_any_json(values):
    lint_texts({f"{index}.json": json.dumps(value) for index, value in enumerate(values)})


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_right_document_with_one_member_that_is_anything(data):
    base = json.loads(
        data.draw(st.sampled_from([fargate({"environment": [{"name": "A", "value": "b"}]}), service(desiredCount=2)]))
    )
    holder = data.draw(st.sampled_from([base, *base.get("containerDefinitions", [])]))
    holder[data.draw(st.sampled_from(WORDS))] = data.draw(anything)
    lint_text(json.dumps(base), "a.json")


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.sh", "a.py", "a.md", "<stdin>"])
@settings(max_examples=40, deadline=None)
@given(
    text=st.text(max_size=200)
    | st.lists(
        st.sampled_from(["aws ecs wait services-stable", "aws ecs run-task --launch-type FARGATE", "\\\n", "'", '"', "$(", ")", "\n", "```json\n",
                         "```\n", "{", "}", ": ", "- ", "run: |\n", "# fairway: ignore ", "*a", "&a ", "def handler(event, context):\n", "[", ","]),
        max_size=25,
    ).map("".join)
)  # fmt: skip
def test_any_text(name, text):
    lint_text(text.encode("utf-8", "replace").decode(), name)


@settings(max_examples=150, deadline=None)
@given(anything)
def test_json_is_read_as_the_standard_library_reads_it(value):
    text = json.dumps(value, indent=1)
    document, _ = read_json(text, "a.json")
    assert json.dumps(document.value) == json.dumps(json.loads(text))
    assert places_of(document) == set(document.places)


def places_of(document: Document) -> set[tuple[str | int, ...]]:
    """Every member of a value."""
    found: set[tuple[str | int, ...]] = set()

    def walk(value: object, path: tuple[str | int, ...]) -> None:
        found.add(path)
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, (*path, index))

    walk(document.value, ())
    return found


keys = st.sampled_from(["a", "b.c", "d e", "ü", "", "x-1"])
toml_values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "[y]", "# z", "a = 1", 'q"', "l\nl"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(keys, toml_values, max_size=4))
def test_toml_has_a_line_for_every_member(value):
    text = "".join(
        f"# {number}\n{json.dumps(key, ensure_ascii=False)} = {toml(item)}\n"
        for number, (key, item) in enumerate(value.items())
    )
    document = read_toml(text, "a.toml")
    assert document.value == value
    assert places_of(document) == set(document.places)
    assert [document.places[key,].line for key in value] == [2 * index + 2 for index in range(len(value))]


def toml(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {toml(item)}" for key, item in value.items())
            + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='{}[]:,"0 \n\\ue-', max_size=30))
def test_what_is_no_json_is_malformed_for_both(text):
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(Malformed):
            read_json(text, "a.json")
    else:
        read_json(text, "a.json")
