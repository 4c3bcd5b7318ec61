"""PutMetricData.

Source: CloudWatch API Reference, PutMetricData, MetricDatum.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.metric import Datum, Distribution, MetricKey, of_statistics, of_values
from fairway.engine.services.cloudwatch.table import (
    OPERATIONS,
    InvalidParameterCombination,
    InvalidParameterValue,
    MissingParameter,
    read_dimensions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response

MOST_DATA: Final = 1000
MOST_VALUES: Final = 150
OLDEST: Final = timedelta(days=14)
NEWEST: Final = timedelta(hours=2)
_LARGEST: Final = 2.0**360
_RESOLUTIONS: Final = frozenset({1, 60})


@OPERATIONS.operation("PutMetricData", refuses=("EntityMetricData",), ignores=("StrictEntityValidation",))
def put_metric_data(ctx: Context, request: Request) -> Response:
    """Take measurements in; all of them or, when one is not valid, none."""
    namespace = request["Namespace"]
    if namespace.startswith("AWS/"):
        raise InvalidParameterValue("The value AWS/ for parameter Namespace is invalid.")
    data = request.get("MetricData", [])
    if not data:
        raise MissingParameter("The parameter MetricData is required.")
    if len(data) > MOST_DATA:
        raise InvalidParameterValue(f"The collection MetricData must not have a size greater than {MOST_DATA}.")
    ctx.host.metrics.put([_datum(ctx, namespace, item, f"MetricData.member.{n}") for n, item in enumerate(data, 1)])
    return {}


def _datum(ctx: Context, namespace: str, item: Mapping[str, Any], path: str) -> Datum:
    at = item.get("Timestamp", ctx.now)
    if not ctx.now - OLDEST <= at <= ctx.now + NEWEST:
        raise InvalidParameterValue(
            f"The parameter {path}.Timestamp must specify a time no more than two weeks in the past, and no more than two "
            f"hours in the future; the engine's time is {ctx.now:%Y-%m-%dT%H:%M:%SZ}."
        )
    resolution = item.get("StorageResolution", 60)
    if resolution not in _RESOLUTIONS:
        raise InvalidParameterValue(f"The parameter {path}.StorageResolution must be 1 or 60.")
    return Datum(
        MetricKey(ctx.region, namespace, item["MetricName"], read_dimensions(item.get("Dimensions", ()))),
        int(at.timestamp()),
        _measured(item, path),
        item.get("Unit", "None"),
        high_resolution=resolution == 1,
    )


def _measured(item: Mapping[str, Any], path: str) -> Distribution:
    given = [name for name in ("Value", "Values", "StatisticValues") if name in item]
    if not given:
        raise MissingParameter(
            f"At least one of the parameters {path}.Value, {path}.Values or {path}.StatisticValues must be specified."
        )
    if len(given) > 1:
        raise InvalidParameterCombination(
            f"The parameters {path}.{given[0]} and {path}.{given[1]} are mutually exclusive."
        )
    if "StatisticValues" in item:
        return _statistic_set(item["StatisticValues"], f"{path}.StatisticValues")
    if "Value" in item:
        if "Counts" in item:
            raise InvalidParameterCombination(f"The parameter {path}.Counts goes with {path}.Values alone.")
        return of_values({_number(item["Value"], f"{path}.Value"): 1.0})
    return _values(item["Values"], item.get("Counts"), path)


def _values(values: list[float], counts: list[float] | None, path: str) -> Distribution:
    times = [1.0] * len(values) if counts is None else counts
    if len(values) != len(times):
        raise InvalidParameterValue(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    if not 1 <= len(values) <= MOST_VALUES:
        raise InvalidParameterValue(f"The collection {path}.Values must have between 1 and {MOST_VALUES} items.")
    found: dict[float, float] = {}
    for n, (value, count) in enumerate(zip(values, times, strict=True), 1):
        if _number(count, f"{path}.Counts.member.{n}") <= 0:
            raise InvalidParameterValue(f"The parameter {path}.Counts.member.{n} must be greater than 0.")
        number = _number(value, f"{path}.Values.member.{n}")
        found[number] = found.get(number, 0.0) + count
    return of_values(found)


def _statistic_set(given: Mapping[str, float], path: str) -> Distribution:
    count, total, low, high = (
        _number(given[name], f"{path}.{name}") for name in ("SampleCount", "Sum", "Minimum", "Maximum")
    )
    if count <= 0:
        raise InvalidParameterValue(f"The parameter {path}.SampleCount must be greater than 0.")
    if low > high:
        raise InvalidParameterValue(f"The parameter {path}.Maximum must be greater than {path}.Minimum.")
    return of_statistics(count, total, low, high)


def _number(value: float, path: str) -> float:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise InvalidParameterValue(f"The value {value} for parameter {path} is invalid.")
    return 0.0 if value == 0 else value
