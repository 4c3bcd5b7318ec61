"""SetAlarmState."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fairway.engine.control.alarm_reasons import moved, state_update
from fairway.engine.model.alarm import AlarmState
from fairway.engine.services.cloudwatch.alarms import need_alarm
from fairway.engine.services.cloudwatch.table import OPERATIONS, InvalidFormat
from fairway.engine.store.schema import ALARM_HISTORY, ALARMS
from fairway.ids import uuid

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response


@OPERATIONS.operation("SetAlarmState")
def set_alarm_state(ctx: Context, request: Request) -> Response:
    """Put an alarm into a state until its next evaluation."""
    alarm = need_alarm(ctx, request["AlarmName"])
    data = request.get("StateReasonData")
    if data:
        try:
            json.loads(data)
        except ValueError:
            raise InvalidFormat("StateReasonData is not valid JSON") from None
    changed = moved(alarm, AlarmState(request["StateValue"]), request["StateReason"], data, ctx.now)
    with ctx.store.transaction() as tx:
        tx.put(ALARMS, changed)
        if changed.state is not alarm.state:
            tx.put(ALARM_HISTORY, state_update(alarm, changed, uuid(ctx.ids), ctx.now))
    return {}
