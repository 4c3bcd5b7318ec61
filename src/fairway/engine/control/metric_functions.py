"""Metric math: what an expression means, over time series.

AVG, MAX, … of one series give a number, of several the series of each moment's.
Source: CloudWatch User Guide, "Math expressions with metrics" (functions, IF expressions).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fairway.engine.control.metric_math import (
    Array,
    Call,
    InvalidExpression,
    Name,
    Negated,
    Node,
    Number,
    Operation,
    Text,
)
from fairway.engine.control.metric_series import Series, Value, arithmetic, interpolated, single

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can speak of."""

    metrics: Mapping[str, Series]
    """The metrics of the request, by id: what METRICS() gives."""
    moments: tuple[int, ...]
    """Every moment of the window: what a series without gaps has."""
    period: int
    """Seconds."""
    periods: Mapping[str, int] = field(default_factory=dict)
    """Of the metrics, by id."""
    expressions: Mapping[str, Value] = field(default_factory=dict)
    """The results of other expressions, by id."""


def evaluate(node: Node, scope: Scope) -> Series | list[Series]:
    """The series, one or an array of them, that an expression gives.

    Raises:
        InvalidExpression: it gives none, or something in it does not fit.
    """
    result = _value(node, scope)
    if not isinstance(result, Series | list):
        raise InvalidExpression("the result of an expression must be a time series, not a single number or text")
    return result


def _value(node: Node, scope: Scope) -> Value:
    match node:
        case Number(value):
            return value
        case Text(value):
            return value
        case Name(name):
            if name in scope.metrics:
                return scope.metrics[name]
            if name in scope.expressions:
                return scope.expressions[name]
            raise InvalidExpression(f"{name} is not the id of a metric or expression of this request")
        case Array(items):
            return _array([_value(item, scope) for item in items])
        case Negated(operand):
            return arithmetic("-", 0.0, _value(operand, scope))
        case Operation(operator, left, right):
            return arithmetic(operator, _value(left, scope), _value(right, scope))
        case Call(function, arguments):
            return _call(function, arguments, scope)


def _array(items: list[Value]) -> list[Series]:
    found: list[Series] = []
    for item in items:
        match item:
            case Series():
                found.append(item)
            case list():
                found += item
            case _:
                raise InvalidExpression("an array holds time series only")
    return found


# -- functions ---------------------------------------------------------------------------------------------------------


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


_TOGETHER: Final[dict[str, Callable[[list[float]], float]]] = {
    "SUM": math.fsum,
    "AVG": _mean,
    "MIN": lambda values: min(values, default=0.0),
    "MAX": lambda values: max(values, default=0.0),
    "STDDEV": lambda values: statistics.pstdev(values) if values else 0.0,
    "DATAPOINT_COUNT": lambda values: float(len(values)),
}
_ZERO_WHERE_MISSING: Final = frozenset({"AVG"})
_EACH: Final[dict[str, Callable[[float], float | None]]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
    "LOG": lambda value: math.log(value) if value > 0 else None,
    "LOG10": lambda value: math.log10(value) if value > 0 else None,
}
_CALENDAR: Final[dict[str, Callable[[datetime], float]]] = {
    "MINUTE": lambda at: at.minute,
    "HOUR": lambda at: at.hour,
    "DAY": lambda at: at.isoweekday(),
    "DATE": lambda at: at.day,
    "MONTH": lambda at: at.month,
    "YEAR": lambda at: at.year,
    "EPOCH": lambda at: at.timestamp(),
}
_WALKS: Final = frozenset({"DIFF", "DIFF_TIME", "RATE", "RUNNING_SUM"})
ELSEWHERE: Final = frozenset(
    {
        "ANOMALY_DETECTION_BAND",
        "DB_PERF_INSIGHTS",
        "INSIGHT_RULE_METRIC",
        "LAMBDA",
        "SEARCH",
        "SERVICE_QUOTA",
        "SELECT",
    }
)
"""What AWS has and this engine has not."""
_SHAPES: Final = frozenset({"FIRST", "LAST", "SLICE", "SORT", "REMOVE_EMPTY", "METRIC_COUNT"})
FUNCTIONS: Final = (
    _TOGETHER.keys() | _EACH.keys() | _CALENDAR.keys() | _WALKS | _SHAPES
    | {"FILL", "IF", "METRICS", "PERIOD", "TIME_SERIES"}
)  # fmt: skip


def _call(function: str, arguments: tuple[Node, ...], scope: Scope) -> Value:
    match function:
        case "METRICS":
            return _metrics(arguments, scope)
        case "IF":
            return _if(arguments, scope)
        case "FILL":
            return _fill(arguments, scope)
        case "PERIOD":
            return _period(arguments, scope)
        case "TIME_SERIES":
            (number,) = _need(function, arguments, 1)
            value = _value(number, scope)
            if not isinstance(value, float):
                raise InvalidExpression("TIME_SERIES takes a number")
            return Series(function, dict.fromkeys(scope.moments, value))
        case _ if function in _SHAPES:
            return _shape(function, arguments, scope)
    if function not in FUNCTIONS:
        raise InvalidExpression(f"{function} is not a function of metric math here")
    (argument,) = _need(function, arguments, 1)
    value = _value(argument, scope)
    if not isinstance(value, Series | list):
        raise InvalidExpression(f"{function} takes a time series or an array of them")
    if function in _TOGETHER:
        return _together(function, value)
    if isinstance(value, list):
        return [_each(function, one, scope) for one in value]
    return _each(function, value, scope)


def _need(function: str, arguments: tuple[Node, ...], least: int, most: int | None = None) -> tuple[Node, ...]:
    if not least <= len(arguments) <= (most or least):
        raise InvalidExpression(f"{function} takes {least if most is None else f'{least} to {most}'} arguments")
    return arguments


def _metrics(arguments: tuple[Node, ...], scope: Scope) -> list[Series]:
    if not arguments:
        return list(scope.metrics.values())
    (part,) = _need("METRICS", arguments, 1)
    if not isinstance(part, Text):
        raise InvalidExpression('METRICS takes a quoted text: METRICS("errors")')
    return [series for name, series in scope.metrics.items() if part.value in name]


def _period(arguments: tuple[Node, ...], scope: Scope) -> float:
    (metric,) = _need("PERIOD", arguments, 1)
    if not isinstance(metric, Name) or metric.name not in scope.periods:
        raise InvalidExpression("PERIOD takes a metric, not the result of an expression")
    return float(scope.periods[metric.name])


def _together(function: str, value: Series | list[Series]) -> Value:
    combine = _TOGETHER[function]
    if isinstance(value, Series):
        return combine(list(value.points.values()))
    found = {}
    for at in sorted({at for one in value for at in one.points}):
        values = [one.points[at] for one in value if at in one.points]
        if function in _ZERO_WHERE_MISSING:
            values += [0.0] * (len(value) - len(values))
        found[at] = combine(values)
    return Series(function, found)


def _each(function: str, series: Series, scope: Scope) -> Series:
    if function in _EACH:
        return series.map(_EACH[function])
    if function in _CALENDAR:
        part = _CALENDAR[function]
        return Series(series.label, {at: float(part(datetime.fromtimestamp(at, UTC))) for at in scope.moments})
    found: dict[int, float] = {}
    before: tuple[int, float] | None = None
    total = 0.0
    for at, value in series.points.items():
        total += value
        if function == "RUNNING_SUM":
            found[at] = total
        elif before is not None:
            seconds, change = at - before[0], value - before[1]
            found[at] = {"DIFF": change, "DIFF_TIME": float(seconds), "RATE": change / seconds}[function]
        before = (at, value)
    return Series(series.label, found)


def _fill(arguments: tuple[Node, ...], scope: Scope) -> Value:
    subject, filler = _need("FILL", arguments, 2)
    value = _value(subject, scope)
    if isinstance(value, list):
        return [_filled(one, filler, scope) for one in value]
    return _filled(single(value), filler, scope)


def _filled(series: Series, filler: Node, scope: Scope) -> Series:
    points = series.points
    match filler:
        case Name("REPEAT"):
            found: dict[int, float] = {}
            for at in scope.moments:
                if at in points:
                    found[at] = points[at]
                elif found:
                    found[at] = next(reversed(found.values()))
            return Series(series.label, found)
        case Name("LINEAR"):
            return Series(series.label, interpolated(points, scope.moments))
    other = _value(filler, scope)
    if isinstance(other, float):
        return Series(series.label, {at: points.get(at, other) for at in scope.moments})
    if not isinstance(other, Series):
        raise InvalidExpression("FILL takes a number, a time series, REPEAT or LINEAR")
    return Series(
        series.label,
        {at: points.get(at, other.points.get(at, 0.0)) for at in scope.moments if at in points or at in other.points},
    )


def _if(arguments: tuple[Node, ...], scope: Scope) -> Value:
    parts = [_value(argument, scope) for argument in _need("IF", arguments, 2, 3)]
    condition, chosen, other = parts[0], parts[1], parts[2] if len(parts) > 2 else None  # noqa: PLR2004
    if isinstance(condition, float):
        result = chosen if condition else other
        return Series("IF", {}) if result is None else result
    if not isinstance(condition, Series) or not isinstance(chosen, Series | float):
        raise InvalidExpression("IF takes a time series or a number as condition, and time series or numbers as values")
    if other is not None and not isinstance(other, Series | float):
        raise InvalidExpression("IF takes a time series or a number for what is false")
    found = {}
    for at, truth in condition.points.items():
        branch = chosen if truth else other
        if isinstance(branch, float):
            found[at] = branch
        elif isinstance(branch, Series):
            if at in branch.points:
                found[at] = branch.points[at]
            elif truth or not isinstance(chosen, float):
                found[at] = 0.0  # the page drops the point only where the true value is a number
    return Series(condition.label, found)


def _shape(function: str, arguments: tuple[Node, ...], scope: Scope) -> Value:
    _need(function, arguments, 1, 4)
    value = _value(arguments[0], scope)
    several = [value] if isinstance(value, Series) else value
    if not isinstance(several, list):
        raise InvalidExpression(f"{function} takes an array of time series")
    match function:
        case "FIRST" | "LAST":
            if not several:
                return Series(function, {})
            return several[0 if function == "FIRST" else -1]
        case "METRIC_COUNT":
            return float(len(several))
        case "REMOVE_EMPTY":
            return [one for one in several if one.points]
        case "SLICE":
            bounds = [_whole_number(argument, scope) for argument in arguments[1:3]]
            if not bounds:
                raise InvalidExpression("SLICE takes an array and one or two numbers")
            return several[slice(bounds[0], bounds[1] if len(bounds) > 1 else None)]
        case _:
            return _sorted(several, arguments[1:], scope)


def _whole_number(node: Node, scope: Scope) -> int:
    value = _value(node, scope)
    if not isinstance(value, float) or value < 0:
        raise InvalidExpression("a number of 0 or more is expected")
    return int(value)


def _sorted(several: list[Series], arguments: tuple[Node, ...], scope: Scope) -> list[Series]:
    match arguments:
        case (Name(by), Name("ASC" | "DESC" as order), *rest) if by in {"AVG", "MIN", "MAX", "SUM"}:
            combine = _TOGETHER[by]
        case _:
            raise InvalidExpression("SORT takes an array, one of AVG, MIN, MAX, SUM, and ASC or DESC")
    found = sorted(several, key=lambda one: combine(list(one.points.values())), reverse=order == "DESC")
    return found[: _whole_number(rest[0], scope)] if rest else found
