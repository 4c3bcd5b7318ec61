"""All operations of Elastic Load Balancing that the engine has: importing this module fills the table."""

from __future__ import annotations

from fairway.engine.services.elbv2 import (  # noqa: F401 - each module registers its operations
    listeners,
    load_balancers,
    rules,
    tags,
    target_groups,
)
from fairway.engine.services.elbv2.table import OPERATIONS

__all__ = ["OPERATIONS"]
