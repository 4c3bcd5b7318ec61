"""Where a task goes: its capacity provider, Availability Zone, address, and so the task itself.

Source: ECS API Reference, CapacityProviderStrategyItem (base, weight) and UpdateService (zone balance). How ECS rounds the
share of a weight is not documented: ours is the largest deficit, ties by the order of the list.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from fairway.engine.model.task import Container, DesiredStatus, Task, TaskStatus
from fairway.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from fairway.engine.model.cluster import StrategyItem, TaskDefinition
    from fairway.engine.model.service import Network
    from fairway.engine.model.task import TargetRef
    from fairway.engine.model.vault import Subnet
    from fairway.ids import IdSource

_RESERVED_ADDRESSES = 4
"""AWS keeps the first four addresses of a subnet, and the last."""


def choose_provider(strategy: Sequence[StrategyItem], current: Mapping[str, int]) -> str:
    """The capacity provider of the next task, when `current` tasks are with each already.

    base 1 on FARGATE, weights 1:4   ->  FARGATE, SPOT, SPOT, SPOT, SPOT, FARGATE …
    one provider alone takes all, whatever its weight (which is 0 when it is left out)

    Raises:
        ValueError: every weight is zero and every base is filled.
    """
    if len(strategy) == 1:
        return strategy[0].capacity_provider
    for item in strategy:
        if current.get(item.capacity_provider, 0) < item.base:
            return item.capacity_provider
    weights = {item.capacity_provider: item.weight for item in strategy if item.weight > 0}
    if not weights:
        raise ValueError("no capacity provider has a weight greater than zero")
    bases = {item.capacity_provider: item.base for item in strategy}
    beyond = {name: max(0, current.get(name, 0) - bases[name]) for name in weights}
    total, placed = sum(weights.values()), sum(beyond.values())
    # max() keeps the first of equals: the order of the list decides ties
    return max(weights, key=lambda name: Fraction(weights[name] * (placed + 1), total) - beyond[name])


def choose_place(
    subnets: Sequence[Subnet], existing: Sequence[Task], taken: Callable[[str], set[str]], number: int
) -> tuple[Subnet, str]:
    """A subnet and an address in it: the zone with the fewest tasks, then the subnet with the fewest; ties by the list's order.

    A subnet without a free address is passed over; the address is empty when all are full, and the task cannot start.
    """
    zones = Counter(task.availability_zone for task in existing)
    places = Counter(task.subnet_id for task in existing)
    best = sorted(subnets, key=lambda subnet: (zones[subnet.availability_zone], places[subnet.id]))
    for subnet in best:
        address = free_address(subnet, taken(subnet.id), number)
        if address is not None:
            return subnet, address
    return best[0], ""


def free_address(subnet: Subnet, taken: set[str], number: int) -> str | None:
    """An address of the subnet that is not taken; the search begins at `number`, so that addresses are not used again at once."""
    network = ip_network(subnet.cidr)
    usable = network.num_addresses - _RESERVED_ADDRESSES - 1
    for step in range(usable):
        address = str(network[_RESERVED_ADDRESSES + (number + step) % usable])
        if address not in taken:
            return address
    return None


def new_task(
    *,
    ids: IdSource,
    now: datetime,
    cluster_arn: str,
    region: str,
    account: str,
    definition: TaskDefinition,
    network: Network,
    subnets: Sequence[Subnet],
    existing: Sequence[Task],
    taken: Callable[[str], set[str]],
    group: str,
    launch_type: str | None = None,
    capacity_provider: str | None = None,
    started_by: str | None = None,
    service_arn: str | None = None,
    deployment_id: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    targets: tuple[TargetRef, ...] = (),
    platform_version: str = "LATEST",
    enable_execute_command: bool = False,
    client_token: str | None = None,
) -> Task:
    """A task that is to be: in PROVISIONING, with its place chosen.

    `existing`: tasks of the same service or group; `taken`: the addresses in use in a subnet, by its id.
    """
    overrides = overrides or {}
    cluster = cluster_arn.rsplit("/", 1)[-1]
    task_id = ids.hexadecimal(32)
    subnet, address = choose_place(subnets, existing, taken, int(task_id, 16))

    def container(name: str, image: str) -> Container:
        arn = f"arn:aws:ecs:{region}:{account}:container/{cluster}/{task_id}/{uuid(ids)}"
        return Container(name=name, arn=arn, image=image)

    return Task(
        arn=f"arn:aws:ecs:{region}:{account}:task/{cluster}/{task_id}",
        id=task_id,
        cluster_arn=cluster_arn,
        region=region,
        task_definition_arn=definition.arn,
        status=TaskStatus.PROVISIONING,
        desired=DesiredStatus.RUNNING,
        created_at=now,
        containers=tuple(container(c.name, c.image) for c in definition.containers),
        cpu=str(overrides.get("cpu") or definition.body.get("cpu", "0")),
        memory=str(overrides.get("memory") or definition.body.get("memory", "0")),
        group=group,
        availability_zone=subnet.availability_zone,
        subnet_id=subnet.id,
        private_ip=address,
        network_id=f"eni-{ids.hexadecimal(17)}",
        service_arn=service_arn,
        deployment_id=deployment_id,
        launch_type="FARGATE" if capacity_provider is not None else launch_type,
        capacity_provider=capacity_provider,
        platform_version="1.4.0" if platform_version == "LATEST" else platform_version,
        started_by=started_by,
        targets=targets,
        overrides=overrides,
        tags=tags or {},
        enable_execute_command=enable_execute_command,
        client_token=client_token,
        security_groups=network.security_groups,
    )
