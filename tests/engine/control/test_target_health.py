from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.control.builders import T0

from fairway.engine.control.target_health import (
    TargetGroupView,
    apply_probe,
    drain,
    matches,
    new_target,
    next_probe_at,
    reconcile,
)
from fairway.engine.model.elb import HealthCheck, TargetGroup, TargetState
from fairway.engine.model.facts import ProbeResult, TargetIdle

GROUP = TargetGroup(
    arn="arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/0123456789abcdef",
    name="api",
    region="us-east-1",
    protocol="HTTP",
    port=8000,
    vpc_id="vpc-1",
    target_type="ip",
    health_check=HealthCheck(path="/health", healthy_threshold=3, unhealthy_threshold=2),
    created_at=T0,
)


def a_target(state=TargetState.INITIAL, **changes):
    target = new_target(
        GROUP,
        target_id="10.0.0.5",
        port=8000,
        host="127.0.0.1",
        host_port=20000,
        zone="us-east-1a",
        task_arn=None,
        now=T0,
    )
    return replace(target, state=state, reason=None, **changes)


def outcome(code):
    """A probe's result: a status code, `timeout` or `connection`."""
    status, failure = (code, None) if isinstance(code, int) else (None, code)
    return ProbeResult(GROUP.arn, "10.0.0.5:8000", status, failure, 0.01, T0)


@pytest.mark.parametrize(
    ("state", "probes", "expected", "reason"),
    [
        pytest.param("initial", [200], "healthy", None, id="one passed check makes a new target healthy"),
        pytest.param("initial", [503], "initial", None, id="one failed check leaves it initial"),
        pytest.param("initial", [503, 503], "unhealthy", "Target.ResponseCodeMismatch", id="two make it unhealthy"),
        pytest.param("healthy", [503], "healthy", None, id="one failure is forgiven"),
        pytest.param("healthy", [503, 200, 503], "healthy", None, id="failures must come in a row"),
        pytest.param("healthy", ["timeout", "timeout"], "unhealthy", "Target.Timeout", id="time-outs"),
        pytest.param("healthy", ["connection"] * 2, "unhealthy", "Target.FailedHealthChecks", id="refused connections"),
        pytest.param("unhealthy", [200, 200], "unhealthy", None, id="two successes are not enough"),
        pytest.param("unhealthy", [200, 200, 200], "healthy", None, id="HealthyThresholdCount in a row are"),
        pytest.param("unhealthy", [200, 200, 500, 200], "unhealthy", "Target.ResponseCodeMismatch", id="a failure starts anew"),
    ],
)  # fmt: skip
def test_health_states(state, probes, expected, reason):
    target = a_target(TargetState(state))
    for probe in probes:
        target = apply_probe(target, outcome(probe), GROUP.health_check)
    assert (target.state, target.reason) == (expected, reason)


def test_the_description_names_the_code():
    target = apply_probe(a_target(TargetState.UNHEALTHY), outcome(404), GROUP.health_check)
    assert target.description == "Health checks failed with these codes: [404]"


@pytest.mark.parametrize(
    ("code", "matcher", "expected"),
    [
        (200, "200", True),
        (204, "200-299", True),
        (301, "200-299", False),
        (202, "200,202", True),
        (201, "200,202", False),
    ],
)
def test_matcher(code, matcher, expected):
    assert matches(code, matcher) is expected


def test_a_new_target_is_checked_at_once_and_then_each_interval():
    target = a_target()
    view = TargetGroupView(GROUP, (target,), in_use=True)
    assert reconcile(view, T0).probes == (target,)
    checked = replace(target, last_check_at=T0)
    decision = reconcile(replace(view, targets=(checked,)), T0)
    assert decision.probes == ()
    assert decision.next_check == T0 + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("rate", "took", "pause"),
    [
        pytest.param(1.0, 0.0, 30, id="an interval"),
        pytest.param(20.0, 0.0, 30, id="at speed 20 an interval is 1.5 real seconds"),
        pytest.param(100.0, 0.0, 100, id="never more often than each real second"),
        pytest.param(20.0, 2.0, 160, id="nor than four times what the last took"),
    ],
)
def test_the_pause_between_checks_in_engine_seconds(rate, took, pause):
    target = a_target(last_check_at=T0, last_check_seconds=took)
    assert next_probe_at(target, GROUP.health_check, rate) == T0 + timedelta(seconds=pause)


def test_targets_of_an_unused_group_are_unused_and_not_checked():
    decision = reconcile(TargetGroupView(GROUP, (a_target(),), in_use=False), T0)
    assert [t.state for t in decision.targets] == [TargetState.UNUSED]
    assert decision.probes == ()


def test_a_draining_target_goes_when_its_delay_is_over():
    target = drain(a_target(TargetState.HEALTHY), T0)
    view = TargetGroupView(
        replace(GROUP, attributes={"deregistration_delay.timeout_seconds": "60"}), (target,), in_use=True
    )
    waiting = reconcile(view, T0 + timedelta(seconds=59))
    assert waiting.removed == ()
    assert waiting.next_check == T0 + timedelta(seconds=60)
    assert reconcile(view, T0 + timedelta(seconds=60)).removed == (target,)
    assert apply_probe(target, TargetIdle(GROUP.arn, target.key, T0), GROUP.health_check).idle


@given(st.lists(st.sampled_from([200, 503, "timeout"]), max_size=30))
def test_health_never_changes_without_its_threshold(probes):
    target = a_target()
    run: list[bool] = []
    for probe in probes:
        before = target.state
        run = [*run, probe == 200] if not run or run[-1] == (probe == 200) else [probe == 200]
        target = apply_probe(target, outcome(probe), GROUP.health_check)
        if before is TargetState.HEALTHY and target.state is TargetState.UNHEALTHY:
            assert len(run) >= GROUP.health_check.unhealthy_threshold
            assert not run[-1]
        if before is TargetState.UNHEALTHY and target.state is TargetState.HEALTHY:
            assert len(run) >= GROUP.health_check.healthy_threshold
            assert run[-1]
