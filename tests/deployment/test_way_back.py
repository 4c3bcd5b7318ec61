from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.deployment.after import Kept

from fairway.deployment.way_back import restore_alarms, without_alarms

BREAKER = {"enable": True, "rollback": True}


def configuration(**alarms):
    return {"maximumPercent": 200, "deploymentCircuitBreaker": BREAKER, "alarms": {"alarmNames": ["red"], **alarms}}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        pytest.param({}, {}, id="a service that says nothing"),
        pytest.param({"deploymentConfiguration": {"maximumPercent": 200}}, {}, id="no alarms"),
        pytest.param({"deploymentConfiguration": configuration(enable=False, rollback=False)}, {}, id="alarms that are off"),
        pytest.param(
            {"deploymentConfiguration": configuration(enable=True, rollback=True)},
            {"deploymentConfiguration": configuration(enable=False, rollback=False)},
            id="they are turned off, and the breaker stays",
        ),
        pytest.param(
            {"deploymentConfiguration": configuration(enable=True, rollback=False)},
            {"deploymentConfiguration": configuration(enable=False, rollback=False)},
            id="those that only stop a deployment, too",
        ),
    ],
)  # fmt: skip
def test_the_way_back_goes_without_alarms(service, expected):
    assert without_alarms(service) == expected


def restore(refusal=None, **alarms) -> tuple[list[dict[str, Any]], list[str]]:
    """What ECS is asked for, and what is told."""
    asked: list[dict[str, Any]] = []

    def update_service(**request):
        asked.append(request)
        if refusal is not None:
            raise refusal

    aws = SimpleNamespace(ecs=SimpleNamespace(update_service=update_service))
    observer: Any = SimpleNamespace(aws=aws, cluster="shop")
    service: Any = SimpleNamespace(name="api", document={"deploymentConfiguration": configuration(**alarms)})
    kept = Kept()
    restore_alarms(observer, service, kept)
    return asked, [change.text for change in kept.told]


def test_a_service_that_is_back_has_its_alarms_again_and_nothing_else_is_touched():
    asked, told = restore(enable=True, rollback=True)
    wanted = configuration(enable=True, rollback=True)
    assert asked == [{"cluster": "shop", "service": "api", "deploymentConfiguration": wanted}]
    assert told == []
    assert restore(enable=False, rollback=False) == ([], [])


def test_alarms_that_stay_off_are_told_of():
    refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateService")
    asked, [text] = restore(refusal, enable=True, rollback=True)
    assert len(asked) == 1
    assert "turning the deployment alarms of api on again" in text
    assert "the next deployment turns them on" in text
