"""CodeDeploy: AppSpec files and deployment configurations."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import object_

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

_APPSPEC: Final = "AWS CodeDeploy User Guide, AppSpec 'resources' section for Amazon ECS deployments"
_HOOKS: Final = "AWS CodeDeploy User Guide, AppSpec 'hooks' section for an Amazon ECS deployment"
_CONFIGURATIONS: Final = "AWS CodeDeploy User Guide, Working with deployment configurations in CodeDeploy"
PREDEFINED: Final = (
    "CodeDeployDefault.ECSAllAtOnce",
    "CodeDeployDefault.ECSCanary10Percent15Minutes",
    "CodeDeployDefault.ECSCanary10Percent5Minutes",
    "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
    "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
)
STAGES: Final = ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic")


def _spec(arn: str, port: str = "8000", hook: str = "AfterInstall") -> str:
    return (
        "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n"
        f'        TaskDefinition: "{arn}"\n        LoadBalancerInfo:\n          ContainerName: "app"\n          ContainerPort: {port}\n'
        f'Hooks:\n  - {hook}: "check"\n'
    )


_RIGHT: Final = "arn:aws:ecs:us-east-1:123456789012:task-definition/shop:42"
ARN: Final = Rule(
    "appspec-arn",
    Severity.ERROR,
    "An AppSpec that names its task definition",
    "CodeDeploy wants the ARN of a revision in TaskDefinition. A name such as shop:42 is taken by the ECS API alone.",
    "write arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION (or <TASK_DEFINITION>, which CodePipeline replaces)",
    _APPSPEC,
    _spec("shop:42"),
    _spec(_RIGHT),
)
MEMBERS: Final = Rule(
    "appspec-members",
    Severity.ERROR,
    "An AppSpec that CodeDeploy refuses",
    "For ECS an AppSpec has one resource of the type AWS::ECS::Service with TaskDefinition and LoadBalancerInfo (ContainerName, "
    "ContainerPort), and hooks of five names.",
    "add what is missing, correct the hook's name",
    _APPSPEC + "; " + _HOOKS,
    _spec(_RIGHT, hook="BeforeTraffic"),
    _spec(_RIGHT),
)
RESERVED: Final = Rule(
    "deployment-config-name",
    Severity.ERROR,
    "A name of CodeDeploy's own configurations",
    "Names that begin with CodeDeployDefault. are AWS's: one that does not exist cannot be used, and one that exists cannot be "
    "created with settings of one's own.",
    "name one of AWS's configurations without trafficRoutingConfig, or choose a name of your own",
    _CONFIGURATIONS,
    object_(deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery5Minutes"),
    object_(deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery3Minutes"),
)
RULES: Final = (ARN, MEMBERS, RESERVED)
_ARN: Final = re.compile(r"arn:aws[\w-]*:ecs:[\w-]+:\d{12}:task-definition/[\w-]+:\d+")


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.APPSPEC):
        yield from _resources(entity.node)
        yield from _hooks(entity.node)
    for entity in view.of(Kind.DEPLOYMENT_CONFIG):
        name, routing = entity.node["deploymentConfigName"], entity.node["trafficRoutingConfig"]
        if name.literal is None or not name.literal.startswith("CodeDeployDefault."):
            continue
        if ".ECS" in name.literal and name.literal not in PREDEFINED:
            near = difflib.get_close_matches(name.literal, PREDEFINED, n=1)
            remedy = f'did you mean "{near[0]}"?' if near else f"one of {', '.join(PREDEFINED)}"
            yield name.find(RESERVED, f"AWS has no configuration {name.literal}", remedy=remedy)
        elif routing.exists:
            yield name.find(RESERVED, f"{name.literal} is AWS's own, and cannot be created with a trafficRoutingConfig")


def _member(node: Node, name: str) -> Node:
    """A member with a large or small first letter: CodeDeploy takes both."""
    return node[name] if name in node else node[name[:1].lower() + name[1:]]


def _resources(node: Node) -> Iterator[Finding]:
    for item in _member(node, "Resources").objects():
        for _, resource in item.members():
            kind = _member(resource, "Type").literal
            if kind is not None and kind != "AWS::ECS::Service":
                yield _member(resource, "Type").find(MEMBERS, f"type {kind}", remedy="AWS::ECS::Service")
                continue
            properties = _member(resource, "Properties")
            definition, balancer = _member(properties, "TaskDefinition"), _member(properties, "LoadBalancerInfo")
            if not definition.text:
                yield definition.find(ARN, "TaskDefinition is missing")
            elif definition.literal is not None and not _ARN.fullmatch(definition.literal):
                yield definition.find(ARN, f"TaskDefinition {definition.literal} is no ARN of a revision")
            missing = [name for name in ("ContainerName", "ContainerPort") if not _member(balancer, name).exists]
            if missing:
                yield balancer.find(MEMBERS, f"LoadBalancerInfo: {' and '.join(missing)} is missing")


def _hooks(node: Node) -> Iterator[Finding]:
    for item in _member(node, "Hooks").objects():
        for name, hook in item.members():
            if name not in STAGES:
                near = difflib.get_close_matches(name, STAGES, n=1)
                remedy = f'did you mean "{near[0]}"?' if near else f"one of {', '.join(STAGES)}"
                yield hook.find(MEMBERS, f"there is no hook {name}", remedy=remedy)
