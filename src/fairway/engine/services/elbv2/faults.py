"""Elastic Load Balancing's errors; their codes on the wire carry no "Exception"."""

from __future__ import annotations

from fairway.engine.services.fault import AwsFault


class ValidationError(AwsFault):
    """A parameter is not valid."""

    code = "ValidationError"


class LoadBalancerNotFound(AwsFault):
    """No such load balancer."""

    code = "LoadBalancerNotFound"


class ListenerNotFound(AwsFault):
    """No such listener."""

    code = "ListenerNotFound"


class RuleNotFound(AwsFault):
    """No such rule."""

    code = "RuleNotFound"


class TargetGroupNotFound(AwsFault):
    """No such target group."""

    code = "TargetGroupNotFound"


class DuplicateLoadBalancerName(AwsFault):
    """The name is taken by one with other settings."""

    code = "DuplicateLoadBalancerName"


class DuplicateTargetGroupName(AwsFault):
    """The name is taken by one with other settings."""

    code = "DuplicateTargetGroupName"


class DuplicateListener(AwsFault):
    """The load balancer listens on this port already."""

    code = "DuplicateListener"


class PriorityInUse(AwsFault):
    """Another rule of the listener has this priority."""

    code = "PriorityInUse"


class ResourceInUse(AwsFault):
    """A listener or a rule uses it."""

    code = "ResourceInUse"


class OperationNotPermitted(AwsFault):
    """Not for this resource."""

    code = "OperationNotPermitted"


class SubnetNotFound(AwsFault):
    """No such subnet."""

    code = "SubnetNotFound"


class InvalidConfigurationRequest(AwsFault):
    """The settings do not go together."""

    code = "InvalidConfigurationRequest"


class InvalidTarget(AwsFault):
    """The target cannot be registered."""

    code = "InvalidTarget"


class TargetGroupAssociationLimit(AwsFault):
    """A target group belongs to one load balancer."""

    code = "TargetGroupAssociationLimit"


class TooManyTargetGroups(AwsFault):
    """The data plane's limit."""

    code = "TooManyTargetGroups"


def unsupported(what: str) -> ValidationError:
    """The refusal of something that the engine does not have: it names it."""
    return ValidationError(f"{what} is not supported by this engine; docs/reference/operations.md lists what is.")
