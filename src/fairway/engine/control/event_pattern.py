"""Event patterns: are they well formed, and does an event match?

Source: EventBridge User Guide, "Comparison operators for use in event patterns in Amazon EventBridge". A field that holds a
list matches when one of its values does; a pattern under a list of objects must hold for one of these objects as a whole.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_COMBINATIONS: Final = 1000
_LARGEST_EXACT: Final = 2**53
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}
_IGNORE_CASE: Final = "equals-ignore-case"


class InvalidPattern(ValueError):
    """The text says what is wrong with it."""


@lru_cache(maxsize=512)
def parse_pattern(text: str) -> Mapping[str, Any]:
    """The pattern in a JSON text.

    Raises:
        InvalidPattern: EventBridge would not take it.
    """
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidPattern("it is not JSON") from None
    if not isinstance(pattern, dict):
        raise InvalidPattern("Filter is not an object")
    if _check(pattern, "") > _MOST_COMBINATIONS:
        raise InvalidPattern(f"$or makes more than {_MOST_COMBINATIONS} combinations")
    return pattern


# -- well formed -------------------------------------------------------------------------------------------------------


def _check(pattern: Mapping[str, Any], path: str) -> int:
    """How many combinations its `$or` make."""
    if not pattern:
        raise InvalidPattern("Empty objects are not allowed")
    combinations = 1
    for key, wanted in pattern.items():
        here = f"{path}.{key}" if path else key
        if key == "$or" and isinstance(wanted, list) and all(isinstance(item, dict) for item in wanted):
            if len(wanted) < 2:  # noqa: PLR2004 - one alternative is none
                raise InvalidPattern("There must have at least 2 Objects in $or relationship.")
            combinations *= sum(_check(item, path) for item in wanted)
        elif isinstance(wanted, dict):
            combinations *= _check(wanted, here)
        elif isinstance(wanted, list):
            if not wanted:
                raise InvalidPattern(f"Empty arrays are not allowed at {here}")
            for item in wanted:
                _check_leaf(item, here)
        else:
            raise InvalidPattern(f'"{key}" must be an object or an array')
    return combinations


def _check_leaf(item: Any, path: str) -> None:
    if isinstance(item, list):
        raise InvalidPattern(f"a list in a list at {path}")
    if not isinstance(item, dict):
        return
    if len(item) != 1:
        raise InvalidPattern(f"Only one key allowed in match expression at {path}")
    [(operator, operand)] = item.items()
    if not _is_operand(operator, operand):
        known = operator in {"prefix", "suffix", "wildcard", _IGNORE_CASE, "anything-but", "numeric", "exists", "cidr"}
        raise InvalidPattern(
            f"the value of {operator} at {path} is not valid" if known else f"Unrecognized match type {operator}"
        )


def _is_operand(operator: str, operand: Any) -> bool:
    match operator:
        case "prefix" | "suffix":
            if isinstance(operand, dict):
                return list(operand) == [_IGNORE_CASE] and isinstance(operand[_IGNORE_CASE], str)
            return isinstance(operand, str)
        case "wildcard":
            return isinstance(operand, str) and _wildcard(operand) is not None
        case "equals-ignore-case":
            return isinstance(operand, str)
        case "exists":
            return isinstance(operand, bool)
        case "cidr":
            return isinstance(operand, str) and _network(operand) is not None
        case "numeric":
            return _is_numeric(operand)
        case "anything-but":
            return _is_anything_but(operand)
        case _:
            return False


def _is_anything_but(operand: Any) -> bool:
    if isinstance(operand, dict):
        if len(operand) != 1:
            return False
        [(operator, values)] = operand.items()
        listed = values if isinstance(values, list) else [values]
        return (
            operator in {"prefix", "suffix", "wildcard", _IGNORE_CASE}
            and bool(listed)
            and all(isinstance(value, str) and _is_operand(operator, value) for value in listed)
        )
    listed = operand if isinstance(operand, list) else [operand]
    return bool(listed) and (all(isinstance(v, str) for v in listed) or all(_is_number(v) for v in listed))


def _is_numeric(operand: Any) -> bool:
    if not isinstance(operand, list) or len(operand) not in {2, 4}:
        return False
    operators, limits = operand[::2], operand[1::2]
    if not all(isinstance(o, str) and o in _COMPARISONS for o in operators) or not all(_is_number(n) for n in limits):
        return False
    # two comparisons are a range, from below and from above
    return len(operators) == 1 or (operators[0][0] == ">" and operators[1][0] == "<" and limits[0] < limits[1])


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) <= _LARGEST_EXACT
    )


# -- matching ----------------------------------------------------------------------------------------------------------


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Everything that the pattern names is in the event."""
    return all(_holds(key, wanted, event) for key, wanted in pattern.items())


def _holds(key: str, wanted: Any, node: Mapping[str, Any]) -> bool:
    if key == "$or" and all(isinstance(item, dict) for item in wanted):
        return any(matches(item, node) for item in wanted)
    value = node.get(key)
    if isinstance(wanted, dict):
        below = value if isinstance(value, list) else [value]
        objects = [item for item in below if isinstance(item, dict)]
        return any(matches(wanted, item) for item in objects or [{}])
    values = _leaves(value) if key in node else []
    return any(_accepts(item, values) for item in wanted)


def _leaves(value: Any) -> list[Any]:
    """The values of a field: of a list all of its own; an object is no value."""
    if isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _accepts(item: Any, values: list[Any]) -> bool:
    if isinstance(item, dict) and "exists" in item:
        return bool(values) is bool(item["exists"])
    return any(_accepts_value(item, value) for value in values)


def _accepts_value(item: Any, value: Any) -> bool:
    if not isinstance(item, dict):
        return type(item) is type(value) and bool(item == value)
    [(operator, operand)] = item.items()
    if operator == "anything-but":
        return not _is_excluded(operand, value)
    return _satisfies(operator, operand, value)


def _is_excluded(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        [(operator, values)] = operand.items()
        return any(_satisfies(operator, one, value) for one in (values if isinstance(values, list) else [values]))
    return any(_accepts_value(one, value) for one in (operand if isinstance(operand, list) else [operand]))


def _satisfies(operator: str, operand: Any, value: Any) -> bool:
    if operator == "numeric":
        pairs = zip(operand[::2], operand[1::2], strict=True)
        return _is_number(value) and all(_COMPARISONS[name](value, limit) for name, limit in pairs)
    if not isinstance(value, str):
        return False
    text, wanted = value, str(operand)
    if isinstance(operand, dict) or operator == _IGNORE_CASE:
        wanted = str(operand[_IGNORE_CASE] if isinstance(operand, dict) else operand).casefold()
        text = value.casefold()
    match operator:
        case "prefix":
            return text.startswith(wanted)
        case "suffix":
            return text.endswith(wanted)
        case "wildcard":
            expression = _wildcard(wanted)
            return expression is not None and expression.fullmatch(text) is not None
        case "cidr":
            return _is_within(wanted, text)
        case _:
            return text == wanted


@lru_cache(maxsize=512)
def _wildcard(text: str) -> re.Pattern[str] | None:
    """`*` stands for any characters, a backslash makes it and itself plain; None: not a wildcard that EventBridge takes."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        two = text[position : position + 2]
        if two in {"\\*", "\\\\"}:
            parts.append(re.escape(two[1]))
            position += 2
            continue
        if two == "**" or two[0] == "\\":
            return None
        parts.append(".*" if two[0] == "*" else re.escape(two[0]))
        position += 1
    return re.compile("".join(parts), re.DOTALL)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_within(network: str, value: str) -> bool:
    known = _network(network)
    try:
        return known is not None and ipaddress.ip_address(value) in known
    except ValueError:
        return False
