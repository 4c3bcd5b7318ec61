"""A tool that is killed at any moment: another goes on, and nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from tests.cli.test_check import asked_for, report_of

pytestmark = pytest.mark.slow

TOOL = Path(__file__).with_name("dying_tool.py")
SEED = 20261127


def run_tool(project, moment, phase, *words):
    """(exit code, output) of a tool that is killed there."""
    done = subprocess.run(
        [sys.executable, str(TOOL), str(moment), phase, *words],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def parameters(engine, cluster):
    ssm = boto3.client(
        "ssm",
        endpoint_url=engine.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/fairway", Recursive=True)
    return {p["Name"]: p["Value"] for page in pages for p in page["Parameters"] if f"/{cluster}/" in p["Name"]}


def check_ended_right(project, ecs, engine):
    """Each thing was done once, and nothing is left behind."""
    for key in ("worker", "api"):
        revisions = ecs.list_task_definitions(familyPrefix=f"{project.cluster}-{key}")["taskDefinitionArns"]
        assert len(revisions) == 2, f"{key}: one revision for v1, one for v2"
        [service] = ecs.describe_services(cluster=project.cluster, services=[key])["services"]
        assert service["taskDefinition"] == revisions[-1]
        records = ecs.list_service_deployments(cluster=project.cluster, service=key)["serviceDeployments"]
        assert [record["status"] for record in records] == ["SUCCESSFUL", "SUCCESSFUL"], key
        tags = ecs.describe_task_definition(taskDefinition=revisions[-1], include=["TAGS"])["tags"]
        assert {"key": "fairway:verdict", "value": "good"} in tags
    migrations = ecs.list_task_definitions(familyPrefix=f"{project.cluster}-migrations")["taskDefinitionArns"]
    assert len(migrations) == 2
    tasks = ecs.list_tasks(cluster=project.cluster, family=f"{project.cluster}-migrations", desiredStatus="STOPPED")
    assert len(tasks["taskArns"]) == 2, "the migrations ran once for each version"
    left = parameters(engine, project.cluster)
    assert not [name for name in left if name.startswith("/fairway/run/")]
    held = [name for name, value in left.items() if not json.loads(value)["released"]]
    assert held == []


WRITES = 21
"""Of a deployment of the project whose services live: locks, the journal, revisions, the one-off, updates, verdicts, the ends."""


def kill_and_resume(project, fairway, ecs, engine, moment, phase):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    code, out = run_tool(project, moment, phase, "deploy", "--tag", "v2")
    assert code == -signal.SIGKILL, out
    code, out, err = fairway("deploy", "--resume")
    if "no run is unfinished" in err:
        # it died before it had begun, or after it had ended
        code, out, err = (0, "", "") if is_done(project, ecs) else fairway("deploy", "--tag", "v2")
    assert code == 0, out + err
    check_ended_right(project, ecs, engine)


def is_done(project, ecs):
    return len(ecs.list_task_definitions(familyPrefix=f"{project.cluster}-api")["taskDefinitionArns"]) > 1


def test_moments_are_drawn_among_all_writes(project):
    assert run_tool(project, 0, "before", "deploy", "--tag", "v1")[0] == 0
    code, out = run_tool(project, 0, "before", "deploy", "--tag", "v2")
    assert code == 0, out
    assert int(out.rsplit("writes: ", 1)[1]) == WRITES


@pytest.mark.parametrize("number", range(5))
def test_another_process_goes_on_where_a_killed_one_ended(project, fairway, ecs, engine, number):
    drawn = random.Random(SEED + number)
    fifth = WRITES // 5
    moment, phase = drawn.randint(1 + fifth * number, fifth + fifth * number), drawn.choice(["before", "after"])
    kill_and_resume(project, fairway, ecs, engine, moment, phase)


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(50))
def test_a_campaign_of_killed_tools(project, fairway, ecs, engine, number):
    drawn = random.Random(1000 + number)
    kill_and_resume(project, fairway, ecs, engine, drawn.randint(1, WRITES), drawn.choice(["before", "after"]))


def test_a_resumed_run_is_the_same_run(project, fairway, ecs, engine):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    asked_for(project, '[checklist]\nreviewed = "Code reviewed"\n')
    said = ("--confirm", "reviewed=by ann", "--urgent", "customers cannot pay")
    code, out = run_tool(project, 10, "before", "deploy", "--tag", "v2", *said)
    assert code == -signal.SIGKILL, out
    code, _, err = fairway("deploy", "--resume", "--tag", "v3")
    assert code == 2
    assert "was started with --tag v2, not v3" in err
    code, _, err = fairway("deploy", "--resume", "nothing-like-it")
    assert code == 2
    assert "is not unfinished" in err
    code, out, _ = fairway("deploy", "--resume", "--json")
    assert code == 0
    check_ended_right(project, ecs, engine)
    report, _ = report_of(out)
    assert [(item["name"], item["how"], item["text"]) for item in report["confirmed"]] == [
        ("reviewed", "--confirm", "by ann")
    ]
    assert report["urgent"] == "customers cannot pay", "said before the first process was killed"


def serving_of(project, ecs, key):
    [service] = ecs.describe_services(cluster=project.cluster, services=[key])["services"]
    return int(service["taskDefinition"].rsplit(":", 1)[-1])


def statuses_of(project, ecs, key):
    """Of its service deployments, the oldest first."""
    records = ecs.list_service_deployments(cluster=project.cluster, service=key)["serviceDeployments"]
    return [record["status"] for record in records][::-1]


def nothing_is_left(project, engine):
    left = parameters(engine, project.cluster)
    runs = [name for name in left if name.startswith("/fairway/run/")]
    return runs == [] and all(json.loads(value)["released"] for name, value in left.items())


FAILING = (9, 20)
"""Writes of a release that fails in its second service: from the migrations to the end of the way back."""


def kill_a_failing_release(project, fairway, ecs, engine, moment, phase):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    project.label("api", exit_after="1", exit_code="3")
    code, out = run_tool(project, moment, phase, "deploy", "--tag", "v2")
    assert code == -signal.SIGKILL, out
    code, out, err = fairway("deploy", "--resume")
    # after its last write of all the run has ended
    assert code == 4 or "no run is unfinished" in err, out + err
    assert (serving_of(project, ecs, "worker"), serving_of(project, ecs, "api")) == (1, 1)
    assert statuses_of(project, ecs, "worker") == ["SUCCESSFUL"] * 3, "v1, v2, and back once"
    assert statuses_of(project, ecs, "api") == ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]
    assert len(ecs.list_task_definitions(familyPrefix=f"{project.cluster}-worker")["taskDefinitionArns"]) == 2
    assert nothing_is_left(project, engine)


@pytest.mark.parametrize("number", range(3))
def test_a_release_that_fails_is_taken_back_once_whoever_ends_it(project, fairway, ecs, engine, number):
    drawn = random.Random(SEED + number)
    third = (FAILING[1] - FAILING[0] + 1) // 3
    moment = FAILING[0] + drawn.randrange(third) + third * number
    kill_a_failing_release(project, fairway, ecs, engine, moment, drawn.choice(["before", "after"]))


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(30))
def test_a_campaign_of_killed_releases_that_fail(project, fairway, ecs, engine, number):
    drawn = random.Random(2000 + number)
    moment, phase = drawn.randint(FAILING[0], FAILING[1]), drawn.choice(["before", "after"])
    kill_a_failing_release(project, fairway, ecs, engine, moment, phase)


ROLLBACK_WRITES = 12
"""Of a rollback of both services: locks, verdicts, updates, and locks again."""


def kill_a_rollback(project, fairway, ecs, moment, phase):
    for tag in ("v1", "v2", "v3"):
        assert fairway("deploy", "--tag", tag, "--skip", "migrate")[0] == 0
    assert run_tool(project, moment, phase, "rollback", "--yes")[0] == -signal.SIGKILL
    code, out, err = fairway("rollback", "--yes")
    assert code == 0, out + err
    for key in ("worker", "api"):
        assert serving_of(project, ecs, key) == 2, f"{key} is back at v2, and not further"
        assert len(statuses_of(project, ecs, key)) == 4, f"{key} went back once"


@pytest.mark.parametrize("number", range(2))
def test_a_killed_rollback_is_gone_on_with_and_is_one(project, fairway, ecs, number):
    drawn = random.Random(SEED + number)
    half = ROLLBACK_WRITES // 2
    kill_a_rollback(project, fairway, ecs, drawn.randint(1, half) + half * number, drawn.choice(["before", "after"]))


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(30))
def test_a_campaign_of_killed_rollbacks(project, fairway, ecs, number):
    drawn = random.Random(3000 + number)
    kill_a_rollback(project, fairway, ecs, drawn.randint(1, ROLLBACK_WRITES), drawn.choice(["before", "after"]))


def test_what_somebody_has_taken_back_meanwhile_is_not_deployed_over(project, fairway, ecs):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    assert fairway("deploy", "--tag", "v2")[0] == 0
    # in the migrations of v3: no service is changed yet
    assert run_tool(project, 8, "before", "deploy", "--tag", "v3")[0] == -signal.SIGKILL
    assert "has not deployed to its end" in fairway("status")[1]
    assert fairway("rollback", "api", "--yes")[0] == 0
    code, _, err = fairway("deploy", "--resume")
    assert code == 7
    family = f"{project.cluster}-api"
    assert f"{family}:2 served in api when it began, and now {family}:1 does" in err
    assert "--force" in err
    [api] = ecs.describe_services(cluster=project.cluster, services=["api"])["services"]
    assert api["taskDefinition"].endswith(f"{family}:1")
    assert fairway("deploy", "--resume", "--force")[0] == 0
    [api] = ecs.describe_services(cluster=project.cluster, services=["api"])["services"]
    assert api["taskDefinition"].endswith(f"{family}:3")


def test_a_new_deployment_ends_what_was_left_of_an_older_one(project, fairway, engine):
    assert fairway("deploy", "--tag", "v1")[0] == 0
    assert run_tool(project, 10, "before", "deploy", "--tag", "v2")[0] == -signal.SIGKILL
    assert [name for name in parameters(engine, project.cluster) if "/run/" in name]
    assert fairway("deploy", "--tag", "v3")[0] == 0
    assert not [name for name in parameters(engine, project.cluster) if "/run/" in name]
    assert fairway("deploy", "--resume")[0] == 2
