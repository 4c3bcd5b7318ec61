"""The network of moto's EC2 and that of the engine are one: the same default VPC, the same subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.vault import Subnet
from fairway.engine.services.network import SECURITY_GROUP_ID, VPC_CIDR, VPC_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RESERVED: Final = 5
_MADE_BY_VPCS: Final = ("vpcs", "subnets", "route_tables", "network_acls", "groups", "sg_old_style_ids")


def adopt(backend: Any, subnets: Sequence[Subnet]) -> None:
    """Put the engine's default network in the place of moto's own, the first time that a region is used."""
    if getattr(backend, "fairway_network", False):
        return
    backend.fairway_network = True
    for name in _MADE_BY_VPCS:
        getattr(backend, name, {}).clear()
    _create_vpc(backend)
    for subnet in subnets:
        if subnet.vpc_id == VPC_ID:
            _put_subnet(backend, subnet)


def occupy(backend: Any, taken: Mapping[str, int]) -> None:
    """Let each subnet tell how many addresses are free beside those of our tasks. `taken`: by id, how many those have.

    AWS keeps five addresses of each subnet: EC2 API Reference, Subnet.
    """
    for subnet in backend.describe_subnets():
        if subnet.cidr_block:
            subnet._available_ip_addresses = subnet.cidr.num_addresses - _RESERVED - taken.get(subnet.id, 0)  # noqa: SLF001 - moto counts its own network interfaces alone


def _create_vpc(backend: Any) -> None:
    from moto.ec2.models.security_groups import SecurityGroup  # noqa: PLC0415 - only when it is used
    from moto.ec2.models.vpcs import VPC  # noqa: PLC0415

    vpc = VPC(  # type: ignore[abstract]  # as moto itself does it
        backend, VPC_ID, VPC_CIDR, is_default=True
    )
    backend.vpcs[VPC_ID] = vpc
    backend.default_vpc = vpc
    backend.create_route_table(VPC_ID, main=True)
    backend.create_network_acl(VPC_ID, default=True)
    group = SecurityGroup(  # type: ignore[abstract]
        backend, SECURITY_GROUP_ID, "default", "default VPC security group", vpc_id=VPC_ID, is_default=True
    )
    backend.groups[VPC_ID][SECURITY_GROUP_ID] = group


def _put_subnet(backend: Any, subnet: Subnet) -> None:
    from moto.ec2.models.availability_zones_and_regions import Zone  # noqa: PLC0415 - only when it is used
    from moto.ec2.models.subnets import Subnet as MotoSubnet  # noqa: PLC0415

    zones = {zone.name: zone for zone in backend.describe_availability_zones()}
    name = subnet.availability_zone
    zone = zones.get(name) or Zone(name, backend.region_name, f"{backend.region_name}-az{ord(name[-1]) - 96}")
    placed = MotoSubnet(  # type: ignore[abstract]
        backend, subnet.id, subnet.vpc_id, subnet.cidr, None, zone, default_for_az=True, map_public_ip_on_launch=True
    )
    backend.subnets[name][subnet.id] = placed
    backend.associate_default_network_acl_with_subnet(subnet.id, subnet.vpc_id)


def read_subnets(backend: Any, region: str) -> tuple[Subnet, ...]:
    """The subnets of a region, as the engine keeps them."""
    return tuple(
        Subnet(
            id=subnet.id,
            region=region,
            vpc_id=subnet.vpc_id,
            availability_zone=subnet.availability_zone,
            cidr=subnet.cidr_block,
        )
        for subnet in backend.describe_subnets()
        if subnet.cidr_block
    )
