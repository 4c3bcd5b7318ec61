"""`plan`, `deploy --plan` and `render` on an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import pytest

from fairway.cli import deploy

pytestmark = pytest.mark.slow
PLANTED = "pl4nted-secret"
READS = ("Describe", "List", "Get")


def events(text, kind):
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [event for event in found if event["event"] == kind]


@pytest.fixture
def calls(monkeypatch):
    """The operations that AWS was asked for."""
    asked = []
    client_class: Any = botocore.client.BaseClient
    real = client_class._make_api_call

    def recording(client, operation, parameters):
        asked.append(operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(client_class, "_make_api_call", recording)
    return asked


def planned(fairway, *words):
    """(exit code, changes by service key, the whole output)."""
    code, out, err = fairway("plan", *words, "--json")
    assert code in {0, 3}, out + err
    changes = {
        event["key"]: {(change["path"], change["origin"]) for change in event["changes"]}
        for event in events(out, "planned_service")
    }
    return code, changes, out


def test_what_was_deployed_just_now_differs_in_nothing(project, fairway, calls):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    calls.clear()
    code, changes, out = planned(fairway, "--tag", "v1", "--exit-code")
    assert (code, changes) == (0, {"worker": set(), "api": set()})
    assert events(out, "plan")[0]["differs"] is False
    said = [event["deploys"] for event in events(out, "planned_service")] + [
        event["runs"] for event in events(out, "planned_task")
    ]
    assert said == [False, False, False], "as deploy does"
    assert {name for name in calls if not name.startswith(READS)} == set(), "a plan only reads"
    assert "DescribeServices" in calls


def test_a_change_of_the_file_and_one_by_hand_are_told_apart(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    ecs.update_service(
        cluster=project.cluster,
        service="api",
        desiredCount=4,
        enableECSManagedTags=True,
        deploymentConfiguration={"maximumPercent": 150},
    )
    code, changes, _ = planned(fairway, "api", "--tag", "v2", "--exit-code")
    assert code == 3
    assert changes["api"] == {
        ("containerDefinitions.app.image", "undeployed"),
        ("enableECSManagedTags", "drift"),
        ("deploymentConfiguration.maximumPercent", "drift"),
    }
    service = project.read("api.service.json")
    project.write("api.service.json", {**service, "propagateTags": "SERVICE"})
    _, changes, _ = planned(fairway, "api", "--tag", "v1")
    assert changes["api"] == {
        ("propagateTags", "undeployed"),
        ("enableECSManagedTags", "undeployed"),
        ("deploymentConfiguration.maximumPercent", "drift"),
    }


def test_a_new_deployment_of_somebody_with_other_settings_is_drift(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    subnet = project.read("api.service.json")["networkConfiguration"]["awsvpcConfiguration"]["subnets"][0]
    ecs.update_service(
        cluster=project.cluster, service="api", networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}}
    )
    service = project.read("api.service.json")
    project.write("api.service.json", {**service, "propagateTags": "SERVICE"})
    _, changes, _ = planned(fairway, "api", "--tag", "v1")
    assert changes["api"] == {
        ("propagateTags", "undeployed"),
        ("networkConfiguration.awsvpcConfiguration.subnets", "drift"),
        ("networkConfiguration.awsvpcConfiguration.securityGroups", "drift"),
    }


def test_a_revision_of_somebody_else_is_drift(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    family = f"{project.cluster}-api"
    shown = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    hotfix = {
        name: shown[name] for name in ("family", "networkMode", "requiresCompatibilities", "cpu", "executionRoleArn")
    }
    ecs.register_task_definition(**hotfix, memory="1024", containerDefinitions=shown["containerDefinitions"])
    ecs.update_service(cluster=project.cluster, service="api", taskDefinition=family)
    code, out, _ = fairway("plan", "api", "--tag", "v1", "--exit-code")
    assert code == 3
    assert f"! {family}:2 (v1) serves, which Fairway did not deploy" in out
    assert f"its own last deployment brought in {family}:1 (v1)" in out
    assert '~ memory: "1024" → "512"' in out


def test_a_plan_file_is_done_exactly_or_refused(project, fairway, ecs, tmp_path):
    file = str(tmp_path / "release.plan")
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    assert fairway("plan", "api", "--tag", "v2", "--out", file)[0] == 0
    code, out, _ = fairway("deploy", "--plan", file)
    assert code == 0, out
    assert "v2" in out
    code, _, err = fairway("deploy", "--plan", file)
    assert code == 2
    assert "has been carried out already: what it plans serves" in err
    assert fairway("plan", "api", "--tag", "v3", "--out", file)[0] == 0
    code, _, err = fairway("deploy", "api", "--tag", "v4", "--plan", file)
    assert code == 2
    assert "api: its task definition renders differently now" in err
    revisions = ecs.list_task_definitions(familyPrefix=f"{project.cluster}-api")["taskDefinitionArns"]
    assert len(revisions) == 2, "nothing was changed"


def test_a_plan_holds_after_its_image_was_pushed(project, fairway, ecs, engine, tmp_path):
    file = str(tmp_path / "release.plan")
    repository = project.cluster.lower()
    ecr = boto3.client(
        "ecr",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    address = ecr.create_repository(repositoryName=repository)["repository"]["repositoryUri"]
    definition = project.read("api.task.json")
    definition["containerDefinitions"][0]["image"] = f"{address}:{{{{ tag }}}}"
    project.write("api.task.json", definition)
    colour = ("--set", "api:COLOUR=green")
    assert fairway("plan", "api", "--tag", "v1", *colour, "--out", file)[0] == 0
    ecr.put_image(repositoryName=repository, imageManifest=json.dumps({"schemaVersion": 2}), imageTag="v1")
    code, out, err = fairway("deploy", "--plan", file, *colour)
    assert code == 0, out + err
    [container] = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-api")["taskDefinition"][
        "containerDefinitions"
    ]
    assert container["image"].startswith(f"{address}@sha256:")
    code, _, err = fairway("deploy", "--plan", file, *colour)
    assert code == 2
    assert "has been carried out already" in err


def test_a_plan_is_held_against_what_lives_once_more_under_the_lock(project, fairway, ecs, tmp_path, monkeypatch):
    file = str(tmp_path / "release.plan")
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    assert fairway("plan", "api", "--tag", "v2", "--out", file)[0] == 0

    def meanwhile(*_):
        """What somebody else does between the first look and the lock."""
        ecs.update_service(cluster=project.cluster, service="api", enableECSManagedTags=True)

    with monkeypatch.context() as patched:
        patched.setattr(deploy._Deploying, "_build", meanwhile)
        code, _, err = fairway("deploy", "--plan", file)
    assert code == 2
    assert "api: settings of the living service were changed since" in err
    assert len(ecs.list_task_definitions(familyPrefix=f"{project.cluster}-api")["taskDefinitionArns"]) == 1
    assert fairway("deploy", "api", "--tag", "v2")[0] == 0, "no lock and no open run is left behind"


def test_planted_secrets_never_appear(project, fairway, tmp_path):
    file = tmp_path / "release.plan"
    assert fairway("deploy", "api", "--tag", "v1", "--set", f"api:DB_PASSWORD={PLANTED}")[0] == 0
    said = ""
    for value in (PLANTED + "2", f"mysql://u:{PLANTED}@db/x"):
        words = (
            "api",
            "--tag",
            "v1",
            "--set",
            f"api:DB_PASSWORD={value}",
            "--set",
            f"api:URL=mysql://u:{PLANTED}@db/x",
        )
        for more in ((), ("--json",), ("--out", str(file))):
            code, out, err = fairway("plan", *words, *more)
            assert code == 0, err
            said += out + err
    assert "DB_PASSWORD" in said
    code, out, err = fairway("plan", "api", "--set", f"DB_PASSWORD={PLANTED}")
    assert code == 2
    code, out2, err2 = fairway("deploy", "--plan", str(file))
    assert code == 2
    assert "made with --set api:DB_PASSWORD, api:URL" in err2
    assert PLANTED not in said + out + err + out2 + err2 + file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_with_task_definition_managed_only_the_revision_changes(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    path = project.root / "fairway.toml"
    path.write_text(path.read_text().replace('after = ["worker"]', 'after = ["worker"]\nmanage = "task-definition"'))
    service = project.read("api.service.json")
    project.write("api.service.json", {**service, "deploymentConfiguration": {"maximumPercent": 150}})
    _, changes, _ = planned(fairway, "api", "--tag", "v2")
    assert changes["api"] == {("containerDefinitions.app.image", "undeployed")}
    assert fairway("deploy", "api", "--tag", "v2")[0] == 0
    [shown] = ecs.describe_services(cluster=project.cluster, services=["api"])["services"]
    assert shown["taskDefinition"].endswith(":2")
    assert shown["deploymentConfiguration"]["maximumPercent"] == 200
    path.write_text(path.read_text().replace("[services.worker]", '[services.worker]\nmanage = "task-definition"'))
    code, _, err = fairway("deploy", "worker", "--tag", "v2")
    assert code == 2
    assert "there is no service worker in cluster" in err
    assert 'worker has manage = "task-definition"' in err


def test_a_first_plan_creates_and_names_what_it_takes(project, fairway):
    code, out, _ = fairway("plan", "--tag", "v1", "--exit-code")
    assert code == 3
    assert "+ api: the service api is created" in out
    assert f"+ migrations: runs once, first: {project.cluster}-migrations is new" in out
    assert "2 services change" in out


def test_what_is_rendered_is_what_the_aws_cli_takes(project, fairway, ecs, tmp_path):
    folder = tmp_path / "rendered"
    code, out, _ = fairway("render", "--tag", "v1", "--out", str(folder))
    assert code == 0
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *(f"{key}.{command}.json" for key in ("api", "worker") for command in ("register-task-definition", "create-service", "update-service")),
        "migrations.register-task-definition.json",
        "migrations.run-task.json",
    }  # fmt: skip
    document = json.loads((folder / "api.register-task-definition.json").read_text())
    ecs.register_task_definition(**document)
    ecs.create_service(**json.loads((folder / "api.create-service.json").read_text()))
    ecs.update_service(**json.loads((folder / "api.update-service.json").read_text()))
    assert planned(fairway, "api", "--tag", "v1")[1] == {"api": set()}
    code, out, _ = fairway("render", "api", "--tag", "v1")
    assert json.loads(out)["api"]["register-task-definition"] == document


def test_rendering_asks_nobody_where_no_value_lives_in_the_account(project, fairway, calls):
    assert fairway("render", "api", "--tag", "v1")[0] == 0
    assert calls == []


def test_the_cost_of_the_documents_files_asks_nobody():
    """In a fresh interpreter, without credentials or network, boto3 is not even loaded."""
    code = (
        "import sys; from fairway.cli.main import main; code = main(['cost', '--env', 'production', '--json']); "
        "print(code, 'boto3' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, env=env)
    *lines, last = done.stdout.splitlines()
    assert last == "0 False"
    costs = {event["service"]: event for event in map(json.loads, lines) if event["event"] == "cost_service"}
    assert (costs["api"]["task_monthly"], costs["worker"]["task_monthly"]) == (35.54, 17.77)
    assert json.loads(lines[-1])["on_demand_monthly"] == 355.40
