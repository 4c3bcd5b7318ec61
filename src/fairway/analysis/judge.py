"""Judges a service by its minutes: healthy, unhealthy, inconclusive (with the number of requests that are missing), or go on.

*Task failures*: more than the limit is unhealthy, at once: ECS tells each one, so there is nothing to estimate.

*Error rate*: by `error_rate.py`: over the limit is found as soon as the evidence is there, and calls at most one of a hundred
releases wrongly so; below the limit is shown at the end, with 95 %. Neither: inconclusive.

*p95, and metrics of the project's own*: only one number a minute is known of them, so minutes are counted. A minute counts if
it had at least 20 requests (of fewer, p95 is the slowest one). Unhealthy: 3 of 5 minutes in a row that count were over (2 of 2
when no more than two minutes are watched). One slow minute is a cold cache, a backup, a neighbour; CloudWatch's own alarms have
"M out of N" for the same reason (*Evaluating an alarm*, CloudWatch User Guide). A service that is over in one minute of ten
by chance is called unhealthy in 15 minutes with 5 %; one that is over in one of a hundred, with 0.01 %. At the end it is healthy
if no more than a fifth of the minutes was over, and at least half of them count; else inconclusive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fairway.analysis.error_rate import ENOUGH, evidence, is_shown_below, requests_needed, upper_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fairway.analysis.sample import Limits, Sample

FEWEST_REQUESTS: Final = 20
"""A minute with fewer says nothing about its 95th percentile."""
_SLOW, _OF = 3, 5
_FEWEST_SLOW: Final = 2
_TOLERATED: Final = 0.2


class Verdict(StrEnum):
    """What the minutes say."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"
    GO_ON = "go_on"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    reason: str
    missing_requests: int | None = None
    """How many more would have been needed, if nothing else went wrong; None: requests are not what is missing."""
    figures: Mapping[str, Any] = field(default_factory=dict)


def judge(samples: Sequence[Sample], limits: Limits, task_failures: Sequence[str], *, is_over: bool) -> Judgement:
    """The verdict about a service.

    `samples` are its whole minutes so far, in their order; `task_failures` tells each failed task in a few words; `is_over`: no
    more minutes come.
    """
    parts = list(_parts(samples, limits, task_failures))
    figures = _figures(samples, limits, task_failures)
    for verdict in (Verdict.UNHEALTHY, *((Verdict.INCONCLUSIVE,) if is_over else ())):
        found = [part for part in parts if part.verdict is verdict]
        if found:
            missing = [part.missing_requests for part in found if part.missing_requests is not None]
            text = "; ".join(part.reason for part in found)
            return Judgement(verdict, text, max(missing, default=None), figures)
    text = "; ".join(part.reason for part in parts if part.verdict is Verdict.HEALTHY) or "nothing is judged of it"
    return Judgement(Verdict.HEALTHY if is_over else Verdict.GO_ON, text, None, figures)


def _parts(samples: Sequence[Sample], limits: Limits, task_failures: Sequence[str]) -> list[Judgement]:
    """What each limit says, as if no more minutes came."""
    parts = []
    if limits.task_failures is not None:
        parts.append(_tasks(task_failures, limits.task_failures))
    if limits.error_rate is not None:
        parts.append(_errors(samples, limits.error_rate, limits.minutes))
    if limits.p95_seconds is not None:
        limit = limits.p95_seconds
        counted = [s.p95_seconds for s in samples if s.p95_seconds is not None and s.requests >= FEWEST_REQUESTS]
        said = _minutes(counted, limits.minutes, lambda value: value <= limit, "p95", f"{limit:g} s", " s")
        if said.verdict is Verdict.INCONCLUSIVE and said.missing_requests:
            said = Judgement(said.verdict, said.reason, said.missing_requests * FEWEST_REQUESTS)
        elif said.verdict is Verdict.INCONCLUSIVE:
            said = Judgement(said.verdict, said.reason)
        parts.append(said)
    for bound in limits.bounds:
        values = [sample.values[bound.name] for sample in samples if bound.name in sample.values]
        said = _minutes(values, limits.minutes, bound.is_kept_by, bound.name, bound.text(), "")
        parts.append(Judgement(said.verdict, said.reason))
    return parts


def _tasks(failures: Sequence[str], limit: int) -> Judgement:
    if len(failures) <= limit:
        text = "no task failed" if not failures else f"{_tasks_failed(len(failures))} (limit {limit})"
        return Judgement(Verdict.HEALTHY, text)
    return Judgement(Verdict.UNHEALTHY, f"{_tasks_failed(len(failures))} (limit {limit}): {failures[0]}")


def _tasks_failed(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'} failed"


def _errors(samples: Sequence[Sample], limit: float, minutes: int) -> Judgement:
    requests, failed = sum(s.requests for s in samples), sum(s.failed for s in samples)
    found = _evidence(samples, limit, minutes)
    share = f"{failed:,} of {requests:,} requests failed ({_percent(failed / requests)})" if requests else "no requests"
    if found >= ENOUGH:
        sure = (
            f"evidence {_number(found)}, decided at {ENOUGH:g}: wrong for at most 1 of 100 releases that keep the limit"
        )
        return Judgement(Verdict.UNHEALTHY, f"{share}, the limit is {_percent(limit)} ({sure})")
    if is_shown_below(failed, requests, limit):
        bound = _percent(upper_bound(failed, requests))
        return Judgement(Verdict.HEALTHY, f"{share}, with 95 % certainty fewer than {bound} do")
    missing = requests_needed(failed, limit) - requests
    text = f"{share}: {missing:,} more without a failure are needed to show less than {_percent(limit)}"
    return Judgement(Verdict.INCONCLUSIVE, text, missing)


def _evidence(samples: Sequence[Sample], limit: float, minutes: int) -> float:
    return evidence([(sample.failed, sample.requests) for sample in samples], limit, planned=minutes)


def _minutes(
    values: Sequence[float], minutes: int, is_kept: Callable[[float], bool], name: str, limit: str, unit: str
) -> Judgement:
    """By counting minutes; `missing_requests` is the number of minutes that are missing."""
    over = [not is_kept(value) for value in values]
    enough = max(_FEWEST_SLOW, min(_SLOW, minutes))
    for end in range(1, len(over) + 1):
        last = slice(max(0, end - _OF), end)
        if sum(over[last]) >= enough:
            shown = ", ".join(_number(value) for value in values[last])
            text = (
                f"{name} was over its limit ({limit}) in {sum(over[last])} of {len(over[last])} minutes: {shown}{unit}"
            )
            return Judgement(Verdict.UNHEALTHY, text)
    needed = math.ceil(minutes / 2)
    if len(values) < needed:
        missing = needed - len(values)
        text = f"{name} is known of {len(values)} minutes, {missing} more {'is' if missing == 1 else 'are'} needed"
        return Judgement(Verdict.INCONCLUSIVE, text, missing)
    if sum(over) > _TOLERATED * len(values):
        text = (
            f"{name} was over its limit ({limit}) in {sum(over)} of {len(values)} minutes: too few to call it unhealthy"
        )
        return Judgement(Verdict.INCONCLUSIVE, text)
    worst = _number(max(values))
    return Judgement(
        Verdict.HEALTHY, f"{name} at most {worst}{unit} ({limit})" if not any(over) else f"{name} kept ({limit})"
    )


def _figures(samples: Sequence[Sample], limits: Limits, task_failures: Sequence[str]) -> dict[str, Any]:
    requests, failed = sum(s.requests for s in samples), sum(s.failed for s in samples)
    figures: dict[str, Any] = {
        "minutes": len(samples),
        "requests": requests,
        "failed_requests": failed,
        "error_rate": failed / requests if requests else None,
        "p95_seconds": [s.p95_seconds for s in samples],
        "task_failures": list(task_failures),
    }
    if limits.error_rate is not None:
        figures["evidence"] = round(_evidence(samples, limits.error_rate, limits.minutes), 3)
    if limits.bounds:
        figures["values"] = {bound.name: [s.values.get(bound.name) for s in samples] for bound in limits.bounds}
    return figures


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - digits that are worth reading
