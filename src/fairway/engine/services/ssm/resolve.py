"""What a container's `valueFrom` stands for, when it names a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.services.secretsmanager.resolve import ResourceInitializationError
from fairway.engine.store.schema import PARAMETERS

if TYPE_CHECKING:
    from fairway.engine.model.vault import Parameter, ParameterVersion
    from fairway.engine.store.store import Store

_PREFIX: Final = ":parameter/"


def find_parameter(store: Store, region: str, reference: str) -> Parameter | None:
    """A parameter by name or ARN; an ARN does not show whether the name begins with a slash."""
    names = [reference]
    if reference.startswith("arn:") and _PREFIX in reference:
        region = reference.split(":")[3]
        name = reference.split(_PREFIX, 1)[1]
        names = [f"/{name}", name]
    for name in names:
        for parameter in store.find(PARAMETERS, "name", f"{region}|{name}"):
            return parameter
    return None


def select(parameter: Parameter, selector: str | None) -> ParameterVersion | None:
    """The newest version, or the one with this number or label."""
    if not selector:
        return parameter.versions[-1]
    for version in parameter.versions:
        if selector == str(version.version) or selector in version.labels:
            return version
    return None


def resolve_parameter(store: Store, value_from: str, region: str) -> str:
    """The value of an SSM parameter, by ARN or by name in the same region.

    Raises:
        ResourceInitializationError: with the text that the task's stopped reason will have.
    """
    parameter = find_parameter(store, region, value_from)
    if parameter is None:
        raise ResourceInitializationError(
            "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from "
            f"ssm: service call has been retried 1 time(s): invalid parameters: {value_from}"
        )
    return parameter.versions[-1].value
