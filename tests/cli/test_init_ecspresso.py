"""`fairway init --from-ecspresso`: the files of another tool become a project that loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairway.project.load import load_project

CONFIGURATION = """
region: eu-west-1
cluster: {{ must_env `ENV` }}
service: shop-api
service_definition: ecs-service-def.json
task_definition: ecs-task-def.json
timeout: 10m0s
plugins:
  - name: tfstate
    config: { url: s3://bucket/terraform.tfstate }
"""
TASK = """{
  "family": "shop-api",
  "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
  "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
  "taskRoleArn": "{{ tfstate `aws_iam_role.task.arn` }}",
  "containerDefinitions": [{
    "name": "app", "essential": true, "cpu": 0, "mountPoints": [],
    "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:{{ must_env `IMAGE_TAG` }}",
    "portMappings": [{ "containerPort": 8000, "hostPort": 8000, "protocol": "tcp" }],
    "environment": [
      { "name": "LOG_LEVEL", "value": "{{ env `LOG_LEVEL` `INFO` }}" },
      { "name": "API_TOKEN", "value": "pl4nted-secret" },
      { "name": "DB_PASSWORD", "value": "{{ must_env `DB_PASS` }}" }
    ]
  }]
}
"""
SERVICE = """{
  "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true }, "maximumPercent": 200, "minimumHealthyPercent": 100 },
  "desiredCount": {{ env `COUNT` `2` }},
  "launchType": "FARGATE",
  "loadBalancers": [{ "containerName": "app", "containerPort": 8000, "targetGroupArn": "{{ ssm `/shop/group` }}" }],
  "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"], "assignPublicIp": "DISABLED" } },
  "runningCount": 2,
  "schedulingStrategy": "REPLICA"
}
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A folder of ecspresso's files."""
    for name, text in {
        "ecspresso.yml": CONFIGURATION,
        "ecs-task-def.json": TASK,
        "ecs-service-def.json": SERVICE,
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENV", "shop")
    return tmp_path


def convert(fairway, *words):
    return fairway("init", "--from-ecspresso", "ecspresso.yml", "made", *words)


def test_the_project_that_comes_out(theirs, fairway):
    code, out, err = convert(fairway, "--env", "staging")
    assert code == 0, err
    assert "pl4nted-secret" not in out + err + "".join(path.read_text() for path in Path("made").rglob("*.*"))
    assert "by hand: ${TFSTATE_AWS_IAM_ROLE_TASK_ARN} stands for {{ tfstate `aws_iam_role.task.arn` }}" in out
    assert "--tag takes the place of IMAGE_TAG in the image of app" in out
    assert "${LOG_LEVEL} is 'INFO' by [variables] of the environment" in out
    assert "${DB_PASS} comes from the environment variable DB_PASS, as before" in out
    assert "plugins are ecspresso's own" in out
    values = {"TFSTATE_AWS_IAM_ROLE_TASK_ARN": "arn:aws:iam::123456789012:role/task", "API_TOKEN": "a", "DB_PASS": "b"}
    project = load_project(Path("made"), "staging", variables=values)
    assert project.environment.account == "123456789012"
    assert (project.environment.region, project.environment.cluster) == ("eu-west-1", "shop")
    spec = project.services["shop-api"]
    [container] = spec.definition["containerDefinitions"]
    assert container == {
        "name": "app",
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:{{ tag }}",
        "portMappings": [{"containerPort": 8000}],
        "environment": [
            {"name": "LOG_LEVEL", "value": "INFO"},
            {"name": "API_TOKEN", "value": "a"},
            {"name": "DB_PASSWORD", "value": "b"},
        ],
    }
    assert spec.service == {
        "serviceName": "shop-api",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        "loadBalancers": [{"containerName": "app", "containerPort": 8000, "targetGroupArn": "ssm:/shop/group"}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    }
    assert spec.manage == "service"
    assert convert(fairway, "--env", "staging")[0] == 2, "nothing is written over"


def test_a_described_definition_is_taken_as_well(theirs, fairway):
    described = {
        "taskDefinition": {**json.loads(TASK.replace("{{", "").replace("}}", "")), "revision": 7, "status": "ACTIVE"}
    }
    Path("ecs-task-def.json").write_text(json.dumps(described))
    code, out, err = convert(fairway)
    assert code == 0, err
    assert "put {{ tag }} where --tag belongs" in out
    assert "revision" not in json.loads(Path("made/deploy/shop-api.task.json").read_text())


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        pytest.param("ecspresso.yml", b"services: {}\n", "no configuration of ecspresso", id="something else's file"),
        pytest.param("ecspresso.yml", b"a: [\n", "ecspresso.yml:2: not YAML", id="broken YAML"),
        pytest.param("ecspresso.yml", "service: ü".encode("latin-1"), "ecspresso.yml:1: not UTF-8", id="not UTF-8"),
        pytest.param("ecs-task-def.json", b"{,}", "ecs-task-def.json:1:2: not JSON", id="broken JSON"),
        pytest.param("ecs-task-def.json", b"\xff{}", "not UTF-8", id="a definition that is not UTF-8"),
        pytest.param("ecs-task-def.json", b"[]", "no task definition", id="no task definition"),
        pytest.param("ecspresso.yml", CONFIGURATION.replace("ecs-task-def.json", "t.jsonnet").encode(), "t.jsonnet: Jsonnet has to be rendered first", id="jsonnet"),
        pytest.param("ecspresso.yml", CONFIGURATION.replace("ecs-task-def.json", "gone.json").encode(), "gone.json does not exist", id="a missing file"),
        pytest.param("ecs-task-def.json", TASK.replace("123456789012.dkr", "210987654321.dkr").encode(), "several accounts are named", id="two accounts"),
        pytest.param("ecs-service-def.json", SERVICE.replace(" `2`", "").encode(), "ecs-service-def.json:3: {{ env `COUNT` }} stands outside", id="a number without a fall-back"),
    ],
)  # fmt: skip
def test_what_is_refused_writes_nothing(theirs, fairway, name, content, text):
    Path(name).write_bytes(content)
    code, out, err = convert(fairway)
    assert (code, out) == (2, "")
    assert text in err
    assert not Path("made").exists()


def test_a_jsonnet_configuration(theirs, fairway):
    code, _, err = fairway("init", "--from-ecspresso", "ecspresso.jsonnet", "made")
    assert code == 2
    assert "ecspresso render config > ecspresso.json" in err


def test_an_account_that_is_said(theirs, fairway):
    Path("ecs-task-def.json").write_text(TASK.replace("123456789012.dkr", "210987654321.dkr"))
    assert convert(fairway, "--account", "123456789012")[0] == 0
    assert 'account = "123456789012"' in Path("made/deploy/environments/production.toml").read_text()
