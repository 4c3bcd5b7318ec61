"""Load balancers, listeners, rules, target groups and targets, as Elastic Load Balancing names them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """An Application Load Balancer."""

    arn: str
    name: str
    region: str
    dns_name: str
    scheme: str
    vpc_id: str
    subnets: Mapping[str, str]
    """Subnet id -> Availability Zone."""
    security_groups: tuple[str, ...]
    ip_address_type: str
    created_at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener; the port on this machine is chosen once and kept."""

    arn: str
    load_balancer_arn: str
    port: int
    protocol: str
    host_port: int
    """Where it listens on 127.0.0.1: 80 -> 8080, 443 -> 8443, others as they are; taken: the next free one."""
    default_actions: tuple[Mapping[str, Any], ...]
    """As the API takes them."""
    created_at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a listener that has conditions; the default rule is the listener itself."""

    arn: str
    listener_arn: str
    priority: int
    conditions: tuple[Mapping[str, Any], ...]
    actions: tuple[Mapping[str, Any], ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Health check settings of a target group. Source: ELBv2 API, CreateTargetGroup."""

    enabled: bool = True
    protocol: str = "HTTP"
    port: str = "traffic-port"
    path: str = "/"
    interval_seconds: int = 30
    timeout_seconds: int = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    matcher: str = "200"


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group."""

    arn: str
    name: str
    region: str
    protocol: str
    port: int
    vpc_id: str | None
    target_type: str
    health_check: HealthCheck
    created_at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Only those that were set; the rest are ELB's defaults."""
    tags: Mapping[str, str] = field(default_factory=dict)
    protocol_version: str = "HTTP1"
    ip_address_type: str = "ipv4"


class TargetState(StrEnum):
    """States of DescribeTargetHealth."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Target:
    """A registered (or still draining) target of a target group."""

    target_group_arn: str
    id: str
    """The address that was registered."""
    port: int
    host: str
    """Where it listens on this machine; empty: nothing listens (simulated task)."""
    host_port: int
    state: TargetState
    reason: str | None
    """`Elb.InitialHealthChecking`, `Target.Timeout`, …"""
    description: str | None
    registered_at: datetime
    availability_zone: str | None = None
    task_arn: str | None = None
    """Set by the ECS service that registered it; the health of a simulated task is read from it."""
    checks_passed: int = 0
    """Passed in a row."""
    checks_failed: int = 0
    """Failed in a row."""
    last_check_at: datetime | None = None
    last_check_seconds: float = 0.0
    """Real seconds that the last check took."""
    draining_since: datetime | None = None
    idle: bool = False
    """Draining, and the data plane carries nothing to it any more: the task may be stopped."""

    @property
    def key(self) -> str:
        return f"{self.id}:{self.port}"


def target_row_key(target: Target) -> str:
    return f"{target.target_group_arn}|{target.key}"
