"""All operations of CloudWatch that the engine has: importing this module fills the table."""

from __future__ import annotations

from fairway.engine.services.cloudwatch import (  # noqa: F401 - each module registers its operations
    alarm_history,
    alarm_state,
    alarms,
    describe_alarms,
    get_metrics,
    put_metrics,
    tags,
)
from fairway.engine.services.cloudwatch.table import OPERATIONS

__all__ = ["OPERATIONS"]
