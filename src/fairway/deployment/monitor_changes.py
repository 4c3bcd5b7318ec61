"""What monitoring tells while it goes on: a line for each minute, each task that fails, and each verdict. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.deployment.progress import Change
from fairway.deployment.subject import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.analysis.sample import Limits, Sample
    from fairway.deployment.subject import Finding, Subject


def minute_change(service: str, sample: Sample, number: int, limits: Limits, failures: Mapping[str, str]) -> Change:
    """`minute 3 of 15: 300 requests, 0 failed, p95 120 ms, CPU 34 %, memory 51 %`."""
    parts = []
    slow = limits.p95_seconds is not None and sample.p95_seconds is not None and sample.p95_seconds > limits.p95_seconds
    failing = limits.error_rate is not None and sample.failed > sample.requests * limits.error_rate
    if limits.error_rate is not None or limits.p95_seconds is not None:
        parts.append(f"{sample.requests:,} requests, {sample.failed:,} failed")
        if sample.p95_seconds is not None:
            parts.append(f"p95 {1000 * sample.p95_seconds:.0f} ms")
    if limits.task_failures is not None:
        parts.append(f"{len(failures) or 'no'} task{'' if len(failures) == 1 else 's'} failed")
    beyond = False
    for bound in limits.bounds:
        value = sample.values.get(bound.name)
        parts.append(f"{bound.name} {'not known' if value is None else f'{value:g}'}")
        beyond = beyond or (value is not None and not bound.is_kept_by(value))
    for name, use in (("CPU", sample.cpu_percent), ("memory", sample.memory_percent)):
        if use is not None:
            parts.append(f"{name} {use:.0f} %")
    fields = {
        "minute": sample.at,
        "number": number,
        "of": limits.minutes,
        "requests": sample.requests,
        "target_5xx": sample.target_5xx,
        "balancer_5xx": sample.balancer_5xx,
        "p95_seconds": sample.p95_seconds,
        "task_failures": len(failures),
        "cpu_percent": sample.cpu_percent,
        "memory_percent": sample.memory_percent,
        "values": dict(sample.values),
    }
    text = f"minute {number} of {limits.minutes}: {', '.join(parts)}"
    return Change("monitor", service, text, fields, is_problem=slow or failing or beyond)


def failure_change(service: str, task: str, text: str) -> Change:
    """A task of the new revision failed after it had been deployed."""
    return Change("monitor_task_failed", service, text, {"task": task, "text": text}, is_problem=True)


def verdict_change(subject: Subject, finding: Finding) -> Change:
    """How the watch over a service ended."""
    fields = {
        "health": str(finding.health),
        "reason": finding.text,
        "task_definition": subject.target.arn,
        "missing_requests": finding.evidence.get("missing_requests"),
    }
    bad = finding.health in {Health.UNHEALTHY, Health.SUPERSEDED}
    return Change(
        "monitor_verdict", subject.name, f"monitored: {finding.health}: {finding.text}", fields, is_problem=bad
    )
