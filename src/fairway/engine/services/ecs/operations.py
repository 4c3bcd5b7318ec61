"""All operations of ECS that the engine has: importing this module fills the table."""

from __future__ import annotations

from fairway.engine.services.ecs import (  # noqa: F401 - each module registers its operations
    clusters,
    service_deployments,
    services,
    tags,
    task_definitions,
    tasks,
)
from fairway.engine.services.ecs.table import OPERATIONS

__all__ = ["OPERATIONS"]
