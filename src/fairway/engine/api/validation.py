"""Checks requests against AWS's own model: required members, types, enums, ranges, and members that do not exist.

Each shape is compiled once into a function that checks a decoded value, collects what is wrong, and gives the value that
handlers see (timestamps become datetimes, blobs bytes). The texts are those of AWS's front ends.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import OperationModel, Shape

    Read = Callable[[Any, str, list[str]], Any]

MOST_REPORTED: Final = 10
_INTEGER_RANGES: Final = {"integer": 2**31, "long": 2**63}


class WrongType(Exception):
    """A value has not the JSON type that its shape asks for."""


class InvalidInput(Exception):
    """The text is AWS's: `N validation errors detected: …`."""


class Validator:
    """Reads the requests of one service."""

    def __init__(self) -> None:
        self._compiled: dict[str, Read] = {}

    def read(self, operation: OperationModel, request: Any) -> dict[str, Any]:
        """The request as the handler sees it.

        Raises:
            WrongType: a value of the wrong JSON type.
            InvalidInput: anything else that the model forbids.
        """
        shape = operation.input_shape
        if shape is None:
            return {}
        errors: list[str] = []
        value: dict[str, Any] = self._shape(shape)(request, "", errors)
        if errors:
            raise InvalidInput(summarise(errors))
        return value

    def _shape(self, shape: Shape) -> Read:
        read = self._compiled.get(shape.name)
        if read is None:
            # a recursive shape finds this stand-in, which looks the real one up when it is called
            def later(value: Any, path: str, errors: list[str]) -> Any:
                return self._compiled[shape.name](value, path, errors)

            self._compiled[shape.name] = later
            read = self._compiled[shape.name] = self._compile(shape)
        return read

    def _compile(self, shape: Shape) -> Read:
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "string":
                return _string(shape)
            case "integer" | "long":
                return _integer(shape)
            case "float" | "double":
                return _number(shape)
            case "boolean":
                return _boolean
            case "timestamp":
                return _timestamp
            case "blob":
                return _blob
            case other:
                raise NotImplementedError(f"shape {shape.name} has the type {other}")

    def _structure(self, shape: Any) -> Read:
        members = {name: self._shape(member) for name, member in shape.members.items()}
        required = tuple(shape.required_members)
        name_of_shape = shape.name

        def read(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, dict):
                raise WrongType(f"{path or name_of_shape} is not an object")
            prefix = f"{path}." if path else ""
            missing = [name for name in required if value.get(name) is None]
            errors.extend(_failed("null", f"{prefix}{name}", "Member must not be null") for name in missing)
            out = {}
            for name, item in value.items():
                member = members.get(name)
                if member is None:
                    errors.append(f"Unknown member '{prefix}{name}': AWS's model of {name_of_shape} does not have it")
                elif item is not None:
                    out[name] = member(item, f"{prefix}{name}", errors)
            return out

        return read

    def _list(self, shape: Any) -> Read:
        member = self._shape(shape.member)
        lowest, highest = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)

        def read(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, list):
                raise WrongType(f"{path} is not a list")
            if not lowest <= len(value) <= highest:
                bound = (
                    f"Member must have length greater than or equal to {lowest}"
                    if len(value) < lowest
                    else f"Member must have length less than or equal to {highest}"
                )
                errors.append(_failed(_shown(value), path, bound))
            return [member(item, f"{path}.{n}.member", errors) for n, item in enumerate(value, 1) if item is not None]

        return read

    def _map(self, shape: Any) -> Read:
        key, member = self._shape(shape.key), self._shape(shape.value)

        def read(value: Any, path: str, errors: list[str]) -> Any:
            if not isinstance(value, dict):
                raise WrongType(f"{path} is not an object")
            return {
                key(name, f"{path}.key", errors): member(item, f"{path}.{name}.value", errors)
                for name, item in value.items()
                if item is not None
            }

        return read


def summarise(errors: list[str]) -> str:
    """All that is wrong in one text, as AWS's front ends word it."""
    plural = "" if len(errors) == 1 else "s"
    return f"{len(errors)} validation error{plural} detected: " + "; ".join(errors[:MOST_REPORTED])


def _failed(value: str, path: str, constraint: str) -> str:
    return f"Value {value} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    text = str(value)
    return f"'{text[:200]}…'" if len(text) > 200 else f"'{text}'"  # noqa: PLR2004 - enough to recognise it


def _string(shape: Any) -> Read:
    enum = frozenset(shape.enum)
    listed = ", ".join(shape.enum)
    lowest, highest = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
    pattern = _pattern(shape.metadata.get("pattern"))
    secret = bool(shape.metadata.get("sensitive"))

    def read(value: Any, path: str, errors: list[str]) -> str:
        if not isinstance(value, str):
            raise WrongType(f"{path} is not a string")
        shown = "at" if secret else _shown(value)
        if enum and value not in enum:
            errors.append(_failed(shown, path, f"Member must satisfy enum value set: [{listed}]"))
        elif len(value) < lowest:
            errors.append(_failed(shown, path, f"Member must have length greater than or equal to {lowest}"))
        elif len(value) > highest:
            errors.append(_failed(shown, path, f"Member must have length less than or equal to {highest}"))
        elif pattern is not None and not pattern.fullmatch(value):
            errors.append(_failed(shown, path, f"Member must satisfy regular expression pattern: {pattern.pattern}"))
        return value

    return read


def _pattern(text: str | None) -> re.Pattern[str] | None:
    """A pattern of the model, where Python reads it as Java does; the few others are left to the handlers."""
    if text is None or "\\p{" in text or "&&" in text:
        return None
    try:
        return re.compile(text)
    except re.error:
        return None


def _integer(shape: Any) -> Read:
    limit = _INTEGER_RANGES[shape.type_name]
    lowest, highest = shape.metadata.get("min", -limit), shape.metadata.get("max", limit - 1)

    def read(value: Any, path: str, errors: list[str]) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            if not (isinstance(value, float) and value.is_integer()):
                raise WrongType(f"{path} is not an integer")
            value = int(value)
        if value < lowest:
            errors.append(_failed(_shown(value), path, f"Member must have value greater than or equal to {lowest}"))
        elif value > highest:
            errors.append(_failed(_shown(value), path, f"Member must have value less than or equal to {highest}"))
        return int(value)

    return read


def _number(shape: Any) -> Read:
    lowest, highest = shape.metadata.get("min", -math.inf), shape.metadata.get("max", math.inf)

    def read(value: Any, path: str, errors: list[str]) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WrongType(f"{path} is not a number")
        if not lowest <= value <= highest:
            errors.append(_failed(_shown(value), path, f"Member must have value between {lowest} and {highest}"))
        return float(value)

    return read


def _boolean(value: Any, path: str, errors: list[str]) -> bool:
    del errors
    if not isinstance(value, bool):
        raise WrongType(f"{path} is not a boolean")
    return value


def _timestamp(value: Any, path: str, errors: list[str]) -> datetime:
    """Epoch seconds (JSON) or ISO 8601 (query)."""
    del errors
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise WrongType(f"{path} is not a timestamp")


def _blob(value: Any, path: str, errors: list[str]) -> bytes:
    del errors
    if not isinstance(value, str):
        raise WrongType(f"{path} is not base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise WrongType(f"{path} is not base64") from None
