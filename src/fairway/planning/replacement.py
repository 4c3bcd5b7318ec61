"""How a deployment replaces tasks: how many at once, and how long that takes. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.observed import HealthCheck

STARTS_DEPLOYMENT: Final = frozenset(
    {"networkConfiguration", "platformVersion", "loadBalancers", "serviceRegistries", "serviceConnectConfiguration"}
    | {"volumeConfigurations", "vpcLatticeConfigurations"}
)
"""Members of UpdateService that begin a deployment when they change (beside taskDefinition).

Source: ECS API Reference, UpdateService: each of the other members "doesn't trigger a new service deployment".
"""
_SECONDS_TO_START: Final = 40
"""From a task's start to RUNNING on Fargate: image, network interface. Seen in published event logs; not promised by AWS."""
_SECONDS_WITHOUT_CHECK: Final = 40
"""Without any health check a task counts as healthy 40 s after it is RUNNING (DeploymentConfiguration)."""
_DEREGISTRATION_SECONDS: Final = 300
"""`deregistration_delay.timeout_seconds` unless the target group has another (ELB API Reference, TargetGroupAttribute)."""
_STOP_SECONDS: Final = 10
"""From SIGTERM to the end of a task that listens to it, with the pace of ECS's scheduler."""
_SECONDS: Final = 60
_SHIFTING: Final = frozenset({"BLUE_GREEN", "LINEAR", "CANARY"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many tasks a deployment may have."""

    lower: int
    """Healthy, at least."""
    upper: int
    """Running, pending and stopping, at most."""
    at_once: int
    """Replaced at the same time, at most."""

    def rounds(self, desired: int) -> int:
        """How often it starts and waits until all are replaced."""
        return math.ceil(desired / self.at_once) if self.at_once else 0


def bounds_of(desired: int, configuration: Mapping[str, Any]) -> Bounds:
    """The bounds of a deployment; the lower rounds up, the upper down.

    desired 5, 100 % and 200 % -> 5 to 10, 5 at once     desired 5, 100 % and 140 % -> 5 to 7, 2 at once
    desired 10, 50 % and 150 % -> 5 to 15, 10 at once    blue/green, linear, canary -> twice as many, whatever the percents

    at_once 0: no task can move, and the deployment hangs.
    Source: ECS API Reference, DeploymentConfiguration; Developer Guide, "Amazon ECS blue/green deployments".
    """
    if configuration.get("strategy") in _SHIFTING:
        return Bounds(desired, 2 * desired, desired)
    lower = -(-desired * configuration.get("minimumHealthyPercent", 100) // 100)
    upper = desired * configuration.get("maximumPercent", 200) // 100
    return Bounds(lower, upper, max(0, min(desired, upper - lower)))


@dataclass(frozen=True, slots=True)
class Expectation:
    """How long a deployment is expected to take."""

    minutes: float
    basis: str
    """What it is reckoned from."""


def expected(
    desired: int,
    configuration: Mapping[str, Any],
    containers: Iterable[Mapping[str, Any]],
    checks: Sequence[HealthCheck],
    delays: Sequence[int | None],
    measured: Sequence[float],
) -> Expectation:
    """How long it takes: as the last ones took, else by what its settings add up to.

    `delays`: deregistration delay of each target group, None where it may not be read. `measured`: seconds of the last
    SUCCESSFUL service deployments.
    """
    if measured:
        shortest, longest = min(measured) / _SECONDS, max(measured) / _SECONDS
        count = f"the last {len(measured)} took" if len(measured) > 1 else "the last one took"
        span = f"{_minutes(shortest)}" + (f" to {_minutes(longest)}" if _minutes(longest) != _minutes(shortest) else "")
        return Expectation(median(measured) / _SECONDS, f"{count} {span} min")
    healthy = seconds_to_healthy(list(containers), checks)
    drain = max((_DEREGISTRATION_SECONDS if delay is None else delay for delay in delays), default=0)
    rounds = bounds_of(desired, configuration).rounds(desired)
    shift = shift_seconds(configuration)
    total = rounds * (_SECONDS_TO_START + healthy + drain + _STOP_SECONDS) + shift
    parts = [f"{rounds} x (start {_SECONDS_TO_START} s", f"healthy {healthy} s"]
    parts += [f"deregistration {drain} s"] if drain else []
    basis = f"{' + '.join([*parts, f'stop {_STOP_SECONDS} s'])})" + (f" + traffic and bake {shift} s" if shift else "")
    return Expectation(total / _SECONDS, f"reckoned: {basis}")


def _minutes(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def seconds_to_healthy(containers: Sequence[Mapping[str, Any]], checks: Sequence[HealthCheck]) -> int:
    """From RUNNING to healthy, when all goes well: container checks pass at their first interval, targets at their threshold.

    Source: ECS API Reference, DeploymentConfiguration.minimumHealthyPercent (which checks count).
    """
    own = [
        container["healthCheck"].get("interval", 30)
        for container in containers
        if container.get("healthCheck") and container.get("essential", True)
    ]
    theirs = [check.interval_seconds * (check.healthy_threshold - 1) for check in checks]
    return int(max([*own, *theirs], default=_SECONDS_WITHOUT_CHECK))


def shift_seconds(configuration: Mapping[str, Any]) -> int:
    """What traffic steps and the bake time add.

    linear 10 % and 6 min -> 9 steps, 54 min; canary 10 min -> 10 min; each with the bake time after it.
    Source: ECS API Reference, LinearConfiguration (no step bake after 100 %), CanaryConfiguration.
    """
    minutes = float(configuration.get("bakeTimeInMinutes", 0))
    if configuration.get("strategy") == "LINEAR":
        linear = configuration.get("linearConfiguration", {})
        steps = math.ceil(100 / float(linear.get("stepPercent", 10)))
        minutes += (steps - 1) * float(linear.get("stepBakeTimeInMinutes", 6))
    if configuration.get("strategy") == "CANARY":
        minutes += float(configuration.get("canaryConfiguration", {}).get("canaryBakeTimeInMinutes", 10))
    return round(minutes * _SECONDS)
