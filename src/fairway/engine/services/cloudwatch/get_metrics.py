"""GetMetricData, GetMetricStatistics and ListMetrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.statistics import PLAIN, UnknownStatistic, compute, read_statistic
from fairway.engine.model.metric import MetricKey
from fairway.engine.services.cloudwatch.queries import answer, period_of, read_queries
from fairway.engine.services.cloudwatch.table import (
    OPERATIONS,
    InvalidNextToken,
    InvalidParameterCombination,
    InvalidParameterValue,
    ValidationError,
    paged,
    read_dimensions,
    show_dimensions,
)
from fairway.engine.services.cloudwatch.windows import MINUTE, gather_by_unit, is_period
from fairway.engine.services.pages import page_of
from fairway.engine.store.metrics import MINUTES_KEPT_SECONDS, SECONDS_KEPT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.control.metric_series import Series
    from fairway.engine.control.statistics import Statistic
    from fairway.engine.model.alarm import MetricQuery
    from fairway.engine.model.metric import Distribution
    from fairway.engine.services.operation import Context, Request, Response

MOST_QUERIES: Final = 500
MOST_POINTS: Final = 100_800
MOST_STATISTICS_POINTS: Final = 1440
LISTED_SECONDS: Final = 14 * 86_400
RECENT_SECONDS: Final = 3 * 3600
_FUTURE_SECONDS: Final = 2 * 3600


@OPERATIONS.operation("GetMetricData", ignores=("LabelOptions",))
def get_metric_data(ctx: Context, request: Request) -> Response:
    """Series of metrics and of expressions over them, newest value first unless asked otherwise.

    Periods are aligned to multiples of their length; the first one holds StartTime.
    """
    given = request["MetricDataQueries"]
    if not 1 <= len(given) <= MOST_QUERIES:
        raise ValidationError(f"The collection MetricDataQueries must have between 1 and {MOST_QUERIES} items.")
    start, end = request["StartTime"], request["EndTime"]
    if start >= end:
        raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
    most = request.get("MaxDatapoints", MOST_POINTS)
    if not 1 <= most <= MOST_POINTS:
        raise ValidationError(f"The parameter MaxDatapoints must be between 1 and {MOST_POINTS}.")
    queries = read_queries(given, "MetricDataQueries")
    starts = {query.id: _starts(ctx.now, start, end, query, queries) for query in queries}
    found = answer(ctx.host.metrics, ctx.region, queries, starts)
    results = [(query.id, series) for query in queries if query.returns_data for series in found[query.id]]
    ascending = request.get("ScanBy") == "TimestampAscending"
    return _page(results, request.get("NextToken"), most, ascending=ascending)


def _starts(
    now: datetime, start: datetime, end: datetime, query: MetricQuery, queries: Sequence[MetricQuery]
) -> Sequence[int]:
    """Where the periods of a query begin; nothing older than what is kept, nor newer than what can be put."""
    period = period_of(query, queries)
    seconds = int(now.timestamp())
    kept = SECONDS_KEPT_SECONDS if period < MINUTE else MINUTES_KEPT_SECONDS
    first = max(int(start.timestamp()), seconds - kept - period) // period * period
    last = min(-int(-end.timestamp() // 1), seconds + _FUTURE_SECONDS)
    return range(first, last, period)


def _page(results: Sequence[tuple[str, Series]], token: str | None, most: int, *, ascending: bool) -> Response:
    total = sum(len(series.points) for _, series in results)
    taken, more = page_of(range(total), token, most, InvalidNextToken)
    first, last = (taken[0], taken[-1] + 1) if taken else (0, 0)
    shown, at = [], 0
    for identifier, series in results:
        points = sorted(series.points.items(), reverse=not ascending)
        low, high = max(first - at, 0), max(last - at, 0)
        at += len(points)
        chosen = points[low:high]
        if token and not chosen:
            continue
        shown.append(
            {
                "Id": identifier,
                "Label": series.label,
                "Timestamps": [datetime.fromtimestamp(start, UTC) for start, _ in chosen],
                "Values": [float(value) for _, value in chosen],
                "StatusCode": "Complete" if high >= len(points) else "PartialData",
            }
        )
    return {"MetricDataResults": shown, "Messages": []} | ({"NextToken": more} if more else {})


@OPERATIONS.operation("GetMetricStatistics")
def get_metric_statistics(ctx: Context, request: Request) -> Response:
    """Statistics of one metric, for each unit apart; periods begin at StartTime, rounded down."""
    statistics = _statistics(request)
    period, start, end = request["Period"], request["StartTime"], request["EndTime"]
    if not is_period(period):
        raise InvalidParameterValue("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.")
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    step = min(MINUTE, period)
    first, last = int(start.timestamp()) // step * step, -int(-end.timestamp() // 1)
    count = -(-(last - first) // period)
    if count > MOST_STATISTICS_POINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {count:,} datapoints, which exceeds the limit of {MOST_STATISTICS_POINTS:,}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    key = MetricKey(
        ctx.region, request["Namespace"], request["MetricName"], read_dimensions(request.get("Dimensions", ()))
    )
    measured = gather_by_unit(ctx.host.metrics, key, first, last, period, request.get("Unit"))
    points = [_point(at, unit, whole, statistics) for (at, unit), whole in measured.items()]
    return {"Label": request["MetricName"], "Datapoints": points}


def _statistics(request: Request) -> list[Statistic]:
    plain, extended = request.get("Statistics"), request.get("ExtendedStatistics")
    if bool(plain) == bool(extended):
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics, but not both.")
    found = []
    for name in plain or extended or ():
        try:
            found.append(read_statistic(name))
        except UnknownStatistic:
            raise InvalidParameterValue(
                f"The value {name} for parameter ExtendedStatistics is not supported."
            ) from None
    return found


def _point(at: int, unit: str, measured: Distribution, statistics: Sequence[Statistic]) -> dict[str, Any]:
    shown: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(at, UTC), "Unit": unit}
    computed = {statistic.name: compute(statistic, measured) for statistic in statistics}
    shown |= {name: value for name, value in computed.items() if name in PLAIN}
    extended = {name: value for name, value in computed.items() if name not in PLAIN and value is not None}
    return shown | ({"ExtendedStatistics": extended} if extended else {})


@OPERATIONS.operation("ListMetrics", refuses=("IncludeLinkedAccounts", "OwningAccount"))
def list_metrics(ctx: Context, request: Request) -> Response:
    """Metrics that had data in the last two weeks, at once (AWS takes up to fifteen minutes)."""
    seconds = RECENT_SECONDS if request.get("RecentlyActive") == "PT3H" else LISTED_SECONDS
    oldest = int((ctx.now - timedelta(seconds=seconds)).timestamp())
    name, wanted = request.get("MetricName"), request.get("Dimensions", ())
    keys = [
        key
        for key, newest in ctx.host.metrics.metrics(ctx.region, request.get("Namespace"))
        if newest >= oldest and name in (None, key.name) and _has(key, wanted)
    ]
    shown, token = paged(keys, request, 500)
    metrics = [
        {"Namespace": key.namespace, "MetricName": key.name, "Dimensions": show_dimensions(key.dimensions)}
        for key in shown
    ]
    return {"Metrics": metrics} | token


def _has(key: MetricKey, wanted: Sequence[Mapping[str, str]]) -> bool:
    own = dict(key.dimensions)
    return all(item["Name"] in own and item.get("Value") in (None, own[item["Name"]]) for item in wanted)
