"""A plan: what a release would change, restart and cost. Pure: (rendered release, what lives) -> Plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.observed import DEPLOYMENT_TAG
from fairway.planning.changes import DEFINITION, definition_changes, is_as_deployed, service_changes
from fairway.planning.cost import service_cost, strategy_of, task_cost
from fairway.planning.replacement import STARTS_DEPLOYMENT, Bounds, Expectation, bounds_of, expected
from fairway.planning.unchanged import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from fairway.observed import Living, LivingTask, Surroundings
    from fairway.planning.changes import Change, Changes
    from fairway.planning.release import OneOff, Release, ServiceRelease
    from fairway.project.prices import PriceTable

_IN_CONTAINERS: Final = "containerDefinitions"


@dataclass(frozen=True, slots=True)
class Restart:
    """Which tasks are replaced (or started, by a service that is new)."""

    tasks: int
    reasons: tuple[str, ...]
    """Why; empty: nothing differs, and a deployment brings in an equal revision all the same."""
    bounds: Bounds
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class CostChange:
    """What a service costs a month, before and after; or why that cannot be said."""

    before: Decimal | None = None
    """None: it does not exist yet, or cannot be priced."""
    after: Decimal | None = None
    currency: str = "USD"
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What happens to one service."""

    key: str
    name: str
    is_new: bool
    serving: str | None
    """Such as `taskmanager-api:7 (v1.2.3)`."""
    manages_service: bool
    changes: tuple[Change, ...]
    unchanged: Mapping[str, int]
    """Members that are the same, by `task definition` and `service`."""
    drift: tuple[str, ...]
    """What somebody did beside Fairway, in sentences."""
    notes: tuple[str, ...]
    restart: Restart
    """Of its tasks, when it is deployed."""
    cost: CostChange
    is_left_alone: bool = False
    """It serves exactly this already: `deploy` begins no deployment unless it is forced."""

    @property
    def differs(self) -> bool:
        return self.is_new or bool(self.changes) or bool(self.drift)

    @property
    def undeployed(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.is_drift)

    @property
    def drifted(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.is_drift)


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What happens to one one-off task: it runs once, before the services."""

    key: str
    family: str
    newest: str | None
    """Its newest revision; None: there is none."""
    changes: tuple[Change, ...]
    unchanged: int

    @property
    def differs(self) -> bool:
        return self.newest is None or bool(self.changes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would change."""

    services: tuple[ServicePlan, ...]
    tasks: tuple[TaskPlan, ...] = ()
    left_out: tuple[str, ...] = ()
    """One-off tasks that do not run."""
    version: str | None = None

    @property
    def differs(self) -> bool:
        """Something would change, or somebody has changed something by hand."""
        return any(item.differs for item in self.services) or any(item.differs for item in self.tasks)

    @property
    def deploys(self) -> bool:
        """A service is deployed, and the one-off tasks run before it."""
        return not all(item.is_left_alone for item in self.services)


def plan(release: Release, surroundings: Surroundings, prices: PriceTable) -> Plan:
    """What the release would change where `surroundings` were read."""
    return Plan(
        services=tuple(
            _service_plan(item, surroundings.services[item.name], surroundings, prices) for item in release.services
        ),
        tasks=tuple(_task_plan(task, surroundings.tasks[str(task.definition["family"])]) for task in release.before),
        left_out=release.left_out,
        version=release.version,
    )


def _task_plan(task: OneOff, living: LivingTask) -> TaskPlan:
    found = definition_changes(task.definition, living.newest)
    newest = None if living.newest is None else living.newest.label()
    return TaskPlan(task.key, str(task.definition["family"]), newest, found.found, found.unchanged)


def _service_plan(item: ServiceRelease, living: Living, surroundings: Surroundings, prices: PriceTable) -> ServicePlan:
    definition = definition_changes(
        item.definition, living.serving, living.deployed, by_hand=is_as_deployed(item, living)
    )
    service = service_changes(item, living, surroundings.default_strategy)
    changes = (*definition.found, *service.found)
    return ServicePlan(
        key=item.key,
        name=item.name,
        is_new=living.service is None,
        serving=None if living.serving is None else living.serving.label(),
        manages_service=item.service is not None,
        changes=changes,
        unchanged={"task definition": definition.unchanged, "service": service.unchanged},
        drift=_drift(living),
        notes=tuple(_notes(item, living, service)),
        restart=_restart(item, living, changes),
        cost=_cost(item, living, surroundings, prices),
        is_left_alone=is_unchanged(item, surroundings),
    )


def _drift(living: Living) -> tuple[str, ...]:
    if living.serving is None or living.deployed is None:
        return ()
    who = f", registered by {living.serving.by}" if living.serving.by else ""
    said = f"{living.serving.label()} serves, which Fairway did not deploy{who}"
    return (f"{said}; its own last deployment brought in {living.deployed.label()}",)


def _notes(item: ServiceRelease, living: Living, service: Changes) -> list[str]:
    notes = []
    if item.service is None:
        notes.append("only its revisions are managed: settings of the service are not compared, and stay")
    if service.not_compared:
        notes.append(f"not compared, because AWS does not show it: {', '.join(service.not_compared)}")
    if living.serving is not None and living.deployed is None and DEPLOYMENT_TAG not in living.serving.tags:
        notes.append("Fairway has not deployed it yet: what was changed by hand cannot be told")
    if living.service is not None and len(living.service.rollouts) > 1:
        notes.append("a deployment is under way: a new one takes its place")
    return notes


# -- tasks -------------------------------------------------------------------------------------------------------------


def _restart(item: ServiceRelease, living: Living, changes: Sequence[Change]) -> Restart:
    service = living.service
    desired = int((item.service or {}).get("desiredCount", 0)) if service is None else service.desired
    configuration = _configuration(item, living)
    groups = service.target_groups if service is not None else ()
    return Restart(
        tasks=desired,
        reasons=("it is new",) if service is None else _reasons(changes),
        bounds=bounds_of(desired, configuration),
        expectation=expected(
            desired,
            configuration,
            item.definition.get("containerDefinitions", ()),
            living.checks,
            [living.deregistration_seconds.get(arn) for arn in groups],
            living.seconds,
        ),
    )


def _configuration(item: ServiceRelease, living: Living) -> Mapping[str, Any]:
    """`deploymentConfiguration` as it is during the deployment: what the file leaves out keeps its living value."""
    kept = {} if living.service is None else living.service.document.get("deploymentConfiguration", {})
    return {**kept, **((item.service or {}).get("deploymentConfiguration") or {})}


def _reasons(changes: Sequence[Change]) -> tuple[str, ...]:
    """Why tasks are replaced: each member that a task is made of, once."""
    reasons: dict[str, None] = {}
    for change in changes:
        path = change.difference.path
        if change.where == DEFINITION:
            if path[0] == _IN_CONTAINERS:
                reasons[f"container {path[1]}" if len(path) == 2 else f"{path[2]} of {path[1]}"] = None  # noqa: PLR2004
            else:
                reasons[path[0]] = None
        elif path[0] in STARTS_DEPLOYMENT and not change.stays:
            reasons[path[0]] = None
    return tuple(reasons)


# -- cost --------------------------------------------------------------------------------------------------------------


def _cost(item: ServiceRelease, living: Living, surroundings: Surroundings, prices: PriceTable) -> CostChange:
    service = living.service
    desired = int((item.service or {}).get("desiredCount", 0)) if service is None else service.desired
    document = {} if service is None else service.document
    wanted = item.service or {}
    after = wanted if wanted.get("capacityProviderStrategy") or service is None else document
    default = surroundings.default_strategy

    def monthly(definition: Mapping[str, Any], where: Mapping[str, Any]) -> Decimal:
        task = task_cost(definition, prices, surroundings.region)
        return service_cost(item.key, task, strategy_of(where, default), desired).monthly

    try:
        return CostChange(
            before=None if living.serving is None else monthly(living.serving.document, document),
            after=monthly(item.definition, after),
            currency=prices.currency,
        )
    except UsageError as error:
        return CostChange(unknown=error.message)
