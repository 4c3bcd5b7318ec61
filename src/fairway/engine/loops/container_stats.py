"""What a container uses, in the shape of Docker's container statistics, as the task metadata endpoint gives it.

Source: Docker Engine API v1.30, ContainerStats; ECS Developer Guide, "Amazon ECS task metadata endpoint version 4".
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fairway.engine.runtime.protocol import ContainerRef, Usage

_NANOSECONDS: Final = 1_000_000_000
_NO_TIME: Final = "0001-01-01T00:00:00Z"
_MIB: Final = 1024 * 1024
_EVERY_SECONDS: Final = 1.0
_STAT: Final = Path("/proc/stat")
_COUNTED: Final = 8
"""user, nice, system, idle, iowait, irq, softirq, steal: as Docker counts; guests are counted as users already."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a container had used at a time, and what the whole machine had."""

    at: datetime
    cpu_seconds: float
    system_cpu_seconds: float
    """Of all processors together, idle time included."""
    memory_bytes: int
    memory_peak_bytes: int


@dataclass(slots=True)
class Samples:
    """The last two samples of each container: Docker's answer holds both, so that a rate can be worked out of it."""

    _known: dict[ContainerRef, tuple[Sample | None, Sample]]

    @classmethod
    def none(cls) -> Samples:
        return cls({})

    def take(self, ref: ContainerRef, usage: Usage, at: datetime, system_cpu_seconds: float) -> None:
        """Remember a sample; the older of the two that are known is forgotten."""
        sample = Sample(at, usage.cpu_seconds, system_cpu_seconds, usage.memory_bytes, usage.memory_bytes)
        before = self._known.get(ref)
        if before is None:
            self._known[ref] = (None, sample)
            return
        last = before[1]
        peak = max(last.memory_peak_bytes, usage.memory_bytes)
        self._known[ref] = (last, replace(sample, memory_peak_bytes=peak))

    def of(self, ref: ContainerRef) -> tuple[Sample | None, Sample] | None:
        """(the one before, the newest); None: there is none yet."""
        return self._known.get(ref)

    def keep_only(self, refs: set[ContainerRef]) -> None:
        """Forget containers that are gone."""
        for ref in self._known.keys() - refs:
            del self._known[ref]


async def take_samples(
    samples: Samples, usage: Callable[[], Mapping[ContainerRef, Usage]], now: Callable[[], datetime]
) -> None:
    """Each real second, until cancelled."""
    while True:
        used = usage()
        samples.keep_only(set(used))
        if used:
            system = system_cpu_seconds()
            for ref, one in used.items():
                samples.take(ref, one, now(), system)
        await asyncio.sleep(_EVERY_SECONDS)


def system_cpu_seconds() -> float:
    """What all processors of this machine have spent since it was started; 0 where the system does not say."""
    try:
        fields = _STAT.read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[1 : 1 + _COUNTED]) / os.sysconf("SC_CLK_TCK")


def docker_stats(
    samples: tuple[Sample | None, Sample],
    *,
    name: str,
    docker_id: str,
    cpus: int,
    memory_limit_mib: int,
) -> dict[str, Any]:
    """The statistics of one container. A process has no network device of its own: there are no counters of one."""
    before, now = samples
    return {
        "read": _time(now.at),
        "preread": _NO_TIME if before is None else _time(before.at),
        "name": name,
        "id": docker_id,
        "num_procs": 0,
        "pids_stats": {},
        "networks": {},
        "blkio_stats": {},
        "storage_stats": {},
        "cpu_stats": _cpu(now, cpus),
        "precpu_stats": {"cpu_usage": {"total_usage": 0}} if before is None else _cpu(before, cpus),
        "memory_stats": {
            "usage": now.memory_bytes,
            "max_usage": now.memory_peak_bytes,
            "limit": memory_limit_mib * _MIB,
            "stats": {},
        },
    }


def _cpu(sample: Sample, cpus: int) -> dict[str, Any]:
    return {
        "cpu_usage": {"total_usage": int(sample.cpu_seconds * _NANOSECONDS)},
        "system_cpu_usage": int(sample.system_cpu_seconds * _NANOSECONDS),
        "online_cpus": cpus,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
