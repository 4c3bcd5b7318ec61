"""AWS's JSON protocol (1.1): bodies are JSON objects, the operation stands in `X-Amz-Target`."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from fairway.engine.services.fault import AwsFault

CONTENT_TYPE: Final = b"application/x-amz-json-1.1"


def content_type(version: str) -> bytes:
    """Of bodies in a version of the protocol: 1.0 or 1.1."""
    return f"application/x-amz-json-{version}".encode()


class MalformedBody(Exception):
    """The body is not a JSON object."""


def parse(body: bytes) -> dict[str, Any]:
    """The members of a request.

    Raises:
        MalformedBody: it is not a JSON object, or nested too deep.
    """
    if not body:
        return {}
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise MalformedBody("the body is not a JSON object")
    return request


def render(response: dict[str, Any]) -> bytes:
    """The body of an answer; times are epoch seconds with three decimals."""
    return orjson.dumps(response, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def render_fault(fault: AwsFault) -> bytes:
    """The body of an error: `__type` is its code."""
    return render({"__type": fault.code, "message": fault.message, **fault.fields})


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return round(value.timestamp(), 3)
        case bytes():
            return base64.b64encode(value).decode()
        case tuple() | frozenset() | set():
            return list(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an answer")
