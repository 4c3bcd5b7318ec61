"""The network that every region of the engine has from the start: a VPC, a subnet in each of three zones, a security group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.model.vault import Subnet
from fairway.engine.store.schema import SUBNETS

if TYPE_CHECKING:
    from fairway.engine.store.store import Store

VPC_ID: Final = "vpc-0fa10000000000000"
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
