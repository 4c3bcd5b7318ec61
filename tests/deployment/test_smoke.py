"""A one-off task inside the VPC that says whether the service is well, on an engine."""

from __future__ import annotations

import json

import pytest
from tests.conftest import GROUP, SUBNETS
from tests.conftest import a_definition as a_task_document

from fairway.observed import DEPLOYMENT_TAG

pytestmark = pytest.mark.slow


@pytest.fixture
def smoke(project):
    """The project, whose service `api` is verified by the task `smoke`; that one has no network of its own."""
    text = (project.root / "fairway.toml").read_text()
    api = 'service = "deploy/api.service.json"\n'
    assert api in text
    (project.root / "fairway.toml").write_text(
        text.replace(api, api + 'verify = [{ via = "task", task = "smoke" }]\n')
        + '\n[tasks.smoke]\ndefinition = "deploy/smoke.task.json"\nafter = ["api"]\n'
    )
    project.write("smoke.task.json", a_task_document(f"{project.cluster}-smoke"))
    project.label("smoke", exit_after="1")
    return project


def events(text, kind):
    return [event for event in map(json.loads, text.splitlines()) if event.get("event") == kind]


def test_it_runs_after_the_service_and_where_the_service_runs(smoke, fairway, ecs):
    code, said, errors = fairway("deploy", "--tag", "v1", "--json")
    assert code == 0, said + errors
    kinds = [json.loads(line)["event"] for line in said.splitlines()]
    tasks = [event for event in events(said, "one_off_started") if event["service"] == "smoke"]
    assert len(tasks) == 1
    assert kinds.index("outcome") < len(kinds) - 1 - kinds[::-1].index("one_off_started")
    (task,) = ecs.describe_tasks(cluster=smoke.cluster, tasks=[tasks[0]["task"]])["tasks"]
    details = {item["name"]: item["value"] for item in task["attachments"][0]["details"]}
    assert details["subnetId"] in SUBNETS
    assert task["launchType"] == "FARGATE"
    (check,) = [event for event in events(said, "verification") if event["check"] == "smoke"]
    assert (check["state"], check["text"]) == ("passed", "smoke: exit code 0")
    definition = ecs.describe_task_definition(taskDefinition=check["task_definition"], include=["TAGS"])
    assert definition["taskDefinition"]["containerDefinitions"][0]["image"].endswith(":v1")
    tags = {tag["key"]: tag["value"] for tag in definition["tags"]}
    assert tags[DEPLOYMENT_TAG] == events(said, "started")[0]["run"], "it belongs to the run that it verifies"


def test_its_exit_code_decides(smoke, fairway):
    assert fairway("deploy", "--tag", "v1", "--json")[0] == 0
    smoke.label("smoke", exit_after="1", exit_code="3")
    code, said, _ = fairway("deploy", "--tag", "v2", "--json")
    assert code == 4, said
    (verdict,) = [event for event in events(said, "verify_verdict") if event["service"] == "api"]
    assert (verdict["health"], verdict["reason"]) == ("unhealthy", "smoke: app exited with 3")


def test_a_task_that_cannot_be_run_is_inconclusive(smoke, fairway):
    network = {"awsvpcConfiguration": {"subnets": ["subnet-00000000000000000"], "securityGroups": [GROUP]}}
    smoke.write("smoke.run.json", {"launchType": "FARGATE", "networkConfiguration": network})
    file = smoke.root / "fairway.toml"
    file.write_text(file.read_text() + 'run = "deploy/smoke.run.json"\n')
    code, said, _ = fairway("deploy", "--tag", "v1", "--json")
    assert code == 6, said
    (verdict,) = [event for event in events(said, "verify_verdict") if event["service"] == "api"]
    assert verdict["health"] == "inconclusive"
    assert "smoke: could not be run: running the task smoke" in verdict["reason"]
