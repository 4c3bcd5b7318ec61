"""Targets of rules: ECS tasks. Every other kind is refused, since nothing would happen here where something does on AWS."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.ecs_target import CLUSTER_ARN, InvalidInput, run_task_request
from fairway.engine.control.event_input import is_path
from fairway.engine.services.events.table import (
    OPERATIONS,
    LimitExceededException,
    ValidationException,
    need_rule,
)
from fairway.engine.services.fault import not_here
from fairway.engine.services.pages import page_of
from fairway.engine.store.schema import EVENT_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response

_MOST_TARGETS: Final = 5
_PAGE: Final = 100
_INPUTS: Final = ("Input", "InputPath", "InputTransformer")
_REFUSED: Final = (
    "Targets.KinesisParameters",
    "Targets.RunCommandParameters",
    "Targets.BatchParameters",
    "Targets.SqsParameters",
    "Targets.HttpParameters",
    "Targets.RedshiftDataParameters",
    "Targets.SageMakerPipelineParameters",
    "Targets.AppSyncParameters",
    "Targets.EcsParameters.LaunchType=FARGATE",
    "Targets.EcsParameters.PlacementConstraints",
    "Targets.EcsParameters.PlacementStrategy",
    "Targets.EcsParameters.ReferenceId",
)


@OPERATIONS.operation("PutTargets", refuses=_REFUSED, ignores=("Targets.DeadLetterConfig", "Targets.RetryPolicy"))
def put_targets(ctx: Context, request: Request) -> Response:
    """Add targets to a rule, or replace those whose id it has."""
    rule = need_rule(ctx, request, "Rule")
    for target in request["Targets"]:
        _check(target)
    targets = {target["Id"]: target for target in rule.targets}
    targets |= {target["Id"]: dict(target) for target in request["Targets"]}
    if len(targets) > _MOST_TARGETS:
        raise LimitExceededException("The requested resource exceeds the maximum number allowed.")
    with ctx.store.transaction() as tx:
        tx.put(EVENT_RULES, replace(rule, targets=tuple(targets.values())))
    return {"FailedEntryCount": 0, "FailedEntries": []}


def _check(target: Mapping[str, Any]) -> None:
    """Source: EventBridge API Reference, Target and PutTargets."""
    name, arn = target["Id"], target["Arn"]
    if not CLUSTER_ARN.fullmatch(arn):
        raise ValidationException(not_here(f"Targets.Arn {arn}: another target than an ECS cluster"))
    if "RoleArn" not in target:
        raise ValidationException(f"RoleArn is required for target {arn}.")
    if "EcsParameters" not in target:
        raise ValidationException(f"EcsParameters is required for target {name}.")
    if sum(member in target for member in _INPUTS) > 1:
        raise ValidationException(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    _check_input(target, name)


def _check_input(target: Mapping[str, Any], name: str) -> None:
    paths = [target["InputPath"]] if "InputPath" in target else []
    paths += target.get("InputTransformer", {}).get("InputPathsMap", {}).values()
    for path in paths:
        if not is_path(path):
            raise ValidationException(f"Invalid InputPath for target {name}: {path} is not JSON dot notation.")
    if "Input" in target:
        try:
            json.loads(target["Input"])
            run_task_request(target, "", target["Input"])
        except (ValueError, RecursionError, InvalidInput):
            raise ValidationException(f"JSON syntax error in input for target {name}") from None


@OPERATIONS.operation("ListTargetsByRule")
def list_targets_by_rule(ctx: Context, request: Request) -> Response:
    """The targets of a rule, in the order in which they came."""
    rule = need_rule(ctx, request, "Rule")
    shown, token = page_of(rule.targets, request.get("NextToken"), request.get("Limit", _PAGE), ValidationException)
    return {"Targets": [dict(target) for target in shown]} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("RemoveTargets", ignores=("Force",))
def remove_targets(ctx: Context, request: Request) -> Response:
    """Take targets from a rule; ids that it has not are reported."""
    rule = need_rule(ctx, request, "Rule")
    known, gone = {target["Id"] for target in rule.targets}, request["Ids"]
    with ctx.store.transaction() as tx:
        tx.put(EVENT_RULES, replace(rule, targets=tuple(t for t in rule.targets if t["Id"] not in gone)))
    failed = [
        {
            "TargetId": identifier,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule {rule.name} does not have target {identifier}.",
        }
        for identifier in gone
        if identifier not in known
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}
