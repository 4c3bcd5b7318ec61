"""When a deployment is given up before ECS's breaker would."""

from __future__ import annotations

import pytest
from tests.deployment.builders import a_picture, a_stopped_task, a_task, at

from fairway.deployment.give_up import clear_sign

NO_IMAGE = (
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref shop/api:v2: "
    "shop/api:v2: not found"
)
UNREACHABLE = (
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref shop/api:v2: "
    "failed to do request: dial tcp 10.0.0.7:443: i/o timeout"
)
NO_SECRET = (
    "ResourceInitializationError: unable to pull secrets or registry auth: The task can't pull the secret from Secrets "
    "Manager. Check whether the secret exists in the specified Region. ResourceNotFoundException: Secrets Manager can't "
    "find the specified secret."
)
NO_NETWORK = (
    "ResourceInitializationError: The task cannot pull secrets from AWS Systems Manager Parameter Store. Check your "
    "network connection between the task and AWS Systems Manager."
)


def failed(number, reason, **fields):
    return a_stopped_task(number, reason=reason, code="TaskFailedToStart", **fields)


def crashed(number, code=1, **fields):
    return a_stopped_task(number, reason="Essential container in task exited", exit_code=code, **fields)


def several(code, count, **fields):
    return tuple(crashed(number, code, **fields) for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("tasks", "stopped", "sign"),
    [
        pytest.param((), (), None, id="nothing has happened yet"),
        pytest.param((), (failed(1, NO_IMAGE),), "its image does not exist", id="no image: at once"),
        pytest.param((), (failed(1, UNREACHABLE),), None, id="a registry that cannot be reached may be reached again"),
        pytest.param((), (failed(1, NO_SECRET),), "a secret that it needs does not exist", id="no secret: at once"),
        pytest.param((), (failed(1, NO_NETWORK),), None, id="a network may come"),
        pytest.param((), several(1, 2), None, id="two crashes may be chance"),
        pytest.param((), several(1, 3), "3 of its tasks ended with exit code 1", id="three alike are no chance"),
        pytest.param((), (*several(1, 2), crashed(3, 2)), None, id="three that differ say nothing"),
        pytest.param((), several(1, 3, health="HEALTHY"), None, id="they were healthy first: they can start"),
        pytest.param((), several(1, 3, definition=1), None, id="tasks of the old revision"),
        pytest.param((), several(1, 3, created_at=at(-60)), None, id="of an earlier deployment of this revision"),
        pytest.param((), several(143, 3), None, id="told to stop"),
        pytest.param((a_task(9, health="HEALTHY"),), several(1, 3), None, id="another one is healthy"),
        pytest.param((a_task(9),), several(1, 3), "3 of its tasks", id="another one only runs"),
    ],
)
def test_the_first_clear_sign(tasks, stopped, sign):
    found = clear_sign(a_picture(tasks=tasks, stopped=stopped))
    assert (found is None) if sign is None else str(found).startswith(sign)
