"""Containers: images, users, logs, how they stop and keep connections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import blocks, fargate, service, task
from fairway.lint.rules.task_rules import containers_of, is_fargate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import Entity, View
    from fairway.lint.finding import Finding

_GUIDE: Final = "Amazon ECS Developer Guide, "
_PARAMETERS: Final = _GUIDE + "Amazon ECS task definition parameters"
_DEFAULT_STOP: Final = 30
_DEFAULT_IDLE: Final = 60
_UVICORN_KEEP_ALIVE: Final = 5
_LOGS: Final = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-region": "us-east-1"}}
_PREFIXED: Final = {"logDriver": "awslogs", "options": {**_LOGS["options"], "awslogs-stream-prefix": "app"}}  # type: ignore[dict-item]

MOVING_TAG: Final = Rule(
    "moving-tag",
    Severity.WARNING,
    "An image whose tag can move",
    "`latest`, or no tag, is whatever was pushed last, and so is what is called after a branch or a stage, such as `main`, `stable` "
    "or `production`. A revision with it does not say what ran, and going back to it does not bring the old image back.",
    "name a version that is pushed once (`{{ tag }}` in a project), or a digest (@sha256:…)",
    "strategy document, Best Practices; Amazon ECR User Guide, Preventing image tags from being overwritten",
    task({"image": "shop:latest"}),
    task({"image": "shop:1.4.2"}),
    practice="DON'T 6",
)
LOGS_MISSING: Final = Rule(
    "logs-missing",
    Severity.WARNING,
    "A container without logConfiguration",
    "What the container says is lost, and with it the reason why a deployment failed.",
    "add logConfiguration, with awslogs or another driver",
    _GUIDE + "Send Amazon ECS logs to CloudWatch",
    task(),
    task({"logConfiguration": _PREFIXED}),
)
LOG_OPTIONS: Final = Rule(
    "log-options",
    Severity.ERROR,
    "awslogs without an option that it needs",
    "The driver awslogs needs awslogs-group and awslogs-region, on Fargate awslogs-stream-prefix as well: registration is "
    "refused, or the task cannot start.",
    "add the option",
    _GUIDE + "Send Amazon ECS logs to CloudWatch",
    fargate({"logConfiguration": _LOGS}, executionRoleArn="arn:aws:iam::123456789012:role/ecsTaskExecutionRole"),
    fargate({"logConfiguration": _PREFIXED}, executionRoleArn="arn:aws:iam::123456789012:role/ecsTaskExecutionRole"),
)
ROOT: Final = Rule(
    "runs-as-root",
    Severity.WARNING,
    "A container that runs as root",
    "Whoever breaks into the program has the container whole, and more of the host.",
    'let the image have a user of its own, and name it here by number: "user": "1000:1000"',
    _GUIDE + "Amazon ECS task and container security best practices",
    task({"user": "root"}),
    task({"user": "1000:1000"}),
)
NO_USER: Final = Rule(
    "user-not-set",
    Severity.INFO,
    "A container whose user only its image knows",
    "Without user the image decides, and most images decide for root.",
    'set "user", such as "1000:1000", or ignore this where the image has a user',
    _GUIDE + "Amazon ECS task and container security best practices",
    task(),
    task({"user": "1000:1000"}),
)
WRITABLE: Final = Rule(
    "writable-root",
    Severity.INFO,
    "A root file system that can be written",
    "A read-only root file system keeps an intruder from leaving anything behind. ECS Exec does not work with it.",
    'set "readonlyRootFilesystem": true, with a volume for /tmp, where nobody needs ECS Exec',
    _GUIDE + "Amazon ECS task and container security best practices",
    task({"readonlyRootFilesystem": False}),
    task({"readonlyRootFilesystem": True}),
)
STOP_RANGE: Final = Rule(
    "stop-timeout-range",
    Severity.ERROR,
    "A stopTimeout that Fargate does not have",
    "On Fargate stopTimeout is 2 to 120 seconds: then SIGKILL.",
    "take at most 120, and let the program end within it",
    _PARAMETERS + " (Container timeouts)",
    fargate({"stopTimeout": 300}),
    fargate({"stopTimeout": 120}),
)
STOP_DRAIN: Final = Rule(
    "stop-before-drained",
    Severity.WARNING,
    "A stopTimeout that ends before the program's own draining",
    "After SIGTERM the program goes on for as long as its variable says; ECS kills it after stopTimeout (30 s where it is not "
    "set), and its last requests with it.",
    "set stopTimeout above it, with some seconds to spare (at most 120 on Fargate)",
    _GUIDE + "Graceful shutdowns with Amazon ECS; " + _PARAMETERS + " (Container timeouts)",
    task({"environment": [{"name": "DRAIN_SECONDS", "value": "30"}]}),
    task({"environment": [{"name": "DRAIN_SECONDS", "value": "30"}], "stopTimeout": 60}),
)
KEEP_ALIVE: Final = Rule(
    "keep-alive",
    Severity.WARNING,
    "A keep-alive that ends before the load balancer's",
    "The load balancer keeps idle connections to a task for 60 s (idle_timeout.timeout_seconds). A server that closes them "
    "earlier closes one now and then in the very moment in which a request comes: a 502.",
    "keep connections longer than the load balancer does, such as 75 s",
    "Elastic Load Balancing, Application Load Balancers: Troubleshoot (HTTP 502); Connection idle timeout",
    blocks(
        service(
            desiredCount=2,
            taskDefinition="shop:1",
            loadBalancers=[{"targetGroupArn": "arn", "containerName": "app", "containerPort": 8000}],
        ),
        task({"command": ["uvicorn", "shop:app"], "portMappings": [{"containerPort": 8000}]}),
    ),
    blocks(
        service(
            desiredCount=2,
            taskDefinition="shop:1",
            loadBalancers=[{"targetGroupArn": "arn", "containerName": "app", "containerPort": 8000}],
        ),
        task(
            {
                "command": ["uvicorn", "shop:app", "--timeout-keep-alive", "75"],
                "portMappings": [{"containerPort": 8000}],
            }
        ),
    ),
)
RULES: Final = (
    MOVING_TAG, LOGS_MISSING, LOG_OPTIONS, ROOT, NO_USER, WRITABLE, STOP_RANGE, STOP_DRAIN, KEEP_ALIVE,
)  # fmt: skip
MOVING_TAGS: Final = frozenset(
    (
        "latest", "main", "master", "trunk", "stable", "prod", "production", "staging", "stage", "dev", "develop", "development",
        "release", "edge", "nightly", "canary",
    )
)  # fmt: skip
"""What is called after a branch, a stage or a habit; in small letters."""
_WRITTEN: Final = re.compile(r":[\w.-]+$")
_DRAIN: Final = re.compile(
    r"(DRAIN|GRACEFUL|SHUTDOWN).*(SECONDS|TIMEOUT|DELAY)$|^(SECONDS|TIMEOUT).*(DRAIN|SHUTDOWN)", re.IGNORECASE
)
_ALIVE: Final = re.compile(r"KEEP_?ALIVE", re.IGNORECASE)
_ALIVE_OPTION: Final = re.compile(r"--(?:timeout-keep-alive|keep-alive)[ =](?P<seconds>\d{1,6})\b")
_SERVER: Final = re.compile(r"(?:^|[\s/])uvicorn(?:\s|$)")


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.TASK_DEFINITION):
        for container in containers_of(entity.node):
            yield from _image(container)
            yield from _logs(container, on_fargate=is_fargate(entity.node))
            yield from _user(container)
            yield from _stopping(container, on_fargate=is_fargate(entity.node))
        yield from _connections(view, entity)


def moving(image: str) -> str | None:
    """Why an image's tag can move; None: it cannot be told, or it is a digest or a tag of its own."""
    if "@" in image:
        return None
    last = image.rpartition("/")[2]
    name, colon, tag = last.partition(":")
    if tag.lower() in MOVING_TAGS:
        return f"its tag is {tag}"
    return "it has no tag, which is latest" if name and not colon else None


def _image(container: Node) -> Iterator[Finding]:
    image = container["image"].text
    if image is None:
        return
    # where a placeholder may bring the tag, only a tag that is written counts
    written = _WRITTEN.search(image)
    if container["image"].literal is None:
        why = moving(f"image{written.group()}") if written is not None and "@" not in image else None
    else:
        why = moving(image)
    if why is not None:
        yield container["image"].find(MOVING_TAG, f"container {container['name'].text}: {image}: {why}")


def _logs(container: Node, *, on_fargate: bool) -> Iterator[Finding]:
    name, configuration = container["name"].text, container["logConfiguration"]
    if not configuration.is_object:
        yield configuration.find(LOGS_MISSING, f"container {name} has no logConfiguration")
    elif configuration["logDriver"].text == "awslogs":
        needed = ["awslogs-group", "awslogs-region", *(["awslogs-stream-prefix"] if on_fargate else [])]
        missing = [option for option in needed if not configuration["options"][option].value]
        if missing:
            yield configuration["options"].find(LOG_OPTIONS, f"container {name}: {', '.join(missing)} is missing")


def _user(container: Node) -> Iterator[Finding]:
    name, user = container["name"].text, container["user"].text
    if user is None:
        yield container["user"].find(NO_USER, f"container {name} has no user")
    elif user.partition(":")[0] in {"root", "0"}:
        yield container["user"].find(ROOT, f"container {name} runs as {user}")
    if container["readonlyRootFilesystem"].flag is not True:
        yield container["readonlyRootFilesystem"].find(WRITABLE, f"container {name} can write to its root file system")


def _stopping(container: Node, *, on_fargate: bool) -> Iterator[Finding]:
    name, stop = container["name"].text, container["stopTimeout"].integer
    if on_fargate and stop is not None and not 2 <= stop <= 120:  # noqa: PLR2004 - AWS's bounds
        yield container["stopTimeout"].find(STOP_RANGE, f"container {name}: stopTimeout {stop}")
    limit = _DEFAULT_STOP if stop is None else stop
    for variable in container["environment"].objects():
        seconds = variable["value"].number
        if seconds is not None and _DRAIN.search(variable["name"].text or "") and limit <= seconds:
            text = f"container {name} drains for {variable['name'].text} {seconds:g} s, and is killed after {limit} s"
            yield variable["value"].find(STOP_DRAIN, text)


def _connections(view: View, entity: Entity) -> Iterator[Finding]:
    """Keep-alive, of the containers that a load balancer sends to."""
    behind = {
        balancer["containerName"].text
        for item in view.services_of(entity)
        for balancer in item.node["loadBalancers"].objects()
    }
    idle = _idle_timeout(view)
    for container in containers_of(entity.node):
        if container["name"].text in behind:
            for node, seconds, how in _keep_alive(container):
                if seconds <= idle:
                    text = f"container {container['name'].text} keeps idle connections for {seconds:g} s ({how}), the load balancer for {idle:g} s"
                    yield node.find(KEEP_ALIVE, text)


def _keep_alive(container: Node) -> Iterator[tuple[Node, float, str]]:
    for variable in container["environment"].objects():
        seconds = variable["value"].number
        if seconds is not None and _ALIVE.search(variable["name"].text or ""):
            yield variable["value"], seconds, str(variable["name"].text)
            return
    words = [item.text or "" for key in ("entryPoint", "command") for item in container[key]]
    line = " ".join(words)
    option = _ALIVE_OPTION.search(line)
    if option is not None:
        yield container["command"], float(option["seconds"]), option.group().partition("=")[0].partition(" ")[0]
        return
    if _SERVER.search(line) is not None:
        yield container["command"], _UVICORN_KEEP_ALIVE, "uvicorn's default"


def _idle_timeout(view: View) -> float:
    """The shortest that a load balancer among the files has; the default else."""
    found = [
        item["value"].number
        for entity in view.of(Kind.LOAD_BALANCER)
        for item in entity.node["attributes"].objects()
        if item["key"].text == "idle_timeout.timeout_seconds"
    ]
    return min((seconds for seconds in found if seconds is not None), default=_DEFAULT_IDLE)
