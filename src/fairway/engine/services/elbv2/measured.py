"""What the load balancers' counters say, as CloudWatch metrics of `AWS/ApplicationELB`. Pure.

Which metric has which dimensions, and which reports nothing rather than 0, is AWS's. Answers are counted for each target
group, not for each zone: of the forms with AvailabilityZone only those of the host counts are here. TargetResponseTime
comes from a histogram whose buckets are 1.3 to 2 times as wide as their lower bound; within one, values are taken to be
spread evenly.
Source: Application Load Balancer guide, "CloudWatch metrics for your Application Load Balancer".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from fairway.engine.model.elb import TargetState
from fairway.engine.model.metric import Datum, MetricKey, of_values
from fairway.engine.services.elbv2.configuration import forward_weights, listener_key, pool_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fairway.engine.loadbalancer.protocol import Stats
    from fairway.engine.model.elb import Listener, LoadBalancer, Rule, Target, TargetGroup

NAMESPACE: Final = "AWS/ApplicationELB"
_COUNTED: Final = (
    "requests",
    "target_2xx",
    "target_3xx",
    "target_4xx",
    "target_5xx",
    "balancer_502",
    "balancer_503",
    "balancer_504",
    "connection_errors",
)
_BY_TARGET: Final = {
    "requests": "RequestCount",
    "target_2xx": "HTTPCode_Target_2XX_Count",
    "target_3xx": "HTTPCode_Target_3XX_Count",
    "target_4xx": "HTTPCode_Target_4XX_Count",
    "target_5xx": "HTTPCode_Target_5XX_Count",
    "connection_errors": "TargetConnectionErrorCount",
}
"""With the dimensions LoadBalancer, and LoadBalancer with TargetGroup; nothing rather than 0."""
_BY_BALANCER: Final = {
    "balancer_502": "HTTPCode_ELB_502_Count",
    "balancer_503": "HTTPCode_ELB_503_Count",
    "balancer_504": "HTTPCode_ELB_504_Count",
}
"""With the dimension LoadBalancer alone, never TargetGroup; nothing rather than 0."""
_SPREAD: Final = 8
"""So many values stand for those of one bucket of the histogram."""
_NOT_COUNTED: Final = frozenset({TargetState.DRAINING, TargetState.UNUSED})


def counts_of(stats: Stats) -> dict[str, int]:
    """All counters by one name each; they only grow while `stats.generation` is the same."""
    found: dict[str, int] = {}
    for key, pool in stats.pools.items():
        found |= {f"{key}/{name}": getattr(pool, name) for name in _COUNTED}
        found |= {f"{key}/seconds/{bound!r}": count for bound, count in pool.latency_buckets.items()}
    found |= {f"{key}/listener_5xx": count for key, count in stats.listener_5xx.items()}
    return found


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> Counter[str]:
    """By how much each counter grew."""
    return Counter({name: max(0, value - before.get(name, 0)) for name, value in after.items()})


def groups_of(balancer: LoadBalancer, listeners: Iterable[Listener], rules: Iterable[Rule]) -> frozenset[str]:
    """The ARNs of the target groups that a load balancer sends to."""
    own = {listener.arn: listener for listener in listeners if listener.load_balancer_arn == balancer.arn}
    actions = [action for listener in own.values() for action in listener.default_actions]
    actions += [action for rule in rules if rule.listener_arn in own for action in rule.actions]
    return frozenset(arn for action in actions if action["Type"] == "forward" for arn in forward_weights(action))


def traffic(
    balancer: LoadBalancer,
    listeners: Iterable[Listener],
    groups: Iterable[TargetGroup],
    targets: Mapping[str, Iterable[Target]],
    counts: Counter[str],
    at: int,
) -> Iterator[Datum]:
    """What went through a load balancer in the minute that began at `at`. `targets`: by the ARN of their group."""
    whole, times = Counter[str](), Counter[float]()
    own = (("LoadBalancer", _dimension(balancer.arn)),)
    for group in groups:
        key = pool_key(group.arn)
        here = Counter({name: counts[f"{key}/{name}"] for name in _COUNTED})
        seconds = _response_times(key, counts)
        both = (*own, ("TargetGroup", _dimension(group.arn)))
        yield from _of_targets(balancer.region, both, here, seconds, at)
        yield from _per_target(balancer.region, both, here["requests"], targets.get(group.arn, ()), at)
        whole.update(here)
        times.update(seconds)
    yield from _of_targets(balancer.region, own, whole, times, at)
    sent = sum(counts[f"{listener_key(x.arn)}/listener_5xx"] for x in listeners if x.load_balancer_arn == balancer.arn)
    itself = sum(whole[name] for name in _BY_BALANCER)
    totals = {"HTTPCode_ELB_5XX_Count": max(itself, sent - whole["target_5xx"])}
    totals |= {metric: whole[name] for name, metric in _BY_BALANCER.items()}
    for metric, count in totals.items():
        if count:
            yield _sum(balancer.region, metric, own, count, at)


def hosts(balancer: LoadBalancer, group: TargetGroup, targets: Iterable[Target], at: int) -> Iterator[Datum]:
    """How many targets of a group are healthy, and how many are not, now; nothing when none is registered."""
    registered = [target for target in targets if target.state not in _NOT_COUNTED]
    both = (("LoadBalancer", _dimension(balancer.arn)), ("TargetGroup", _dimension(group.arn)))
    zones = sorted({target.availability_zone for target in registered if target.availability_zone})
    for zone in (None, *zones) if registered else ():
        dimensions = both if zone is None else (("AvailabilityZone", zone), *both)
        here = [target for target in registered if zone in (None, target.availability_zone)]
        healthy = sum(target.state is TargetState.HEALTHY for target in here)
        for metric, count in (("HealthyHostCount", healthy), ("UnHealthyHostCount", len(here) - healthy)):
            yield _sum(balancer.region, metric, dimensions, count, at)


def _of_targets(
    region: str, dimensions: tuple[tuple[str, str], ...], counts: Counter[str], seconds: Counter[float], at: int
) -> Iterator[Datum]:
    for name, metric in _BY_TARGET.items():
        if counts[name]:
            yield _sum(region, metric, dimensions, counts[name], at)
    if seconds.total():
        key = MetricKey(region, NAMESPACE, "TargetResponseTime", dimensions)
        yield Datum(key, at, of_values(seconds), "Seconds")


def _per_target(
    region: str, dimensions: tuple[tuple[str, str], ...], requests: int, targets: Iterable[Target], at: int
) -> Iterator[Datum]:
    """RequestCountPerTarget, of which only the sum means something: reported always, also as 0."""
    registered = [target for target in targets if target.state not in _NOT_COUNTED]
    healthy = sum(target.state is TargetState.HEALTHY for target in registered)
    if registered:
        share = requests / (healthy or len(registered))
        for chosen in (dimensions, dimensions[1:]):
            yield _sum(region, "RequestCountPerTarget", chosen, share, at)


def _sum(region: str, metric: str, dimensions: tuple[tuple[str, str], ...], value: float, at: int) -> Datum:
    return Datum(MetricKey(region, NAMESPACE, metric, dimensions), at, of_values({float(value): 1.0}), "Count")


def _response_times(key: str, counts: Counter[str]) -> Counter[float]:
    """How often it took how long: from the histogram of a pool, and as simulated tasks say it."""
    buckets, found = Counter[float](), Counter[float]()
    for name, count in counts.items():
        if name.startswith(f"{key}/seconds/"):
            buckets[float(name.rpartition("/")[2])] += count
        elif name.startswith(f"{key}/exactly/") and count:
            found[float(name.rpartition("/")[2])] += count
    found.update(_spread(buckets))
    return found


def _spread(buckets: Counter[float]) -> Counter[float]:
    """Values that stand for those of a histogram: evenly spread within each bucket."""
    found: Counter[float] = Counter()
    lower = 0.0
    for upper in sorted(buckets):
        count = buckets[upper]
        if count and upper == float("inf"):
            found[lower] += count
        elif count:
            parts = min(_SPREAD, count)
            for n in range(parts):
                found[lower + (upper - lower) * (n + 0.5) / parts] += count / parts  # type: ignore[assignment]
        lower = upper
    return found


def _dimension(arn: str) -> str:
    """`app/NAME/ID` of a load balancer's ARN, `targetgroup/NAME/ID` of a target group's."""
    return arn.rsplit(":", 1)[1].removeprefix("loadbalancer/")
