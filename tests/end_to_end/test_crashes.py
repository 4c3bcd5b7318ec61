"""kill -9 at any moment: nothing is lost, traffic goes on, and the deployment under way ends as it would have."""

from __future__ import annotations

import os
import signal

import pytest
from tests.end_to_end.stack import until
from tests.end_to_end.test_deployments import deploy, get, healthy_targets, is_steady, versions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def begun(stack):
    return len(stack.service()["deployments"]) > 1


def new_tasks_run(stack):
    primary = stack.service()["deployments"][0]
    return begun(stack) and primary["runningCount"] > 0


def old_tasks_drain(stack):
    return any(task["lastStatus"] in {"DEACTIVATING", "STOPPING"} for task in stack.tasks(status="STOPPED"))


def answers(stack):
    try:
        return get(stack)
    except OSError:
        return None


@pytest.mark.parametrize("phase", [begun, new_tasks_run, old_tasks_drain], ids=lambda phase: phase.__name__)
def test_the_engine_is_killed_in_a_deployment(stack, phase):
    deploy(stack, f"before-{phase.__name__}".replace("_", "-"))
    tag = f"after-{phase.__name__}".replace("_", "-")
    stack.run("build", "api", "--tag", tag)
    stack.run("build", "migrations", "--tag", tag)
    with stack.traffic() as traffic:
        deploying = stack.begin("deploy", "api", "--tag", tag)
        until(lambda: phase(stack) or deploying.poll() is not None, what=phase.__name__)
        assert deploying.poll() is None, deploying.communicate()[0]
        stack.kill_engine()
        traffic.wait_for(300)
        stack.run("engine", "start")
        said, _ = deploying.communicate(timeout=120)
        assert deploying.returncode == 0, said
        until(lambda: is_steady(stack), what="five tasks of one deployment")
    traffic.assert_none_failed()
    assert versions(stack) == {tag: 40}


def test_the_engine_is_stopped_by_plan_in_a_deployment(stack):
    """The deployment goes on at the next start, and nothing that the engine stopped looks as if it had failed."""
    tag = "after-stop"
    stack.run("build", "api", "--tag", tag)
    stack.run("build", "migrations", "--tag", tag)
    deploying = stack.begin("deploy", "api", "--tag", tag, "--skip", "monitor")
    until(lambda: new_tasks_run(stack) or deploying.poll() is not None, what="new tasks")
    assert deploying.poll() is None, deploying.communicate()[0]
    stack.run("engine", "stop")
    stack.run("engine", "start")
    said, _ = deploying.communicate(timeout=120)
    assert deploying.returncode == 0, said
    until(lambda: is_steady(stack) and healthy_targets(stack) == 5, what="five healthy tasks of one deployment")
    assert versions(stack) == {tag: 40}
    shown = stack.run("status")
    assert "✗" not in shown, shown
    assert "all is well now" in stack.run("why", "api")


def test_the_engine_is_restarted_and_its_tasks_live_on(stack):
    before = {task["taskArn"] for task in stack.tasks()}
    with stack.traffic() as traffic:
        stack.run("engine", "restart")
        until(lambda: healthy_targets(stack) == 5, what="five healthy targets")
    traffic.assert_none_failed()
    assert {task["taskArn"] for task in stack.tasks()} == before


def test_a_killed_envoy_comes_back_with_the_same_configuration(stack):
    (envoy,) = stack.processes("_bin/envoy")
    os.kill(envoy, signal.SIGKILL)
    until(
        lambda: [pid for pid in stack.processes("_bin/envoy") if pid != envoy] and answers(stack), what="another Envoy"
    )
    with stack.traffic() as traffic:
        traffic.wait_for(600)
    traffic.assert_none_failed()


def test_everything_is_killed_at_once_and_comes_back(stack):
    version = versions(stack)
    engine = stack.engine_pid()
    for pid in (engine, *stack.processes("shim"), *stack.processes("_bin/envoy")):
        os.kill(pid, signal.SIGKILL)
    stack.run("engine", "start")
    until(lambda: is_steady(stack) and healthy_targets(stack) == 5, seconds=120, what="five healthy tasks")
    assert versions(stack) == version


def test_stop_ends_what_a_killed_engine_left(stack):
    version = versions(stack)
    stack.kill_engine()
    assert stack.processes("shim")
    stack.run("engine", "stop")
    assert not stack.processes("shim")
    assert not stack.processes("_bin/envoy")
    stack.run("up", "--detach")
    assert versions(stack) == version
