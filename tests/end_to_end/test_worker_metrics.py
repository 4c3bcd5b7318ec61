"""The worker tells CloudWatch of its queue: the engine's, as it would AWS's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.end_to_end.stack import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAMES = ("celery_queue_length", "celery_oldest_message_age_seconds", "celery_parked_jobs", "celery_job_failures")


def values(stack):
    """Name -> the values of the last hour, as an alarm would read them."""
    moment = datetime.now(UTC)
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": "TaskManager", "MetricName": name},
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for number, name in enumerate(NAMES)
    ]
    found = stack.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=moment - timedelta(hours=1), EndTime=moment + timedelta(minutes=5)
    )
    return {NAMES[int(result["Id"][1:])]: result["Values"] for result in found["MetricDataResults"]}


def test_the_workers_figures_arrive(stack):
    until(lambda: all(values(stack)[name] for name in NAMES), seconds=90, what="a value of each metric")
    assert max(values(stack)["celery_queue_length"]) == 0
    said = stack.run("logs", "worker", "--since", "10m")
    assert "CloudWatch is not told" not in said
    assert "CloudWatch was not told" not in said
