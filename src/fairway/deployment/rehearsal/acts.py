"""Which acts a rehearsal has: what each does to a project, and who must notice. Pure.

*scale*: production's counts and strategy on models of tasks. *truth*: one task (or a few) of each service as real processes,
with real requests and the workload's own fault switches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.project.model import Project, ServiceSpec


class Stage(StrEnum):
    """What the tasks are."""

    SCALE = "scale"
    TRUTH = "truth"


class Kind(StrEnum):
    """How an act is played."""

    BASELINE = "baseline"
    RELEASE = "release"
    FAULT = "fault"
    MIGRATION = "migration"
    RESUME = "resume"
    ROLLBACK = "rollback"


class Catcher(StrEnum):
    """Who noticed that something is wrong."""

    BREAKER = "ECS circuit breaker"
    ALARM = "ECS deployment alarm"
    GIVE_UP = "early give-up"
    MIGRATION = "migration step"
    VERIFY = "verification"
    MONITOR = "monitoring"
    NOBODY = "nobody"


EARLY: Final = frozenset({Catcher.BREAKER, Catcher.GIVE_UP, Catcher.ALARM})
"""Before the broken version alone serves."""
LATE: Final = EARLY | {Catcher.VERIFY, Catcher.MONITOR}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is tried."""

    key: str
    """Unique in its stage: `api:crash_at_start`."""
    stage: Stage
    kind: Kind
    title: str
    exit_code: int = 0
    """What the command must end with."""
    caught_by: frozenset[Catcher] = frozenset({Catcher.NOBODY})
    """Any of them."""
    service: str | None = None
    """The key of the service (or one-off task) that is at fault; None: nothing is."""
    is_whole: bool = False
    """The whole release is deployed, the one-off tasks first; else only the service at fault."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """How its models behave (`fairway.sim.*`)."""
    switch: str = ""
    """What its fault variable says."""
    loses_none: bool = False
    """No request may fail, and no service may fall below its minimumHealthyPercent."""
    is_watched: bool = False
    """The monitoring step belongs to it."""
    uncatchable: str = ""
    """Why whoever would have to notice does not run here."""
    seconds: float = 10.0
    """What it takes, about, in real seconds on two cores."""

    @property
    def is_fault(self) -> bool:
        """Something is broken on purpose, and has to go back (a failed one-off task changes no service)."""
        return self.kind in {Kind.FAULT, Kind.MIGRATION}


@dataclass(frozen=True, slots=True)
class Playbill:
    """What is played in a stage, and what is not."""

    stage: Stage
    acts: tuple[Act, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """(what, why)."""

    @property
    def seconds(self) -> float:
        """About, without what it takes to build images and to start an engine."""
        return sum(act.seconds for act in self.acts)


@dataclass(frozen=True, slots=True)
class _Fault:
    name: str
    title: str
    caught_by: frozenset[Catcher]
    labels: Mapping[str, str] = field(default_factory=dict)
    """Empty: models have nothing like it."""
    switch: str = ""
    """Empty: no switch of its own."""
    needs: str = ""
    """What must be watched so that somebody can notice: `tasks`, `error_rate`, `p95_seconds`; empty: ECS itself notices."""
    needs_check: bool = False
    """Only a service with a health check can be found unhealthy."""
    is_slow: bool = False
    """Left out by `--quick`."""
    everywhere: bool = False
    """Tried on each service; else on the principal one."""
    seconds: float = 10.0


FAULTS: Final = (
    _Fault("crash_at_start", "cannot start", EARLY, {"exit_after": "1", "exit_code": "1"}, "crash_at_start", everywhere=True, seconds=8),
    _Fault("never_healthy", "never gets healthy", EARLY, {"health": "unhealthy"}, "unhealthy_after=0", needs_check=True, is_slow=True, seconds=20),
    _Fault("crash_before_health", "crashes before its first health", EARLY, {"exit_after": "8", "exit_code": "1"}, needs_check=True, is_slow=True),
    _Fault("slow_start", "starts more slowly than its checks allow", EARLY, {}, "slow_start=600", needs_check=True, is_slow=True, seconds=120),
    _Fault("crash_after", "crashes after it served", LATE, {"exit_after": "300", "exit_code": "1"}, "crash_after=40", needs="tasks", seconds=15),
    _Fault("unhealthy_after", "turns unhealthy after it served", LATE, {"health": "unhealthy_after=300"}, "unhealthy_after=40", needs="tasks", needs_check=True, is_slow=True, seconds=25),
    _Fault("error_rate", "answers 5 % of the requests with errors", LATE, {}, "error_rate=0.05", needs="error_rate", seconds=25),
    _Fault("latency_ms", "is 300 ms slower", LATE, {}, "latency_ms=300", needs="p95_seconds", is_slow=True, seconds=45),
    _Fault("leak", "takes ever more memory", LATE, {}, "leak_mb_per_second=12", needs="tasks", is_slow=True, seconds=50),
    _Fault("ignore_sigterm", "ignores SIGTERM", frozenset({Catcher.NOBODY}), {}, "ignore_sigterm", is_slow=True, seconds=60),
)  # fmt: skip
"""The fault table: who must catch what. `crash_after` on processes is slow, since a process needs real time to serve."""
_NO_VARIABLE: Final = "the project names no fault_switches, by which its processes could be told to misbehave"
_NO_MODEL: Final = "models of tasks have no requests, memory or signals: see the stage truth"


def playbill(project: Project, stage: Stage, *, quick: bool, has_metrics: bool, only: Sequence[str] = ()) -> Playbill:
    """The acts of a stage, in their order.

    `has_metrics`: the engine measures requests. `only`: keys or names of acts; the baseline is always played.
    """
    acts, left = [_baseline(stage), _release(stage)], []
    acts.append(_rollback(stage))
    principal = principal_service(project)
    for fault in FAULTS:
        keys = list(project.services) if fault.everywhere and not quick else [principal.key]
        for key in keys:
            why = _why_not(fault, project, project.services[key], stage, quick=quick)
            if why:
                left.append((f"{key}:{fault.name}", why))
            else:
                acts.append(_fault_act(fault, project.services[key], stage, key == principal.key, has_metrics))
    before = [key for key, task in project.tasks.items() if task.before]
    for key in before[:1]:
        why = "" if stage is Stage.SCALE or project.fault_switches else _NO_VARIABLE
        if why:
            left.append((f"{key}:fails", why))
        else:
            acts.append(_migration(stage, key))
    acts.append(_resume(stage))
    if only:
        left += [(act.key, "not chosen") for act in acts if not _is_chosen(act, only)]
        acts = [act for act in acts if _is_chosen(act, only)]
    return Playbill(stage, tuple(acts), tuple(left))


def names_of_acts(project: Project) -> list[str]:
    """What `only` may name: each act by its key, and faults of whichever service."""
    names = ["release", "rollback", "kill_and_resume", *(fault.name for fault in FAULTS)]
    names += [f"{key}:{fault.name}" for key in project.services for fault in FAULTS]
    before = [key for key, task in project.tasks.items() if task.before]
    return names + [name for key in before[:1] for name in (f"{key}:fails", "fails")]


def _is_chosen(act: Act, only: Sequence[str]) -> bool:
    return act.kind is Kind.BASELINE or act.key in only or act.key.rpartition(":")[2] in only


def principal_service(project: Project) -> ServiceSpec:
    """The service that faults are tried on: the last behind a load balancer, else the last."""
    services = list(project.services.values())
    balanced = [spec for spec in services if (spec.service or {}).get("loadBalancers")]
    return (balanced or services)[-1]


def _why_not(fault: _Fault, project: Project, spec: ServiceSpec, stage: Stage, *, quick: bool) -> str:
    if fault.needs_check and not has_check(spec):
        return "it has no health check, by which ECS could tell"
    if stage is Stage.SCALE and not fault.labels:
        return _NO_MODEL
    if stage is Stage.TRUTH and not fault.switch:
        return "no process can be told to: see the stage scale"
    if stage is Stage.TRUTH and not project.fault_switches:
        return _NO_VARIABLE
    slow_here = fault.is_slow or (stage is Stage.TRUTH and fault.name == "crash_after")
    return "--quick leaves slow acts out" if quick and slow_here else ""


def has_check(spec: ServiceSpec) -> bool:
    """Something tells ECS whether its tasks are healthy."""
    if (spec.service or {}).get("loadBalancers"):
        return True
    return any("healthCheck" in container for container in spec.definition["containerDefinitions"])


def _uncatchable(fault: _Fault, spec: ServiceSpec, *, has_metrics: bool) -> str:
    """Why nobody watches for it; empty: somebody does."""
    monitor = spec.monitor
    if not fault.needs:
        return ""
    if monitor is None:
        return f"no monitoring ran: {spec.key} says no monitor"
    if fault.needs == "tasks":
        return "" if monitor.task_failures is not None else f"{spec.key}.monitor does not judge failed tasks"
    if getattr(monitor, fault.needs) is None:
        return f"{spec.key}.monitor says no {fault.needs}"
    return "" if has_metrics else "no monitoring ran: this engine measures no requests"


def _fault_act(fault: _Fault, spec: ServiceSpec, stage: Stage, is_principal: bool, has_metrics: bool) -> Act:  # noqa: FBT001 - a pair of plain facts
    is_early = fault.caught_by == EARLY
    nobody = Catcher.NOBODY in fault.caught_by
    return Act(
        key=f"{spec.key}:{fault.name}",
        stage=stage,
        kind=Kind.FAULT,
        title=f"{spec.key} {fault.title}",
        exit_code=0 if nobody else 4,
        caught_by=fault.caught_by,
        service=spec.key,
        # the way back of a whole release is slow on processes, and no other than on models
        is_whole=fault.everywhere and is_principal and stage is Stage.SCALE,
        labels=fault.labels if stage is Stage.SCALE else {},
        switch=fault.switch if stage is Stage.TRUTH else "",
        loses_none=is_early,
        is_watched=bool(fault.needs),
        uncatchable=_uncatchable(fault, spec, has_metrics=has_metrics),
        seconds=fault.seconds if stage is Stage.TRUTH else min(fault.seconds, 15),
    )


def _baseline(stage: Stage) -> Act:
    return Act(
        "baseline", stage, Kind.BASELINE, "what lives now", is_whole=True, seconds=6 if stage is Stage.SCALE else 15
    )


def _release(stage: Stage) -> Act:
    return Act(
        "release", stage, Kind.RELEASE, "the release", is_whole=True, loses_none=True, is_watched=True,
        seconds=12 if stage is Stage.SCALE else 30,
    )  # fmt: skip


def _rollback(stage: Stage) -> Act:
    return Act("rollback", stage, Kind.ROLLBACK, "a rollback by hand", is_whole=True, loses_none=True, seconds=8)


def _migration(stage: Stage, key: str) -> Act:
    return Act(
        f"{key}:fails", stage, Kind.MIGRATION, f"{key} fails", exit_code=5, caught_by=frozenset({Catcher.MIGRATION}),
        service=key, is_whole=True, labels={"exit_after": "1", "exit_code": "1"} if stage is Stage.SCALE else {},
        switch="crash_at_start" if stage is Stage.TRUTH else "", loses_none=True, seconds=4,
    )  # fmt: skip


def _resume(stage: Stage) -> Act:
    return Act(
        "kill_and_resume", stage, Kind.RESUME, "the release, the tool killed in the middle and resumed", is_whole=True,
        loses_none=True, seconds=12 if stage is Stage.SCALE else 20,
    )  # fmt: skip
