"""Monitoring as a whole, in virtual time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from tests.deployment.after import TARGET, Kept, Numbers, World, a_newer_deployment, a_subject, crash, minute
from tests.deployment.builders import T0, a_rollout, a_service, a_task, an_event, at

from fairway.aws.session import AwsError, CredentialsError
from fairway.deployment import monitor as module
from fairway.deployment.monitor import first_minute, monitor
from fairway.deployment.subject import Health, is_held
from fairway.deployment.task_failures import task_failures
from fairway.project.checks import MetricLimit, Monitoring


def watch(world, *subjects, source=None, deadline=None):
    kept = Kept()
    subjects = subjects or (a_subject(),)
    found = monitor(
        cast("Any", world), cast("Any", world), kept, subjects, deadline=deadline, source=source or Numbers([minute()])
    )
    json.dumps({key: finding.evidence for key, finding in found.items()})
    return found, kept


@pytest.mark.parametrize(("seconds", "expected"), [(0, 0), (1, 60), (59.5, 60), (60, 60)])
def test_the_window_begins_with_a_whole_minute(seconds, expected):
    assert first_minute(at(seconds)) == at(expected)


def test_fifteen_good_minutes_are_healthy_and_each_is_told():
    found, kept = watch(world := World(seconds=20), a_subject(seconds=20))
    assert found["api"].health is Health.HEALTHY
    assert found["api"].text.startswith("15 minutes: no task failed; 0 of 9,000 requests failed")
    assert world.seconds == 60 + 15 * 60 + 120, "until the last minute's numbers have come, and no longer"
    told = kept.of("monitor")
    assert [change.fields["number"] for change in told] == list(range(1, 16))
    assert told[0].text == "minute 1 of 15: 600 requests, 0 failed, p95 100 ms, no tasks failed"
    assert told[0].fields["minute"] == at(60)
    (verdict,) = kept.of("monitor_verdict")
    assert verdict.fields["health"] == "healthy"
    assert not verdict.is_problem


def test_failing_requests_are_found_in_the_second_minute_that_is_known():
    found, _ = watch(world := World(), source=Numbers([minute(failed=30)]))
    assert found["api"].health is Health.UNHEALTHY
    assert "60 of 1,200 requests failed (5 %), the limit is 0.1 %" in found["api"].text
    assert world.seconds == 2 * 60 + 120
    assert found["api"].evidence["failed_requests"] == 60


def test_what_begins_to_fail_late_is_found_too():
    found, _ = watch(world := World(), source=Numbers([*[minute()] * 10, minute(failed=30)]))
    assert found["api"].health is Health.UNHEALTHY
    assert world.seconds == 13 * 60 + 120


def test_slow_answers_are_found_in_the_third_slow_minute():
    found, kept = watch(world := World(), source=Numbers([minute(p95=0.5)]))
    assert found["api"].health is Health.UNHEALTHY
    assert "p95 was over its limit (0.2 s) in 3 of 3 minutes" in found["api"].text
    assert world.seconds == 3 * 60 + 120
    assert all(change.is_problem for change in kept.of("monitor"))


def test_too_few_requests_are_inconclusive_with_the_number_that_is_missing():
    found, kept = watch(World(), source=Numbers([minute(requests=10)]))
    assert found["api"].health is Health.INCONCLUSIVE
    assert found["api"].evidence["missing_requests"] == 2845
    assert kept.of("monitor_verdict")[0].fields["missing_requests"] == 2845


@pytest.mark.parametrize(
    ("word", "rows", "deadline", "held"),
    [
        pytest.param("hold", [minute(requests=10)], None, True, id="somebody decides"),
        pytest.param("keep", [minute(requests=10)], None, False, id="the file says that it counts as good"),
        pytest.param("keep", [minute(requests=10)], 400.0, True, id="but not when nobody watched to the end"),
        pytest.param("hold", [minute()], None, False, id="healthy is not held"),
        pytest.param("keep", [minute(failed=60)], None, False, id="unhealthy is more than held"),
    ],
)
def test_who_decides_about_an_inconclusive_watch(monkeypatch, word, rows, deadline, held):
    world, subject = World(), a_subject(monitor=Monitoring(15, 0.001, 0.2, on_inconclusive=word))
    monkeypatch.setattr(module, "monotonic", lambda: world.seconds)
    found, _ = watch(world, subject, source=Numbers(rows), deadline=deadline)
    assert is_held(subject, found["api"]) is held


def fall(*tasks):
    """Tasks end; ECS tells it by an event, since it starts another one."""

    def happen(world):
        world.stopped = [*tasks, *world.stopped]
        world.service = replace(world.service, events=(an_event("has started 1 tasks", number=len(world.stopped)),))

    return happen


def test_a_task_that_crashes_is_found_at_once():
    found, kept = watch(world := World(events=[(100, fall(crash(code=1)))]))
    assert found["api"].health is Health.UNHEALTHY
    assert found["api"].text == (
        "1 task failed (limit 0): task 00000000: Essential container in task exited (api: exit code 1)"
    )
    assert world.seconds == 100
    assert len(kept.of("monitor_task_failed")) == 1


def test_what_the_file_bears_is_borne():
    subject = a_subject(monitor=Monitoring(15, 0.001, 0.2, task_failures=1))
    found, _ = watch(World(events=[(100, fall(crash(1)))]), subject)
    assert found["api"].health is Health.HEALTHY
    found, _ = watch(World(events=[(100, fall(crash(1))), (300, fall(crash(2, stopped=300)))]), subject)
    assert found["api"].health is Health.UNHEALTHY


def test_a_failed_task_is_not_forgotten_when_ecs_forgets_it():
    subject = a_subject(monitor=Monitoring(15, 0.001, 0.2, task_failures=1))

    def forget(world):
        world.stopped = []

    world = World(events=[(100, fall(crash(1))), (200, forget), (300, fall(crash(2, stopped=300)))])
    found, _ = watch(world, subject)
    assert found["api"].health is Health.UNHEALTHY
    assert len(found["api"].evidence["task_failures"]) == 2


@pytest.mark.parametrize(
    ("task", "counts"),
    [
        pytest.param(crash(code=1), True, id="a crash"),
        pytest.param(crash(code=0), True, id="it ended by itself, however politely"),
        pytest.param(crash(code=137, reason="OutOfMemoryError: Container killed due to memory usage"), True, id="killed for its memory"),
        pytest.param(crash(stop_code="ServiceSchedulerInitiated", stopped_reason="Task failed container health checks"), True, id="its health check failed"),
        pytest.param(crash(stop_code="ServiceSchedulerInitiated", stopped_reason="Task failed ELB health checks in (target-group api)"), True, id="the balancer's check failed"),
        pytest.param(crash(stop_code="ServiceSchedulerInitiated", stopped_reason="Scaling activity initiated by (deployment ecs-svc/2)"), False, id="scaled in, or deployed over"),
        pytest.param(crash(stop_code="SpotInterruption", stopped_reason="Your Spot Task was interrupted."), False, id="Spot"),
        pytest.param(crash(stop_code="TerminationNotice", stopped_reason="ECS is performing maintenance"), False, id="a retired host"),
        pytest.param(crash(stop_code="UserInitiated", stopped_reason="stopped by hand"), False, id="somebody stopped it"),
        pytest.param(crash(stop_code="TaskFailedToStart", stopped_reason="Capacity is unavailable"), False, id="no capacity"),
        pytest.param(crash(stopped=0), False, id="before the deployment had ended"),
        pytest.param(crash(definition=1), False, id="of the old revision"),
        pytest.param(a_task(7, health="UNHEALTHY"), True, id="still running, and unhealthy"),
        pytest.param(a_task(7, health="HEALTHY"), False, id="still running, and well"),
    ],
)  # fmt: skip
def test_which_tasks_count_as_failed(task, counts):
    assert bool(task_failures([task], TARGET, T0)) is counts


def test_a_service_without_a_load_balancer_is_judged_by_its_tasks():
    found, kept = watch(World(groups=()), source=Numbers([minute(requests=0, p95=None)]))
    assert found["api"].health is Health.HEALTHY
    assert found["api"].text == (
        "15 minutes: no task failed (it has no load balancer that counts requests: error rate and p95 are not judged)"
    )
    assert kept.of("monitor")[0].text == "minute 1 of 15: no tasks failed"


def test_the_projects_own_metric():
    queue = MetricLimit("Shop", "queue", max=100)
    subject = a_subject(monitor=Monitoring(15, metrics=(queue,)))
    found, kept = watch(World(groups=()), subject, source=Numbers([minute(queue=20.0), *[minute(queue=200.0)] * 3]))
    assert found["api"].health is Health.UNHEALTHY
    assert "queue was over its limit (at most 100) in 3 of 4 minutes" in found["api"].text
    assert kept.of("monitor")[1].text == "minute 2 of 15: no tasks failed, queue 200"
    assert found["api"].evidence["values"] == {"queue": [20.0, 200.0, 200.0, 200.0]}


def test_a_newer_deployment_ends_the_watch():
    found, _ = watch(World(events=[(100, a_newer_deployment)]), source=Numbers([minute(failed=500)]))
    assert found["api"].health is Health.SUPERSEDED
    assert found["api"].text.startswith("superseded by shop-api:3 (v9) (service deployment theirs)")


def test_the_same_revision_deployed_anew_is_a_newer_deployment_too():
    def again(world):
        world.service = a_service(replace(a_rollout(2, desired=2, running=2), created_at=at(90)), groups=world.groups)

    found, _ = watch(World(events=[(100, again)]))
    assert found["api"].health is Health.SUPERSEDED


def test_a_service_that_is_deleted_ends_the_watch():
    def delete(world):
        world.service = "deleted"

    assert watch(World(events=[(100, delete)]))[0]["api"].health is Health.SUPERSEDED


def test_the_first_unhealthy_service_ends_the_watch_over_all():
    world = World(events=[(200, fall(crash(stopped=200)))])
    found, _ = watch(world, a_subject(), a_subject(key="web", monitor=Monitoring(30, task_failures=None)))
    assert found["api"].health is Health.UNHEALTHY
    assert found["web"].health is Health.INCONCLUSIVE
    assert found["web"].text == "not watched to its end, because api is unhealthy, after 3 of 30 minutes"


def test_all_services_are_asked_for_in_one_call():
    source = Numbers([minute()])
    watch(World(), a_subject(), a_subject(key="web"), source=source)
    assert source.calls == 15


def test_tasks_are_listed_when_something_changed_and_now_and_then_and_at_the_end():
    world = World()
    watch(world)
    looks = world.asked["services"]
    assert looks == world.seconds / 5 + 1
    assert world.asked["tasks"] == 2 * 5, (
        "running and stopped ones, each five minutes, and when the last numbers have come"
    )


def test_a_subject_that_says_no_monitor_has_no_finding():
    found, _ = watch(World(), a_subject(monitor=None))
    assert found == {}


def test_a_time_limit_is_inconclusive(monkeypatch):
    world = World()
    monkeypatch.setattr(module, "monotonic", lambda: world.seconds)
    found, _ = watch(world, deadline=400.0)
    assert found["api"].health is Health.INCONCLUSIVE
    assert found["api"].text == "--timeout is over, after 6 of 15 minutes"


def test_metrics_that_cannot_be_read_are_said_once_and_never_pass():
    source = Numbers([minute()], problem=AwsError("reading metrics from CloudWatch: not allowed"))
    found, kept = watch(World(), source=source)
    assert found["api"].health is Health.INCONCLUSIVE
    assert found["api"].text == "no metrics could be read: reading metrics from CloudWatch: not allowed"
    assert len(kept.of("warning")) == 1
    assert source.calls == 15


def test_metrics_that_fail_only_at_the_end_are_asked_for_again():
    source = Numbers([minute()])

    def fail(_):
        source.problem = AwsError("throttled")

    def mend(_):
        source.problem = None

    found, _ = watch(World(events=[(1015, fail), (1025, mend)]), source=source)
    assert found["api"].health is Health.HEALTHY


def test_tasks_are_judged_without_metrics_too():
    source = Numbers([minute()], problem=AwsError("not allowed"))
    found, _ = watch(World(events=[(300, fall(crash(stopped=300)))]), source=source)
    assert found["api"].health is Health.UNHEALTHY


def test_an_aws_that_does_not_answer_is_waited_for_a_while(monkeypatch):
    world = World(events=[(100, lambda w: setattr(w, "problem", AwsError("no answer")))])
    monkeypatch.setattr(module, "monotonic", lambda: world.seconds)
    world.events.append((200, lambda w: setattr(w, "problem", None)))
    found, kept = watch(world)
    assert found["api"].health is Health.HEALTHY
    assert len(kept.of("unreachable")) == 1
    world = World(events=[(100, lambda w: setattr(w, "problem", AwsError("no answer")))])
    found, _ = watch(world)
    assert found["api"].text == "no answer, after 3 of 15 minutes"
    assert world.seconds == 220


def test_credentials_that_end_hand_over_at_once():
    world = World(events=[(100, lambda w: setattr(w, "problem", CredentialsError("the credentials have ended")))])
    found, _ = watch(world)
    assert found["api"].health is Health.INCONCLUSIVE
    assert world.seconds == 100


def test_an_interrupt_passes_through():
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(World(events=[(100, interrupt)]))


def test_the_lateness_of_a_source_is_waited_for_and_no_longer():
    found, _ = watch(world := World(), source=Numbers([minute()], lateness=timedelta(seconds=20)))
    assert found["api"].health is Health.HEALTHY
    assert world.seconds == 15 * 60 + 20
