"""The steps of a deployment, and what ends it early, on an engine."""

from __future__ import annotations

import json

import pytest
from tests.cli.test_deploy import events, revision, service_of, tags_of

from fairway.aws.session import Aws
from fairway.deployment.lock import Locks
from fairway.project.model import Environment

pytestmark = pytest.mark.slow

NO_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nothing-like-it"
ONE_WAY = 'revision = "2"\ndown_revision = "1"\none_way = True\n'


def without_breaker(project, key="api"):
    document = project.read(f"{key}.service.json")
    del document["deploymentConfiguration"]["deploymentCircuitBreaker"]
    project.write(f"{key}.service.json", document)


def with_secret(project, value_from, key="api"):
    document = project.read(f"{key}.task.json")
    document["containerDefinitions"][0]["secrets"] = [{"name": "PASSWORD", "valueFrom": value_from}]
    project.write(f"{key}.task.json", document)


def test_a_missing_secret_is_given_up_at_the_first_task_where_ecs_would_go_on_for_ever(project, fairway, ecs):
    without_breaker(project)
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    with_secret(project, NO_SECRET)
    code, out, _ = fairway("deploy", "api", "--tag", "v2", "--json", "--skip", "check")
    assert code == 4
    [given_up] = events(out, "giving_up")
    assert given_up["reason"] == "a secret that it needs does not exist"
    [outcome] = events(out, "outcome")
    assert outcome["reason"].startswith(
        "given up: a secret that it needs does not exist; ECS rolled back to the known good"
    )
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1
    tags = tags_of(ecs, f"{project.cluster}-api:2")
    assert tags["fairway:verdict"] == "bad"
    assert tags["fairway:why"].startswith("given up: a secret that it needs does not exist")


def test_the_same_exit_code_three_times_is_given_up(project, fairway):
    without_breaker(project)
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", exit_after="0", exit_code="3")
    code, out, _ = fairway("deploy", "api", "--tag", "v2", "--json")
    assert code == 4
    assert "ended with exit code 3 in container app" in events(out, "giving_up")[0]["reason"]


def test_a_new_service_that_can_never_start_is_given_up_and_cannot_go_back(project, fairway):
    without_breaker(project)
    with_secret(project, NO_SECRET)
    code, out, _ = fairway("deploy", "api", "--tag", "v1", "--json", "--skip", "check")
    assert code == 5
    assert "there is nothing to go back to" in events(out, "outcome")[0]["reason"]


def one_way(project, fairway):
    """A project whose next release brings a migration that cannot be undone."""
    assert fairway("deploy", "--tag", "v1")[0] == 0
    versions = project.root / "versions"
    versions.mkdir()
    (versions / "0002.py").write_text(ONE_WAY)
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace("before = ", 'revisions = "versions"\nbefore = '))


def test_after_a_one_way_migration_nothing_goes_back_by_itself(project, fairway, ecs):
    one_way(project, fairway)
    project.label("api", exit_after="0", exit_code="1")
    code, out, _ = fairway("deploy", "--tag", "v2", "--json")
    assert code == 6
    assert [(e["service"], e["outcome"]) for e in events(out, "outcome")] == [("worker", "succeeded"), ("api", "held")]
    [finished] = events(out, "finished")
    assert finished["kept"] == {"worker": "a migration of this run cannot be undone"}
    assert revision(service_of(ecs, project, "worker")["taskDefinition"]) == 2
    assert revision(service_of(ecs, project)["taskDefinition"]) == 2, "ECS did not roll back either"
    assert tags_of(ecs, f"{project.cluster}-worker:2")["fairway:one-way"] == "2"


def test_a_one_way_migration_that_was_deployed_before_is_none_of_this_release(project, fairway, ecs):
    one_way(project, fairway)
    toml = project.root / "fairway.toml"
    toml.write_text(toml.read_text().replace("before = ", "one_way = false\nbefore = "))
    project.label("api", exit_after="0", exit_code="1")
    assert fairway("deploy", "--tag", "v2")[0] == 4
    assert revision(service_of(ecs, project, "worker")["taskDefinition"]) == 1


def test_a_locked_service_is_not_deployed(project, fairway, ecs, engine):
    aws = Aws(Environment("local", project.cluster, "us-east-1", endpoint_url=engine.endpoint))
    with Locks(aws, project.cluster, ["worker"], "somebody-elses"):
        code, _, err = fairway("deploy", "--tag", "v1")
        assert code == 7
        assert "worker is being deployed by" in err
        assert "somebody-elses" in err
        assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []
        assert fairway("deploy", "api", "--tag", "v1")[0] == 0, "the other service is free"
        assert fairway("deploy", "--tag", "v1", "--take-over")[0] == 0


def test_only_some_steps(project, fairway, ecs):
    code, out, _ = fairway("deploy", "--tag", "v1", "--only", "migrate", "--json")
    assert code == 0
    assert [event["event"] for event in events(out, "one_off_stopped", "service_updated", "registered")] == [
        "registered",
        "one_off_stopped",
    ]
    code, out, _ = fairway("deploy", "--tag", "v1", "--from", "services", "--json")
    assert code == 0
    assert events(out, "one_off_started") == []
    assert tags_of(ecs, f"{project.cluster}-api")["fairway:skipped"] == "lint check migrate"
    code, _, err = fairway("deploy", "--tag", "v1", "--skip", "migrations")
    assert code == 2
    assert "there is no such step" in err


def test_a_time_out_that_rolls_back(project, fairway, ecs):
    assert fairway("deploy", "api", "--tag", "v1")[0] == 0
    project.label("api", start="150")
    code, out, _ = fairway("deploy", "api", "--tag", "v2", "--timeout", "2", "--on-timeout", "rollback", "--json")
    assert code == 4, out
    assert "--timeout is over" in json.dumps(events(out, "outcome"))
    assert revision(service_of(ecs, project)["taskDefinition"]) == 1


def test_what_is_left_is_done_by_whoever_adopts_it(project, fairway, ecs):
    code, out, _ = fairway("deploy", "worker", "--tag", "v1", "--until", "shifted", "--json")
    assert code == 0
    assert events(out, "finished")[0]["pending"] == ["verify", "monitor"]
    assert "fairway:verdict" not in tags_of(ecs, f"{project.cluster}-worker")
    code, out, err = fairway("watch", "--pending")
    assert code == 0, out + err
    assert tags_of(ecs, f"{project.cluster}-worker")["fairway:verdict"] == "good"
