"""Runs any image by a model: no process, no socket. For tests of clients, and for scale.

A container's `dockerLabels` say how it behaves; all times are engine seconds:

    fairway.sim.start       seconds from the start until it runs (1)
    fairway.sim.exit_after  seconds after that until it exits by itself (never)
    fairway.sim.exit_code   its exit code then (0)
    fairway.sim.health      healthy | unhealthy | unhealthy_after=SECONDS (healthy): what its health check and its
                            target group's health checks find
    fairway.sim.cpu         virtual CPUs that it uses (0)
    fairway.sim.memory      MiB that it uses (0)
    fairway.sim.requests    requests each second that its load balancer sends it while it is in service (0)
    fairway.sim.errors      share of them that it answers with 500, 0 to 1 (0)
    fairway.sim.latency     seconds until it begins to answer (0.01)

Timers come from whoever drives it, so that it works at any rate and in virtual time alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from fairway.engine.model.facts import (
    ContainerExited,
    ContainerLost,
    ContainerStarted,
    ContainerStartFailed,
    HealthChecked,
    ImagePulled,
    ImagePullFailed,
)
from fairway.engine.model.network import PortBinding
from fairway.engine.runtime.protocol import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fairway.engine.runtime.protocol import ContainerRef, ContainerSpec, Emit, PortRequest

    CallAt = Callable[[datetime, Callable[[], None]], Callable[[], None]]
    Remember = Callable[[ContainerRef], tuple[Mapping[str, str], datetime] | None]

PULL: Final = timedelta(seconds=1)
START: Final = timedelta(seconds=1)
STOP: Final = timedelta(seconds=1)
KILLED: Final = 137
MIB: Final = 1024 * 1024


class InvalidLabel(ValueError):
    """A `fairway.sim.*` label cannot be read; the text names it."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the labels say."""

    start: timedelta = START
    exit_after: timedelta | None = None
    exit_code: int = 0
    unhealthy_after: timedelta | None = None
    """None: healthy for ever; zero: never healthy."""
    cpu: float = 0.0
    """Virtual CPUs."""
    memory_mib: float = 0.0
    requests: float = 0.0
    """Each second, while it is in service."""
    errors: float = 0.0
    """Share of them that it answers with 500."""
    latency: float = 0.01

    def healthy(self, age: timedelta) -> bool:
        return self.unhealthy_after is None or age < self.unhealthy_after


def read_behaviour(labels: Mapping[str, str]) -> Behaviour:
    """The behaviour that a container's labels describe.

    Raises:
        InvalidLabel: a label has a value that it cannot have, or is unknown.
    """
    behaviour: dict[str, object] = {}
    for label, text in labels.items():
        if not label.startswith("fairway.sim."):
            continue
        match label.removeprefix("fairway.sim."):
            case "start" | "exit_after" as name:
                behaviour[name] = _seconds(label, text)
            case "exit_code":
                behaviour["exit_code"] = int(_seconds(label, text).total_seconds())
            case "health":
                behaviour["unhealthy_after"] = _unhealthy_after(label, text)
            case "cpu" | "requests" | "latency" as name:
                behaviour[name] = _seconds(label, text).total_seconds()
            case "memory":
                behaviour["memory_mib"] = _seconds(label, text).total_seconds()
            case "errors":
                behaviour["errors"] = _share(label, text)
            case _:
                raise InvalidLabel(f"{label} is not a label of the simulated runtime")
    return Behaviour(**behaviour)  # type: ignore[arg-type]


def _seconds(label: str, text: str) -> timedelta:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10**9:
        raise InvalidLabel(f"{label}={text!r} is not a number of seconds")
    return timedelta(seconds=value)


def _share(label: str, text: str) -> float:
    value = _seconds(label, text).total_seconds()
    if value > 1:
        raise InvalidLabel(f"{label}={text!r} is not a share between 0 and 1")
    return value


def _unhealthy_after(label: str, text: str) -> timedelta | None:
    name, _, value = text.partition("=")
    match name:
        case "healthy" if not value:
            return None
        case "unhealthy" if not value:
            return timedelta(0)
        case "unhealthy_after":
            return _seconds(label, value)
        case _:
            raise InvalidLabel(f"{label}={text!r} is none of healthy, unhealthy, unhealthy_after=SECONDS")


@dataclass(slots=True)
class _Model:
    behaviour: Behaviour
    running_since: datetime | None = None
    timers: list[Callable[[], None]] = field(default_factory=list)

    def cancel(self) -> None:
        for cancel in self.timers:
            cancel()
        self.timers.clear()


class SimulatedRuntime:
    """A runtime of models. `refuse_pull` gives ECS's text for images that cannot be had, for injected faults."""

    def __init__(
        self,
        emit: Emit,
        *,
        now: Callable[[], datetime],
        call_at: CallAt,
        remember: Remember = lambda _ref: None,
        refuse_pull: Callable[[str], str | None] = lambda _image: None,
    ) -> None:
        """`remember` tells the labels and the start of a container that ran when the engine before us ended."""
        self._emit = emit
        self._now = now
        self._call_at = call_at
        self._remember = remember
        self._refuse_pull = refuse_pull
        self._models: dict[ContainerRef, _Model] = {}

    async def open(self) -> None:
        """Nothing has to be made ready."""

    def attach_network(self, task_id: str, requests: Sequence[PortRequest]) -> tuple[PortBinding, ...]:
        del task_id
        return tuple(PortBinding(r.container, r.container_port, 0, r.protocol) for r in requests)

    def pull(self, ref: ContainerRef, image: str, digest: str | None) -> None:
        def done() -> None:
            refused = self._refuse_pull(image)
            if refused is not None:
                self._emit(ImagePullFailed(ref.task_id, ref.container, refused, self._now()))
                return
            settled = digest or f"sha256:{sha256(image.encode()).hexdigest()}"
            self._emit(ImagePulled(ref.task_id, ref.container, settled, self._now()))

        self._call_at(self._now() + PULL, done)

    def start(self, spec: ContainerSpec) -> None:
        ref = spec.ref
        if ref in self._models:
            return
        try:
            behaviour = read_behaviour(spec.docker_labels)
        except InvalidLabel as error:
            text = f"CannotStartContainerError: {error}"
            self._emit(ContainerStartFailed(ref.task_id, ref.container, text, self._now()))
            return
        model = self._models[ref] = _Model(behaviour)
        model.timers.append(self._call_at(self._now() + behaviour.start, lambda: self._run(ref)))

    def stop(self, ref: ContainerRef, *, grace_seconds: float) -> None:
        del grace_seconds  # a model obeys its stop signal
        model = self._models.get(ref)
        if model is None:
            self._emit(ContainerLost(ref.task_id, ref.container, self._now()))
            return
        model.cancel()
        model.timers.append(self._call_at(self._now() + STOP, lambda: self._end(ref, 0)))

    def check_health(self, ref: ContainerRef, command: Sequence[str], *, timeout_seconds: float) -> None:
        del command, timeout_seconds
        if ref in self._models:
            self._emit(HealthChecked(ref.task_id, ref.container, self.is_healthy(ref), "", 0.0, self._now()))

    def release(self, task_id: str) -> None:
        for ref in [ref for ref in self._models if ref.task_id == task_id]:
            self._models.pop(ref).cancel()

    def usage(self) -> Mapping[ContainerRef, Usage]:
        """By the model, in engine seconds."""
        now = self._now()
        return {
            ref: Usage(
                model.behaviour.cpu * (now - model.running_since).total_seconds(),
                int(model.behaviour.memory_mib * MIB),
                now.timestamp(),
            )
            for ref, model in self._models.items()
            if model.running_since is not None
        }

    async def adopt(self, known: Sequence[ContainerRef]) -> None:
        """Models live on in what the engine remembers of them."""
        self.take_up(known)

    def take_up(self, known: Sequence[ContainerRef]) -> None:
        """As `adopt`, for those who have no event loop."""
        for ref in known:
            remembered = self._remember(ref)
            if remembered is None:
                self._emit(ContainerLost(ref.task_id, ref.container, self._now()))
                continue
            labels, since = remembered
            self._models[ref] = _Model(read_behaviour(labels))
            self._run(ref, since)

    async def close(self, *, leave_running: bool) -> None:
        """Nothing runs outside the engine: models that are left running are taken up again from what the store knows."""
        if not leave_running:
            for ref in list(self._models):
                if self._models[ref].running_since is not None:
                    self._end(ref, 0)
                else:
                    self._emit(ContainerLost(ref.task_id, ref.container, self._now()))
        self.forget()

    def forget(self) -> None:
        """Drop every model at once, without a fact."""
        for model in self._models.values():
            model.cancel()
        self._models.clear()

    # -- what only models have ---------------------------------------------------------------------------------------

    def is_healthy(self, ref: ContainerRef) -> bool:
        """What a health check of the container finds now."""
        model = self._models.get(ref)
        if model is None or model.running_since is None:
            return False
        return model.behaviour.healthy(self._now() - model.running_since)

    def load(self, ref: ContainerRef) -> Behaviour | None:
        """The behaviour of a container that runs: its requests, errors and latency."""
        model = self._models.get(ref)
        return None if model is None or model.running_since is None else model.behaviour

    def kill(self, ref: ContainerRef, exit_code: int = KILLED) -> None:
        """An injected fault: the container is gone."""
        if ref in self._models:
            self._end(ref, exit_code)

    def running(self) -> dict[ContainerRef, datetime]:
        """What runs, and since when."""
        return {ref: model.running_since for ref, model in self._models.items() if model.running_since is not None}

    def _run(self, ref: ContainerRef, since: datetime | None = None) -> None:
        model = self._models[ref]
        model.running_since = since or self._now()
        self._emit(ContainerStarted(ref.task_id, ref.container, f"sim-{ref.task_id}", model.running_since))
        if model.behaviour.exit_after is not None:
            at = model.running_since + model.behaviour.exit_after
            model.timers.append(self._call_at(at, lambda: self._end(ref, model.behaviour.exit_code)))

    def _end(self, ref: ContainerRef, exit_code: int) -> None:
        self._models.pop(ref).cancel()
        self._emit(ContainerExited(ref.task_id, ref.container, exit_code, None, self._now()))
