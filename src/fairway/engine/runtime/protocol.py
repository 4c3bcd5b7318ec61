"""What a runtime does: it runs containers of tasks, and reports what happens to them as facts.

The control plane decides order (`dependsOn`), health and stops; a runtime only does one thing to one container. Each
method is idempotent and returns at once; what comes of it arrives later through the `emit` that the runtime was built
with, always in the engine's event loop. All durations here are **real** seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fairway.engine.model.facts import ContainerFact
    from fairway.engine.model.network import PortBinding

    Emit = Callable[[ContainerFact], None]


@dataclass(frozen=True, slots=True, order=True)
class ContainerRef:
    """One container of one task."""

    task_id: str
    """32 hexadecimal digits."""
    container: str
    """The container's name in its task definition."""


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A port that a container of the task listens on."""

    container: str
    container_port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """All that is needed to run one container; secrets are resolved already."""

    ref: ContainerRef
    image: str
    """As in the task definition: `REGISTRY/NAME:TAG` or `REGISTRY/NAME@sha256:…`."""
    image_digest: str | None
    """`sha256:…` as ECR knows it, when the deployment settled it."""
    environment: Mapping[str, str] = field(repr=False)
    """Definition, secrets and ECS's own variables, without what the image itself sets."""
    command: tuple[str, ...] | None = None
    entry_point: tuple[str, ...] | None = None
    user: str | None = None
    """`UID[:GID]` or a name, as in the task definition."""
    working_directory: str | None = None
    memory_limit_mib: int | None = None
    """Hard limit of the container, else of the task."""
    cpu_units: int = 0
    ports: tuple[PortBinding, ...] = ()
    """All bindings of the task: awsvpc containers share one network."""
    log_directory: Path | None = None
    """Where the stream's segment files are (see `model.logrecord`); None: output is dropped."""
    docker_labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    """Used when the image's own configuration names none."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container has used."""

    cpu_seconds: float
    """Since the container's start."""
    memory_bytes: int
    """Resident now."""
    at_seconds: float = 0.0
    """When that was, by the clock of which `cpu_seconds` are seconds; only differences mean something."""


class RuntimeRefusal(Exception):
    """The runtime cannot do it; the text is what ECS would write as stopped reason."""


class Runtime(Protocol):
    """Runs containers. Facts: ImagePulled | ImagePullFailed, ContainerStarted | ContainerStartFailed, ContainerExited, HealthChecked."""

    async def open(self) -> None:
        """Make ready; called once, before anything else."""

    def attach_network(self, task_id: str, requests: Sequence[PortRequest]) -> tuple[PortBinding, ...]:
        """Reserve a port of this machine for each request; called again for the same task it gives the same answer.

        Raises:
            RuntimeRefusal: no port is free.
        """

    def pull(self, ref: ContainerRef, image: str, digest: str | None) -> None:
        """Make the image present. Facts: ImagePulled with its digest, or ImagePullFailed with ECS's text."""

    def start(self, spec: ContainerSpec) -> None:
        """Start the container. A second start of the same `ref` is harmless. Facts: ContainerStarted | ContainerStartFailed."""

    def stop(self, ref: ContainerRef, *, grace_seconds: float) -> None:
        """Send the stop signal, and SIGKILL after `grace_seconds`. Fact: ContainerExited."""

    def check_health(self, ref: ContainerRef, command: Sequence[str], *, timeout_seconds: float) -> None:
        """Run a health command (`["CMD", …]` or `["CMD-SHELL", …]`) in the container's surroundings. Fact: HealthChecked."""

    def release(self, task_id: str) -> None:
        """The task is over: free its ports, folders and groups. Kills what should still be alive."""

    def usage(self) -> Mapping[ContainerRef, Usage]:
        """The newest measurement of each running container; taken each second or less often."""

    async def adopt(self, known: Sequence[ContainerRef]) -> None:
        """After a start of the engine: find what still runs of `known` and emit the facts that were missed.

        For each of `known` exactly one of ContainerStarted (still alive, with its real start), ContainerExited (with the
        exit code that its shim noted) or ContainerLost (never started, or nothing is left to tell). What runs
        and is not in `known` is killed and cleaned away.
        """

    async def close(self, *, leave_running: bool) -> None:
        """Let go. `leave_running`: containers live on, for the next `adopt`; else all are stopped and waited for."""
