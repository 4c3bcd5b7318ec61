"""What a release refuses before anybody is asked."""

from __future__ import annotations

import json

import pytest

from fairway.deployment.release import Choices, make_release
from fairway.errors import UsageError
from fairway.project.load import load_project

TOML = """[project]
name = "shop"
default_environment = "local"

[services.api]
definition = "api.task.json"
service = "api.service.json"

[tasks.migrations]
definition = "migrations.task.json"
before = ["api"]
run = "migrations.run.json"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deploy" / "environments").mkdir(parents=True)
    (tmp_path / "deploy" / "environments" / "local.toml").write_text('region = "us-east-1"\ncluster = "shop"\n')
    (tmp_path / "fairway.toml").write_text(TOML)
    for key in ("api", "migrations"):
        container = {"name": "app", "image": f"shop/{key}:{{{{ tag }}}}", "essential": True}
        write(tmp_path, f"{key}.task.json", {"family": key, "containerDefinitions": [container]})
    write(tmp_path, "api.service.json", {"serviceName": "api", "desiredCount": 1})
    write(tmp_path, "migrations.run.json", {"launchType": "FARGATE"})
    return tmp_path


def write(folder, name, document):
    (folder / name).write_text(json.dumps(document, indent=2))


def change(folder, name, edit):
    document = json.loads((folder / name).read_text())
    edit(document)
    write(folder, name, document)


def release(folder, **choices):
    return make_release(load_project(folder), Choices(**{"tag": "v1", **choices}))


def test_an_image_alone_is_deployed_as_it_is_and_runs_no_one_off(folder):
    made = release(folder, tag=None, services=("api",), images=(("", "elsewhere/api:v9"),))
    assert made.services[0].definition["containerDefinitions"][0]["image"] == "elsewhere/api:v9"
    assert (made.before, made.left_out, made.version, made.services[0].tag) == ((), ("migrations",), "v9", None)
    assert made.images == {"elsewhere/api:v9"}


def test_a_tag_beside_an_image_is_the_one_offs(folder):
    made = release(folder, tag="v8", services=("api",), images=(("", "elsewhere/api:v9"),))
    assert made.services[0].definition["containerDefinitions"][0]["image"] == "elsewhere/api:v9"
    assert made.before[0].definition["containerDefinitions"][0]["image"] == "shop/migrations:v8"
    assert made.left_out == ()


def test_a_one_off_without_a_network_takes_that_of_its_service(folder):
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    change(
        folder, "api.service.json", lambda document: document.update(launchType="FARGATE", networkConfiguration=network)
    )
    assert release(folder).before[0].run == {"networkConfiguration": network, "launchType": "FARGATE"}
    toml = (folder / "fairway.toml").read_text()
    (folder / "fairway.toml").write_text(toml.replace('run = "migrations.run.json"\n', ""))
    assert release(folder).before[0].run == {"networkConfiguration": network, "launchType": "FARGATE"}
    own = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-2"]}}}
    (folder / "fairway.toml").write_text(toml)
    write(folder, "migrations.run.json", own)
    assert release(folder).before[0].run == own


@pytest.mark.parametrize("kind", ["CODE_DEPLOY", "EXTERNAL"])
def test_another_controller_in_our_own_definition_is_refused(folder, kind):
    change(folder, "api.service.json", lambda document: document.update(deploymentController={"type": kind}))
    with pytest.raises(UsageError) as error:
        release(folder)
    assert f"api.service.json:5: the deployment controller {kind}" in error.value.message
    assert "take deploymentController out" in str(error.value.hint)


def test_ecs_as_controller_may_be_said(folder):
    change(folder, "api.service.json", lambda document: document.update(deploymentController={"type": "ECS"}))
    assert release(folder).services[0].name == "api"


@pytest.mark.parametrize(
    ("file", "edit", "message", "hint"),
    [
        pytest.param(
            "api.task.json",
            lambda d: d["containerDefinitions"][0].update(esential=True),
            "api.task.json:8: RegisterTaskDefinition has no member containerDefinitions.0.esential",
            'did you mean "essential"?; or upgrade boto3',
            id="unknown member of a container",
        ),
        pytest.param(
            "api.task.json",
            lambda d: d["containerDefinitions"][0].update(portMappings=[{"containerPort": "80"}]),
            "api.task.json:10: containerDefinitions.0.portMappings.0.containerPort is '80'",
            "containerPort is a whole number",
            id="wrong type",
        ),
        pytest.param(
            "api.service.json",
            lambda d: d.update(desiredcount=2),
            "api.service.json:4: CreateService has no member desiredcount",
            'did you mean "desiredCount"?',
            id="unknown member of a service",
        ),
        pytest.param(
            "migrations.run.json",
            lambda d: d.update(networkConfiguration={"awsvpcConfiguration": {"securityGroups": []}}),
            "migrations.run.json:4: networkConfiguration.awsvpcConfiguration.subnets is missing",
            "RunTask needs subnets",
            id="missing member of a run",
        ),
    ],
)
def test_what_aws_would_not_take_is_refused_with_its_place(folder, file, edit, message, hint):
    change(folder, file, edit)
    with pytest.raises(UsageError) as error:
        release(folder)
    assert message in error.value.message
    assert hint in str(error.value.hint)


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param([{"name": "PIN", "value": 4711}], id="a number"),
        pytest.param([{"name": "PIN", "value": {"a": "4711"}}], id="an object"),
        pytest.param({"DB_PASSWORD": "4711"}, id="no list"),
        pytest.param([{"name": "PIN", "valeu": "4711"}], id="an unknown member"),
    ],
)
def test_a_mistake_beside_a_secret_does_not_show_it(folder, environment):
    change(folder, "api.task.json", lambda d: d["containerDefinitions"][0].update(environment=environment))
    with pytest.raises(UsageError) as error:
        release(folder)
    assert "4711" not in error.value.message + str(error.value.hint)
    assert "api.task.json:" in error.value.message
