"""Looks values up in a state of Terraform. Pure.

Source: Terraform's state, version 4: `outputs`, and `resources` with `mode`, `module`, `type`, `name` and their `instances`.
HashiCorp promises nothing about this format, and has not changed it since 2019: what is not as expected is named.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION: Final = 4
_OUTPUT: Final = "output"
_PART: Final = re.compile(r"""(?P<name>[A-Za-z_][\w-]*)|\[(?:(?P<index>\d+)|"(?P<key>[^"]*)")\]|(?P<dot>\.)""")
_NAMED_BY: Final = 2
"""A resource, by type and name."""


class NotInState(Exception):
    """The state has no such value; says what is missing."""


def look_up(state: Any, address: str) -> Any:
    """The value at `output.NAME`, `[module.M.][data.]TYPE.NAME[INDEX].ATTRIBUTE…`; it is no secret.

    Raises:
        NotInState: there is none, it is sensitive, or the state is of another version.
    """
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise NotInState(f"it is no state of Terraform of version {VERSION}")
    parts = list(_parts(address))
    if parts[:1] == [_OUTPUT] and len(parts) > 1:
        return _walk(_output(state, str(parts[1])), parts[2:], address)
    resource, rest = _resource(state, parts, address)
    instance, rest = _instance(resource, rest, address)
    return _walk(instance.get("attributes", {}), rest, address)


def _parts(address: str) -> Iterator[str | int]:
    position = 0
    while position < len(address):
        match = _PART.match(address, position)
        if match is None:
            raise NotInState(f"{address} is no address: {address[position:]!r}")
        if match["dot"] is None:
            yield int(match["index"]) if match["index"] else match["name"] or match["key"] or ""
        position = match.end()


def _output(state: Mapping[str, Any], name: str) -> Any:
    outputs = state.get("outputs") or {}
    if name not in outputs:
        known = ", ".join(sorted(outputs)) or "none"
        raise NotInState(f"there is no output {name} (there are: {known})")
    if outputs[name].get("sensitive"):
        raise NotInState(f"the output {name} is sensitive, and a definition would show it to every reader")
    return outputs[name].get("value")


def _resource(
    state: Mapping[str, Any], parts: list[str | int], address: str
) -> tuple[Mapping[str, Any], list[str | int]]:
    """The resource, and what of the address comes after it."""
    module, rest = [], list(parts)
    while rest[:1] == ["module"] and len(rest) > 1:
        name, rest = f"module.{rest[1]}", rest[2:]
        if rest and isinstance(rest[0], int):
            name, rest = f"{name}[{rest[0]}]", rest[1:]
        module.append(name)
    mode = "managed"
    if rest[:1] == ["data"]:
        mode, rest = "data", rest[1:]
    if len(rest) > _NAMED_BY:
        kind, named, *rest = rest
        wanted = (mode, ".".join(module), kind, named)
        for resource in state.get("resources") or ():
            if wanted == (resource.get("mode"), resource.get("module", ""), resource.get("type"), resource.get("name")):
                return resource, rest
    raise NotInState(f"there is no resource of {address}")


def _instance(
    resource: Mapping[str, Any], rest: list[str | int], address: str
) -> tuple[Mapping[str, Any], list[str | int]]:
    instances = resource.get("instances") or []
    for instance in instances:
        if "index_key" in instance and rest[:1] == [instance["index_key"]]:
            return instance, rest[1:]
    if len(instances) == 1 and "index_key" not in instances[0]:
        return instances[0], rest
    keys = ", ".join(str(instance.get("index_key")) for instance in instances) or "none"
    raise NotInState(f"{address}: which instance? (there are: {keys})")


def _walk(value: Any, rest: list[str | int], address: str) -> Any:
    for part in rest:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            raise NotInState(f"{address}: there is no {part}") from None
    return value
