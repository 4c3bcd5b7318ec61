"""Every rule, and the families that find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.lint.rules import (
    balancer_rules,
    capacity_rules,
    codedeploy_rules,
    composition_rules,
    container_rules,
    deployment_rules,
    file_rules,
    health_rules,
    metric_rules,
    model_rules,
    program_rules,
    project_rules,
    prose_rules,
    scaling_rules,
    script_rules,
    secret_rules,
    service_rules,
    task_rules,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.entity import View
    from fairway.lint.finding import Finding, Rule

FAMILIES: Final[dict[str, tuple[Rule, ...]]] = {
    "Task definitions": (*task_rules.RULES, *composition_rules.RULES, *model_rules.RULES),
    "Containers": container_rules.RULES,
    "Health checks": health_rules.RULES,
    "Secrets": secret_rules.RULES,
    "Services": (*capacity_rules.RULES, *service_rules.RULES),
    "Deployments": deployment_rules.RULES,
    "Load balancers": balancer_rules.RULES,
    "Scaling": (*scaling_rules.RULES, *metric_rules.RULES),
    "CodeDeploy": codedeploy_rules.RULES,
    "Scripts": script_rules.RULES,
    "Hook functions": program_rules.RULES,
    "Texts": prose_rules.RULES,
    "The project file": project_rules.RULES,
    "Files and ignores": file_rules.RULES,
}
RULES: Final[dict[str, Rule]] = {rule.code: rule for rules in FAMILIES.values() for rule in rules}
_CHECKS: Final = (
    task_rules.check,
    composition_rules.check,
    model_rules.check,
    container_rules.check,
    health_rules.check,
    secret_rules.check,
    capacity_rules.check,
    service_rules.check,
    deployment_rules.check,
    balancer_rules.check,
    scaling_rules.check,
    metric_rules.check,
    codedeploy_rules.check,
    script_rules.check,
    program_rules.check,
    prose_rules.check,
    project_rules.check,
)


def check(view: View) -> Iterator[Finding]:
    """What all families find."""
    for family in _CHECKS:
        yield from family(view)
