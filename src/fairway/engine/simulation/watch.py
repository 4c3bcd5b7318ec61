"""What must be true of every history: safety at each moment, liveness once faults have stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.model.service import RolloutState, ServiceDeploymentStatus
from fairway.engine.simulation.scenario import HORIZON_SECONDS, Deploy
from fairway.engine.simulation.world import SETTLED, World, behaviour_of
from fairway.engine.store.schema import SERVICE_DEPLOYMENTS, TASK_DEFINITIONS

if TYPE_CHECKING:
    from fairway.engine.simulation.scenario import Behaviour
    from fairway.engine.simulation.world import Moment

BAKE: Final = timedelta(minutes=2)
"""The window of the alarm: two periods of a minute."""
PEACE_SECONDS: Final = 5400.0
"""Three times the longest wait of the start throttle, and more."""


class Violation(AssertionError):
    """A history in which something happened that must not; tells the command that replays it."""


def play(world: World) -> None:
    """Let a world run to its end, watching it.

    Raises:
        Violation: a rule was broken.
    """
    last: Moment | None = None
    for moment in world.run(SETTLED.total_seconds() + HORIZON_SECONDS + PEACE_SECONDS):
        if last is not None:
            check_floor(world, last, moment)
            check_ceiling(world, last, moment)
        last = moment
    check_end(world)
    check_alarms(world)


def check_floor(world: World, before: Moment, after: Moment) -> None:
    """What the scheduler takes away by its own will never brings the serving tasks below the lower bound."""
    left = before.serving - after.serving
    taken = left - after.harmed
    harmed = left & after.harmed
    if taken and len(after.serving) + len(harmed) < min(after.bounds.lower, len(before.serving)):
        raise _broken(
            world,
            f"{len(taken)} serving tasks were taken away: {len(after.serving)} left of {after.bounds.lower} at least",
        )


def check_ceiling(world: World, before: Moment, after: Moment) -> None:
    """No task is started above the upper bound."""
    begun = after.occupying - before.occupying
    if begun and len(after.occupying) > after.bounds.upper:
        raise _broken(world, f"{len(begun)} tasks were started: {len(after.occupying)} of {after.bounds.upper} at most")


def check_end(world: World) -> None:
    """Every deployment has ended, and a good one serves with all its tasks."""
    service = world.service()
    primary = service.primary
    behaviour = _behaviour_of(world, primary.task_definition_arn)
    moment = world.moment()
    open_records = [r for r in world.store.all(SERVICE_DEPLOYMENTS) if not r.status.is_terminal]
    movable = moment.bounds.upper > moment.bounds.lower or moment.desired == 0
    if not movable or not _ends(world, behaviour):
        return
    if primary.rollout is RolloutState.IN_PROGRESS or open_records:
        raise _broken(world, f"the deployment {primary.id} has not ended: {[r.status for r in open_records]}")
    others = [d.id for d in service.deployments[1:] if primary.rollout is RolloutState.COMPLETED]
    if others:
        raise _broken(world, f"deployments are left behind a completed one: {others}")
    if primary.rollout is RolloutState.COMPLETED and behaviour.good and len(moment.serving) != moment.desired:
        raise _broken(world, f"{len(moment.serving)} tasks serve, {moment.desired} are desired")
    if primary.rollout is RolloutState.FAILED:
        failed = {ServiceDeploymentStatus.STOPPED, ServiceDeploymentStatus.ROLLBACK_FAILED}
        if not any(r.status in failed for r in world.store.all(SERVICE_DEPLOYMENTS)):
            raise _broken(world, "the newest deployment failed, and no service deployment says so")


def check_alarms(world: World) -> None:
    """A deployment that was watched, and began in peace, does not succeed when the alarm fires after its first task ran."""
    for record in world.store.all(SERVICE_DEPLOYMENTS):
        watched, begun = record.alarms_status, record.started_at
        if watched == "TRIGGERED" and record.status is ServiceDeploymentStatus.SUCCESSFUL:
            raise _broken(world, f"{record.deployment_id} succeeded though its alarm fired")
        if watched == "MONITORING" and record.status.is_terminal:
            raise _broken(world, f"{record.deployment_id} has ended and its alarm is watched still")
        if record.status is not ServiceDeploymentStatus.SUCCESSFUL or watched != "MONITORING_COMPLETE":
            continue
        assert begun is not None
        assert record.finished_at is not None
        ended = record.finished_at
        baking = ended - BAKE
        if any(baking < at < ended for at, firing in world.fired if firing):
            raise _broken(world, f"{record.deployment_id} succeeded though its alarm fired while it baked")
        if ended - begun < BAKE:
            raise _broken(world, f"{record.deployment_id} succeeded after {ended - begun}, before it can have baked")


def _ends(world: World, behaviour: Behaviour) -> bool:
    """Whether a deployment of such tasks must end: good ones always, hopeless ones by the circuit breaker.

    Tasks that serve for a while and then die, or fall ill, may never all serve at once, and each that serves resets the
    circuit breaker: ECS makes no promise of an end there.
    """
    if behaviour.good:
        return True
    labels = dict(behaviour.labels)
    hopeless = labels.get("fairway.sim.health") == "unhealthy" or "fairway.sim.exit_code" in labels
    return hopeless and world.scenario.breaker


def _behaviour_of(world: World, task_definition_arn: str) -> Behaviour:
    definition = world.store.get(TASK_DEFINITIONS, task_definition_arn)
    assert definition is not None
    return behaviour_of(definition)


def _broken(world: World, what: str) -> Violation:
    deploys = sum(isinstance(happening, Deploy) for happening in world.scenario.happenings)
    return Violation(
        f"seed {world.scenario.seed}: {what} (at {world.clock.now():%H:%M:%S}, {deploys} deployments planned)\n"
        f"replay: {world.replay_command()}"
    )
