"""How many tasks at once, and how long."""

from __future__ import annotations

import pytest

from fairway.observed import HealthCheck
from fairway.planning.replacement import bounds_of, expected, seconds_to_healthy, shift_seconds


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "expected_bounds"),
    [
        pytest.param(5, 100, 200, (5, 10, 5), id="the document's API: five at once"),
        pytest.param(5, 100, 140, (5, 7, 2), id="two at a time is 140"),
        pytest.param(10, 50, 150, (5, 15, 10), id="the document's worker"),
        pytest.param(1, 100, 100, (1, 1, 0), id="no task can move"),
        pytest.param(3, 100, 125, (3, 3, 0), id="the upper rounds down"),
        pytest.param(2, 75, 100, (2, 2, 0), id="the lower rounds up"),
        pytest.param(0, 100, 200, (0, 0, 0), id="none"),
    ],
)
def test_bounds(desired, minimum, maximum, expected_bounds):
    found = bounds_of(desired, {"minimumHealthyPercent": minimum, "maximumPercent": maximum})
    assert (found.lower, found.upper, found.at_once) == expected_bounds


def test_blue_green_doubles_whatever_the_percents_are():
    found = bounds_of(5, {"strategy": "BLUE_GREEN", "maximumPercent": 110})
    assert (found.lower, found.upper, found.at_once) == (5, 10, 5)


@pytest.mark.parametrize(
    ("configuration", "seconds"),
    [
        pytest.param({}, 0, id="rolling"),
        pytest.param({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 15}, 900, id="bake time"),
        pytest.param({"strategy": "LINEAR"}, 9 * 360, id="nine of ten steps wait"),
        pytest.param({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 30, "stepBakeTimeInMinutes": 1}}, 180, id="30, 60, 90, 100"),
        pytest.param({"strategy": "CANARY", "bakeTimeInMinutes": 5}, 900, id="canary, then bake"),
    ],
)  # fmt: skip
def test_traffic(configuration, seconds):
    assert shift_seconds(configuration) == seconds


CHECK = HealthCheck("tg", interval_seconds=30, healthy_threshold=5)


@pytest.mark.parametrize(
    ("containers", "checks", "seconds"),
    [
        pytest.param([{}], [], 40, id="without a check: 40 s after RUNNING"),
        pytest.param([{"healthCheck": {"command": []}}], [], 30, id="the container's interval"),
        pytest.param([{"healthCheck": {"interval": 60}, "essential": False}], [], 40, id="of essential containers"),
        pytest.param([{"healthCheck": {"interval": 60}}], [CHECK], 120, id="both must agree"),
    ],
)
def test_healthy(containers, checks, seconds):
    assert seconds_to_healthy(containers, checks) == seconds


def test_what_the_last_deployments_took_wins():
    found = expected(5, {}, [], [CHECK], [300], [360.0, 480.0, 420.0])
    assert (found.minutes, found.basis) == (7.0, "the last 3 took 6 to 8 min")


def test_else_it_is_reckoned():
    found = expected(5, {"maximumPercent": 140}, [], [CHECK], [None], [])
    assert found.minutes * 60 == 3 * (40 + 120 + 300 + 10)
    assert found.basis == "reckoned: 3 x (start 40 s + healthy 120 s + deregistration 300 s + stop 10 s)"
