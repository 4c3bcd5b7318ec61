"""Ctrl-C and SIGTERM: only what was begun is named."""

from __future__ import annotations

import json
import os
import signal

import pytest

from fairway.aws import pace
from fairway.deployment import one_off

pytestmark = pytest.mark.slow


def interrupt_at(monkeypatch, count, act=None):
    """Interrupt when the tool waits for the `count`th time."""
    waits = []

    def wait(self):
        waits.append(1)
        if len(waits) >= count:
            if act is not None:
                act()
            raise KeyboardInterrupt

    monkeypatch.setattr(pace.Pace, "wait", wait)


def test_nothing_was_changed_before_anything_was_begun(project, fairway, ecs, monkeypatch):
    def interrupt(aws, document, origin):
        raise KeyboardInterrupt

    monkeypatch.setattr("fairway.deployment.services.register", interrupt)
    code, _, err = fairway("deploy", "--tag", "v1")
    assert code == 130
    assert "nothing was changed" in err
    assert "rollback" not in err
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []


def test_a_one_off_that_goes_on_is_named_and_no_service_is(project, fairway, ecs, monkeypatch):
    project.label("migrations", exit_after="10000")
    interrupt_at(monkeypatch, 2)
    code, _, err = fairway("deploy", "api", "--tag", "v1")
    assert code == 130
    [arn] = ecs.list_tasks(cluster=project.cluster)["taskArns"]
    task = arn.rsplit("/", 1)[1]
    assert f"migrations: task {task} goes on" in err
    assert f"aws ecs stop-task --cluster {project.cluster} --task {task}" in err
    assert "api: is unchanged" in err
    assert "fairway watch" not in err
    assert "fairway rollback" not in err


def test_a_new_service_has_nothing_to_go_back_to(project, fairway, monkeypatch):
    project.label("worker", start="300")
    interrupt_at(monkeypatch, 1)
    code, out, err = fairway("deploy", "worker", "--tag", "v1")
    assert code == 130, out
    assert "fairway watch worker" in err
    assert err.index("fairway deploy --resume") < err.index("fairway watch worker")
    assert "nothing to go back to: deploy again" in err
    assert "fairway rollback" not in err


def test_of_two_services_only_the_one_that_was_begun(project, fairway, monkeypatch):
    for key in ("worker", "api"):
        assert fairway("deploy", key, "--tag", "v1")[0] == 0
    project.label("worker", start="300")
    (project.root / "fairway.toml").write_text((project.root / "fairway.toml").read_text().split("[tasks.")[0])
    interrupt_at(monkeypatch, 2)
    code, _, err = fairway("deploy", "--tag", "v2")
    assert code == 130
    assert "worker: it is being updated, and goes on at ECS" in err
    assert "fairway rollback worker" in err
    assert "api: is unchanged" in err
    assert "fairway rollback api" not in err


def test_sigterm_ends_it_with_the_same_words(project, fairway, monkeypatch):
    project.label("worker", start="300")
    before = signal.getsignal(signal.SIGTERM)
    interrupt_at(monkeypatch, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    code, out, err = fairway("deploy", "worker", "--tag", "v1", "--json")
    assert code == 143, err
    [event] = [json.loads(line) for line in out.splitlines() if '"interrupted"' in line]
    assert (event["exit_code"], event["services"]) == (143, ["worker"])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_one_off_without_an_end_is_told_of_and_left_after_its_limit(project, fairway, monkeypatch):
    project.label("migrations", exit_after="10000")
    monkeypatch.setattr(one_off, "LIMIT_SECONDS", 1.5)
    monkeypatch.setattr(one_off, "_TELL_SECONDS", 0.5)
    code, out, _ = fairway("deploy", "api", "--tag", "v1")
    assert code == 6
    assert "waiting for the end of task" in out
    assert "migrations has not ended: it did not end within" in out
    assert "api: was not started, and is unchanged" in out


def test_an_image_given_by_name_runs_no_migrations_and_says_so(project, fairway, ecs):
    code, out, err = fairway("deploy", "api", "--image", "elsewhere/api:v9")
    assert code == 0, out + err
    assert "migrations: does not run: --image deploys exactly that image" in out
    definition = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-api")["taskDefinition"]
    assert definition["containerDefinitions"][0]["image"] == "elsewhere/api:v9"
    assert ecs.list_task_definitions(familyPrefix=f"{project.cluster}-migrations")["taskDefinitionArns"] == []


def test_an_interrupted_rollback_names_what_goes_back(project, fairway, monkeypatch):
    for version in ("v1", "v2"):
        assert fairway("deploy", "worker", "--tag", version)[0] == 0
    interrupt_at(monkeypatch, 1)
    code, _, err = fairway("rollback", "worker", "--yes")
    assert code == 130
    assert f"worker: goes back to {project.cluster}-worker:1 (v1) at ECS  → fairway watch worker" in err


def test_a_rollback_that_has_not_begun_changed_no_service(project, fairway, monkeypatch):
    for version in ("v1", "v2"):
        assert fairway("deploy", "worker", "--tag", version)[0] == 0

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fairway.deployment.rollback.mark", interrupt)
    code, _, err = fairway("rollback", "worker", "--yes")
    assert code == 130
    assert "no service was changed" in err
    assert "fairway watch" not in err


def test_a_request_that_did_not_reach_ecs_is_not_said_to_go_on(project, fairway, ecs, monkeypatch):
    assert fairway("deploy", "worker", "--tag", "v1")[0] == 0

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fairway.deployment.services.update", interrupt)
    code, out, err = fairway("deploy", "worker", "--tag", "v2", "--json")
    assert code == 130, err
    [event] = [json.loads(line) for line in out.splitlines() if '"interrupted"' in line]
    assert event["services"] == []
    code, out, err = fairway("deploy", "worker", "--tag", "v3")
    assert code == 130
    assert "worker: is unchanged: the request did not reach ECS" in err
    assert "fairway rollback" not in err
    assert "fairway deploy --resume" in err


def test_an_interrupted_watch_is_left_for_whoever_adopts_it(project, fairway, ecs, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("fairway.deployment.pipeline.monitor", interrupt)
        code, _, err = fairway("deploy", "worker", "--tag", "v1")
        assert code == 130
        assert "fairway watch --pending" in err
    code, out, err = fairway("watch", "--pending")
    assert code == 0, out + err
    tags = ecs.describe_task_definition(taskDefinition=f"{project.cluster}-worker", include=["TAGS"])["tags"]
    assert {"key": "fairway:verdict", "value": "good"} in tags
    code, out, _ = fairway("watch", "--pending")
    assert (code, out) == (0, "no watch is pending\n")
