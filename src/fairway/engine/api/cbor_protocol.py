"""AWS's RPC protocol over CBOR (`smithy-rpc-v2-cbor`): `POST /service/NAME/operation/OPERATION`, bodies are CBOR maps.

The AWS SDK for Python speaks it to CloudWatch. An error carries the name of its shape in `__type`, and in the header
`x-amzn-query-error` the code that clients have known from the query protocol.
Source: Smithy 2.0, "Smithy RPC v2 CBOR protocol".
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.api import cbor

if TYPE_CHECKING:
    from botocore.model import OperationModel

    from fairway.engine.services.fault import AwsFault

CONTENT_TYPE: Final = b"application/cbor"
HEADER: Final = (b"smithy-protocol", b"rpc-v2-cbor")
PATH: Final = re.compile(r"/service/([A-Za-z0-9_.]+)/operation/([A-Za-z0-9_]+)")
_NAMESPACE: Final = "com.amazonaws"


class MalformedMessage(Exception):
    """The body is not a CBOR map."""


def parse(body: bytes) -> dict[str, Any]:
    """The members of a request.

    Raises:
        MalformedMessage: it is not a CBOR map.
    """
    if not body:
        return {}
    try:
        request = cbor.decode(body)
    except cbor.MalformedCbor as error:
        raise MalformedMessage(f"the body is not CBOR: {error}") from None
    if not isinstance(request, dict):
        raise MalformedMessage("the body is not a CBOR map")
    return request


def render(response: dict[str, Any], operation: OperationModel) -> bytes:
    """The body of an answer."""
    out = bytearray()
    if operation.output_shape is None:
        return cbor.head(5, 0)
    _write(out, response, operation.output_shape)
    return bytes(out)


def render_fault(fault: AwsFault) -> bytes:
    """The body of an error."""
    out = bytearray()
    members: dict[str, Any] = {"__type": f"{_NAMESPACE}#{fault.shape or fault.code}", "message": fault.message}
    members |= fault.fields
    out += cbor.head(5, len(members))
    for name, value in members.items():
        out += cbor.text(name) + cbor.text(str(value))
    return bytes(out)


def _write(out: bytearray, value: Any, shape: Any) -> None:
    match shape.type_name:
        case "structure":
            given = [(name, member) for name, member in shape.members.items() if value.get(name) is not None]
            out += cbor.head(5, len(given))
            for name, member in given:
                out += cbor.text(name)
                _write(out, value[name], member)
        case "list":
            out += cbor.head(4, len(value))
            for item in value:
                _write(out, item, shape.member)
        case "map":
            out += cbor.head(5, len(value))
            for key, item in value.items():
                out += cbor.text(key)
                _write(out, item, shape.value)
        case "boolean":
            out += cbor.boolean(value)
        case "integer" | "long":
            out += cbor.integer(int(value))
        case "float" | "double":
            out += cbor.double(float(value))
        case "timestamp":
            out += cbor.time(value.timestamp() if isinstance(value, datetime) else float(value))
        case "blob":
            out += cbor.binary(value)
        case _:
            out += cbor.text(str(value))
