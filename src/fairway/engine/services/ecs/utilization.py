"""How much of what they reserve the tasks of a service use, as CloudWatch metrics of `AWS/ECS`. Pure.

One value for each running task and minute; a service without running tasks reports nothing.
Source: ECS Developer Guide, "Amazon ECS service utilization metrics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.engine.model.metric import Datum, MetricKey, of_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fairway.engine.model.service import Service

NAMESPACE: Final = "AWS/ECS"
_UNITS: Final = 1024
"""CPU units of one virtual CPU."""
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TaskUse:
    """What a task used."""

    cpu: float | None
    """Virtual CPUs, on average since it was last asked; None: this is the first time."""
    memory_bytes: int
    cpu_units: int
    """Reserved."""
    memory_mib: int
    """Reserved."""


def utilization(service: Service, tasks: Iterable[TaskUse], at: int) -> Iterator[Datum]:
    """Percentages for the minute that began at `at`."""
    used = list(tasks)
    cluster = service.cluster_arn.rsplit("/", 1)[-1]
    dimensions = (("ClusterName", cluster), ("ServiceName", service.name))
    measured = {
        "CPUUtilization": [
            100 * task.cpu * _UNITS / task.cpu_units for task in used if task.cpu is not None and task.cpu_units
        ],
        "MemoryUtilization": [100 * task.memory_bytes / _MIB / task.memory_mib for task in used if task.memory_mib],
    }
    for name, values in measured.items():
        for value in values:
            key = MetricKey(service.region, NAMESPACE, name, dimensions)
            yield Datum(key, at, of_values({round(value, 6): 1.0}), "Percent")
