"""Does a service stand as it was deployed? From what ECS and the load balancer say of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.observed import short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fairway.observed import Rollout, Service, Target, Task

_OUT_OF_SERVICE: Final = frozenset({"draining", "unused"})
_INSTANCE: Final = "i-"


def primary(service: Service) -> Rollout | None:
    return next((rollout for rollout in service.rollouts if rollout.status == "PRIMARY"), None)


def is_superseded(service: Service, target: str, since: datetime) -> bool:
    """A deployment that began after ours had ended, or one of another revision, is the service's newest."""
    newest = primary(service)
    if newest is None:
        return service.task_definition != target
    return newest.task_definition != target or (newest.created_at is not None and newest.created_at > since)


@dataclass(frozen=True, slots=True)
class Lack:
    """What keeps a service from standing as it was deployed."""

    text: str
    is_wrong: bool
    """It does not come right by waiting; else something has only not ended yet: ECS starts or registers tasks (after a scaling
    activity too)."""


def lacks(service: Service, tasks: Sequence[Task], targets: Sequence[Target], target: str) -> list[Lack]:
    """What is not as it should be; nothing: the service stands as it was deployed.

    That is: all its tasks are of the revision `target`, as many as are wanted, healthy, and they alone are in service behind
    each of its target groups. `tasks` are those that ECS wants running.
    """
    found = []
    newest = primary(service)
    running = newest.running if newest is not None and newest.task_definition == target else 0
    if running != service.desired:
        found.append(Lack(f"{running} of {service.desired} tasks of {short(target)} run", is_wrong=running == 0))
    others = [rollout for rollout in service.rollouts if rollout is not newest and rollout.running + rollout.pending]
    for rollout in others:
        remaining = rollout.running + rollout.pending
        found.append(Lack(f"{remaining} tasks of {short(rollout.task_definition)} remain", is_wrong=True))
    ours = [task for task in tasks if task.task_definition == target]
    foreign = len(tasks) - len(ours)
    if foreign and not others:
        found.append(Lack(f"{foreign} tasks of another revision than {short(target)} remain", is_wrong=True))
    ill = sum(task.health == "UNHEALTHY" for task in ours)
    if ill:
        found.append(Lack(f"{ill} of {len(ours)} tasks are UNHEALTHY", is_wrong=True))
    for group in service.target_groups:
        found += _group(group, [item for item in targets if item.target_group == group], ours)
    return found


def _group(group: str, targets: Sequence[Target], tasks: Sequence[Task]) -> list[Lack]:
    name = group.split("/")[-2] if group.count("/") > 1 else group
    serving = [target for target in targets if target.state not in _OUT_OF_SERVICE]
    ill = [target for target in serving if target.state != "healthy"]
    found = []
    if ill:
        why = ill[0].description or ill[0].reason or ill[0].state
        text = f"{len(ill)} of {len(serving)} targets of {name} are not healthy: {why}"
        found.append(Lack(text, is_wrong=any(target.state != "initial" for target in ill)))
    if any(target.address.startswith(_INSTANCE) for target in serving):
        # tasks of one container instance share its address: which is whose cannot be told
        return found
    healthy = {target.address for target in serving if target.state == "healthy"}
    addresses = {task.address for task in tasks if task.status == "RUNNING" and task.address}
    absent = addresses - {target.address for target in serving}
    if absent:
        found.append(Lack(f"{len(absent)} of {len(addresses)} tasks are no target of {name}", is_wrong=not healthy))
    strangers = healthy - addresses
    if strangers:
        text = f"{len(strangers)} targets of {name} in service are no tasks of the new revision"
        found.append(Lack(text, is_wrong=True))
    return found
