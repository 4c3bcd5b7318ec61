"""The operations of ECS that the engine has; the other modules of this package fill it."""

from __future__ import annotations

from typing import Final

from fairway.engine.services.ecs.faults import unsupported
from fairway.engine.services.operation import OperationTable

OPERATIONS: Final = OperationTable("ecs", unsupported)
