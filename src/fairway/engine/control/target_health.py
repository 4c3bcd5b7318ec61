"""The health of targets, as an Application Load Balancer sees it.

    initial ──one passed check──▶ healthy ◀──HealthyThresholdCount passed── unhealthy
       └──UnhealthyThresholdCount failed──▶ unhealthy ◀──UnhealthyThresholdCount failed── healthy
    any ──deregistered──▶ draining ──delay over──▶ gone

Source: Application Load Balancer guide, "Health checks for target groups" and "Deregistration delay". Intervals and the
delay count in engine time; a real check is never sent sooner than one real second after the last, nor than four times as
long as that one took.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.model.elb import HealthCheck, Target, TargetGroup, TargetState
from fairway.engine.model.facts import ProbeResult, TargetIdle

if TYPE_CHECKING:
    from datetime import datetime

LEAST_PAUSE_SECONDS: Final = 1.0
PAUSE_FACTOR: Final = 4.0
DELAY_ATTRIBUTE: Final = "deregistration_delay.timeout_seconds"
DEFAULT_DELAY_SECONDS: Final = 300
REASONS: Final = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.Timeout": "Request timed out",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.HealthCheckDisabled": "Health checks are disabled",
}


@dataclass(frozen=True, slots=True)
class TargetGroupView:
    """A target group and its targets."""

    group: TargetGroup
    targets: tuple[Target, ...]
    in_use: bool
    """A listener or a rule sends traffic to it."""
    probing: frozenset[str] = frozenset()
    """Keys of targets whose check is under way."""
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class TargetDecision:
    """What changes, whom to check now, and when to ask again."""

    targets: tuple[Target, ...] = ()
    removed: tuple[Target, ...] = ()
    probes: tuple[Target, ...] = ()
    next_check: datetime | None = None


def new_target(
    group: TargetGroup,
    *,
    target_id: str,
    port: int,
    host: str,
    host_port: int,
    zone: str | None,
    task_arn: str | None,
    now: datetime,
) -> Target:
    """A target that was just registered."""
    return _because(
        Target(
            target_group_arn=group.arn,
            id=target_id,
            port=port,
            host=host,
            host_port=host_port,
            state=TargetState.INITIAL,
            reason=None,
            description=None,
            registered_at=now,
            availability_zone=zone,
            task_arn=task_arn,
        ),
        TargetState.INITIAL,
        "Elb.RegistrationInProgress",
    )


def drain(target: Target, now: datetime) -> Target:
    """The target was deregistered: no new requests from now on."""
    if target.state is TargetState.DRAINING:
        return target
    return replace(_because(target, TargetState.DRAINING, "Target.DeregistrationInProgress"), draining_since=now)


def reconcile(view: TargetGroupView, now: datetime) -> TargetDecision:
    """Decide about each target of a group. Pure."""
    changed: list[Target] = []
    removed: list[Target] = []
    probes: list[Target] = []
    checks: list[datetime] = []
    delay = timedelta(seconds=int(view.group.attributes.get(DELAY_ATTRIBUTE, DEFAULT_DELAY_SECONDS)))
    for target in view.targets:
        if target.state is TargetState.DRAINING:
            over = (target.draining_since or now) + delay
            if now >= over:
                removed.append(target)
            else:
                checks.append(over)
            continue
        settled = _settle(target, view)
        if settled != target:
            changed.append(settled)
        if not view.in_use or not view.group.health_check.enabled or target.key in view.probing:
            continue
        due = next_probe_at(settled, view.group.health_check, view.rate)
        if due <= now:
            probes.append(settled)
        else:
            checks.append(due)
    return TargetDecision(tuple(changed), tuple(removed), tuple(probes), min(checks, default=None))


def _settle(target: Target, view: TargetGroupView) -> Target:
    """The state that follows from the group alone."""
    if not view.in_use:
        return target if target.state is TargetState.UNUSED else _fresh(target, TargetState.UNUSED, "Target.NotInUse")
    if not view.group.health_check.enabled:
        if target.state is TargetState.UNAVAILABLE:
            return target
        return _fresh(target, TargetState.UNAVAILABLE, "Target.HealthCheckDisabled")
    if target.state in {TargetState.UNUSED, TargetState.UNAVAILABLE} or target.reason == "Elb.RegistrationInProgress":
        return _fresh(target, TargetState.INITIAL, "Elb.InitialHealthChecking")
    return target


def next_probe_at(target: Target, check: HealthCheck, rate: float) -> datetime:
    """When the next health check request is due: at once for a new target."""
    if target.last_check_at is None:
        return target.registered_at
    pause = max(LEAST_PAUSE_SECONDS, PAUSE_FACTOR * target.last_check_seconds) * rate
    return target.last_check_at + timedelta(seconds=max(check.interval_seconds, pause))


def apply_probe(target: Target, fact: ProbeResult | TargetIdle, check: HealthCheck) -> Target:
    """The target after a health check, or after the data plane said that it carries nothing to it any more."""
    if isinstance(fact, TargetIdle):
        return replace(target, idle=True) if target.state is TargetState.DRAINING else target
    target = replace(target, last_check_at=fact.at, last_check_seconds=fact.duration_seconds)
    if target.state not in {TargetState.INITIAL, TargetState.HEALTHY, TargetState.UNHEALTHY}:
        return target
    if fact.status_code is not None and matches(fact.status_code, check.matcher):
        passed = target.checks_passed + 1
        target = replace(target, checks_passed=passed, checks_failed=0)
        enough = target.state is not TargetState.UNHEALTHY or passed >= check.healthy_threshold
        return replace(target, state=TargetState.HEALTHY, reason=None, description=None) if enough else target
    failed = target.checks_failed + 1
    target = replace(target, checks_failed=failed, checks_passed=0)
    if target.state is TargetState.UNHEALTHY or failed >= check.unhealthy_threshold:
        return _failed(target, fact)
    return target


def _failed(target: Target, fact: ProbeResult) -> Target:
    if fact.status_code is not None:
        return replace(
            target,
            state=TargetState.UNHEALTHY,
            reason="Target.ResponseCodeMismatch",
            description=f"Health checks failed with these codes: [{fact.status_code}]",
        )
    reason = "Target.Timeout" if fact.failure == "timeout" else "Target.FailedHealthChecks"
    return _because(target, TargetState.UNHEALTHY, reason)


def matches(status_code: int, matcher: str) -> bool:
    """Whether a status code is one of `200`, `200,202` or `200-299`. A TCP check's success counts as 200."""
    for part in matcher.split(","):
        low, dash, high = part.strip().partition("-")
        if int(low) <= status_code <= int(high if dash else low):
            return True
    return False


def _fresh(target: Target, state: TargetState, reason: str) -> Target:
    """In a state whose checks begin anew."""
    return replace(_because(target, state, reason), checks_passed=0, checks_failed=0, last_check_at=None)


def _because(target: Target, state: TargetState, reason: str) -> Target:
    return replace(target, state=state, reason=reason, description=REASONS[reason])
