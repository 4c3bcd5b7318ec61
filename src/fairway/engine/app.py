"""The composition root: the only place that picks clock, store, runtime and data plane, and wires them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import ACCOUNT
from fairway.clock import LiveClock, continue_epochs, monotonic, wall_now
from fairway.engine.api.application import Application
from fairway.engine.api.dispatch import Dispatcher
from fairway.engine.api.identify import PASSIVE
from fairway.engine.control.task_lifecycle import resume
from fairway.engine.loadbalancer.choice import choose_data_plane
from fairway.engine.loadbalancer.reserved_ports import ReservedPorts
from fairway.engine.loops.alarm_events import alarm_events
from fairway.engine.loops.alarms import AlarmsController
from fairway.engine.loops.balancing import Balancing
from fairway.engine.loops.container_stats import Samples, take_samples
from fairway.engine.loops.containers import Containers
from fairway.engine.loops.driver import Driver
from fairway.engine.loops.ecs_events import ecs_events
from fairway.engine.loops.events import EventsController
from fairway.engine.loops.housekeeping import Housekeeping
from fairway.engine.loops.kernel import Kernel
from fairway.engine.loops.learning import learn
from fairway.engine.loops.metadata import describe as describe_metadata
from fairway.engine.loops.metering import Metering
from fairway.engine.loops.metric_keeping import keep
from fairway.engine.loops.planned_stop import tell_all_to_stop
from fairway.engine.loops.probing import Probing
from fairway.engine.loops.schedules import SchedulesController
from fairway.engine.loops.services import ServicesController
from fairway.engine.loops.store_keeping import StoreKeeping
from fairway.engine.loops.targets import TargetsController
from fairway.engine.loops.tasks import TasksController
from fairway.engine.model.task import ContainerPhase, TaskStatus
from fairway.engine.runtime.protocol import ContainerRef
from fairway.engine.runtime.simulated import SimulatedRuntime
from fairway.engine.services.catalogue import TABLES as OPERATION_TABLES
from fairway.engine.services.elbv2.configuration import used_target_groups
from fairway.engine.services.network import seed_network
from fairway.engine.services.passive import Passive
from fairway.engine.store.metrics import MetricStore
from fairway.engine.store.schema import (
    ALARMS,
    EPOCHS,
    EVENTS,
    LISTENERS,
    SERVICES,
    TABLES,
    TARGET_GROUPS,
    TASKS,
    EpochRow,
)
from fairway.engine.store.store import Store
from fairway.engine.stores import Stores
from fairway.ids import RandomIds, uuid
from fairway.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from fairway.engine.directory import DataDirectory
    from fairway.engine.loops.kernel import Fact
    from fairway.engine.runtime.protocol import Runtime

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
_LISTENER_PORTS: Final = {80: 8080, 443: 8443}
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Settings:
    """How an engine is to run."""

    port: int = 4566
    runtime: str = "process"
    """`process` or `simulated`."""
    speed: float = 1.0
    """Engine seconds per real second."""
    allow_root_tasks: bool = False


class Engine:
    """A whole engine over one data directory."""

    def __init__(self, settings: Settings, directory: DataDirectory) -> None:
        self.settings = settings
        self.directory = directory
        self.store = Store(TABLES, directory.state)
        self.metrics = MetricStore(directory.metrics)
        self.clock = self._continue_clock()
        self.driver = Driver(self.clock)
        self.ids = RandomIds()
        self.kernel = Kernel(self.store, self.clock, learn=self._learn, wake=self.driver.wake, fail=self.driver.fail)
        self.runtime: Runtime = self._make_runtime()
        self.plane = choose_data_plane(directory.balancer)
        self.balancing = Balancing(self.store, self.plane, emit=self.kernel.emit, now=self.clock.now, rate=self._rate)
        self._containers = Containers(
            self.store,
            self.runtime,
            emit=self.kernel.emit,
            now=self.clock.now,
            log_root=directory.logs,
            endpoint=f"http://{HOST}:{settings.port}",
            account=ACCOUNT,
        )
        self._services = ServicesController(self.store, self.ids, rate=self._rate, account=ACCOUNT)
        self._tasks = TasksController(self.store, self.ids, self._containers, rate=self._rate)
        self._probing = Probing(self.store, self.runtime, emit=self.kernel.emit, now=self.clock.now)
        self._targets = TargetsController(
            self.store,
            self._probing,
            rate=self._rate,
            is_used=lambda arn: arn in used_target_groups(self.store),
        )
        self._alarms = AlarmsController(self.store, self.metrics, self.ids)
        self._dispatcher = Dispatcher(OPERATION_TABLES)
        self._schedules = SchedulesController(self.store, self.ids, self._run_task, account=ACCOUNT)
        self._events = EventsController(
            self.store,
            self.ids,
            self._run_task,
            sources=(ecs_events, alarm_events),
            account=ACCOUNT,
            now=self.clock.now,
        )
        for controller in (self._services, self._tasks, self._targets, self._alarms, self._schedules, self._events):
            self.kernel.add(controller)
        self._metering = Metering(
            self.store,
            self.metrics,
            now=self.clock.now,
            rate=self._rate,
            call_at=self.kernel.call_at,
            stats=lambda: self.balancing.stats,
            usage=self.runtime.usage,
            load=self.runtime.load if isinstance(self.runtime, SimulatedRuntime) else lambda _ref: None,
        )
        self._housekeeping = Housekeeping(self.store, self, now=self.clock.now, call_at=self.kernel.call_at)
        self._samples = Samples.none()
        self._stores = [StoreKeeping(server, self.ids) for server in Stores(directory).servers]
        self.passive = Passive(self.store, ACCOUNT, directory.root)
        self.application = Application(
            self._dispatcher,
            store=self.store,
            clock=self.clock,
            ids=self.ids,
            host=self,
            operator=self,
            passive=self.passive.handle,
            account=ACCOUNT,
        )
        self._ports = ReservedPorts()
        self._began = monotonic()
        self._loops: list[asyncio.Task[None]] = []

    # -- life ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up what an engine before us left, and begin to look after it."""
        seed_network(self.store)
        for listener in self.store.all(LISTENERS):
            self._ports.reserve(listener.host_port)
        await self.runtime.open()
        await self.plane.open()
        await self._adopt()
        self._housekeeping.begin()
        self._metering.begin()
        self._loops = [
            asyncio.create_task(self.driver.drive(self.kernel), name="kernel"),
            asyncio.create_task(self.balancing.run(), name="balancing"),
            asyncio.create_task(keep(self.metrics), name="metrics"),
            *(asyncio.create_task(keeping.run(), name=keeping.key) for keeping in self._stores),
            asyncio.create_task(take_samples(self._samples, self.runtime.usage, self.clock.now), name="samples"),
        ]
        for loop in self._loops:
            loop.add_done_callback(_report)

    async def close(self, *, leave_running: bool) -> None:
        """Let go of everything. `leave_running`: tasks and data plane live on, for the next start; else they end, by plan."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        await self._probing.close()
        ending = [] if leave_running else tell_all_to_stop(self.store, self.ids, self.clock.now())
        await self.plane.close(leave_running=leave_running)
        await self.runtime.close(leave_running=leave_running)
        if not leave_running:
            # services are not looked at any more: nothing starts what has just been stopped
            self.kernel.take_in()
            for arn in ending:
                self._tasks.step(arn, self.clock.now())
        self._ports.close()
        self.metrics.close()
        self.store.close()

    async def _adopt(self) -> None:
        living = [task for task in self.store.all(TASKS) if task.status is not TaskStatus.STOPPED]
        with self.store.transaction() as tx:
            for task in living:
                tx.put(TASKS, resume(task))
        started = {ContainerPhase.STARTING, ContainerPhase.RUNNING, ContainerPhase.STOPPING}
        known = [ContainerRef(task.id, c.name) for task in living for c in task.containers if c.phase in started]
        await self.runtime.adopt(known)
        self.kernel.take_in()
        for task in self.store.all(TASKS):
            self.kernel.look("tasks", task.arn)
        for service in self.store.all(SERVICES):
            self.kernel.look("services", service.arn)
        for group in self.store.all(TARGET_GROUPS):
            self.kernel.look("targets", group.arn)
        for alarm in self.store.all(ALARMS):
            self.kernel.look("alarms", alarm.arn)
        for arn in self._schedules.take_up(self.clock.now()):
            self.kernel.look("schedules", arn)
        for event in self.store.all(EVENTS):
            self.kernel.look("events", event.id)

    # -- facts -----------------------------------------------------------------------------------------------------

    def _learn(self, facts: Sequence[Fact]) -> None:
        learn(self.store, facts, self._tasks, self._targets)

    def _run_task(self, region: str, request: dict[str, Any], caller_arn: str) -> dict[str, Any]:
        """RunTask as EventBridge calls it."""
        context = self.application.context(region, uuid(self.ids), caller_arn)
        return self._dispatcher.call("ecs", "RunTask", request, context)

    # -- Host: what operations ask -----------------------------------------------------------------------------------

    @property
    def log_root(self) -> Path:
        return self.directory.logs

    @property
    def rate(self) -> float:
        return self.clock.rate

    def from_wall(self, wall: datetime) -> datetime:
        return self.clock.from_wall(wall)

    def to_wall(self, engine_time: datetime) -> datetime:
        return self.clock.to_wall(engine_time)

    def choose_listener_port(self, port: int) -> int:
        """The first free port from the wanted one on; ports of other listeners are not free, whether they are open or not."""
        taken = {listener.host_port for listener in self.store.all(LISTENERS)}
        self._ports.keep_only(taken)
        wanted = _LISTENER_PORTS.get(port, port)
        for candidate in range(wanted, _HIGHEST_PORT + 1):
            if candidate not in taken and is_free(candidate) and self._ports.reserve(candidate):
                return candidate
        raise OSError(f"no port from {wanted} on is free")

    # -- Operator: /_fairway -----------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """What `GET /_fairway/health` answers."""
        return {
            "version": VERSION,
            "services": dict.fromkeys(sorted((*OPERATION_TABLES, *PASSIVE)), "running"),
            "deploying": [service.arn for service in self.store.all(SERVICES) if service.is_deploying],
            "uptime_seconds": round(monotonic() - self._began, 1),
            "pid": os.getpid(),
            "port": self.settings.port,
            "allow_root_tasks": self.settings.allow_root_tasks,
            "runtime": self.settings.runtime,
            "speed": self.settings.speed,
            "load_balancer": self.balancing.refusal or "ready",
            **{keeping.key: keeping.state() for keeping in self._stores},
            "ahead_seconds": round((self.clock.now() - wall_now()).total_seconds(), 1),
            "data": str(self.directory.root),
        }

    async def reset(self) -> None:
        """Empty everything: every task is killed, every entity forgotten."""
        tasks = [task.id for task in self.store.all(TASKS) if task.status is not TaskStatus.STOPPED]
        epochs = self.store.all(EPOCHS)
        self.kernel.clear()
        self._targets.forget()
        self._tasks.forget()
        self._events.forget()
        self.store.clear()
        self.metrics.clear()
        with self.store.transaction() as tx:
            for epoch in epochs:
                tx.put(EPOCHS, epoch)
        seed_network(self.store)
        for task_id in tasks:
            self.runtime.release(task_id)
        for entry in self.directory.logs.iterdir():
            shutil.rmtree(entry, ignore_errors=True)
        self._housekeeping.begin()
        self._metering.begin()
        # last, since others may have their turn meanwhile: what they make belongs to the new world
        await self.passive.reset()

    def metadata(self, container_id: str, path: str) -> dict[str, Any] | None:
        return describe_metadata(self.store, self._samples, os.cpu_count() or 1, container_id, path)

    # -- making ----------------------------------------------------------------------------------------------------

    def _rate(self) -> float:
        return self.clock.rate

    def _continue_clock(self) -> LiveClock:
        stored = [row.epoch for row in self.store.all(EPOCHS)]
        epochs = continue_epochs(stored, self.settings.speed, wall_now(), _newest_time(self.store))
        with self.store.transaction() as tx:
            for number, epoch in enumerate(epochs):
                tx.put(EPOCHS, EpochRow(number, epoch))
        return LiveClock(epochs)

    def _make_runtime(self) -> Runtime:
        if self.settings.runtime == "simulated":
            return SimulatedRuntime(
                self.kernel.emit, now=self.clock.now, call_at=self.kernel.call_at, remember=self._remember
            )
        from fairway.engine.runtime.images import ImageStore  # noqa: PLC0415 - the simulated runtime does without
        from fairway.engine.runtime.process import ProcessRuntime  # noqa: PLC0415

        return ProcessRuntime(
            self.directory.runtime,
            ImageStore(self.directory.images),
            self.kernel.emit,
            now=self.clock.now,
            from_wall=self.clock.from_wall,
            allow_root_tasks=self.settings.allow_root_tasks,
        )

    def _remember(self, ref: ContainerRef) -> tuple[Mapping[str, str], datetime] | None:
        for task in self.store.find(TASKS, "id", ref.task_id):
            container = task.container(ref.container)
            if container is not None and container.started_at is not None:
                return self._containers.specify(task, ref.container).docker_labels, container.started_at
        return None


def _newest_time(store: Store) -> datetime | None:
    """The newest time that the engine ever wrote down: its clock must not fall behind it."""
    times = [task.stopped_at or task.started_at or task.created_at for task in store.all(TASKS)]
    times += [d.updated_at for service in store.all(SERVICES) for d in service.deployments]
    return max(times, default=None)


def is_free(port: int) -> bool:
    """Nothing listens on 127.0.0.1:port."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _report(loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and loop.exception() is not None:
        log.critical("the %s loop ended", loop.get_name(), exc_info=loop.exception())
