"""Which metrics a load balancer's counters become, with which dimensions, and what reports nothing rather than 0."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fairway.engine.control.statistics import compute, read_statistic
from fairway.engine.loadbalancer.protocol import PoolStats, Stats
from fairway.engine.model.elb import HealthCheck, Listener, LoadBalancer, Rule, Target, TargetGroup, TargetState
from fairway.engine.services.elbv2.configuration import listener_key, pool_key
from fairway.engine.services.elbv2.measured import counts_of, groups_of, grown, hosts, traffic

if TYPE_CHECKING:
    from fairway.engine.model.metric import Datum

T0 = datetime(2026, 1, 1, tzinfo=UTC)
PREFIX = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
BALANCER = LoadBalancer(f"{PREFIX}:loadbalancer/app/web/1", "web", "us-east-1", "", "", "", {}, (), "ipv4", T0)
GROUP = TargetGroup(f"{PREFIX}:targetgroup/api/2", "api", "us-east-1", "HTTP", 80, None, "ip", HealthCheck(), T0)
FORWARD = ({"Type": "forward", "TargetGroupArn": GROUP.arn},)
LISTENER = Listener(f"{PREFIX}:listener/app/web/1/3", BALANCER.arn, 80, "HTTP", 8080, FORWARD, T0)
KEY = pool_key(GROUP.arn)
LB, TG = ("LoadBalancer", "app/web/1"), ("TargetGroup", "targetgroup/api/2")
STATES = {"h": TargetState.HEALTHY, "u": TargetState.UNHEALTHY, "d": TargetState.DRAINING, "i": TargetState.INITIAL}


def targets(marks: str) -> list[Target]:
    zones = ("us-east-1a", "us-east-1b")
    return [
        Target(GROUP.arn, f"10.0.0.{n}", 80, "", 0, STATES[mark], None, None, T0, zones[n % 2])
        for n, mark in enumerate(marks)
    ]


def measured(marks: str, **counters: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], Datum]:
    listener_5xx = counters.pop("listener_5xx", 0)
    stats = Stats("g", {KEY: PoolStats(**counters)}, listener_5xx={listener_key(LISTENER.arn): listener_5xx})
    data = traffic(BALANCER, [LISTENER], [GROUP], {GROUP.arn: targets(marks)}, Counter(counts_of(stats)), 0)
    return {(datum.key.name, datum.key.dimensions): datum for datum in data}


def test_dimensions_and_zero_rules() -> None:
    found = measured(
        "hh", requests=12, target_2xx=8, target_5xx=3, balancer_502=1, listener_5xx=6, connection_errors=1,
        latency_buckets={0.1: 10, 0.2: 1},
    )  # fmt: skip
    assert {name: datum.measured.total for name, datum in found.items() if name[0] != "TargetResponseTime"} == {
        ("RequestCount", (LB,)): 12,
        ("RequestCount", (LB, TG)): 12,
        ("HTTPCode_Target_2XX_Count", (LB,)): 8,
        ("HTTPCode_Target_2XX_Count", (LB, TG)): 8,
        ("HTTPCode_Target_5XX_Count", (LB,)): 3,
        ("HTTPCode_Target_5XX_Count", (LB, TG)): 3,
        ("TargetConnectionErrorCount", (LB,)): 1,
        ("TargetConnectionErrorCount", (LB, TG)): 1,
        ("RequestCountPerTarget", (LB, TG)): 6,
        ("RequestCountPerTarget", (TG,)): 6,
        ("HTTPCode_ELB_5XX_Count", (LB,)): 3,
        ("HTTPCode_ELB_502_Count", (LB,)): 1,
    }
    times = found["TargetResponseTime", (LB, TG)]
    assert (times.unit, times.measured.count) == ("Seconds", 11)
    p50 = compute(read_statistic("p50"), times.measured)
    assert p50 is not None
    assert 0.04 < p50 < 0.07
    assert times.measured.maximum == pytest.approx(0.15)


def test_without_requests_nothing_is_reported_but_the_count_per_target() -> None:
    found = measured("hu")
    assert {name: datum.measured.total for name, datum in found.items()} == {
        ("RequestCountPerTarget", (LB, TG)): 0,
        ("RequestCountPerTarget", (TG,)): 0,
    }
    assert measured("d") == {}


def test_the_count_per_target_is_over_the_healthy_ones_or_over_all_if_none_is() -> None:
    assert measured("huu", requests=6)["RequestCountPerTarget", (TG,)].measured.total == 6
    assert measured("uu", requests=6)["RequestCountPerTarget", (TG,)].measured.total == 3


@pytest.mark.parametrize(
    ("marks", "healthy", "unhealthy", "zones"),
    [("hhu", 2, 1, 2), ("i", 0, 1, 1), ("hd", 1, 0, 1), ("d", None, None, 0), ("", None, None, 0)],
)
def test_hosts(marks: str, healthy: int | None, unhealthy: int | None, zones: int) -> None:
    found = {(d.key.name, d.key.dimensions): d.measured.total for d in hosts(BALANCER, GROUP, targets(marks), 0)}
    assert found.get(("HealthyHostCount", (LB, TG))) == healthy
    assert found.get(("UnHealthyHostCount", (LB, TG))) == unhealthy
    assert len([1 for _, dimensions in found if len(dimensions) == 3]) == 2 * zones


def test_counters_that_grow() -> None:
    assert grown({"a": 3, "b": 2}, {"a": 5, "b": 2, "c": 1}) == Counter({"a": 2, "b": 0, "c": 1})
    assert grown({"a": 3}, {"a": 1})["a"] == 0


def test_groups_of_a_balancer() -> None:
    other = Listener("other", "another balancer", 80, "HTTP", 8081, ({"Type": "forward", "TargetGroupArn": "x"},), T0)
    rules = [Rule("r", LISTENER.arn, 1, (), ({"Type": "forward", "TargetGroupArn": "y"},))]
    assert groups_of(BALANCER, [LISTENER, other], rules) == {GROUP.arn, "y"}
