"""ECS's exceptions."""

from __future__ import annotations

from fairway.engine.services.fault import AwsFault


class ClientException(AwsFault):
    """The client did something wrong."""

    code = "ClientException"


class InvalidParameterException(AwsFault):
    """A parameter is not valid."""

    code = "InvalidParameterException"


class ClusterNotFoundException(AwsFault):
    """No such cluster."""

    code = "ClusterNotFoundException"


class ServiceNotFoundException(AwsFault):
    """No such service."""

    code = "ServiceNotFoundException"


class ServiceNotActiveException(AwsFault):
    """The service is being deleted, or was."""

    code = "ServiceNotActiveException"


class ClusterContainsServicesException(AwsFault):
    """A cluster with services cannot be deleted."""

    code = "ClusterContainsServicesException"


class ClusterContainsTasksException(AwsFault):
    """A cluster with tasks cannot be deleted."""

    code = "ClusterContainsTasksException"


class ConflictException(AwsFault):
    """The resource is in a state that does not allow it, or a token was used for something else."""

    code = "ConflictException"


class ServiceDeploymentNotFoundException(AwsFault):
    """No such service deployment."""

    code = "ServiceDeploymentNotFoundException"


class ResourceNotFoundException(AwsFault):
    """No such resource."""

    code = "ResourceNotFoundException"


class UnsupportedFeatureException(AwsFault):
    """ECS has it, this engine has not."""

    code = "UnsupportedFeatureException"


def unsupported(member: str) -> UnsupportedFeatureException:
    """The refusal of something that the engine does not have: it names the member."""
    return UnsupportedFeatureException(
        f"{member} is not supported by this engine; docs/reference/operations.md lists what is."
    )
