"""A project in its environments: each finding where its value stands."""

from __future__ import annotations

import json

import pytest

from fairway.lint.finding import Severity
from fairway.lint.project import environments_of, errors_of, lint_environments, lint_project
from fairway.lint.rules.file_rules import INVALID
from fairway.lint.rules.project_rules import LEFT, UNMONITORED
from fairway.project.load import load_project

PROJECT = """[project]
name = "shop"
default_environment = "local"

[services.api]
definition = "deploy/api.task.json"
service = "deploy/api.service.json"
monitor = { minutes = 15 }

[tasks.migrations]
definition = "deploy/migrations.task.json"
"""
DEFINITION = {
    "family": "shop",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {
            "name": "app",
            "image": "shop:{{ tag }}",
            "user": "1000",
            "readonlyRootFilesystem": True,
            "logConfiguration": {"logDriver": "splunk"},
            "environment": [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}],
            "healthCheck": {"command": ["CMD", "probe"], "interval": 30},
        }
    ],
}
SERVICE = {
    "serviceName": "shop",
    "desiredCount": 2,
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["${A}", "${B}"]}},
    "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
}
LOCAL = """region = "us-east-1"
cluster = "shop-local"
[variables]
A = "subnet-a"
B = "subnet-b"
"""
LIVE = (
    """account = "123456789012"
"""
    + LOCAL
)
LOCAL_LINES, LIVE_LINES = LOCAL.count("\n"), LIVE.count("\n")


class Folder:
    """A project on disk."""

    def __init__(self, root):
        self.root = root
        (root / "deploy" / "environments").mkdir(parents=True)
        self.write("fairway.toml", PROJECT)
        self.write("deploy/environments/local.toml", LOCAL)
        self.write("deploy/environments/live.toml", LIVE)
        self.write("deploy/api.task.json", DEFINITION)
        self.write("deploy/api.service.json", SERVICE)
        migrations = {**DEFINITION, "family": "migrations", "networkMode": "bridge", "requiresCompatibilities": ["EC2"]}
        self.write("deploy/migrations.task.json", migrations)

    def write(self, name, content):
        text = content if isinstance(content, str) else json.dumps(content, indent=1)
        (self.root / name).write_text(text)

    def add(self, name, text):
        self.write(name, (self.root / name).read_text() + text)

    def lint(self, *environments):
        chosen = environments or environments_of(self.root)
        return lint_environments(self.root / "fairway.toml", chosen, is_all=not environments)

    def found(self, *environments):
        return [
            (f.code, str(f.place), f.environments) for f in self.lint(*environments).findings if f.code != "not-fargate"
        ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def test_a_right_project_has_nothing_to_mend(folder):
    assert folder.found() == []


def test_a_value_of_the_definition_is_placed_in_the_definition(folder):
    folder.write("deploy/api.task.json", {**DEFINITION, "memory": "4096"})
    line = json.dumps({**DEFINITION, "memory": "4096"}, indent=1).split("\n").index(' "memory": "4096",') + 1
    assert folder.found() == [("fargate-size", f"deploy/api.task.json:{line}", ())]


OVERLAY = """
[services.api.overrides.definition]
memory = "4096"

[[services.api.overrides.definition.containerDefinitions]]
name = "app"
environment = [
    { name = "B", value = "AKIAIOSFODNN7EXAMPLE" },
    { name = "C", value = "AKIAIOSFODNN7EXAMPLE" },
]
healthCheck = { interval = 2 }

[[services.api.overrides.definition.containerDefinitions]]
name = "sidecar"
image = "proxy"

[services.api.overrides.service.networkConfiguration.awsvpcConfiguration]
subnets = ["one"]
"""


def test_a_value_of_an_overlay_is_placed_in_the_overlay(folder):
    folder.add("deploy/environments/local.toml", OVERLAY)
    at = {text: LOCAL_LINES + number for number, text in enumerate(OVERLAY.split("\n"), start=1)}
    wanted = {
        ("fargate-size", at['memory = "4096"']),
        ("secret-in-the-open", at['    { name = "B", value = "AKIAIOSFODNN7EXAMPLE" },']),
        ("secret-in-the-open", at['    { name = "C", value = "AKIAIOSFODNN7EXAMPLE" },']),
        ("health-check-range", at["healthCheck = { interval = 2 }"]),
        ("moving-tag", at['image = "proxy"']),
        ("single-subnet", at['subnets = ["one"]']),
    }
    found = {(code, place) for code, place, where in folder.found() if where == ("local",)}
    assert {(code, f"deploy/environments/local.toml:{line}") for code, line in wanted} <= found


def test_what_an_overlay_mends_is_found_elsewhere_only(folder):
    folder.write("deploy/api.task.json", {**DEFINITION, "memory": "4096"})
    folder.add("deploy/environments/local.toml", '\n[services.api.overrides.definition]\nmemory = "512"\n')
    [(code, place, where)] = folder.found()
    assert (code, place.partition(":")[0], where) == ("fargate-size", "deploy/api.task.json", ("live",))


def test_service_and_task_definition_are_linked_by_the_project(folder):
    balancer = {"targetGroupArn": "arn", "containerName": "app", "containerPort": 8000}
    folder.write(
        "deploy/api.service.json", {**SERVICE, "loadBalancers": [balancer], "healthCheckGracePeriodSeconds": 60}
    )
    assert "balancer-target" in [code for code, _, _ in folder.found()]


def test_a_task_that_verifies_a_service_runs_in_its_network(folder):
    folder.write("deploy/smoke.task.json", {**DEFINITION, "family": "smoke"})
    file = folder.root / "fairway.toml"
    verified = file.read_text().replace(
        "[services.api]\n", '[services.api]\nverify = [{ via = "task", task = "smoke" }]\n'
    )
    file.write_text(f'{verified}\n[tasks.smoke]\ndefinition = "deploy/smoke.task.json"\nafter = ["api"]\n')
    assert "network-missing" not in [code for code, place, _ in folder.found() if place.startswith("fairway.toml")]


def test_a_one_off_without_a_network_is_placed_in_the_project_file(folder):
    folder.write("deploy/migrations.task.json", {**DEFINITION, "family": "migrations"})
    line = PROJECT.split("\n").index("[tasks.migrations]") + 1
    assert folder.found() == [("network-missing", f"fairway.toml:{line}", ())]


@pytest.mark.parametrize(
    ("name", "text", "place", "message"),
    [
        pytest.param("fairway.toml", PROJECT + "x = [\n", "fairway.toml:12", "not TOML", id="broken TOML"),
        pytest.param("fairway.toml", PROJECT.replace("definition =", "definitoin =", 1), "fairway.toml:6", "unknown key", id="an unknown key"),
        pytest.param("fairway.toml", PROJECT.replace("minutes", "minuts"), "fairway.toml:8", "unknown key", id="an unknown key of monitor"),
        pytest.param("fairway.toml", PROJECT + "[lint]\nignore = [{ cod = 'x' }]\n", "fairway.toml:13", "unknown key lint.ignore.cod", id="an unknown key of an ignore"),
        pytest.param("fairway.toml", PROJECT + "[lint]\nignore = 3\n", "fairway.toml:13", "must be a list", id="no list"),
        pytest.param("deploy/api.task.json", '{\n"a": 1,\n}', "deploy/api.task.json:3", "not JSON", id="broken JSON"),
        pytest.param("deploy/api.task.json", "[" * 100_000, "deploy/api.task.json:1", "nested too deeply", id="deep JSON"),
        pytest.param("fairway.toml", "a = " + "[" * 5000, "fairway.toml:1", "nested too deeply", id="deep TOML"),
        pytest.param("deploy/api.service.json", SERVICE | {"x": "${HOSTNAMES}"}, "deploy/api.service.json:18", "${HOSTNAMES} is not set", id="a variable that is not set"),
        pytest.param("deploy/environments/live.toml", "services = 3\n" + LIVE, "deploy/environments/live.toml:1", "services must be a table", id="an overlay that is none"),
        pytest.param("deploy/environments/live.toml", LIVE + "[services.api.overrides.definition]\ncontainerDefinitions = [{ image = 'x' }]\n", "deploy/environments/live.toml:7", "an item has no name", id="a container without name"),
        pytest.param("deploy/environments/live.toml", LIVE.replace("cluster", "clutser"), "deploy/environments/live.toml:3", "unknown key", id="an unknown key of an environment"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_is_a_finding_with_its_place(folder, name, text, place, message):
    folder.write(name, text)
    found = [item for item in folder.lint("live").findings if item.code == INVALID.code]
    assert [(str(item.place), message in item.message) for item in found] == [(place, True)], found
    assert found[0].severity is Severity.ERROR
    assert found[0].remedy


def test_the_example_of_an_invalid_project_is_one(folder):
    folder.write("api.task.json", DEFINITION)
    folder.write("fairway.toml", INVALID.example)
    assert {item.code for item in folder.lint("live").findings} == {"project-invalid"}
    folder.write("fairway.toml", INVALID.better)
    assert "project-invalid" not in {item.code for item in folder.lint("live").findings}


def test_the_example_of_an_unmonitored_service_is_one(folder):
    folder.write("api.task.json", DEFINITION)
    folder.write("api.service.json", SERVICE)
    folder.write("fairway.toml", UNMONITORED.example)
    assert ("monitor-missing", "fairway.toml:1", ("live",)) in [
        (item.code, str(item.place), item.environments or ("live",)) for item in folder.lint("live").findings
    ]
    folder.write("fairway.toml", UNMONITORED.better)
    assert "monitor-missing" not in {item.code for item in folder.lint("live").findings}


def test_the_example_of_a_placeholder_that_is_left_is_one(folder):
    folder.write("deploy/api.task.json", json.loads(LEFT.example))
    [found] = [item for item in folder.lint().findings if item.code == LEFT.code]
    assert found.message == "{{ version }} is put in by nobody"
    assert found.field == "containerDefinitions[0].environment[0].value"
    for text in (LEFT.better, LEFT.better.replace("{{ tag }}", "{{not a name}} {{.Path}} {{{{")):
        folder.write("deploy/api.task.json", json.loads(text))
        assert LEFT.code not in {item.code for item in folder.lint().findings}


IGNORED = """
[lint]
ignore = [
    { code = "fargate-size", path = "deploy/*.json", reason = "we know" },
]
"""


def test_the_table_of_the_project_file_ignores(folder):
    folder.write("deploy/api.task.json", {**DEFINITION, "memory": "4096"})
    folder.add("fairway.toml", IGNORED)
    assert folder.found() == []
    assert folder.lint().ignored == 1
    folder.write("deploy/api.task.json", DEFINITION)
    line = PROJECT.count("\n") + 4
    assert folder.found() == [("ignore-unused", f"fairway.toml:{line}", ())]
    assert folder.found("local") == [], "what one environment does not need, another one may"


def test_an_ignore_may_be_for_one_environment(folder):
    folder.write("deploy/api.task.json", {**DEFINITION, "memory": "4096"})
    folder.add("fairway.toml", IGNORED.replace("reason", 'environment = "local", reason'))
    [(code, _, where)] = folder.found()
    assert (code, where) == ("fargate-size", ("live",))


def test_a_comment_of_an_overlay_ignores(folder):
    text = '\n[services.api.overrides.definition]\n# fairway: ignore fargate-size we know\nmemory = "4096"\n'
    folder.add("deploy/environments/local.toml", text)
    assert folder.found() == []


def test_a_deployment_asks_for_the_errors_of_its_environment(folder):
    folder.add("deploy/environments/local.toml", '\n[services.api.overrides.definition]\nmemory = "4096"\n')
    folder.write("deploy/api.service.json", {**SERVICE, "deploymentConfiguration": {}})
    local, live = load_project(folder.root, "local"), load_project(folder.root, "live")
    assert [item.code for item in errors_of(local)] == ["fargate-size"]
    assert errors_of(live) == ()
    assert "no-circuit-breaker" in {item.code for item in lint_project(live)}
    folder.add("fairway.toml", IGNORED.replace("deploy/*.json", "deploy/environments/*"))
    assert errors_of(load_project(folder.root, "local")) == ()
