"""AWS's query protocol: form parameters in, XML out. Elastic Load Balancing and STS speak it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

    from fairway.engine.services.fault import AwsFault

CONTENT_TYPE: Final = b"text/xml"
MOST_PARAMETERS: Final = 10_000
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


class MalformedForm(Exception):
    """The parameters cannot be read."""


def parse_form(body: bytes) -> dict[str, str]:
    """The parameters of a request as they stand in it.

    Raises:
        MalformedForm: not a form, or too many parameters.
    """
    try:
        text = body.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except (UnicodeDecodeError, ValueError) as error:
        raise MalformedForm(f"the parameters cannot be read: {error}") from None


def parse(form: dict[str, str], operation: OperationModel) -> dict[str, Any]:
    """The members of a request, as nested values; what cannot be converted stays text, for the validation to refuse."""
    tree: dict[str, Any] = {}
    for name, value in form.items():
        if name in {"Action", "Version"}:
            continue
        node, parts = tree, name.split(".")
        for part in parts[:-1]:
            below = node.setdefault(part, {})
            if not isinstance(below, dict):
                raise MalformedForm(f"parameter {name} contradicts another one")
            node = below
        node[parts[-1]] = value
    shape = operation.input_shape
    if shape is None:
        return {}
    parsed: dict[str, Any] = _value(tree, shape)
    return parsed


def _value(node: Any, shape: Shape) -> Any:
    match shape.type_name:
        case "structure" if isinstance(node, dict):
            return _structure(node, shape)
        case "list" if isinstance(node, dict):
            return [_value(item, shape.member) for item in _numbered(_members(node, shape))]  # type: ignore[attr-defined]
        case "map" if isinstance(node, dict):
            entries = _numbered(node.get("entry", node))
            return {entry.get("key", ""): _value(entry.get("value"), shape.value) for entry in entries}  # type: ignore[attr-defined]
        case "list" if node == "":
            return []
        case "boolean":
            return {"true": True, "false": False}.get(str(node).lower(), node)
        case "integer" | "long":
            return int(node) if isinstance(node, str) and _INTEGER.fullmatch(node) else node
        case "float" | "double":
            try:
                return float(node)
            except (TypeError, ValueError):
                return node
        case _:
            return node


def _structure(node: dict[str, Any], shape: Any) -> dict[str, Any]:
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    out = {}
    for key, item in node.items():
        name = names.get(key, key)
        member = shape.members.get(name)
        out[name] = item if member is None else _value(item, member)
    return out


def _members(node: dict[str, Any], shape: Any) -> dict[str, Any]:
    if shape.serialization.get("flattened"):
        return node
    members = node.get(shape.member.serialization.get("name", "member"), node)
    return members if isinstance(members, dict) else {}


def _numbered(node: Any) -> list[Any]:
    if not isinstance(node, dict):
        return []
    if not all(_INDEX.fullmatch(key) for key in node):
        raise MalformedForm("the members of a list must be numbered from 1")
    return [node[key] for key in sorted(node, key=int)]


# -- answers -----------------------------------------------------------------------------------------------------------


def render(response: dict[str, Any], operation: OperationModel, request_id: str) -> bytes:
    """The XML of an answer."""
    out: list[str] = []
    namespace = operation.service_model.metadata.get("xmlNamespace", "")
    name = operation.name
    out.append(f'<{name}Response xmlns="{escape(str(namespace))}">')
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
        out.append(f"<{wrapper}>")
        _write_members(out, response, shape)
        out.append(f"</{wrapper}>")
    out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>")
    return "".join(out).encode("utf-8", "replace")


def render_fault(fault: AwsFault, namespace: str, request_id: str) -> bytes:
    """The XML of an error."""
    side = "Sender" if fault.status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's border between the two
    return (
        f'<ErrorResponse xmlns="{escape(namespace)}"><Error><Type>{side}</Type><Code>{escape(fault.code)}</Code>'
        f"<Message>{escape(fault.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode("utf-8", "replace")


def render_ec2_fault(fault: AwsFault, namespace: str, request_id: str) -> bytes:
    """The XML of an error in EC2's own shape."""
    del namespace
    return (
        f"<Response><Errors><Error><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message></Error>"
        f"</Errors><RequestID>{request_id}</RequestID></Response>"
    ).encode("utf-8", "replace")


def render_rest_fault(fault: AwsFault, request_id: str) -> bytes:
    """The XML of an error as S3 writes it, and CloudFront and Route 53 read it as well: the error is the document."""
    return (
        f"<Error><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    ).encode("utf-8", "replace")


def _write_members(out: list[str], value: dict[str, Any], shape: Any) -> None:
    for name, member in shape.members.items():
        item = value.get(name)
        if item is not None:
            _write(out, member.serialization.get("name", name), item, member)


def _write(out: list[str], tag: str, value: Any, shape: Any) -> None:
    match shape.type_name:
        case "structure":
            out.append(f"<{tag}>")
            _write_members(out, value, shape)
            out.append(f"</{tag}>")
        case "list":
            _write_list(out, tag, value, shape)
        case "map":
            out.append(f"<{tag}>")
            for key, item in value.items():
                out.append(f"<entry><key>{escape(key)}</key>")
                _write(out, "value", item, shape.value)
                out.append("</entry>")
            out.append(f"</{tag}>")
        case _:
            out.append(f"<{tag}>{escape(_text(value))}</{tag}>")


def _write_list(out: list[str], tag: str, value: Any, shape: Any) -> None:
    if shape.serialization.get("flattened"):
        for item in value:
            _write(out, tag, item, shape.member)
        return
    out.append(f"<{tag}>")
    for item in value:
        _write(out, shape.member.serialization.get("name", "member"), item, shape.member)
    out.append(f"</{tag}>")


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return str(value)
