"""A world in virtual time: store, kernel, controllers and runtime as in a living engine, a clock that is moved, and one service."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import ACCOUNT
from fairway.clock import SimClock
from fairway.engine.control.bounds import Bounds, rolling_bounds
from fairway.engine.control.container_health import is_checked
from fairway.engine.control.task_health import verdict
from fairway.engine.control.task_lifecycle import resume
from fairway.engine.loops.containers import Containers
from fairway.engine.loops.kernel import Kernel
from fairway.engine.loops.learning import learn
from fairway.engine.loops.probing import Probing
from fairway.engine.loops.services import ServicesController
from fairway.engine.loops.targets import TargetsController
from fairway.engine.loops.tasks import TasksController
from fairway.engine.model.task import ContainerPhase, TaskStatus
from fairway.engine.runtime.protocol import ContainerRef
from fairway.engine.runtime.simulated import SimulatedRuntime
from fairway.engine.services.catalogue import TABLES as OPERATIONS
from fairway.engine.services.elbv2.configuration import used_target_groups
from fairway.engine.services.fault import AwsFault
from fairway.engine.services.network import seed_network
from fairway.engine.services.operation import Context
from fairway.engine.simulation.account import ALARM, REGION, create_service, register
from fairway.engine.simulation.scenario import (
    Behaviour,
    CrashEngine,
    Deploy,
    FireAlarm,
    Happening,
    KillTasks,
    NoPulls,
    QuietAlarm,
    Scale,
    Scenario,
    StopDeployment,
)
from fairway.engine.store.metrics import MetricStore
from fairway.engine.store.schema import (
    SERVICE_EVENTS,
    SERVICES,
    TABLES,
    TARGET_GROUPS,
    TARGETS,
    TASK_DEFINITIONS,
    TASKS,
)
from fairway.engine.store.store import Store
from fairway.ids import CountedIds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fairway.engine.loops.kernel import Fact
    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.model.service import Service
    from fairway.engine.model.task import Task

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Broken(Exception):
    """A controller failed: in a simulation that ends the history."""


class _Host:
    """What operations ask of an engine, where there is none."""

    log_root = Path("/nonexistent")
    rate = 1.0

    def __init__(self) -> None:
        self.metrics = MetricStore()
        self._ports = itertools.count(8080)

    def from_wall(self, wall: datetime) -> datetime:
        return wall

    def to_wall(self, engine_time: datetime) -> datetime:
        return engine_time

    def choose_listener_port(self, port: int) -> int:
        del port
        return next(self._ports)


@dataclass(frozen=True, slots=True)
class Moment:
    """What can be seen at one time, when all that was due then is done."""

    at: datetime
    desired: int
    bounds: Bounds
    serving: frozenset[str]
    """Tasks that count as healthy."""
    occupying: frozenset[str]
    """Tasks that count against the upper bound."""
    harmed: frozenset[str]
    """Tasks that a fault ended, or that fail their checks by themselves."""


class World:
    """One service and its history. `happen` is called for what a scenario plans; `run` moves the time."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.clock = SimClock(START)
        self.store = Store(TABLES)
        self.ids = CountedIds()
        self._chance = random.Random(scenario.seed ^ 0x5EED)
        self._host = _Host()
        self._no_pulls_until = START
        self._planned: list[tuple[datetime, int, Happening]] = []
        self._numbers = itertools.count()
        self._remembered: dict[ContainerRef, tuple[Mapping[str, str], datetime]] = {}
        self._crashes = False
        self._told: set[str] = set()
        self.killed: set[str] = set()
        self.fired: list[tuple[datetime, bool]] = []
        """When the alarm came into ALARM (True) or left it."""
        self.history: list[str] = []
        seed_network(self.store)
        self._build()
        create_service(self.call, scenario)
        for happening in scenario.happenings:
            self._plan(happening)

    # -- the engine --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.kernel = Kernel(self.store, self.clock, learn=self._learn, wake=lambda: None, fail=self._fail)
        self.runtime = SimulatedRuntime(
            self.kernel.emit,
            now=self.clock.now,
            call_at=self.kernel.call_at,
            remember=self._remembered.get,
            refuse_pull=self._refuse_pull,
        )
        containers = Containers(
            self.store,
            self.runtime,
            emit=self.kernel.emit,
            now=self.clock.now,
            log_root=None,
            endpoint=None,
            account=ACCOUNT,
        )
        self._tasks = TasksController(self.store, self.ids, containers, rate=_one)
        self._targets = TargetsController(
            self.store,
            Probing(self.store, self.runtime, emit=self.kernel.emit, now=self.clock.now),
            rate=_one,
            is_used=lambda arn: arn in used_target_groups(self.store),
        )
        self.kernel.add(ServicesController(self.store, self.ids, rate=_one, account=ACCOUNT))
        self.kernel.add(self._tasks)
        self.kernel.add(self._targets)

    @property
    def _failing(self) -> set[str]:
        """Tasks of definitions that do not stay healthy, whether they have ended or not."""
        bad = {d.arn for d in self.store.all(TASK_DEFINITIONS) if not behaviour_of(d).good}
        return {task.id for task in self.store.all(TASKS) if task.task_definition_arn in bad}

    def _learn(self, facts: Sequence[Fact]) -> None:
        learn(self.store, facts, self._tasks, self._targets)

    def _fail(self, what: str, error: Exception) -> None:
        raise Broken(f"{what}: {error!r}") from error

    def _refuse_pull(self, image: str) -> str | None:
        if self.clock.now() < self._no_pulls_until:
            return f"CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {image}"
        return None

    def crash(self) -> None:
        """The engine is gone at once; a new one takes up what stands in the store, while containers live on."""
        self._remembered.clear()
        self._remembered |= {ref: (self._labels(ref), since) for ref, since in self.runtime.running().items()}
        self.store = _copy(self.store)
        old = self.kernel
        self._build()
        old.clear()
        tasks = [task for task in self.store.all(TASKS) if task.status is not TaskStatus.STOPPED]
        with self.store.transaction() as tx:
            for task in tasks:
                tx.put(TASKS, resume(task))
        begun = {ContainerPhase.STARTING, ContainerPhase.RUNNING, ContainerPhase.STOPPING}
        known = [ContainerRef(task.id, c.name) for task in tasks for c in task.containers if c.phase in begun]
        self.runtime.take_up(known)
        self.kernel.take_in()
        for task in self.store.all(TASKS):
            self.kernel.look("tasks", task.arn)
        for service in self.store.all(SERVICES):
            self.kernel.look("services", service.arn)
        for group in self.store.all(TARGET_GROUPS):
            self.kernel.look("targets", group.arn)

    def _labels(self, ref: ContainerRef) -> Mapping[str, str]:
        (task,) = self.store.find(TASKS, "id", ref.task_id)
        definition = self.store.get(TASK_DEFINITIONS, task.task_definition_arn)
        assert definition is not None
        return dict(behaviour_of(definition).labels)

    # -- AWS's operations --------------------------------------------------------------------------------------------

    def call(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        """An AWS operation, handled as in a living engine."""
        handler = OPERATIONS[service].handler(operation)
        assert handler is not None, operation
        context = Context(
            store=self.store,
            now=self.clock.now(),
            ids=self.ids,
            region=REGION,
            account=ACCOUNT,
            request_id="simulated",
            caller_arn=f"arn:aws:iam::{ACCOUNT}:user/simulated",
            host=self._host,
        )
        return handler(context, request)

    # -- what happens ------------------------------------------------------------------------------------------------

    def _plan(self, happening: Happening, after: float = 0.0) -> None:
        at = START + SETTLED + timedelta(seconds=happening.at + after)
        heapq.heappush(self._planned, (at, next(self._numbers), happening))

    def _happen(self, happening: Happening) -> None:
        self.history.append(f"{self._stamp()} !! {happening}")
        match happening:
            case KillTasks(count=count):
                self._kill(count)
            case NoPulls(seconds=seconds):
                self._no_pulls_until = self.clock.now() + timedelta(seconds=seconds)
            case CrashEngine():
                self._crashes = True
            case Deploy(behaviour=behaviour):
                arn = register(self.call, self.scenario, behaviour)
                self._update(taskDefinition=arn)
            case Scale(desired=desired):
                self._update(desiredCount=desired)
            case StopDeployment():
                self._stop_deployment()
            case FireAlarm(seconds=seconds):
                self._set_alarm("ALARM")
                self._plan(QuietAlarm(happening.at), seconds)
            case QuietAlarm():
                self._set_alarm("OK")

    def _set_alarm(self, state: str) -> None:
        self.call("cloudwatch", "SetAlarmState", AlarmName=ALARM, StateValue=state, StateReason="planned")
        self.fired.append((self.clock.now(), state == "ALARM"))

    def _kill(self, count: int) -> None:
        running = sorted(self.runtime.running())
        for ref in self._chance.sample(running, min(count, len(running))):
            self.killed.add(ref.task_id)
            self.runtime.kill(ref)

    def _update(self, **changes: Any) -> None:
        try:
            self.call("ecs", "UpdateService", cluster="shop", service="api", **changes)
        except AwsFault as refused:
            self.history.append(f"{self._stamp()} refused: {refused}")

    def _stop_deployment(self) -> None:
        listed = self.call("ecs", "ListServiceDeployments", cluster="shop", service="api", status=["IN_PROGRESS"])
        for found in listed["serviceDeployments"]:
            self.call("ecs", "StopServiceDeployment", serviceDeploymentArn=found["serviceDeploymentArn"])

    # -- time --------------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> Iterator[Moment]:
        """Let time pass; a moment each time that something was due."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while True:
            if self._crashes and self.kernel.run(most=self._chance.randrange(4)):
                self.crash()
                self._crashes = False
            self.kernel.settle()
            self._tell()
            yield self.moment()
            following = [t for t in (self.kernel.next_deadline(), self._planned[0][0] if self._planned else None) if t]
            if not following or min(following) > end:
                self.clock.advance_to(end)
                return
            self.clock.advance_to(max(min(following), self.clock.now()))
            while self._planned and self._planned[0][0] <= self.clock.now():
                self._happen(heapq.heappop(self._planned)[2])

    def service(self) -> Service:
        (service,) = self.store.all(SERVICES)
        return service

    def tasks(self) -> list[Task]:
        """Tasks that have not ended."""
        return [task for task in self.store.all(TASKS) if task.status is not TaskStatus.STOPPED]

    def moment(self) -> Moment:
        """What can be seen now."""
        service, now = self.service(), self.clock.now()
        serving = set()
        for task in self.tasks():
            definition = self.store.get(TASK_DEFINITIONS, task.task_definition_arn)
            assert definition is not None
            targets = self.store.find(TARGETS, "task", task.arn)
            checked = is_checked(definition.containers)
            judged = verdict(task, targets, checked=checked, grace=timedelta(0), now=now)
            if judged.healthy:
                serving.add(task.id)
        gone = {TaskStatus.DEPROVISIONING, TaskStatus.STOPPED}
        configuration = service.configuration
        return Moment(
            at=now,
            desired=service.desired_count,
            bounds=rolling_bounds(
                service.desired_count, configuration.minimum_healthy_percent, configuration.maximum_percent
            ),
            serving=frozenset(serving),
            occupying=frozenset(task.id for task in self.tasks() if task.status not in gone),
            harmed=frozenset(self.killed | self._failing),
        )

    def _stamp(self) -> str:
        return f"{(self.clock.now() - START).total_seconds():9.1f}"

    def _tell(self) -> None:
        for event in self.store.all(SERVICE_EVENTS):
            if event.id not in self._told:
                self._told.add(event.id)
                self.history.append(f"{(event.created_at - START).total_seconds():9.1f} {event.message}")

    def replay_command(self) -> str:
        return f"python -m fairway.engine.simulation {self.scenario.seed}"


def behaviour_of(definition: TaskDefinition) -> Behaviour:
    """How tasks of a definition behave."""
    return Behaviour(tuple(definition.body["containerDefinitions"][0].get("dockerLabels", {}).items()))


SETTLED: Final = timedelta(seconds=300)
"""The first deployment is given this long before anything happens."""


def _one() -> float:
    return 1.0


def _copy(store: Store) -> Store:
    """What a new engine finds of an old one's state."""
    copied = Store(TABLES)
    with copied.transaction() as tx:
        for table in TABLES:
            for entity in store.all(table):
                tx.put(table, entity)
    return copied
