"""The operations of Elastic Load Balancing that the engine has; the other modules of this package fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.elbv2.faults import ValidationError, unsupported
from fairway.engine.services.operation import OperationTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPERATIONS: Final = OperationTable("elbv2", unsupported)
PAGE_SIZE: Final = 400


def page(items: Sequence[Any], request: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, str]]:
    """One page of `items`, and the `NextMarker` if there is more.

    Raises:
        ValidationError: the marker is not one of ours.
    """
    try:
        start = int(request.get("Marker") or 0)
    except ValueError:
        raise ValidationError("Invalid marker") from None
    size = request.get("PageSize", PAGE_SIZE)
    more = {"NextMarker": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], more


def read_tags(request: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())}


def read_attributes(request: Mapping[str, Any], known: Mapping[str, str], *, of: str) -> dict[str, str]:
    """Attributes by key; `of` what, as ELB's texts name it: `Load balancer`, `Target group`.

    Raises:
        ValidationError: unknown, or given twice.
    """
    attributes: dict[str, str] = {}
    for item in request["Attributes"]:
        key = item.get("Key", "")
        if key not in known:
            raise ValidationError(f"{of} attribute key '{key}' is not recognized")
        if key in attributes:
            raise ValidationError(f"Attribute key '{key}' has been specified more than once")
        attributes[key] = item.get("Value", "")
    return attributes


def show_attributes(known: Mapping[str, str], given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": given.get(key, default)} for key, default in known.items()]
