"""The judge's cases: each row is a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fairway.analysis.judge import Verdict, judge
from fairway.analysis.sample import Bound, Limits, Sample

T0 = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DOCUMENT = Limits(minutes=15, error_rate=0.001, p95_seconds=0.2)
LAPTOP = replace(DOCUMENT, minutes=2)
TASKS = Limits(minutes=15)
QUEUE = Limits(minutes=15, bounds=(Bound("queue", max=100),))


def minutes(*rows, p95=0.1):
    """(requests, failed) or (requests, failed, p95) of each minute."""
    made = []
    for number, (requests, failed, *slow) in enumerate(rows):
        p95_seconds = (slow[0] if slow else p95) if requests else None
        made.append(Sample(T0 + timedelta(minutes=number), requests, failed, p95_seconds=p95_seconds))
    return made


def queue(*values):
    return [
        Sample(T0 + timedelta(minutes=number), values={} if value is None else {"queue": value})
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("limits", "samples", "failures", "is_over", "verdict", "words"),
    [
        pytest.param(DOCUMENT, [], [], False, "go_on", "", id="it has only begun"),
        pytest.param(DOCUMENT, minutes(*[(300, 0)] * 15), [], True, "healthy", "0 of 4,500 requests failed (0 %), with 95 % certainty fewer than 0.0665 % do", id="enough requests and no failure show it"),
        pytest.param(DOCUMENT, minutes(*[(300, 0)] * 14), [], False, "go_on", "", id="however good: the time is not over"),
        pytest.param(DOCUMENT, minutes(*[(10, 0)] * 15), [], True, "inconclusive", "0 of 150 requests failed (0 %): 2,845 more without a failure are needed to show less than 0.1 %", id="too few requests never pass in silence"),
        pytest.param(DOCUMENT, minutes(*[(0, 0)] * 15), [], True, "inconclusive", "no requests: 2,995 more", id="no request at all"),
        pytest.param(DOCUMENT, minutes((3000, 3), *[(0, 0)] * 14), [], True, "inconclusive", "3 of 3,000 requests failed (0.1 %): 4,752 more", id="failures raise the number that is needed"),
        pytest.param(DOCUMENT, minutes((300, 15)), [], False, "go_on", "", id="one minute of failures is not yet a verdict"),
        pytest.param(DOCUMENT, minutes((300, 15), (300, 15)), [], False, "unhealthy", "30 of 600 requests failed (5 %), the limit is 0.1 %", id="5 % of two minutes is"),
        pytest.param(LAPTOP, minutes((3000, 150), (3000, 150)), [], True, "unhealthy", "300 of 6,000", id="two minutes suffice"),
        pytest.param(DOCUMENT, minutes((20, 1), (20, 1), (20, 1)), [], False, "unhealthy", "3 of 60 requests failed", id="few requests, many failures"),
        pytest.param(DOCUMENT, minutes((20, 1)), [], True, "inconclusive", "1 of 20 requests failed (5 %)", id="one failure of few says little"),
        pytest.param(DOCUMENT, minutes(*[(300, 0, 0.5)] * 2), [], False, "go_on", "", id="two slow minutes may be a cold cache"),
        pytest.param(DOCUMENT, minutes(*[(300, 0, 0.5)] * 3), [], False, "unhealthy", "p95 was over its limit (0.2 s) in 3 of 3 minutes: 0.5, 0.5, 0.5 s", id="three of three"),
        pytest.param(DOCUMENT, minutes((300, 0, 0.5), (300, 0), (300, 0, 0.4), (300, 0), (300, 0, 0.3)), [], False, "unhealthy", "in 3 of 5 minutes: 0.5, 0.1, 0.4, 0.1, 0.3 s", id="three of five in a row"),
        pytest.param(DOCUMENT, minutes(*[(300, 0, 0.5), (300, 0), (300, 0), (300, 0), (300, 0)] * 3), [], True, "healthy", "p95 kept (0.2 s)", id="a slow minute now and then is tolerated"),
        pytest.param(DOCUMENT, minutes(*[(300, 0, 0.5), (300, 0), (300, 0)] * 5), [], True, "inconclusive", "in 5 of 15 minutes: too few to call it unhealthy", id="between the two nobody knows"),
        pytest.param(DOCUMENT, minutes(*[(19, 0, 0.5)] * 5), [], False, "go_on", "", id="of fewer than 20 requests p95 is not counted"),
        pytest.param(replace(DOCUMENT, error_rate=None), minutes(*[(19, 0, 0.5)] * 15), [], True, "inconclusive", "p95 is known of 0 minutes, 8 more are needed", id="and then it is not known"),
        pytest.param(LAPTOP, minutes((300, 0, 0.5), (3000, 0)), [], True, "inconclusive", "in 1 of 2 minutes: too few", id="one slow minute of two is not a verdict"),
        pytest.param(LAPTOP, minutes((300, 0, 0.5), (3000, 0, 0.5)), [], True, "unhealthy", "in 2 of 2 minutes", id="two of two are, when no more are watched"),
        pytest.param(DOCUMENT, minutes((300, 0)), ["task 1 crashed"], False, "unhealthy", "1 task failed (limit 0): task 1 crashed", id="a task that failed is enough, at once"),
        pytest.param(replace(TASKS, task_failures=1), [], ["task 1 crashed"], True, "healthy", "1 task failed (limit 1)", id="unless the file bears one"),
        pytest.param(replace(TASKS, task_failures=1), [], ["a", "b"], False, "unhealthy", "2 tasks failed", id="two are more than one"),
        pytest.param(TASKS, [], [], True, "healthy", "no task failed", id="without a load balancer tasks alone decide"),
        pytest.param(replace(TASKS, task_failures=None), [], ["a"], True, "healthy", "nothing is judged of it", id="no limit, no verdict"),
        pytest.param(QUEUE, queue(*[20.0] * 15), [], True, "healthy", "queue at most 20 (at most 100)", id="the project's own metric kept"),
        pytest.param(QUEUE, queue(20.0, 300.0, 400.0, 1500.0), [], False, "unhealthy", "queue was over its limit (at most 100) in 3 of 4 minutes: 20, 300, 400, 1,500", id="and passed"),
        pytest.param(QUEUE, queue(*[None] * 10, *[20.0] * 5), [], True, "inconclusive", "queue is known of 5 minutes, 3 more are needed", id="nobody publishes it"),
        pytest.param(replace(QUEUE, bounds=(Bound("queue", min=1),)), queue(*[0.0] * 3), [], False, "unhealthy", "(at least 1)", id="below its minimum"),
    ],
)  # fmt: skip
def test_verdicts(limits, samples, failures, is_over, verdict, words):
    found = judge(samples, limits, failures, is_over=is_over)
    assert (found.verdict, found.verdict is Verdict(verdict)) == (verdict, True), found.reason
    assert words in found.reason


@pytest.mark.parametrize(
    ("limits", "samples", "expected"),
    [
        pytest.param(DOCUMENT, minutes(*[(10, 0)] * 15), 2845, id="the error rate needs most"),
        pytest.param(
            replace(DOCUMENT, error_rate=None), minutes(*[(10, 0)] * 15), 8 * 20, id="eight minutes of twenty"
        ),
        pytest.param(
            DOCUMENT, minutes(*[(2000, 0, 0.5), (300, 0), (300, 0)] * 5), None, id="more requests would not help"
        ),
        pytest.param(QUEUE, queue(*[None] * 15), None, id="requests are not what is missing"),
    ],
)
def test_an_inconclusive_verdict_tells_how_many_requests_are_missing(limits, samples, expected):
    found = judge(samples, limits, [], is_over=True)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.missing_requests == expected


def test_the_balancers_own_errors_count_as_failures():
    samples = [Sample(T0 + timedelta(minutes=n), requests=300, balancer_5xx=15, p95_seconds=0.1) for n in range(2)]
    assert judge(samples, DOCUMENT, [], is_over=False).verdict is Verdict.UNHEALTHY


def test_figures_are_numbers_for_a_report():
    figures = judge(minutes((300, 3), (300, 0)), DOCUMENT, ["gone"], is_over=False).figures
    assert figures["requests"] == 600
    assert figures["error_rate"] == pytest.approx(0.005)
    assert figures["p95_seconds"] == [0.1, 0.1]
    assert figures["task_failures"] == ["gone"]
    assert figures["evidence"] > 0
