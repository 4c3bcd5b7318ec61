"""Alarms that fail a rolling deployment, and the time in which it bakes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.control.builders import NEW, OLD, T0, a_deployment, a_record, a_service, a_task, pending, unchecked

from fairway.engine.control.deployment_alarms import WatchedAlarm, bake_time, first_status
from fairway.engine.control.scheduler import reconcile
from fairway.engine.model.alarm import AlarmState
from fairway.engine.model.service import CircuitBreaker, DeploymentConfiguration, RolloutState, ServiceDeploymentStatus

if TYPE_CHECKING:
    from fairway.engine.control.decision import ServiceView

ALARM, OK, UNKNOWN = AlarmState.ALARM, AlarmState.OK, AlarmState.INSUFFICIENT_DATA
S = ServiceDeploymentStatus
MINUTE = timedelta(minutes=1)


def configuration(*, rollback: bool = True, bake_minutes: int = 0, **changes: Any) -> DeploymentConfiguration:
    return replace(
        DeploymentConfiguration(
            alarm_names=("errors", "latency"), alarms_enable=True, alarms_rollback=rollback, bake_minutes=bake_minutes
        ),
        **changes,
    )


def rolling(
    tasks: tuple[Any, ...],
    states: dict[str, AlarmState],
    *,
    status: S = S.IN_PROGRESS,
    watched: str = "MONITORING",
    bake_began_minutes_ago: float | None = None,
    rollback: bool = True,
    bake_minutes: int = 0,
    **changes: Any,
) -> ServiceView:
    record = replace(
        a_record(status),
        configuration=configuration(rollback=rollback, bake_minutes=bake_minutes),
        alarms_status=watched,
    )
    began = None if bake_began_minutes_ago is None else T0 - MINUTE * bake_began_minutes_ago
    new = a_deployment(
        NEW,
        desired_count=2,
        bake_started_at=began,
        started_once=any(t.started_at for t in tasks if t.deployment_id == NEW),
    )
    view = a_service(
        desired=2, tasks=tasks, deployments=(new, a_deployment(OLD, desired_count=2)), record=record, **changes
    )
    return replace(view, alarms={name: WatchedAlarm(state, 2 * MINUTE) for name, state in states.items()})


BOTH = (a_task(1), a_task(2))
OLD_TOO = (*BOTH, a_task(3, OLD), a_task(4, OLD))
HALF = (a_task(1), unchecked(2), a_task(3, OLD), a_task(4, OLD))
QUIET = {"errors": OK, "latency": UNKNOWN}
FIRED = {"errors": OK, "latency": ALARM}


@pytest.mark.parametrize(
    ("states", "enable", "status"),
    [
        (QUIET, True, "MONITORING"),
        ({}, True, "MONITORING"),
        (FIRED, True, "DISABLED"),
        (QUIET, False, "DISABLED"),
    ],
    ids=["quiet", "alarms that do not exist", "already in ALARM: ignored for the whole deployment", "not enabled"],
)
def test_how_a_deployment_begins(states: dict[str, AlarmState], *, enable: bool, status: str) -> None:
    watched = {name: WatchedAlarm(state) for name, state in states.items()}
    assert first_status(configuration(alarms_enable=enable), watched) == status
    view = rolling(OLD_TOO, states, status=S.PENDING, watched="DISABLED")
    if enable:
        (record,) = reconcile(view, T0).records
        assert (record.status, record.alarms_status) == (S.IN_PROGRESS, status)


@pytest.mark.parametrize(
    ("tasks", "states", "watched", "fails"),
    [
        pytest.param(HALF, FIRED, "MONITORING", True, id="in the middle of the roll"),
        pytest.param(BOTH, FIRED, "MONITORING", True, id="while it bakes"),
        pytest.param(
            (pending(1), a_task(3, OLD), a_task(4, OLD)), FIRED, "MONITORING", False, id="before a task of it ran"
        ),
        pytest.param(HALF, FIRED, "DISABLED", False, id="when it was in ALARM at the start"),
        pytest.param(HALF, FIRED, "TRIGGERED", False, id="only once"),
        pytest.param(HALF, QUIET, "MONITORING", False, id="not without an alarm"),
        pytest.param(HALF, {"other": ALARM}, "MONITORING", False, id="not by an alarm that is not named"),
    ],
)
def test_when_an_alarm_fails_it(
    tasks: tuple[Any, ...], states: dict[str, AlarmState], watched: str, *, fails: bool
) -> None:
    decision = reconcile(rolling(tasks, states, watched=watched), T0)
    (record,) = decision.records
    failed = [text for text in decision.events if "failed" in text]
    if not fails:
        assert (failed, record.rollback) == ([], None)
        return
    assert failed == [f"(deployment {NEW}) deployment failed: alarm detected."]
    assert f"rolling back to deployment {OLD}." in decision.events
    assert (record.status, record.alarms_status, record.alarms_triggered) == (
        S.ROLLBACK_IN_PROGRESS,
        "TRIGGERED",
        ("latency",),
    )
    assert record.rollback is not None
    assert record.rollback.reason == "ECS deployment alarms: alarm detected."
    first, behind = decision.service.deployments
    assert (first.id, first.rollout, first.rollout_reason) == (
        OLD,
        RolloutState.IN_PROGRESS,
        f"ECS deployment alarms: rolling back to deploymentId {OLD}.",
    )
    assert (behind.id, behind.rollout) == (NEW, RolloutState.FAILED)


def test_without_rollback_it_stays_where_it_is() -> None:
    decision = reconcile(rolling(HALF, FIRED, rollback=False), T0)
    (record,) = decision.records
    primary = decision.service.primary
    assert (primary.id, primary.rollout) == (NEW, RolloutState.FAILED)
    assert (record.status, record.status_reason) == (S.STOPPED, "ECS deployment alarms: alarm detected.")
    assert decision.starts == ()


def test_the_breaker_was_first() -> None:
    breaker = CircuitBreaker(enable=True, rollback=False)
    view = rolling(HALF, FIRED, breaker=breaker)
    service = view.service
    worn = replace(service, deployments=(replace(service.primary, failed_tasks=3), *service.deployments[1:]))
    (record,) = reconcile(replace(view, service=worn), T0).records
    assert (record.status, record.breaker_status, record.alarms_triggered) == (S.STOPPED, "TRIGGERED", ())
    assert record.alarms_status == "MONITORING_COMPLETE"


@pytest.mark.parametrize(
    ("tasks", "minutes_ago", "watched", "bake_minutes", "done"),
    [
        pytest.param(BOTH, None, "DISABLED", 0, True, id="no bake without alarms"),
        pytest.param(BOTH, None, "MONITORING", 0, False, id="it begins now"),
        pytest.param(BOTH, 1.9, "MONITORING", 0, False, id="not over"),
        pytest.param(BOTH, 2.0, "MONITORING", 0, True, id="over: the alarm's window of two minutes"),
        pytest.param(BOTH, 2.0, "MONITORING", 3, False, id="a bake time of its own"),
        pytest.param((a_task(1), unchecked(2)), 2.0, "MONITORING", 0, False, id="over, but a task is not healthy"),
    ],
)
def test_bake_time(
    tasks: tuple[Any, ...], minutes_ago: float | None, watched: str, bake_minutes: int, *, done: bool
) -> None:
    view = rolling(tasks, QUIET, watched=watched, bake_began_minutes_ago=minutes_ago, bake_minutes=bake_minutes)
    decision = reconcile(view, T0)
    (record,) = decision.records
    assert (decision.service.primary.rollout is RolloutState.COMPLETED) is done
    assert (record.status is S.SUCCESSFUL) is done
    if done and watched == "MONITORING":
        assert record.alarms_status == "MONITORING_COMPLETE"
    if not done and minutes_ago is None:
        assert decision.service.primary.bake_started_at == T0
        assert decision.next_check == T0 + 2 * MINUTE
        assert len(decision.service.deployments) == 2, "what can be gone back to stays"


def test_the_bake_begins_when_the_old_tasks_were_told_to_stop() -> None:
    assert reconcile(rolling(HALF, QUIET), T0).service.primary.bake_started_at is None
    released = reconcile(rolling(OLD_TOO, QUIET), T0)
    assert len(released.stops) == 2
    assert released.service.primary.bake_started_at == T0


@pytest.mark.parametrize(
    ("windows", "minutes", "expected"),
    [([], 0, 60), ([30], 0, 60), ([120, 180], 0, 180), ([3600], 0, 290), ([120], 7, 420)],
)
def test_how_long_it_bakes(windows: list[int], minutes: int, expected: int) -> None:
    alarms = {str(n): WatchedAlarm(OK, timedelta(seconds=window)) for n, window in enumerate(windows)}
    settings = replace(configuration(bake_minutes=minutes), alarm_names=tuple(alarms))
    assert bake_time(settings, alarms) == timedelta(seconds=expected)


def test_a_way_back_does_not_bake_and_is_not_failed_by_the_alarm_that_caused_it() -> None:
    view = rolling((a_task(1, OLD), a_task(2, OLD)), FIRED, status=S.ROLLBACK_IN_PROGRESS, watched="TRIGGERED")
    back = replace(a_deployment(NEW), id=OLD, desired_count=2, rollout=RolloutState.IN_PROGRESS)
    decision = reconcile(replace(view, service=replace(view.service, deployments=(back,))), T0)
    (record,) = decision.records
    assert (decision.service.primary.rollout, record.status) == (RolloutState.COMPLETED, S.ROLLBACK_SUCCESSFUL)
    assert record.alarms_status == "TRIGGERED"
