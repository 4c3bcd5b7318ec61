from __future__ import annotations

import pytest

from fairway.deployment.way_back import without_alarms

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
