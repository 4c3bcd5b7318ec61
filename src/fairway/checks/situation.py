"""What the checks look at: the release, what lives, and what was found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.planning.replacement import bounds_of
from fairway.preconditions import Facts
from fairway.project.before import Before

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fairway.observed import Service
    from fairway.planning.release import OneOff, Release, ServiceRelease
    from fairway.project.model import Environment

_COMPUTE: Final = ("launchType", "capacityProviderStrategy")
"""Of these a service has one."""
_MERGED: Final = "deploymentConfiguration"


@dataclass(frozen=True, slots=True)
class Part:
    """A service or a one-off task of the release, as it will be."""

    key: str
    definition: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Of a service: members of CreateService, the living ones where the file names none. Of a task: those of RunTask."""
    living: Service | None = None
    desired: int = 1
    digest: str | None = None
    is_service: bool = True

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        return list(self.definition["containerDefinitions"])

    @property
    def network(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.settings.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        return found

    @property
    def subnets(self) -> tuple[str, ...]:
        return tuple(self.network.get("subnets", ()))

    @property
    def security_groups(self) -> tuple[str, ...]:
        return tuple(self.network.get("securityGroups", ()))

    @property
    def balancers(self) -> list[Mapping[str, Any]]:
        return [item for item in self.settings.get("loadBalancers") or () if item.get("targetGroupArn")]

    @property
    def configuration(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.settings.get(_MERGED) or {}
        return found

    @property
    def more_tasks(self) -> int:
        """How many tasks it may have beside those that run now."""
        if not self.is_service:
            return 1
        running = 0 if self.living is None else self.living.running
        return max(0, bounds_of(self.desired, self.configuration).upper - running)

    @property
    def vcpu(self) -> float:
        """Of one task. ECS takes `1024` as well as `1 vCPU`."""
        text = str(self.definition.get("cpu", "0")).lower().replace("vcpu", "").strip()
        try:
            number = float(text)
        except ValueError:
            return 0.0
        return number if "vcpu" in str(self.definition.get("cpu", "")).lower() else number / 1024


@dataclass(frozen=True, slots=True)
class Situation:
    """A release that is about to begin."""

    release: Release
    environment: Environment
    now: datetime
    living: Mapping[str, Service] = field(default_factory=dict)
    """By ECS's name of the service."""
    facts: Facts = field(default_factory=Facts)
    before: Before = field(default_factory=Before)
    urgent: str | None = None
    """Why it must be now."""
    built: frozenset[str] = frozenset()
    """Images that are built before, where they are missing."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """One-off tasks first, as they run."""
        return parts_of(self.release, self.living)


def parts_of(release: Release, living: Mapping[str, Service]) -> tuple[Part, ...]:
    """What the release is made of, one-off tasks first."""
    tasks = [_task(task) for task in release.before]
    return (*tasks, *(_service(item, living.get(item.name)) for item in release.services))


def _task(task: OneOff) -> Part:
    return Part(task.key, task.definition, task.run or {}, is_service=False)


def _service(item: ServiceRelease, living: Service | None) -> Part:
    now = {} if living is None else living.document
    wanted = item.service or {}
    settings = {**now, **wanted}
    if any(wanted.get(name) for name in _COMPUTE):
        settings |= {name: wanted.get(name) for name in _COMPUTE}
    settings[_MERGED] = {**(now.get(_MERGED) or {}), **(wanted.get(_MERGED) or {})}
    desired = living.desired if living is not None else int(wanted.get("desiredCount", 0))
    return Part(item.key, item.definition, settings, living, desired, item.digest)
