"""What a release needs of AWS before it begins, and what was found: frozen values that `aws/inspect.py` fills and `checks/` judges.

A value is there, or None (AWS says that there is none), or `Unread`: it could not be asked for, and nothing follows from that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.observed import TaskDefinition


@dataclass(frozen=True, slots=True)
class Unread:
    """It is not known."""

    reason: str
    """Such as `not allowed: it takes iam:GetRole`."""


T = TypeVar("T")
Read: TypeAlias = T | Unread | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask for. What is empty costs no call."""

    cluster: str
    providers: tuple[str, ...] = ()
    """Capacity providers that are not Fargate's own."""
    roles: tuple[str, ...] = ()
    """As the definitions name them: ARNs, or short names."""
    images: tuple[str, ...] = ()
    """Of ECR in this region."""
    scans: bool = False
    repositories: bool = False
    """Whether tags of the images' repositories can be moved."""
    platforms: bool = False
    secrets: tuple[str, ...] = ()
    """ARNs of Secrets Manager, without key and version."""
    parameters: tuple[str, ...] = ()
    """Names of Systems Manager."""
    log_groups: tuple[str, ...] = ()
    target_groups: tuple[str, ...] = ()
    network: bool = False
    """Ask for load balancers, subnets and security groups as well."""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()
    """Codes of Service Quotas, of the service `fargate`."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster."""

    status: str
    providers: tuple[str, ...] = ()
    """Associated with it."""
    default_strategy: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role."""

    trust: Mapping[str, Any]
    """Its AssumeRolePolicyDocument."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What ECR found in an image."""

    status: str
    """COMPLETE and ACTIVE have counts; others say why there are none."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """By severity."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An image in ECR."""

    digest: str
    platforms: Read[tuple[str, ...]] = ()
    """`linux/amd64`, …; none: its manifest does not tell."""
    scans: Mapping[str, Read[Scan]] = field(default_factory=dict)
    """By platform; the key is empty where the image is not made of several."""
    status: str = "ACTIVE"
    """ACTIVE | ARCHIVED | ACTIVATING."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, without its value."""

    stages: frozenset[str] = frozenset()
    """Staging labels that versions of it have, such as AWSCURRENT."""
    versions: frozenset[str] = frozenset()
    """Ids."""
    is_deleted: bool = False
    """Scheduled for deletion: nobody can read it any more."""


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group of Elastic Load Balancing."""

    protocol: str
    port: int
    target_type: str
    vpc: str
    health_check_port: str = "traffic-port"
    balancers: tuple[str, ...] = ()
    """ARNs."""


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer."""

    type: str
    """application | network | gateway."""
    security_groups: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a VPC."""

    vpc: str
    cidr: str
    free: int
    """Addresses."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """One rule that lets traffic in."""

    protocol: str
    """tcp, udp, …, or `-1`: any."""
    low: int | None = None
    high: int | None = None
    """None: any port."""
    groups: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    prefix_lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group."""

    vpc: str
    ingress: tuple[Ingress, ...] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of an account in a region, and how much of it is used."""

    limit: float
    used: Read[float] = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What another environment says about a digest."""

    revisions: tuple[TaskDefinition, ...] = ()
    """Those with the digest that were deployed there, newest deployment first."""
    looked_at: int = 0
    """Revisions."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. A key that was not wanted is not there."""

    cluster: Read[Cluster] = None
    providers: Read[Mapping[str, str]] = None
    """Capacity provider -> status."""
    roles: Mapping[str, Read[Role]] = field(default_factory=dict)
    images: Mapping[str, Read[Image]] = field(default_factory=dict)
    repositories: Mapping[str, Read[str]] = field(default_factory=dict)
    """Image -> `imageTagMutability` of its repository."""
    secrets: Mapping[str, Read[Secret]] = field(default_factory=dict)
    parameters: Read[frozenset[str]] = frozenset()
    """Those of the wanted that exist."""
    log_groups: Mapping[str, Read[str]] = field(default_factory=dict)
    """Name -> ARN."""
    target_groups: Mapping[str, Read[TargetGroup]] = field(default_factory=dict)
    balancers: Mapping[str, Read[Balancer]] = field(default_factory=dict)
    subnets: Mapping[str, Read[Subnet]] = field(default_factory=dict)
    security_groups: Mapping[str, Read[SecurityGroup]] = field(default_factory=dict)
    alarms: Read[Mapping[str, str]] = None
    """Name -> OK | ALARM | INSUFFICIENT_DATA."""
    quotas: Mapping[str, Read[Quota]] = field(default_factory=dict)
    proofs: Mapping[str, Read[Proof]] = field(default_factory=dict)
    """Service of the project -> what the required environment says about its digest."""
