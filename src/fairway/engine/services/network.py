"""The network that every region of the engine has from the start: a VPC, a subnet in each of three zones, a security group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.model.task import TaskStatus
from fairway.engine.model.vault import Subnet, subnet_row_key
from fairway.engine.store.schema import LOAD_BALANCERS, REVISIONS, SERVICES, SUBNETS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairway.engine.store.store import Store

VPC_ID: Final = "vpc-0fa10000000000000"
VPC_CIDR: Final = "10.0.0.0/16"
SECURITY_GROUP_ID: Final = "sg-0fa10000000000000"
ZONES: Final = ("a", "b", "c")
DEFAULT_REGIONS: Final = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-central-1")


def default_subnets(region: str) -> tuple[Subnet, ...]:
    """One subnet of 4,096 addresses in each zone."""
    return tuple(
        Subnet(
            id=f"subnet-0fa1000000000000{zone}",
            region=region,
            vpc_id=VPC_ID,
            availability_zone=f"{region}{zone}",
            cidr=f"10.0.{16 * number}.0/20",
        )
        for number, zone in enumerate(ZONES)
    )


def seed_network(store: Store) -> None:
    """Put the default network where it is missing."""
    with store.transaction() as tx:
        for region in DEFAULT_REGIONS:
            if not store.find(SUBNETS, "region", region):
                for subnet in default_subnets(region):
                    tx.put(SUBNETS, subnet)


def subnets_of(store: Store, region: str) -> list[Subnet]:
    """The subnets of a region; one that nobody has changed has the default network."""
    return store.find(SUBNETS, "region", region) or list(default_subnets(region))


def addresses_in_use(store: Store, region: str) -> Callable[[str], set[str]]:
    """A function that tells the addresses of the living tasks in a subnet of the region."""

    def taken(subnet_id: str) -> set[str]:
        return {task.private_ip for task in store.find(TASKS, "subnet", f"{region}|{subnet_id}")}

    return taken


def replace_subnets(store: Store, region: str, subnets: Sequence[Subnet]) -> None:
    """Make these the subnets of a region: EC2 has created or deleted some. What is in use stays in any case."""
    kept = {subnet.id for subnet in subnets}
    with store.transaction() as tx:
        for subnet in store.find(SUBNETS, "region", region):
            if subnet.id not in kept and not is_in_use(store, region, subnet.id):
                tx.delete(SUBNETS, subnet_row_key(subnet))
        for subnet in subnets:
            tx.put(SUBNETS, subnet)


def is_in_use(store: Store, region: str, subnet_id: str) -> bool:
    """A task, a service or a load balancer of the region is in the subnet."""
    if any(subnet_id in balancer.subnets for balancer in store.find(LOAD_BALANCERS, "region", region)):
        return True
    tasks = (task for task in store.all(TASKS) if task.region == region and task.status is not TaskStatus.STOPPED)
    if any(task.subnet_id == subnet_id for task in tasks):
        return True
    living = {
        d.revision_arn for service in store.all(SERVICES) if service.region == region for d in service.deployments
    }
    return any(subnet_id in r.network.subnets for arn in living if (r := store.get(REVISIONS, arn)) is not None)
