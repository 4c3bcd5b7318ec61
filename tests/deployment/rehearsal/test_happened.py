"""Who caught it, and when it was told, from a command's events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairway.deployment.rehearsal.acts import Catcher
from fairway.deployment.rehearsal.happened import Heard, read_told

T0 = datetime(2026, 11, 27, tzinfo=UTC)


def heard(*events):
    """(engine seconds, kind, members): heard in a twentieth of that."""
    return [
        Heard(100.0 + seconds / 20, {"event": kind, "at": (T0 + timedelta(seconds=seconds)).isoformat(), **members})
        for seconds, kind, members in events
    ]


BEGUN = (10, "service_updated", {"service": "api"})
BREAKER = {"service": "api", "outcome": "rolled_back", "reason": "ECS rolled back to x: ECS deployment circuit breaker: tasks failed to start."}  # fmt: skip


@pytest.mark.parametrize(
    ("events", "catcher", "seconds"),
    [
        pytest.param([BEGUN, (50, "outcome", BREAKER)], Catcher.BREAKER, 40, id="the circuit breaker"),
        pytest.param(
            [BEGUN, (30, "giving_up", {"service": "api", "reason": "x"}), (50, "outcome", BREAKER)],
            Catcher.GIVE_UP,
            20,
            id="who tells it first has caught it",
        ),
        pytest.param(
            [BEGUN, (50, "outcome", {"outcome": "rolled_back", "reason": "alarm(s) detected"})],
            Catcher.ALARM,
            40,
            id="an alarm of the deployment",
        ),
        pytest.param(
            [BEGUN, (90, "verify_verdict", {"service": "api", "health": "unhealthy"})],
            Catcher.VERIFY,
            80,
            id="verification",
        ),
        pytest.param(
            [
                BEGUN,
                (90, "verify_verdict", {"service": "api", "health": "healthy"}),
                (310, "monitor_verdict", {"service": "api", "health": "unhealthy"}),
            ],
            Catcher.MONITOR,
            300,
            id="monitoring",
        ),
        pytest.param(
            [(5, "one_off_started", {"service": "api"}), (9, "one_off_stopped", {"succeeded": False})],
            Catcher.MIGRATION,
            4,
            id="a one-off task that failed",
        ),
        pytest.param(
            [BEGUN, (50, "outcome", {"outcome": "succeeded", "reason": "the service deployment ended SUCCESSFUL"})],
            Catcher.NOBODY,
            None,
            id="nobody",
        ),
        pytest.param(
            [BEGUN, (400, "monitor_verdict", {"service": "api", "health": "inconclusive"})],
            Catcher.NOBODY,
            None,
            id="who cannot tell has caught nothing",
        ),
    ],
)
def test_who_caught_it(events, catcher, seconds):
    told = read_told(heard(*events), "api")
    assert told.catcher is catcher
    assert told.engine_seconds == seconds
    assert told.real_seconds == (None if seconds is None else pytest.approx(seconds / 20))


def test_the_time_begins_with_the_service_at_fault():
    events = heard((0, "service_updated", {"service": "worker"}), BEGUN, (50, "outcome", BREAKER))
    assert read_told(events, "api").engine_seconds == 40


def test_an_error_is_the_reason_that_nobody_knew():
    events = heard((0, "error", {"message": "no engine answers"}))
    assert read_told(events).reason == "no engine answers"
