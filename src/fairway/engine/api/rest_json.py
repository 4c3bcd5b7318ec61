"""AWS's REST protocol over JSON: method and path name the operation; members stand in path, query string and body.

An answer's body is that of the JSON protocol, with another content type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from fairway.engine.api import json_protocol
from fairway.engine.services.awsmodel import SERVICES, service_model

if TYPE_CHECKING:
    from botocore.model import OperationModel

CONTENT_TYPE: Final = b"application/json"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation, and what its path said."""

    operation: str
    parameters: dict[str, str]
    """`locationName` -> value, decoded."""


@cache
def speaks_rest(service: str | None) -> bool:
    """The service is the engine's own, and speaks this protocol."""
    return service in SERVICES and service_model(service).metadata.get("protocol") == "rest-json"


def route(service: str, method: str, path: str) -> Route | None:
    """The operation of a request; None: the service has none there. `path`: as it was sent, percent-encoded."""
    for wanted, pattern, operation in _routes(service):
        found = pattern.fullmatch(path)
        if found is not None and method == wanted:
            return Route(operation, {name: unquote(value) for name, value in found.groupdict().items()})
    return None


@cache
def _routes(service: str) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    routes = []
    model = service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        parts = _PARAMETER.split(http["requestUri"])
        text = "".join(f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
        routes.append((http["method"], re.compile(text), name))
    return tuple(routes)


def parse(operation: OperationModel, parameters: dict[str, str], query: str, body: bytes) -> dict[str, Any]:
    """The members of a request, from wherever they stand.

    Raises:
        MalformedBody: the body is not a JSON object.
    """
    request = json_protocol.parse(body)
    given = parse_qs(query, keep_blank_values=True)
    shape = operation.input_shape
    members = {} if shape is None else shape.members
    for name, member in members.items():
        place, known_as = member.serialization.get("location"), member.serialization.get("name", name)
        if place is not None:
            request.pop(name, None)
        if place == "uri" and known_as in parameters:
            request[name] = parameters[known_as]
        elif place == "querystring" and known_as in given:
            request[name] = _read(member.type_name, given[known_as])
    return request


def _read(type_name: str, values: list[str]) -> Any:
    if type_name == "list":
        return values
    if type_name in {"integer", "long"} and re.fullmatch(r"-?\d{1,18}", values[-1], re.ASCII):
        return int(values[-1])
    return values[-1]
