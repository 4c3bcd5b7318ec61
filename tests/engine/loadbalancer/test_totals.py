from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.engine.loadbalancer.envoy_admin import pool_stats
from fairway.engine.loadbalancer.protocol import PoolStats
from fairway.engine.loadbalancer.totals import Totals


def added(*readings):
    totals = Totals()
    for generation, reading in readings:
        totals.add(generation, reading)
    return totals


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([("1", {"a": 3}), ("1", {"a": 5})], {"a": 5}, id="counts grow"),
        pytest.param([("1", {"a": 3}), ("2", {"a": 1})], {"a": 4}, id="a new process counts from zero"),
        pytest.param([("1", {"a": 3}), ("2", {"a": 5})], {"a": 8}, id="though it has counted more meanwhile"),
        pytest.param([("1", {"a": 3}), ("1", {"a": 1})], {"a": 4}, id="a counter that was made anew"),
        pytest.param([("1", {"a": 3}), ("1", {}), ("1", {"a": 2})], {"a": 5}, id="a counter that was gone for a while"),
    ],
)
def test_totals(readings, expected):
    assert added(*readings).counts == expected


def test_totals_tell_when_to_keep_them():
    totals = Totals()
    asked = [("1", {"a": 1}), ("1", {"a": 2}), ("1", {"a": 1}), ("2", {"a": 9}), ("2", {"a": 10})]
    assert [totals.add(*reading) for reading in asked] == [True, False, True, True, False]
    assert totals.origin == "1"


def test_old_text_is_no_harm_while_the_process_is_the_same():
    totals = added(("1", {"a": 3}), ("2", {"a": 1}))
    text = totals.render()
    totals.add("2", {"a": 7})
    again = Totals.parse(text)
    again.add("2", {"a": 9})
    assert (again.counts, again.origin) == ({"a": 12}, "1")


@given(st.lists(st.tuples(st.sampled_from("12"), st.integers(0, 100))))
def test_totals_never_go_back(readings):
    totals = Totals()
    before = 0
    for generation, value in readings:
        totals.add(generation, {"a": value})
        assert totals.counts["a"] >= max(before, value if generation == "1" else 0)
        before = totals.counts["a"]


@pytest.mark.parametrize(
    ("counter", "expected"),
    [
        pytest.param("target.cluster.x.code.200", PoolStats(requests=2, target_2xx=2), id="by a target"),
        pytest.param("target.cluster.x.code.503", PoolStats(requests=2, target_5xx=2), id="a target's own 503"),
        pytest.param("balancer.cluster.x.code.502", PoolStats(requests=2, balancer_502=2), id="502"),
        pytest.param("balancer.cluster.x.code.503", PoolStats(balancer_503=2), id="503: no target was chosen"),
        pytest.param("balancer.cluster.x.code.504", PoolStats(requests=2, balancer_504=2), id="504"),
        pytest.param("balancer.cluster.x.code.200", PoolStats(requests=2, target_2xx=2, broken_off=2), id="broken off"),
        pytest.param("balancer.cluster.x.code.0", PoolStats(requests=2, client_closed=2), id="the client went away"),
        pytest.param("target.cluster.x.code.101", PoolStats(requests=2), id="websocket"),
    ],
)
def test_what_a_counter_means(counter, expected):
    assert pool_stats({f"fairway.{counter}": 2}) == {"x": expected}
