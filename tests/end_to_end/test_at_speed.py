"""Releases that ECS calls SUCCESSFUL and that misbehave afterwards: each is found by verification or by monitoring.

On a stack that runs twenty times as fast as the clock: a minute of AWS's time takes three seconds. What a task does takes real
seconds, so the watch is given an hour, and ends with its verdict.
"""

from __future__ import annotations

import pytest
from tests.deployment.after import Kept
from tests.end_to_end.stack import CLUSTER, ROOT

from fairway.aws.observe import Observer
from fairway.aws.pace import Pace
from fairway.aws.session import connect
from fairway.clock import monotonic
from fairway.deployment.monitor import monitor
from fairway.deployment.subject import Health, Subject
from fairway.deployment.verify import verify
from fairway.project.checks import Monitoring
from fairway.project.load import load_project
from fairway.project.model import Environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAME = "taskmanager-api"


@pytest.fixture
def observer(fast_stack):
    environment = Environment("local", CLUSTER, "us-east-1", endpoint_url=f"http://127.0.0.1:{fast_stack.port}")
    return Observer(connect(environment), CLUSTER)


def deployed(fast_stack, observer, tag, monitoring, *words):
    """The service after a deployment that ECS calls SUCCESSFUL."""
    fast_stack.run("deploy", "api", "--tag", tag, "--until", "shifted", *words)
    (record,) = observer.service_deployments(NAME, most=1)
    assert record.status == "SUCCESSFUL"
    whole = observer.describe_deployments([record.arn])[record.arn]
    target = observer.task_definition(observer.service(NAME).task_definition)
    checks = load_project(ROOT, "local").services["api"].verify
    return Subject("api", NAME, target, checks, monitoring, whole.finished_at or observer.aws.now())


def look(observer, subject, tag):
    """(what verification found, what monitoring found or None)."""
    pace, kept = Pace(is_local=True), Kept()
    verified = verify(observer, pace, kept, [subject], version=tag, url=None)["api"]
    if verified.health is not Health.HEALTHY:
        return verified, None
    return verified, monitor(observer, pace, kept, [subject], deadline=monotonic() + 200)["api"]


def test_a_good_release_is_verified_and_found_healthy(fast_stack, observer):
    with fast_stack.traffic():
        subject = deployed(fast_stack, observer, "after-1", Monitoring(8, 0.001, 0.5))
        verified, watched = look(observer, subject, "after-1")
    assert verified.health is Health.HEALTHY, verified.text
    assert verified.text.endswith("3 of 3 checks passed")
    assert watched is not None
    assert watched.health is Health.HEALTHY, watched.text
    assert watched.evidence["requests"] > 3000
    assert watched.evidence["failed_requests"] == 0


@pytest.mark.parametrize(
    ("faults", "monitoring", "text"),
    [
        pytest.param("error_rate=0.05", Monitoring(60, 0.001, 5.0), ("requests)", "requests failed"), id="some answers are errors"),
        pytest.param("latency_ms=300", Monitoring(60, 0.5, 0.2), ("p95 was over its limit (0.2 s)",), id="each answer is slow", marks=pytest.mark.campaign),
        pytest.param("crash_after=30", Monitoring(60, 0.5, 5.0), ("Essential container in task exited (api: exit code 1)",), id="tasks crash after they served"),
        pytest.param("unhealthy_after=30", Monitoring(60, 0.5, 5.0), ("Task failed", "is UNHEALTHY"), id="tasks turn unhealthy after they served", marks=pytest.mark.campaign),
        pytest.param("leak_mb_per_second=8", Monitoring(60, 0.5, 5.0), ("OutOfMemory",), id="tasks take ever more memory", marks=pytest.mark.campaign),
    ],
)  # fmt: skip
def test_a_release_that_misbehaves_after_its_deployment_is_found(fast_stack, observer, faults, monitoring, text):
    tag = faults.partition("=")[0].replace("_", "-")
    with fast_stack.traffic():
        subject = deployed(fast_stack, observer, tag, monitoring, "--set", f"api:TASKMANAGER_FAULTS={faults}")
        verified, watched = look(observer, subject, tag)
    found = watched or verified
    assert found.health is Health.UNHEALTHY, f"{verified.text}\n{found.text}"
    assert any(words in found.text for words in text), found.text
