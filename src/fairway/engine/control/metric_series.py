"""Time series, and what operators do to them.

A missing point counts as 0 when the other series has one; where that would divide by zero the point is dropped.
Source: CloudWatch User Guide, "Math expressions with metrics" (basic arithmetic, comparison and logical operators).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairway.engine.control.metric_math import InvalidExpression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Series:
    """Values by epoch seconds, oldest first."""

    label: str
    points: Mapping[int, float]

    def map(self, function: Callable[[float], float | None]) -> Series:
        found = ((at, function(value)) for at, value in self.points.items())
        return Series(self.label, {at: value for at, value in found if value is not None})


Value = float | str | Series | list[Series]


def _apply(operator: str, left: float, right: float) -> float | None:
    try:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right if right else None
            case "^":
                power = left**right
                return power if isinstance(power, float) and math.isfinite(power) else None
    except (OverflowError, ZeroDivisionError):
        return None
    return float(
        {
            "==": left == right,
            "!=": left != right,
            "<": left < right,
            ">": left > right,
            "<=": left <= right,
            ">=": left >= right,
            "AND": bool(left) and bool(right),
            "OR": bool(left) or bool(right),
        }[operator]
    )


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """An operator on two values.

    Raises:
        InvalidExpression: it does not work on them.
    """
    match left, right:
        case (str(), _) | (_, str()):
            raise InvalidExpression(f"{operator} does not work on text")
        case (list(), list()):
            raise InvalidExpression(f"{operator} does not work on two arrays of time series")
        case (list(), _):
            return [single(arithmetic(operator, one, right)) for one in left]
        case (_, list()):
            return [single(arithmetic(operator, left, one)) for one in right]
        case (Series(), Series()):
            return _both(operator, left, right)
        case (Series(), float()):
            number = right
            return left.map(lambda value: _apply(operator, value, number))
        case (float(), Series()):
            first = left
            return right.map(lambda value: _apply(operator, first, value))
        case (float(), float()):
            result = _apply(operator, left, right)
            if result is None:
                raise InvalidExpression("a number is divided by zero")
            return result
    raise InvalidExpression(f"{operator} does not work on these operands")


def _both(operator: str, left: Series, right: Series) -> Series:
    found = {}
    for at in sorted(left.points.keys() | right.points.keys()):
        result = _apply(operator, left.points.get(at, 0.0), right.points.get(at, 0.0))
        if result is not None:
            found[at] = result
    return Series(left.label, found)


def single(value: Value) -> Series:
    """The one series that a value is; raises InvalidExpression when it is something else."""
    if not isinstance(value, Series):
        raise InvalidExpression("a time series is expected")
    return value


def interpolated(points: Mapping[int, float], moments: tuple[int, ...]) -> dict[int, float]:
    """Points with the gaps between them filled by straight lines."""
    known = sorted(points)
    found = {}
    for at in moments:
        if at in points:
            found[at] = points[at]
            continue
        before = max((k for k in known if k < at), default=None)
        after = min((k for k in known if k > at), default=None)
        if before is not None and after is not None:
            share = (at - before) / (after - before)
            found[at] = points[before] + (points[after] - points[before]) * share
    return found
