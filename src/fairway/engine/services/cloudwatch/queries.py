"""Metric data queries: what `MetricDataQueries` of GetMetricData and `Metrics` of PutMetricAlarm say, and what they give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.metric_functions import ELSEWHERE, FUNCTIONS, Scope, evaluate
from fairway.engine.control.metric_math import InvalidExpression, Node, functions_in, names_in, parse
from fairway.engine.control.metric_series import Series
from fairway.engine.control.statistics import UnknownStatistic, read_statistic
from fairway.engine.model.alarm import MetricQuery
from fairway.engine.model.metric import MetricKey
from fairway.engine.services.cloudwatch.table import ValidationError, read_dimensions, show_dimensions
from fairway.engine.services.cloudwatch.windows import MINUTE, gather, is_period, values
from fairway.engine.services.fault import not_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.engine.control.metric_series import Value
    from fairway.engine.store.metrics import MetricStore

_ID: Final = re.compile(r"[a-z][A-Za-z0-9_]*")
_INSIGHTS: Final = re.compile(r"\s*SELECT\b", re.IGNORECASE)


def read_queries(given: Sequence[Mapping[str, Any]], parameter: str) -> tuple[MetricQuery, ...]:
    """The queries of a request, in its order.

    Raises:
        ValidationError: one is not valid; the text names it.
    """
    queries = tuple(_query(item, f"{parameter}.member.{n}") for n, item in enumerate(given, 1))
    seen: set[str] = set()
    for query in queries:
        if query.id in seen:
            raise ValidationError(f"The values for parameter id in {parameter} are not unique: {query.id}")
        seen.add(query.id)
    for query in queries:
        if query.expression is not None:
            _check_expression(query, seen)
    in_order(queries)
    return queries


def _query(item: Mapping[str, Any], path: str) -> MetricQuery:
    identifier = item["Id"]
    if not _ID.fullmatch(identifier):
        raise ValidationError(
            f"The value for parameter {path}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )
    if item.get("AccountId"):
        raise ValidationError(not_here(f"{path}.AccountId"))
    if ("MetricStat" in item) == ("Expression" in item):
        raise ValidationError(
            f"The parameters {path}.MetricStat and {path}.Expression are mutually exclusive, and one is required."
        )
    label, returns = item.get("Label"), item.get("ReturnData", True)
    if label is not None and "${" in label:
        raise ValidationError(not_here(f"{path}.Label with dynamic values (${{…}})"))
    if "Expression" in item:
        period = item.get("Period", 0)
        if period and not is_period(period):
            raise ValidationError(_period_text(f"{path}.Period"))
        return MetricQuery(identifier, expression=item["Expression"], period=period, label=label, returns_data=returns)
    stat = item["MetricStat"]
    metric = stat["Metric"]
    if not metric.get("Namespace") or not metric.get("MetricName"):
        raise ValidationError(f"The parameters {path}.MetricStat.Metric.Namespace and MetricName are required.")
    if not is_period(stat["Period"]):
        raise ValidationError(_period_text(f"{path}.MetricStat.Period"))
    check_statistic(stat["Stat"], f"{path}.MetricStat.Stat")
    return MetricQuery(
        identifier,
        metric["Namespace"],
        metric["MetricName"],
        read_dimensions(metric.get("Dimensions", ())),
        stat["Period"],
        stat["Stat"],
        stat.get("Unit"),
        label=label,
        returns_data=returns,
    )


def check_statistic(name: str, path: str) -> None:
    """Raises ValidationError when CloudWatch has no such statistic."""
    try:
        read_statistic(name)
    except UnknownStatistic:
        raise ValidationError(f"The value {name} for parameter {path} is not supported.") from None


def _period_text(path: str) -> str:
    return f"The parameter {path} must be 1, 5, 10, 20, 30, or a multiple of 60."


def _check_expression(query: MetricQuery, known: set[str]) -> None:
    assert query.expression is not None
    if _INSIGHTS.match(query.expression):
        raise ValidationError(not_here("A Metrics Insights query (SELECT)"))
    node = _parsed(query)
    for function in functions_in(node):
        if function in ELSEWHERE:
            raise ValidationError(not_here(f"The function {function} of metric math"))
        if function not in FUNCTIONS:
            raise _invalid(query, f"{function} is not a function of metric math")
    for name in names_in(node):
        if name[0].islower() and name not in known:
            raise _invalid(query, f"{name} is not the Id of another query")


def _parsed(query: MetricQuery) -> Node:
    try:
        return parse(query.expression or "")
    except InvalidExpression as error:
        raise _invalid(query, str(error)) from None


def _invalid(query: MetricQuery, why: str) -> ValidationError:
    return ValidationError(f"Error in expression '{query.id}': {why}")


def in_order(queries: Iterable[MetricQuery]) -> list[MetricQuery]:
    """The expressions, each after those that it speaks of.

    Raises:
        ValidationError: they speak of each other in a circle.
    """
    waiting = {query.id: query for query in queries if query.expression is not None}
    needs = {name: {n for n in names_in(_parsed(query)) if n in waiting} for name, query in waiting.items()}
    ordered: list[MetricQuery] = []
    done: set[str] = set()
    while len(done) < len(waiting):
        ready = [name for name in waiting if name not in done and needs[name] <= done]
        if not ready:
            stuck = next(name for name in waiting if name not in done)
            raise _invalid(waiting[stuck], "it depends on itself")
        ordered += [waiting[name] for name in ready]
        done.update(ready)
    return ordered


def period_of(query: MetricQuery, queries: Sequence[MetricQuery]) -> int:
    """The period of a query's result: a metric's own, an expression's that of the metrics in it, or its own without any.

    Raises:
        ValidationError: the metrics in it have different periods, or others than the expression.
    """
    if query.expression is None:
        return query.period
    known = {other.id: other for other in queries}
    periods, waiting, seen = set[int](), [query.id], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        one = known[name]
        if one.expression is None:
            periods.add(one.period)
            continue
        node = _parsed(one)
        waiting += names_in(node)
        if "METRICS" in functions_in(node):
            waiting += [other.id for other in queries if other.expression is None]
    if len(periods | ({query.period} if query.period else set())) > 1:
        raise ValidationError(not_here(f"Expression '{query.id}' over different periods"))
    return next(iter(periods), query.period or MINUTE)


def answer(
    store: MetricStore, region: str, queries: Sequence[MetricQuery], starts: Mapping[str, Sequence[int]]
) -> dict[str, list[Series]]:
    """What each query gives, by its id. `starts`: where its periods begin.

    Raises:
        ValidationError: an expression does not make sense over what is there.
    """
    metrics: dict[str, Series] = {}
    for query in queries:
        if query.expression is None:
            measured = gather(store, key_of(query, region), starts[query.id], query.period, query.unit)
            metrics[query.id] = Series(query.label or query.name, values(measured, read_statistic(query.statistic)))
    found: dict[str, list[Series]] = {name: [series] for name, series in metrics.items()}
    results: dict[str, Value] = {}
    periods = {query.id: query.period for query in queries if query.expression is None}
    for query in in_order(queries):
        node = _parsed(query)
        scope = Scope(metrics, tuple(starts[query.id]), period_of(query, queries), periods, results)
        try:
            result = evaluate(node, scope)
        except InvalidExpression as error:
            raise _invalid(query, str(error)) from None
        results[query.id] = result
        name = query.label if query.label is not None else query.id
        if isinstance(result, Series):
            found[query.id] = [Series(name, result.points)]
        else:
            found[query.id] = [Series(f"{name} {one.label}".strip(), one.points) for one in result]
    return found


def key_of(query: MetricQuery, region: str) -> MetricKey:
    return MetricKey(region, query.namespace, query.name, query.dimensions)


def show_queries(queries: Iterable[MetricQuery]) -> list[dict[str, Any]]:
    """Queries as DescribeAlarms shows them."""
    return [_show(query) for query in queries]


def _show(query: MetricQuery) -> dict[str, Any]:
    shown: dict[str, Any] = {"Id": query.id}
    if query.expression is not None:
        shown["Expression"] = query.expression
        if query.period:
            shown["Period"] = query.period
    else:
        metric = {
            "Namespace": query.namespace,
            "MetricName": query.name,
            "Dimensions": show_dimensions(query.dimensions),
        }
        stat: dict[str, Any] = {"Metric": metric, "Period": query.period, "Stat": query.statistic}
        if query.unit is not None:
            stat["Unit"] = query.unit
        shown["MetricStat"] = stat
    if query.label is not None:
        shown["Label"] = query.label
    return shown | {"ReturnData": query.returns_data}
