"""AWS's own service models, as botocore ships them, without their documentation."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ServiceModel

SERVICES: Final = ("ecs", "elbv2", "logs", "cloudwatch", "secretsmanager", "ssm", "ecr", "sts", "events", "scheduler")
"""The services that are the engine's own."""

_loader = Loader()


@cache
def service_model(name: str) -> ServiceModel:
    """The model of a service by botocore's name of it (`ecs`, `elbv2`).

    Raises:
        botocore.exceptions.UnknownServiceError: botocore has no such service.
    """
    document = _loader.load_service_model(name, "service-2")
    _strip(document)
    return ServiceModel(document, name)


def protocols(name: str) -> frozenset[str]:
    """The protocols in which a service is spoken to."""
    metadata = service_model(name).metadata
    return frozenset(metadata.get("protocols") or [metadata["protocol"]])


def _strip(document: dict[str, Any]) -> None:
    """Drop what is only for readers: it is most of the memory."""
    for operation in document["operations"].values():
        operation.pop("documentation", None)
    for shape in document["shapes"].values():
        shape.pop("documentation", None)
        members = shape.get("members")
        if isinstance(members, dict):
            for member in members.values():
                member.pop("documentation", None)
        for part in ("member", "key", "value"):
            if isinstance(shape.get(part), dict):
                shape[part].pop("documentation", None)
