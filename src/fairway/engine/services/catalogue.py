"""The services that are the engine's own, with their operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.services.cloudwatch.operations import OPERATIONS as CLOUDWATCH
from fairway.engine.services.ecr.operations import OPERATIONS as ECR
from fairway.engine.services.ecs.operations import OPERATIONS as ECS
from fairway.engine.services.elbv2.operations import OPERATIONS as ELBV2
from fairway.engine.services.events.operations import OPERATIONS as EVENTS
from fairway.engine.services.logs.operations import OPERATIONS as LOGS
from fairway.engine.services.scheduler.operations import OPERATIONS as SCHEDULER
from fairway.engine.services.secretsmanager.operations import OPERATIONS as SECRETS_MANAGER
from fairway.engine.services.ssm.operations import OPERATIONS as SSM
from fairway.engine.services.sts.operations import OPERATIONS as STS

if TYPE_CHECKING:
    from fairway.engine.services.operation import OperationTable

TABLES: Final[dict[str, OperationTable]] = {
    table.service: table for table in (ECS, ELBV2, LOGS, CLOUDWATCH, SECRETS_MANAGER, SSM, ECR, STS, EVENTS, SCHEDULER)
}
