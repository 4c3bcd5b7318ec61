"""What a project says about the time after a deployment: what is verified, and what is monitored. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.project.model import TaskSpec

HOLD = "hold"
"""An inconclusive watch leaves the new version as it is and ends the command with exit code 6: somebody decides."""
KEEP = "keep"
"""An inconclusive watch counts as a good one."""


@dataclass(frozen=True, slots=True)
class RequestCheck:
    """A request that must be answered as said: `{ path = "/version", json = { version = "{{ tag }}" } }`."""

    path: str
    status: tuple[int, ...] = (200,)
    json: Any = None
    """What must stand in the answer: members that it has beside this do not matter. None: it is not read."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with it; `${NAME}` is put in when it is sent, so that secrets stand in no file."""
    p95_seconds: float | None = None
    requests: int = 1
    """Each on a new connection."""
    required: bool = False
    """It is a failure that the endpoint cannot be reached from here."""
    url: str | None = None
    """Where it is sent to; None: the environment's."""


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """A request of a journey."""

    name: str
    method: str
    path: str
    json: Any = None
    form: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: tuple[int, ...] = (200,)
    expect: Any = None
    """What must stand in the JSON of the answer."""
    save: Mapping[str, str] = field(default_factory=dict)
    """Name -> where in the answer its value stands: `access_token`, `results.0.id`."""
    always: bool = False
    """It cleans up: done after a failed step too, as far as what it needs was saved."""


@dataclass(frozen=True, slots=True)
class JourneyCheck:
    """Requests in their order, each with what those before it gave: `{ journey = "deploy/api.journey.toml" }`."""

    path: Path
    steps: tuple[JourneyStep, ...]
    required: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """A one-off task inside the VPC, whose exit code decides: `{ via = "task", task = "smoke" }`."""

    task: str
    spec: TaskSpec | None = None
    """None only while the project is being read."""


Verification: TypeAlias = RequestCheck | JourneyCheck | TaskCheck


@dataclass(frozen=True, slots=True)
class MetricLimit:
    """A metric of the project's own, and what it must not pass."""

    namespace: str
    name: str
    statistic: str = "Average"
    dimensions: Mapping[str, str] = field(default_factory=dict)
    max: float | None = None
    min: float | None = None


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What is watched after a deployment, for how long, and its limits; None: it is shown, and not judged."""

    minutes: int
    error_rate: float | None = None
    p95_seconds: float | None = None
    task_failures: int | None = 0
    on_inconclusive: str = HOLD
    alarms: bool = True
    """ECS is given alarms with the same limits, where the service's settings are ours."""
    metrics: tuple[MetricLimit, ...] = ()
