"""What a whole project costs a month, and the table that shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.planning.cost import service_cost, strategy_of, task_cost
from fairway.planning.show import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.planning.cost import ServiceCost, TaskCost
    from fairway.project.model import Project
    from fairway.project.prices import PriceTable

SOURCE: Final = "https://aws.amazon.com/fargate/pricing/"
WITHOUT: Final = "tasks alone: load balancers, logs, traffic and savings plans are not in it"
NO_SCALING: Final = (
    "no scaling file is named by the project: the least and the most are not known, and desiredCount alone counts"
)
_UNKNOWN: Final = "-"


@dataclass(frozen=True, slots=True)
class ProjectCost:
    """The cost of each service and one-off task of a project."""

    services: tuple[ServiceCost, ...]
    tasks: tuple[tuple[str, TaskCost], ...]
    """One-off tasks cost only while they run."""
    not_known: tuple[tuple[str, str], ...]
    """(service, why)."""
    region: str
    table: PriceTable

    @property
    def monthly(self) -> Decimal:
        return sum((item.monthly for item in self.services), Decimal(0))

    @property
    def on_demand(self) -> Decimal:
        """As if every task were on FARGATE."""
        return sum((item.on_demand for item in self.services), Decimal(0))


def project_cost(project: Project, table: PriceTable) -> ProjectCost:
    """What the project costs with the task counts that its files name.

    Raises:
        UsageError: no service can be priced in this region.
    """
    region = project.environment.region
    default = (project.cluster_definition or {}).get("defaultCapacityProviderStrategy", ())
    services, not_known, first = [], [], None
    for key, spec in project.services.items():
        desired = (spec.service or {}).get("desiredCount")
        if not isinstance(desired, int):
            not_known.append((key, "no file names its desiredCount"))
            continue
        try:
            task = task_cost(spec.definition, table, region)
            services.append(service_cost(key, task, strategy_of(spec.service, default), desired))
        except UsageError as error:
            first = first or error
            not_known.append((key, error.message))
    if first is not None and not services:
        raise first
    tasks = (
        [(key, task_cost(spec.definition, table, region)) for key, spec in project.tasks.items()] if services else []
    )
    return ProjectCost(tuple(services), tuple(tasks), tuple(not_known), region, table)


def cost_lines(cost: ProjectCost) -> list[str]:
    """The table for people."""
    currency = cost.table.currency
    head = (
        "SERVICE",
        "MIN",
        "DESIRED",
        "MAX",
        "vCPU",
        "GB",
        "ARCH",
        "HOURS",
        "PER TASK",
        "ON FARGATE",
        "A MONTH",
        "WHERE",
    )
    rows = [head, *(_row(item, cost.table, currency) for item in cost.services)]
    total = ("total", *[""] * 8, money(cost.on_demand, currency), money(cost.monthly, currency), "")
    notes = [
        *(f"{key}: not in the sum: {why}" for key, why in cost.not_known),
        *(
            f"{key}: {_plain(task.vcpu)} vCPU, {_plain(task.gb)} GB: {_hourly(task.hourly, currency)} an hour while it runs"
            for key, task in cost.tasks
        ),
        NO_SCALING,
        WITHOUT,
        f"prices of {cost.region}, {cost.table.date}, {currency}: {cost.table.path}; source: {SOURCE}",
    ]
    return [*_aligned([*rows, total]), "", *notes]


def _row(item: ServiceCost, table: PriceTable, currency: str) -> tuple[str, ...]:
    task = item.task
    storage = f" + {_plain(task.storage_gb)} GB storage" if task.storage_gb else ""
    return (
        item.key,
        _UNKNOWN if item.least is None else str(item.least[0]),
        str(item.tasks),
        _UNKNOWN if item.most is None else str(item.most[0]),
        _plain(task.vcpu),
        _plain(task.gb) + storage,
        task.architecture,
        _plain(table.hours),
        money(task.monthly, currency),
        money(item.on_demand, currency),
        money(item.monthly, currency),
        ", ".join(f"{name} {count}" for name, count in item.providers.items()),
    )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _hourly(amount: Decimal, currency: str) -> str:
    text = f"{amount:.4f}"
    return f"${text}" if currency == "USD" else f"{text} {currency}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def cost_documents(cost: ProjectCost) -> list[tuple[str, dict[str, Any]]]:
    """(event, members) of each service, each one-off task, and the sum."""
    services = [("cost_service", _service(item, cost.table)) for item in cost.services]
    tasks = [
        ("cost_task", {"task": key, "vcpu": float(t.vcpu), "gb": float(t.gb), "per_hour": float(t.hourly)})
        for key, t in cost.tasks
    ]
    total = {
        "monthly": float(cost.monthly),
        "on_demand_monthly": float(cost.on_demand),
        "currency": cost.table.currency,
        "region": cost.region,
        "hours": float(cost.table.hours),
        "prices": str(cost.table.path),
        "prices_date": cost.table.date,
        "not_known": dict(cost.not_known),
    }
    return [*services, *tasks, ("cost", total)]


def _service(item: ServiceCost, table: PriceTable) -> dict[str, Any]:
    task = item.task
    return {
        "service": item.key,
        "vcpu": float(task.vcpu),
        "gb": float(task.gb),
        "storage_gb": float(task.storage_gb),
        "architecture": task.architecture,
        "hours": float(table.hours),
        "min": None if item.least is None else item.least[0],
        "desired": item.tasks,
        "max": None if item.most is None else item.most[0],
        "providers": dict(item.providers),
        "task_monthly": float(task.monthly),
        "task_spot_monthly": float(task.spot_monthly),
        "monthly": float(item.monthly),
        "on_demand_monthly": float(item.on_demand),
        "min_monthly": None if item.least is None else float(item.least[1]),
        "max_monthly": None if item.most is None else float(item.most[1]),
    }
