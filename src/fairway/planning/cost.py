"""What tasks cost on Fargate: the arithmetic of the deployment strategy, with FARGATE and FARGATE_SPOT apart. Pure.

per task and hour = vCPU * price + GB * price + (storage beyond 20 GB) * price
per task and month = that * hours, down to the cent       1 vCPU, 2 GB: $0.04937 * 720 = $35.54
per service = tasks * that                                5 * $35.54 = $177.70
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.planning.equality import task_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.project.prices import PriceTable, RegionPrices

FARGATE: Final = "FARGATE"
SPOT: Final = "FARGATE_SPOT"
_UNITS: Final = 1024
_CENT: Final = Decimal("0.01")
_ARCHITECTURES: Final = {"X86_64": "x86", "ARM64": "arm"}


@dataclass(frozen=True, slots=True)
class TaskCost:
    """What one task costs."""

    vcpu: Decimal
    gb: Decimal
    storage_gb: Decimal
    """Beyond what is included."""
    architecture: str
    hourly: Decimal
    monthly: Decimal
    spot_monthly: Decimal


@dataclass(frozen=True, slots=True)
class ServiceCost:
    """What a service costs, with so many tasks."""

    key: str
    task: TaskCost
    tasks: int
    providers: Mapping[str, int]
    """Tasks by capacity provider."""
    monthly: Decimal
    on_demand: Decimal
    """As if all of them were on FARGATE."""
    least: tuple[int, Decimal] | None = None
    """With autoscaling's minimum: (tasks, per month)."""
    most: tuple[int, Decimal] | None = None


def distribute(strategy: Sequence[Mapping[str, Any]], count: int) -> dict[str, int]:
    """How many of `count` tasks each capacity provider gets.

    The base first, in the order of the list; then each next task goes where the share `weight / sum of weights` of the tasks
    beyond the bases is missed most, ties by the order of the list.

    base 2 on FARGATE, weights 1:4, 5 tasks -> FARGATE 3, FARGATE_SPOT 2; 10 tasks -> FARGATE 4, FARGATE_SPOT 6
    one provider alone takes all

    Source: ECS API Reference, CapacityProviderStrategyItem. How ECS rounds is not documented: this is the largest deficit.

    Raises:
        UsageError: every weight is zero and the bases are filled: ECS refuses such a strategy.
    """
    names = [str(item["capacityProvider"]) for item in strategy]
    if len(names) == 1:
        return {names[0]: count}
    placed: Counter[str] = Counter(dict.fromkeys(names, 0))
    for item in strategy:
        free = count - sum(placed.values())
        placed[str(item["capacityProvider"])] += min(item.get("base", 0), free)
    bases = dict(placed)
    weights = {str(item["capacityProvider"]): item.get("weight", 0) for item in strategy if item.get("weight", 0) > 0}
    rest = count - sum(placed.values())
    if rest and not weights:
        raise UsageError(
            "no capacity provider of the strategy has a weight greater than zero",
            hint="give one a weight: beyond the base no task could be placed",
        )
    total = sum(weights.values())
    for number in range(1, rest + 1):
        # max() keeps the first of equals
        missed = max(weights, key=lambda name: Fraction(weights[name] * number, total) - (placed[name] - bases[name]))
        placed[missed] += 1
    return dict(placed)


def strategy_of(
    service: Mapping[str, Any] | None, default: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """Where a service's tasks run: its launch type, its strategy, else the cluster's default strategy, else FARGATE.

    Source: ECS API Reference, CreateService (launchType, capacityProviderStrategy).

    Raises:
        UsageError: the launch type is none of Fargate's.
    """
    found = service or {}
    launch = found.get("launchType")
    if launch not in {None, FARGATE}:
        raise UsageError(f"launchType {launch} is paid by the instance", hint="only Fargate has a price for each task")
    if launch is not None:
        return ({"capacityProvider": FARGATE, "weight": 1},)
    return tuple(found.get("capacityProviderStrategy") or default) or ({"capacityProvider": FARGATE, "weight": 1},)


def task_cost(definition: Mapping[str, Any], table: PriceTable, region: str) -> TaskCost:
    """What one task of a definition costs in a region.

    Raises:
        UsageError: the table has no price for it, or the definition states no size.
    """
    prices = _region(table, region)
    platform = definition.get("runtimePlatform") or {}
    if str(platform.get("operatingSystemFamily", "LINUX")) != "LINUX":
        raise UsageError(
            f"{definition.get('family')} runs on {platform['operatingSystemFamily']}", hint=f"{table.path} prices Linux"
        )
    architecture = _ARCHITECTURES.get(str(platform.get("cpuArchitecture", "X86_64")), "x86")
    if architecture not in prices.rates:
        raise UsageError(
            f"{table.path} has no {architecture} prices for {region}", hint=f"add {architecture} to [regions.{region}]"
        )
    rates = prices.rates[architecture]
    vcpu, gb = _size(definition, "cpu"), _size(definition, "memory")
    asked = Decimal((definition.get("ephemeralStorage") or {}).get("sizeInGiB", 0))
    storage = max(Decimal(0), asked - table.included_storage_gb)
    stored = storage * rates.storage_gb
    computed = vcpu * rates.vcpu + gb * rates.gb
    spot = computed * (1 - prices.spot_discount) + stored
    return TaskCost(
        vcpu,
        gb,
        storage,
        architecture,
        computed + stored,
        _month(computed + stored, table),
        _month(spot, table),
    )


def service_cost(
    key: str,
    task: TaskCost,
    strategy: Sequence[Mapping[str, Any]],
    tasks: int,
    *,
    least: int | None = None,
    most: int | None = None,
) -> ServiceCost:
    """What a service costs with `tasks` tasks, and with the least and the most that autoscaling may run.

    Raises:
        UsageError: a capacity provider is none of Fargate's.
    """

    def monthly(count: int) -> Decimal:
        return sum((_price(task, name) * number for name, number in distribute(strategy, count).items()), Decimal(0))

    return ServiceCost(
        key=key,
        task=task,
        tasks=tasks,
        providers={name: number for name, number in distribute(strategy, tasks).items() if number},
        monthly=monthly(tasks),
        on_demand=task.monthly * tasks,
        least=None if least is None else (least, monthly(least)),
        most=None if most is None else (most, monthly(most)),
    )


def _price(task: TaskCost, provider: str) -> Decimal:
    if provider not in {FARGATE, SPOT}:
        raise UsageError(
            f"the capacity provider {provider} is paid by the instance", hint="only Fargate has a price for each task"
        )
    return task.spot_monthly if provider == SPOT else task.monthly


def _region(table: PriceTable, region: str) -> RegionPrices:
    if region not in table.regions:
        raise UsageError(
            f"{table.path} has no prices for {region}",
            hint=f'copy it, add [regions.{region}], and name the copy: [project] prices = "deploy/prices.toml"',
        )
    return table.regions[region]


def _size(definition: Mapping[str, Any], member: str) -> Decimal:
    units = task_size(member, definition.get(member, ""))
    if not isinstance(units, int) or units <= 0:
        raise UsageError(f"{definition.get('family')} states no {member}", hint="Fargate needs it for each task")
    return Decimal(units) / _UNITS


def _month(hourly: Decimal, table: PriceTable) -> Decimal:
    return (hourly * table.hours).quantize(_CENT, rounding=ROUND_DOWN)
