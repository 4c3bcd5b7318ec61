"""Watches services after their deployment, for the minutes that the project's file gives them: of AWS's time.

The window begins with the first whole minute in which the new version alone served, so that no number of the old one counts.
Each minute is judged when its numbers have come (CloudWatch may be two minutes late); tasks that fail are seen at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.analysis.judge import Judgement, Verdict, judge
from fairway.analysis.sample import Bound, Limits
from fairway.aws.balancers import balanced_groups
from fairway.aws.patience import asking_again
from fairway.aws.session import AwsError, CredentialsError
from fairway.clock import monotonic
from fairway.deployment.follow import newest_since
from fairway.deployment.monitor_changes import failure_change, minute_change, verdict_change
from fairway.deployment.progress import Change
from fairway.deployment.standing import is_superseded
from fairway.deployment.subject import Finding, Health
from fairway.deployment.task_failures import task_failures
from fairway.metrics.cloudwatch import MINUTE, CloudWatch
from fairway.metrics.source import Watched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.analysis.sample import Sample
    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.progress import Listener
    from fairway.deployment.subject import Subject
    from fairway.metrics.source import Source
    from fairway.observed import Service
    from fairway.project.checks import Monitoring

_PATIENCE_SECONDS: Final = 120.0
"""How long an AWS (or an engine) that does not answer is waited for."""
_TRY_AGAIN: Final = range(1, 3)
"""After so many failures the source is asked again, a minute later; then it is given up."""
_LIST_SECONDS: Final = 300.0
_HEALTH: Final = {Verdict.HEALTHY: Health.HEALTHY, Verdict.UNHEALTHY: Health.UNHEALTHY}


def monitor(
    observer: Observer,
    pace: Pace,
    listener: Listener,
    subjects: Sequence[Subject],
    *,
    deadline: float | None,
    source: Source | None = None,
) -> dict[str, Finding]:
    """Watch until each service is judged; what was found out, by key. A subject that says no `monitor` has no finding.

    Blocks. Returns at the first unhealthy service: the others are inconclusive then. `deadline` is by the monotonic clock.
    """
    watches = [
        _Watch(subject, subject.monitor, first_minute(subject.since))
        for subject in subjects
        if subject.monitor is not None
    ]
    return _Monitoring(observer, pace, listener, watches, deadline, source or CloudWatch(observer.aws)).run()


def first_minute(since: datetime) -> datetime:
    """The first whole minute that begins at a moment or after it."""
    floor = since.replace(second=0, microsecond=0)
    return floor if floor == since else floor + MINUTE


def limits_of(monitoring: Monitoring, *, has_requests: bool) -> Limits:
    """What is judged: without a load balancer that counts requests, tasks (and the project's own metrics) alone."""
    return Limits(
        minutes=monitoring.minutes,
        error_rate=monitoring.error_rate if has_requests else None,
        p95_seconds=monitoring.p95_seconds if has_requests else None,
        task_failures=monitoring.task_failures,
        bounds=tuple(Bound(metric.name, metric.max, metric.min) for metric in monitoring.metrics),
    )


@dataclass(slots=True)
class _Watch:
    subject: Subject
    monitoring: Monitoring
    start: datetime
    watched: Watched | None = None
    """None: not looked at yet."""
    samples: tuple[Sample, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    seen: tuple[Any, ...] | None = None
    """What the service looked like when its tasks were last listed."""
    finding: Finding | None = None

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.monitoring.minutes)

    @property
    def limits(self) -> Limits:
        return limits_of(self.monitoring, has_requests=self.watched is not None and bool(self.watched.groups))


class _Monitoring:
    def __init__(
        self,
        observer: Observer,
        pace: Pace,
        listener: Listener,
        watches: Sequence[_Watch],
        deadline: float | None,
        source: Source,
    ) -> None:
        self._observer = observer
        self._pace = pace
        self._listener = listener
        self._watches = watches
        self._deadline = deadline
        self._source = source
        self._metrics_until: datetime | None = None
        self._no_metrics = ""
        """Why the source gives no numbers."""
        self._times_without = 0
        self._unreachable_since: float | None = None

    @property
    def _going(self) -> list[_Watch]:
        return [watch for watch in self._watches if watch.finding is None]

    def run(self) -> dict[str, Finding]:
        while self._going:
            if self._pace.details_are_due():
                self._bear_a_look()
            unhealthy = [watch for watch in self._watches if _is_unhealthy(watch)]
            if unhealthy:
                name = unhealthy[0].subject.name
                self._end_all(f"not watched to its end, because {name} is unhealthy")
            elif self._deadline is not None and monotonic() >= self._deadline:
                self._end_all("--timeout is over")
            if self._going:
                self._pace.wait()
        return {watch.subject.key: watch.finding for watch in self._watches if watch.finding is not None}

    def _bear_a_look(self) -> None:
        try:
            with asking_again():
                self._look()
        except CredentialsError as error:
            self._end_all(error.message)
        except AwsError as error:
            now = monotonic()
            if self._unreachable_since is None:
                self._unreachable_since = now
                text = f"{error.message}; asking again"
                self._listener.change(Change("unreachable", "", text, {"message": error.message}))
            if now - self._unreachable_since >= _PATIENCE_SECONDS:
                self._end_all(error.message)
        else:
            self._unreachable_since = None

    def _look(self) -> None:
        going = self._going
        services = self._observer.services([watch.subject.name for watch in going])
        now = self._observer.aws.now()
        for watch in going:
            self._look_at_service(watch, services.get(watch.subject.name), now)
        self._read_metrics(now)
        for watch in self._going:
            # numbers that did not come this time may come a minute later
            is_over = now >= watch.end + self._source.lateness and self._times_without not in _TRY_AGAIN
            judgement = judge(watch.samples, watch.limits, list(watch.failures.values()), is_over=is_over)
            if judgement.verdict is not Verdict.GO_ON:
                self._conclude(watch, judgement)

    # -- tasks -------------------------------------------------------------------------------------------------------

    def _look_at_service(self, watch: _Watch, service: Service | None, now: datetime) -> None:
        subject = watch.subject
        if service is None or service.status != "ACTIVE":
            self._finish(watch, Finding(Health.SUPERSEDED, f"the service {subject.name} was deleted meanwhile"))
            return
        if is_superseded(service, subject.target.arn, subject.since):
            newer = newest_since(self._observer, subject.name, subject.since)
            text = newer.text() if newer is not None else f"superseded by {service.task_definition.rsplit('/', 1)[-1]}"
            self._finish(watch, Finding(Health.SUPERSEDED, text, _evidence(watch, None)))
            return
        if watch.watched is None:
            groups = balanced_groups(self._observer.aws, service.target_groups)
            watch.watched = Watched(
                subject.key, self._observer.cluster, subject.name, tuple(groups.values()), watch.monitoring.metrics
            )
        # a task that ends makes ECS start another one, which is an event: nothing new there, nothing to list; to be sure, now
        # and then, and before the verdict
        newest_event = service.events[0].id if service.events else ""
        is_last = now >= watch.end + self._source.lateness
        seen = (newest_event, service.running, service.pending, now.timestamp() // _LIST_SECONDS, is_last)
        if seen != watch.seen:
            watch.seen = seen
            tasks = [*self._observer.tasks(subject.name, stopped=True), *self._observer.tasks(subject.name)]
            found = task_failures(tasks, subject.target.arn, subject.since)
            for arn in found.keys() - watch.failures.keys():
                self._listener.change(failure_change(subject.name, arn, found[arn]))
            # ECS forgets stopped tasks after an hour; we do not
            watch.failures = {**watch.failures, **found}

    # -- metrics -----------------------------------------------------------------------------------------------------

    def _read_metrics(self, now: datetime) -> None:
        going = [watch for watch in self._going if watch.watched is not None]
        until = (now - self._source.lateness).replace(second=0, microsecond=0)
        if not going or until == self._metrics_until:
            return
        start = min(watch.start for watch in going)
        end = min(until, max(watch.end for watch in going))
        if end <= start:
            return
        try:
            found = self._source.samples([watch.watched for watch in going if watch.watched is not None], start, end)
        except AwsError as error:
            if error.message != self._no_metrics:
                text = f"no metrics: {error.message}"
                self._listener.change(Change("warning", "", text, {"message": text}, is_problem=True))
            self._no_metrics, self._metrics_until = error.message, until
            self._times_without += 1
            return
        self._no_metrics, self._times_without, self._metrics_until = "", 0, until
        for watch in going:
            known = len(watch.samples)
            watch.samples = tuple(s for s in found.get(watch.subject.key, ()) if watch.start <= s.at < watch.end)
            for number, sample in enumerate(watch.samples[known:], start=known + 1):
                self._listener.change(minute_change(watch.subject.name, sample, number, watch.limits, watch.failures))

    # -- verdicts ----------------------------------------------------------------------------------------------------

    def _conclude(self, watch: _Watch, judgement: Judgement) -> None:
        health = _HEALTH.get(judgement.verdict, Health.INCONCLUSIVE)
        text = judgement.reason
        needs_metrics = (
            watch.limits.error_rate is not None or watch.limits.p95_seconds is not None or watch.limits.bounds
        )
        if health is Health.INCONCLUSIVE and self._no_metrics and needs_metrics:
            text = f"no metrics could be read: {self._no_metrics}"
        if health is Health.HEALTHY:
            text = f"{_minutes(watch.monitoring.minutes)}: {text}"
        if watch.watched is not None and not watch.watched.groups and _asks_for_requests(watch.monitoring):
            text += " (it has no load balancer that counts requests: error rate and p95 are not judged)"
        self._finish(watch, Finding(health, text, _evidence(watch, judgement)))

    def _end_all(self, why: str) -> None:
        now = self._observer.aws.now()
        for watch in self._going:
            watched = math.floor((min(now, watch.end) - watch.start) / MINUTE)
            text = f"{why}, after {max(0, watched)} of {_minutes(watch.monitoring.minutes)}"
            self._finish(watch, Finding(Health.INCONCLUSIVE, text, _evidence(watch, None)))

    def _finish(self, watch: _Watch, finding: Finding) -> None:
        watch.finding = finding
        self._listener.change(verdict_change(watch.subject, finding))


def _is_unhealthy(watch: _Watch) -> bool:
    return watch.finding is not None and watch.finding.health is Health.UNHEALTHY


def _asks_for_requests(monitoring: Monitoring) -> bool:
    return monitoring.error_rate is not None or monitoring.p95_seconds is not None


def _minutes(count: int) -> str:
    return f"{count} minute{'' if count == 1 else 's'}"


def _evidence(watch: _Watch, judgement: Judgement | None) -> dict[str, Any]:
    found = judgement or judge(watch.samples, watch.limits, list(watch.failures.values()), is_over=False)
    return {
        "from": watch.start.isoformat(),
        "to": watch.end.isoformat(),
        "watched_to_its_end": judgement is not None,
        "limits": {
            "minutes": watch.limits.minutes,
            "error_rate": watch.limits.error_rate,
            "p95_seconds": watch.limits.p95_seconds,
            "task_failures": watch.limits.task_failures,
        },
        "missing_requests": found.missing_requests,
        **found.figures,
    }
