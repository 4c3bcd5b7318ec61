"""All operations of CloudWatch Logs that the engine has: importing this module fills the table."""

from __future__ import annotations

from fairway.engine.services.logs import events, groups  # noqa: F401 - each module registers its operations
from fairway.engine.services.logs.table import OPERATIONS

__all__ = ["OPERATIONS"]
