"""All operations of EventBridge Scheduler that the engine has: importing this module fills the table."""

from __future__ import annotations

from fairway.engine.services.scheduler import groups, schedules  # noqa: F401 - each module registers its operations
from fairway.engine.services.scheduler.table import OPERATIONS

__all__ = ["OPERATIONS"]
