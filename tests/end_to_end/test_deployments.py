"""Real tasks behind a real load balancer, under load: what a newcomer does in the first five minutes."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from tests.end_to_end.stack import CLUSTER, edited, until

from fairway.clock import sleep

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def get(stack, path="/version"):
    connection = http.client.HTTPConnection(stack.address.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def call(stack, method, path, document=None, token=None):
    """A request of the API; its status and its document."""
    connection = http.client.HTTPConnection(stack.address.removeprefix("http://"), timeout=10)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, None if document is None else json.dumps(document), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def versions(stack, requests=40):
    return Counter(get(stack)["version"] for _ in range(requests))


def deploy(stack, tag, *words, **options):
    return stack.run("deploy", "api", "--tag", tag, *words, **options)


def is_steady(stack, count=5):
    service = stack.service()
    return len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"] == count


def test_up_ends_with_five_healthy_tasks_in_two_zones(stack):
    # tests come in any order: one before may have killed a task, which is being replaced
    until(lambda: [task["healthStatus"] for task in stack.tasks()] == ["HEALTHY"] * 5, what="five healthy tasks")
    tasks = stack.tasks()
    assert sorted(Counter(task["availabilityZone"] for task in tasks).values()) == [2, 3]
    assert get(stack)["service"] == "taskmanager-api"
    assert len(stack.tasks("taskmanager-worker")) == 2


def test_up_again_changes_nothing(stack):
    before = {task["taskArn"] for task in stack.tasks()}
    said = stack.run("up", "--detach")
    assert "the services are deployed already" in said
    assert {task["taskArn"] for task in stack.tasks()} == before


def test_a_good_deployment_loses_no_request(stack):
    with stack.traffic() as traffic:
        said = deploy(stack, "good-1")
    traffic.assert_none_failed(at_least=300)
    assert versions(stack) == {"good-1": 40}
    assert "is marked good" in said


def test_a_broken_deployment_is_rolled_back_and_says_why_and_loses_no_request(stack):
    deploy(stack, "good-2")
    with stack.traffic() as traffic:
        said = deploy(stack, "broken", "--set", "api:TASKMANAGER_FAULTS=crash_at_start", code=4)
    traffic.assert_none_failed()
    assert versions(stack) == {"good-2": 40}
    for part in (
        "failed and was rolled back",
        "exit code 1",
        "RuntimeError: crash_at_start",
        "Essential container in task exited",
    ):
        assert part in said
    why = stack.run("why", f"{CLUSTER}/taskmanager-api")
    assert "RuntimeError: crash_at_start" in why


def test_a_version_that_never_gets_healthy_is_rolled_back(stack, tmp_path):
    deploy(stack, "good-3")
    grace = "[services.api.overrides.service]\n"
    hasty = edited(
        tmp_path, {"startPeriod = 30 ": "startPeriod = 2 ", grace: f"{grace}healthCheckGracePeriodSeconds = 5\n"}
    )
    with stack.traffic() as traffic:
        said = deploy(stack, "sick", "--set", "api:TASKMANAGER_FAULTS=unhealthy_after=0", code=4, project=hasty)
    traffic.assert_none_failed()
    assert versions(stack) == {"good-3": 40}
    assert "health check" in said


def test_rollback_goes_to_the_last_known_good_and_loses_no_request(stack):
    deploy(stack, "known-good")
    deploy(stack, "wrong")
    with stack.traffic() as traffic:
        stack.run("rollback", "api", "--yes")
    traffic.assert_none_failed()
    assert versions(stack) == {"known-good": 40}


def test_scaling_in_and_out_loses_no_request(stack):
    ecs = stack.client("ecs")
    with stack.traffic() as traffic:
        for count in (2, 5):
            ecs.update_service(cluster=CLUSTER, service="taskmanager-api", desiredCount=count)
            until(lambda count=count: is_steady(stack, count), what=f"{count} tasks")
            until(lambda count=count: healthy_targets(stack) == count, what=f"{count} healthy targets")
    traffic.assert_none_failed()


def healthy_targets(stack):
    elbv2 = stack.client("elbv2")
    (group,) = elbv2.describe_target_groups()["TargetGroups"]
    found = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    return sum(target["TargetHealth"]["State"] == "healthy" for target in found)


def test_a_task_that_ignores_sigterm_is_killed_and_the_deployment_succeeds(stack, tmp_path):
    impatient = edited(tmp_path, {"memory = 256    # it needs": "stopTimeout = 4\nmemory = 256    # it needs"})
    deploy(stack, "stubborn", "--set", "api:TASKMANAGER_FAULTS=ignore_sigterm", project=impatient)
    with stack.traffic() as traffic:
        deploy(stack, "good-4")
    traffic.assert_none_failed()
    stopped = [t for t in stack.tasks(status="STOPPED") if t["containers"][0].get("exitCode") == 137]
    assert len(stopped) >= 5


def test_a_task_that_leaks_is_killed_for_its_memory_and_replaced(stack):
    deploy(stack, "leaking", "--until", "shifted", "--set", "api:TASKMANAGER_FAULTS=leak_mb_per_second=60")

    def killed():
        return [
            task
            for task in stack.tasks(status="STOPPED")
            if "OutOfMemoryError: Container killed due to memory usage" in str(task["containers"][0].get("reason"))
        ]

    found = until(killed, what="a task killed for its memory")
    assert found[0]["containers"][0]["exitCode"] == 137
    assert found[0]["stopCode"] == "EssentialContainerExited"
    deploy(stack, "good-5")


def test_the_worker_does_what_the_api_hands_it_while_both_are_deployed(stack):
    person = {"email": "ada@example.com", "password": "correct horse battery"}
    assert call(stack, "POST", "/users", person | {"name": "Ada"})[0] == 201
    token = call(stack, "POST", "/login", person)[1]["access_token"]
    _, project = call(stack, "POST", "/projects", {"name": "Engines"}, token)
    deploying = stack.begin("deploy", "--tag", "both")
    exports: list[str] = []
    while deploying.poll() is None or len(exports) < 10:
        status, export = call(stack, "POST", f"/projects/{project['id']}/export", token=token)
        assert status == 202
        exports.append(export["id"])
        sleep(0.2)
    said, _ = deploying.communicate()
    assert deploying.returncode == 0, said
    for export in exports:
        until(lambda export=export: call(stack, "GET", f"/exports/{export}", token=token)[1]["state"] == "written")


def test_every_log_line_of_a_task_arrives(stack):
    said = stack.run("logs", "worker")
    assert "ready" in said


def test_a_killed_task_is_replaced(stack):
    deploy(stack, "good-6")
    before = {task["taskArn"] for task in stack.tasks()}
    shims = [pid for pid in stack.processes("shim") if Path(f"/proc/{pid}/cmdline").read_bytes().count(b"/api")]
    os.kill(shims[0], signal.SIGKILL)
    until(lambda: {task["taskArn"] for task in stack.tasks()} != before, what="another task")
    until(lambda: is_steady(stack) and healthy_targets(stack) == 5, what="five healthy tasks")
    assert len(before & {task["taskArn"] for task in stack.tasks()}) == 4
