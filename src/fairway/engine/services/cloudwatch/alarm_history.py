"""DescribeAlarmHistory, and how long history is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.services.cloudwatch.table import OPERATIONS, paged
from fairway.engine.store.schema import ALARM_HISTORY

if TYPE_CHECKING:
    from datetime import datetime

    from fairway.engine.services.operation import Context, Request, Response
    from fairway.engine.store.store import Store

KEPT: Final = timedelta(days=30)
"""Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms"."""
MOST_ITEMS: Final = 5000
"""Of all alarms together: the oldest go first, so that a restless alarm does not fill the state."""
_DEFAULT_TYPE: Final = "MetricAlarm"


@OPERATIONS.operation("DescribeAlarmHistory", refuses=("AlarmContributorId",))
def describe_alarm_history(ctx: Context, request: Request) -> Response:
    """What happened to alarms, newest first unless asked otherwise."""
    name, kind = request.get("AlarmName"), request.get("HistoryItemType")
    types = request.get("AlarmTypes") or ([_DEFAULT_TYPE] if name is None else None)
    first, last = request.get("StartDate"), request.get("EndDate")
    items = [
        item
        for item in ctx.store.find(ALARM_HISTORY, "region", ctx.region)
        if name in (None, item.alarm_name)
        and kind in (None, item.kind)
        and (types is None or item.alarm_type in types)
        and (first is None or item.at >= first)
        and (last is None or item.at <= last)
    ]
    if request.get("ScanBy") != "TimestampAscending":
        items.reverse()
    shown, token = paged(items, request, 100)
    return {
        "AlarmHistoryItems": [
            {
                "AlarmName": item.alarm_name,
                "AlarmType": item.alarm_type,
                "Timestamp": item.at,
                "HistoryItemType": item.kind,
                "HistorySummary": item.summary,
                "HistoryData": item.data,
            }
            for item in shown
        ]
    } | token


def forget_old_history(store: Store, now: datetime) -> None:
    """Drop what is older than 30 days, and what is too much."""
    items = store.all(ALARM_HISTORY)
    surplus = max(0, len(items) - MOST_ITEMS)
    gone = [item for n, item in enumerate(items) if n < surplus or item.at < now - KEPT]
    if gone:
        with store.transaction() as tx:
            for item in gone:
                tx.delete(ALARM_HISTORY, item.id)
