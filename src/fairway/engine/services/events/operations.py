"""All operations of EventBridge that the engine has: importing this module fills the table."""

from __future__ import annotations

from fairway.engine.services.events import buses, rules, tags, targets  # noqa: F401 - each registers its operations
from fairway.engine.services.events.table import OPERATIONS

__all__ = ["OPERATIONS"]
