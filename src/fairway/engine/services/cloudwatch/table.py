"""The table of CloudWatch's operations, its errors, and what its handlers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.services.pages import page_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.engine.services.operation import Request


class ValidationError(AwsFault):
    """A request is not valid."""

    code, shape = "ValidationError", "ValidationException"


class InvalidParameterValue(AwsFault):
    """A parameter has a value that it cannot have."""

    code, shape = "InvalidParameterValue", "InvalidParameterValueException"


class InvalidParameterCombination(AwsFault):
    """Parameters contradict each other."""

    code, shape = "InvalidParameterCombination", "InvalidParameterCombinationException"


class MissingParameter(AwsFault):
    """A parameter is missing."""

    code, shape = "MissingParameter", "MissingRequiredParameterException"


class InvalidFormat(AwsFault):
    """Data is not correctly formatted JSON."""

    code, shape = "InvalidFormat", "InvalidFormatFault"


class InvalidNextToken(AwsFault):
    """The token is not one that was given out."""

    code = "InvalidNextToken"


class LimitExceeded(AwsFault):
    """A quota is reached."""

    code, shape = "LimitExceeded", "LimitExceededFault"


class ResourceNotFound(AwsFault):
    """No such alarm."""

    code, status = "ResourceNotFound", 404


class ResourceNotFoundException(AwsFault):
    """No such resource to tag."""

    code, status = "ResourceNotFoundException", 404


OPERATIONS: Final = OperationTable("cloudwatch", lambda member: ValidationError(not_here(member)))

_NAMES: Final = 255
_VALUES: Final = 1024


def read_dimensions(given: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Dimensions, sorted by their names.

    Raises:
        InvalidParameterValue: a name twice, or not in ASCII, or beginning with a colon.
    """
    found: dict[str, str] = {}
    for item in given:
        name, value = item["Name"], item["Value"]
        if name in found:
            raise InvalidParameterValue(f"The parameter Dimensions contains the name {name} more than once.")
        for what, text, longest in (("name", name, _NAMES), ("value", value, _VALUES)):
            if not text.strip() or not text.isascii() or not text.isprintable() or len(text) > longest:
                raise InvalidParameterValue(
                    f"The dimension {what} {text[:60]!r} must be 1 to {longest} printable ASCII characters."
                )
        if name.startswith(":"):
            raise InvalidParameterValue(f"The dimension name {name} must not begin with a colon.")
        found[name] = value
    return tuple(sorted(found.items()))


def show_dimensions(dimensions: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions]


def paged(items: Sequence[Any], request: Request, size: int) -> tuple[Sequence[Any], dict[str, str]]:
    """A page, and `NextToken` when there is more.

    Raises:
        InvalidNextToken: the token is none of ours.
    """
    shown, token = page_of(items, request.get("NextToken"), request.get("MaxRecords", size), InvalidNextToken)
    return shown, {"NextToken": token} if token else {}
