"""What status calls wrong: what is wrong now, not what failed and came right."""

from __future__ import annotations

import pytest
from tests.deployment.builders import (
    GROUP,
    a_picture,
    a_record,
    a_rollout,
    a_service,
    a_stopped_task,
    a_task,
    at,
)

from fairway.cli.status import is_recovered, replaced
from fairway.observed import Target

DONE = a_record("SUCCESSFUL", seconds=0, finished_at=at(0))
KILLED = a_stopped_task(9, reason="Essential container in task exited", exit_code=137, stopped=60, lived=50)


def standing(*, running=3, state="healthy", health="HEALTHY", stopped=(KILLED,), record=DONE):
    service = a_service(a_rollout(running=running, state="COMPLETED"), groups=[GROUP])
    targets = tuple(Target(GROUP, f"10.0.0.{n}", 8000, state) for n in range(running))
    tasks = tuple(a_task(n, health=health) for n in range(running))
    return a_picture(service, deployment=record, targets=targets, tasks=tasks, stopped=stopped)


def killed(count, seconds=60):
    return tuple(
        a_stopped_task(n, reason="Essential container in task exited", exit_code=137, stopped=seconds)
        for n in range(count)
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="killed, replaced and healthy"),
        pytest.param({"stopped": ()}, False, id="nothing failed"),
        pytest.param({"stopped": killed(3)}, True, id="all of them were killed once"),
        pytest.param({"stopped": killed(4)}, False, id="they die again and again"),
        pytest.param({"stopped": killed(1, seconds=110)}, False, id="a moment ago"),
        pytest.param({"running": 2}, False, id="one is missing"),
        pytest.param({"state": "unhealthy"}, False, id="the load balancer sees them otherwise"),
        pytest.param({"health": "UNHEALTHY"}, False, id="the container's check sees it otherwise"),
        pytest.param({"record": a_record("STOPPED", finished_at=at(0))}, False, id="a deployment that failed"),
    ],
)
def test_recovered_is_whole_and_calm(changes, expected):
    assert is_recovered(standing(**changes)) is expected


def test_what_was_replaced_is_told_in_one_line():
    assert replaced(standing()) == "1 task stopped and was replaced: Essential container in task exited (exit code 137)"
    assert replaced(standing(running=2)) == ""
