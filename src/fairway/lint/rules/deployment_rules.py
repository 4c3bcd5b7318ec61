"""How a service is deployed: circuit breaker, percentages, traffic strategies, hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import deployment, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import Entity, View
    from fairway.lint.finding import Finding

_CONFIGURATION: Final = "Amazon ECS API Reference, DeploymentConfiguration"
_STRATEGIES: Final = "Amazon ECS API Reference, LinearConfiguration, CanaryConfiguration and DeploymentLifecycleHook"
_BREAKER: Final = {"enable": True, "rollback": True}
_TARGET: Final = {"targetGroupArn": "arn", "containerName": "app", "containerPort": 8000}

NO_BREAKER: Final = Rule(
    "no-circuit-breaker",
    Severity.WARNING,
    "A service without the deployment circuit breaker",
    "Without it a version that never starts is tried for ever: the deployment stays IN_PROGRESS, and nobody is told.",
    'set "deploymentCircuitBreaker": {"enable": true, "rollback": true}',
    "Amazon ECS Developer Guide, How the Amazon ECS deployment circuit breaker detects failures; strategy document, Best Practices",
    service(desiredCount=2),
    deployment(deploymentCircuitBreaker=_BREAKER),
    practice="DO 2, DON'T 5",
)
NO_ROLLBACK: Final = Rule(
    "circuit-breaker-no-rollback",
    Severity.WARNING,
    "A circuit breaker that does not roll back",
    "It marks the deployment FAILED and stops there: the old tasks go on as far as they are left, and the service keeps the "
    "broken version as its goal.",
    'set "rollback": true',
    "Amazon ECS API Reference, DeploymentCircuitBreaker",
    deployment(deploymentCircuitBreaker={"enable": True, "rollback": False}),
    deployment(deploymentCircuitBreaker=_BREAKER),
    practice="DO 2, DON'T 5",
)
PERCENT: Final = Rule(
    "deployment-percent",
    Severity.ERROR,
    "Percentages that ECS refuses",
    "minimumHealthyPercent is at most 100, maximumPercent at least 100 (exactly 100 for DAEMON), and both at 100 would block every "
    "deployment: ECS answers 'Both maximumPercent and minimumHealthyPercent cannot be 100'.",
    "with minimumHealthyPercent 100 set maximumPercent to 200; or lower the minimum",
    _CONFIGURATION,
    deployment(minimumHealthyPercent=100, maximumPercent=100),
    deployment(minimumHealthyPercent=100, maximumPercent=200),
)
STUCK: Final = Rule(
    "deployment-stuck",
    Severity.ERROR,
    "Percentages that leave no task to start or stop",
    "Of desiredCount, minimumHealthyPercent (rounded up) must run, and maximumPercent (rounded down) may. Where both are the "
    "desired count, no task can be started before one stops, nor stopped before one starts: the deployment hangs.",
    "raise maximumPercent until one more task fits, or lower minimumHealthyPercent until one less is enough",
    _CONFIGURATION + "; Developer Guide, Amazon ECS service event messages (unable to stop or start tasks)",
    service(desiredCount=1, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150}),
    service(desiredCount=2, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150}),
)
BELOW: Final = Rule(
    "minimum-below-100",
    Severity.INFO,
    "A deployment that may go below full strength",
    "With minimumHealthyPercent below 100 a deployment stops tasks before new ones are healthy. That is a choice for work that "
    "can wait; it halves a worker's throughput for as long as it lasts.",
    "set 100, or ignore this with the reason why it can wait",
    _CONFIGURATION + "; strategy document, Best Practices",
    deployment(minimumHealthyPercent=50, maximumPercent=150),
    deployment(minimumHealthyPercent=100, maximumPercent=150),
    practice="DON'T 4",
)
BELOW_BALANCER: Final = Rule(
    "minimum-below-100-served",
    Severity.WARNING,
    "A service behind a load balancer that goes below full strength",
    "While it is deployed, fewer tasks answer the same requests; what is left may be too slow, or be scaled out in the middle.",
    "set minimumHealthyPercent to 100",
    _CONFIGURATION + "; strategy document, Best Practices",
    service(desiredCount=4, loadBalancers=[_TARGET], deploymentConfiguration={"minimumHealthyPercent": 50}),
    service(desiredCount=4, loadBalancers=[_TARGET], deploymentConfiguration={"minimumHealthyPercent": 100}),
    practice="DON'T 4",
)
ROLLING: Final = Rule(
    "rolling-behind-balancer",
    Severity.INFO,
    "A rolling deployment of a service that users see",
    "A rolling deployment sends users to the new version before anything but its health checks has judged it. Blue/green and "
    "canary shift traffic only after a test, and back at once.",
    'set "strategy": "BLUE_GREEN", "LINEAR" or "CANARY", or ignore this where rolling is enough',
    "Amazon ECS Developer Guide, Amazon ECS deployment controllers and strategies; strategy document, Best Practices",
    service(desiredCount=4, loadBalancers=[_TARGET]),
    service(desiredCount=4, loadBalancers=[_TARGET], deploymentConfiguration={"strategy": "CANARY"}),
    practice="DO 9",
)
STRATEGY: Final = Rule(
    "traffic-strategy",
    Severity.ERROR,
    "A traffic strategy out of bounds, or without what it needs",
    "stepPercent is 3 to 100, canaryPercent 0.1 to 100 (steps of 0.1), bake times 0 to 1440 minutes, and with a load balancer ECS "
    "needs advancedConfiguration: the second target group, the rule of the listener, and a role.",
    "stay within the bounds; add advancedConfiguration",
    _STRATEGIES,
    service(desiredCount=4, deploymentConfiguration={"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 1}}),
    service(desiredCount=4, deploymentConfiguration={"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 10}}),
)
HOOK: Final = Rule(
    "lifecycle-hook",
    Severity.ERROR,
    "A lifecycle hook that ECS refuses",
    "A hook names its stages; one of Lambda has hookTargetArn and roleArn, one of the type PAUSE has neither, and the time-out of "
    "a Lambda hook is 1 to 1440 minutes, of a pause 1 to 20160.",
    "give a Lambda hook its function and role; give a pause only stages and a time-out",
    "Amazon ECS Developer Guide, Lifecycle hooks for Amazon ECS service deployments",
    deployment(strategy="BLUE_GREEN", lifecycleHooks=[{"hookTargetArn": "arn", "lifecycleStages": ["POST_SCALE_UP"]}]),
    deployment(
        strategy="BLUE_GREEN",
        lifecycleHooks=[{"hookTargetArn": "arn", "roleArn": "arn", "lifecycleStages": ["POST_SCALE_UP"]}],
    ),
)
CONTROLLER: Final = Rule(
    "controller-conflict",
    Severity.ERROR,
    "A deployment controller with what it does not have",
    "Circuit breaker, alarms and traffic strategies are of the controller ECS; CODE_DEPLOY needs a load balancer, EXTERNAL takes "
    "no task definition. CreateService refuses the rest.",
    "remove deploymentController (ECS is its default), or what does not go with it",
    "Amazon ECS API Reference, CreateService (deploymentController)",
    service(desiredCount=2, deploymentController={"type": "CODE_DEPLOY"}),
    service(desiredCount=2, deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[_TARGET]),
)
RULES: Final = (
    NO_BREAKER, NO_ROLLBACK, PERCENT, STUCK, BELOW, BELOW_BALANCER, ROLLING, STRATEGY, HOOK, CONTROLLER,
)  # fmt: skip
_TRAFFIC: Final = {"BLUE_GREEN", "LINEAR", "CANARY"}
_BAKE: Final = (0.0, 1440.0)
_BOUNDS: Final = {
    ("bakeTimeInMinutes",): _BAKE,
    ("linearConfiguration", "stepPercent"): (3.0, 100.0),
    ("linearConfiguration", "stepBakeTimeInMinutes"): _BAKE,
    ("canaryConfiguration", "canaryPercent"): (0.1, 100.0),
    ("canaryConfiguration", "canaryBakeTimeInMinutes"): _BAKE,
}
_PAUSE_MINUTES, _LAMBDA_MINUTES = 20160, 1440


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.SERVICE, Kind.SERVICE_PART):
        yield from _breaker(entity)
        yield from _percent(entity.node)
        yield from _controller(entity.node)
        yield from _traffic(entity.node)
        yield from _hooks(entity.node)


def is_rolling(node: Node) -> bool:
    strategy, controller = node["deploymentConfiguration"]["strategy"].text, node["deploymentController"]["type"].text
    return strategy not in _TRAFFIC and controller in {None, "ECS"}


def _breaker(entity: Entity) -> Iterator[Finding]:
    node = entity.node
    breaker = node["deploymentConfiguration"]["deploymentCircuitBreaker"]
    if breaker["enable"].flag is True and breaker["rollback"].flag is not True:
        yield breaker["rollback"].find(NO_ROLLBACK, "the circuit breaker does not roll back")
    off = breaker["enable"].flag is not True and not breaker["enable"].text
    if off and is_rolling(node) and (entity.kind is Kind.SERVICE or breaker.exists):
        yield breaker.find(NO_BREAKER, "the deployment circuit breaker is not enabled")
    if entity.kind is Kind.SERVICE and node["loadBalancers"].value and is_rolling(node):
        yield node["deploymentConfiguration"].find(ROLLING, "its users get the new version task by task")


def _percent(node: Node) -> Iterator[Finding]:
    configuration, daemon = node["deploymentConfiguration"], node["schedulingStrategy"].text == "DAEMON"
    low, high = configuration["minimumHealthyPercent"], configuration["maximumPercent"]
    least = low.integer if low.exists else (0 if daemon else 100)
    most = high.integer if high.exists else (100 if daemon else 200)
    if least is None or most is None or not is_rolling(node):
        return
    place = high if high.exists else low
    if not 0 <= least <= 100:  # noqa: PLR2004 - per cent
        yield low.find(PERCENT, f"minimumHealthyPercent {least}", remedy="0 to 100")
    elif most < 100 or (daemon and most > 100):  # noqa: PLR2004
        yield high.find(PERCENT, f"maximumPercent {most}", remedy="100 for DAEMON; 100 or more else")
    elif least == most == 100 and not daemon:  # noqa: PLR2004
        yield place.find(PERCENT, "minimumHealthyPercent 100 and maximumPercent 100 block every deployment")
    elif not daemon:
        yield from _stuck(node, place, least, most)
    if least < 100 and not daemon and low.exists:  # noqa: PLR2004
        rule = BELOW_BALANCER if node["loadBalancers"].value else BELOW
        yield low.find(rule, f"minimumHealthyPercent {least}")


def _stuck(node: Node, place: Node, least: int, most: int) -> Iterator[Finding]:
    desired = node["desiredCount"].integer
    if desired is None or desired < 1:
        return
    lower, upper = -(-desired * least // 100), desired * most // 100
    if lower >= desired >= upper:
        text = f"with desiredCount {desired}, {lower} must run ({least} %) and {upper} may ({most} %): no task can be started or stopped"
        yield place.find(
            STUCK, text, remedy=f"maximumPercent {-(-(desired + 1) * 100 // desired)} leaves room for one more"
        )


def _controller(node: Node) -> Iterator[Finding]:
    controller = node["deploymentController"]["type"]
    configuration = node["deploymentConfiguration"]
    if controller.text in {None, "ECS"}:
        return
    if configuration["deploymentCircuitBreaker"]["enable"].flag:
        yield configuration["deploymentCircuitBreaker"].find(CONTROLLER, f"{controller.text} has no circuit breaker")
    if configuration["strategy"].text in _TRAFFIC:
        yield configuration["strategy"].find(
            CONTROLLER, f"{controller.text} has no strategy {configuration['strategy'].text}"
        )
    if controller.text == "CODE_DEPLOY" and not node["loadBalancers"].value and "serviceName" in node:
        yield controller.find(CONTROLLER, "CODE_DEPLOY needs a load balancer")
    if controller.text == "EXTERNAL" and "taskDefinition" in node:
        yield node["taskDefinition"].find(CONTROLLER, "EXTERNAL takes no taskDefinition: its task sets have them")


def _traffic(node: Node) -> Iterator[Finding]:
    configuration = node["deploymentConfiguration"]
    for path, (least, most) in _BOUNDS.items():
        member = configuration
        for key in path:
            member = member[key]
        if member.number is not None and not least <= member.number <= most:
            yield member.find(STRATEGY, f"{path[-1]} {member.number:g} is not within {least:g} and {most:g}")
    if configuration["strategy"].text not in _TRAFFIC or "serviceName" not in node:
        return
    for balancer in node["loadBalancers"].objects():
        advanced = balancer["advancedConfiguration"]
        missing = [
            name for name in ("alternateTargetGroupArn", "productionListenerRule", "roleArn") if name not in advanced
        ]
        if missing:
            text = f"{configuration['strategy'].text} needs advancedConfiguration.{', '.join(missing)}"
            yield advanced.find(STRATEGY, text)


def _hooks(node: Node) -> Iterator[Finding]:
    for hook in node["deploymentConfiguration"]["lifecycleHooks"].objects():
        pause = hook["targetType"].text == "PAUSE"
        if not hook["lifecycleStages"].value:
            yield hook["lifecycleStages"].find(HOOK, "the hook has no lifecycleStages")
        for name in ("hookTargetArn", "roleArn"):
            if pause and name in hook:
                yield hook[name].find(HOOK, f"a pause has no {name}")
            elif not pause and name not in hook:
                yield hook[name].find(HOOK, f"a hook of Lambda needs {name}")
        minutes, most = hook["timeoutConfiguration"]["timeoutInMinutes"], _PAUSE_MINUTES if pause else _LAMBDA_MINUTES
        if minutes.integer is not None and not 1 <= minutes.integer <= most:
            yield minutes.find(HOOK, f"timeoutInMinutes {minutes.integer} is not within 1 and {most}")
