"""Health checks of containers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import blocks, service, task
from fairway.lint.rules.task_rules import containers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

_SOURCE: Final = "Amazon ECS Developer Guide, Determine Amazon ECS task health using container health checks"
RANGES: Final = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
_CHECK: Final = {"command": ["CMD-SHELL", "python health.py"]}
_PING: Final = "celery -A shop inspect ping -d celery@$HOSTNAME || exit 1"

RANGE: Final = Rule(
    "health-check-range",
    Severity.ERROR,
    "A health check outside of ECS's bounds",
    "interval is 5 to 300 s, timeout 2 to 60 s, retries 1 to 10, startPeriod 0 to 300 s; the command begins with CMD, "
    "CMD-SHELL or NONE. Everything else is refused.",
    "stay within the bounds",
    "Amazon ECS API Reference, HealthCheck",
    task({"healthCheck": {**_CHECK, "interval": 2}}),
    task({"healthCheck": {**_CHECK, "interval": 5}}),
)
MISSING: Final = Rule(
    "health-check-missing",
    Severity.WARNING,
    "A service without a container health check",
    "Without healthCheck (and without a load balancer) a task counts as healthy 40 s after it runs, whatever it does: the "
    "deployment of a broken version succeeds.",
    "add healthCheck to an essential container",
    _SOURCE + "; API Reference, DeploymentConfiguration (minimumHealthyPercent)",
    blocks(service(desiredCount=2, taskDefinition="shop:1"), task()),
    blocks(service(desiredCount=2, taskDefinition="shop:1"), task({"healthCheck": _CHECK})),
)
TOOL: Final = Rule(
    "health-check-tool",
    Severity.WARNING,
    "A health check that needs a program in the image",
    "The command runs inside the container: slim and distroless images have no curl or wget, and the check then fails for every "
    "task, though the service works.",
    "put the program into the image, or ask with what is there (python -c, the service's own binary); ignore this where it is there",
    _SOURCE,
    task({"healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8000/health || exit 1"]}}),
    task({"healthCheck": {"command": ["CMD", "python", "probe.py", "http://localhost:8000/health"]}}),
)
CELERY: Final = Rule(
    "health-check-celery",
    Severity.WARNING,
    "celery inspect ping as a health check",
    "The ping finds its worker only if the node is named after $HOSTNAME (an entrypoint that passes -n celery@$HOSTNAME, forwards "
    "SIGTERM and sends SIGQUIT at its deadline); it costs 0.6 to 1.5 s of CPU and 70 MB each time; and while the worker drains it "
    "fails, so that ECS takes a rightly draining task for a broken one.",
    "let the worker touch a file and check its age; or name the node, keep interval at 60 s or more, and give the task the memory",
    "Celery, Workers Guide (inspect ping, node names); strategy document, Worker Task Definition",
    task({"healthCheck": {"command": ["CMD-SHELL", _PING]}}),
    task({"healthCheck": {"command": ["CMD-SHELL", "find /tmp/worker.alive -mmin -1 | grep -q ."]}}),
)
ALWAYS: Final = Rule(
    "health-check-cannot-fail",
    Severity.WARNING,
    "A health check that cannot fail",
    "The command ends with what always succeeds, so every task is healthy for ever, and neither the circuit breaker nor a "
    "deployment sees a broken version.",
    "end it with `|| exit 1`",
    _SOURCE,
    task({"healthCheck": {"command": ["CMD-SHELL", "python health.py || true"]}}),
    task({"healthCheck": {"command": ["CMD-SHELL", "python health.py || exit 1"]}}),
    practice="DON'T 3",
)
PORT: Final = Rule(
    "health-check-port",
    Severity.WARNING,
    "A health check of a port that the container does not have",
    "The command asks localhost on a port which is in no portMappings of the task: mostly a port that was changed in one of two "
    "places.",
    "ask the port that the container listens on; ignore this if it really listens on a second one",
    _SOURCE,
    task(
        {
            "portMappings": [{"containerPort": 8000}],
            "healthCheck": {"command": ["CMD", "probe", "http://localhost:8080/"]},
        }
    ),
    task(
        {
            "portMappings": [{"containerPort": 8000}],
            "healthCheck": {"command": ["CMD", "probe", "http://localhost:8000/"]},
        }
    ),
)
OVERLAP: Final = Rule(
    "health-check-overlap",
    Severity.WARNING,
    "A health check that may last longer than its interval",
    "While one check still waits for its time-out, the next is due: the time until a broken task is noticed is longer than the "
    "numbers say.",
    "make timeout shorter than interval",
    _SOURCE,
    task({"healthCheck": {**_CHECK, "interval": 10, "timeout": 30}}),
    task({"healthCheck": {**_CHECK, "interval": 30, "timeout": 10}}),
)
RULES: Final = (RANGE, MISSING, TOOL, CELERY, ALWAYS, PORT, OVERLAP)
_CURL: Final = re.compile(r"(?:^|[\s;&|(/])(curl|wget|nc|netcat)\s")
_NEVER_FAILS: Final = re.compile(r"(?:\|\||;)\s*(?:true|:|exit\s+0)\s*$")
_LOCAL: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]):(?P<port>\d{1,5})\b")


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.TASK_DEFINITION):
        containers = containers_of(entity.node)
        ports = {
            mapping["containerPort"].integer
            for container in containers
            for mapping in container["portMappings"].objects()
        }
        for container in containers:
            if container["healthCheck"].is_object:
                yield from _ranges(container)
                yield from _command(container, {port for port in ports if port is not None})
        has_check = any(
            item["healthCheck"]["command"].value for item in containers if item["essential"].flag is not False
        )
        if containers and not has_check and view.services_of(entity):
            text = f"no essential container of {entity.node['family'].text} has a healthCheck, and a service runs it"
            yield containers[0]["healthCheck"].find(MISSING, text)


def _ranges(container: Node) -> Iterator[Finding]:
    name, health = container["name"].text, container["healthCheck"]
    for member, (least, most) in RANGES.items():
        value = health[member].integer
        if value is not None and not least <= value <= most:
            text = f"container {name}: {member} {value} is not within {least} and {most}"
            yield health[member].find(RANGE, text, remedy=f"{member}: {least} to {most}")
    interval, timeout = health["interval"].integer, health["timeout"].integer
    if interval is not None and timeout is not None and timeout > interval:
        text = f"container {name}: a check may take {timeout} s, and the next one is due after {interval} s"
        yield health["timeout"].find(OVERLAP, text)
    first = health["command"][0]
    if "command" not in health or first.text not in {"CMD", "CMD-SHELL", "NONE", None}:
        text = f"container {name}: the command begins with {first.text or 'nothing'}"
        yield health["command"].find(RANGE, text, remedy='["CMD", "program", …] or ["CMD-SHELL", "line"]')


def _command(container: Node, ports: set[int]) -> Iterator[Finding]:
    name, command = container["name"].text, container["healthCheck"]["command"]
    line = " ".join(item.text or "" for item in command if item.text not in {"CMD", "CMD-SHELL"})
    place = command[len(command.value) - 1] if command.is_list and command.value else command
    tool = _CURL.search(f"{line} ")
    if tool is not None:
        yield place.find(TOOL, f"container {name}: {tool[1]} must be in the image")
    if re.search(r"\binspect\s+ping\b", line) and "celery" in line:
        named = (
            " -d celery@$HOSTNAME finds a worker that is started with -n celery@$HOSTNAME alone"
            if "$HOSTNAME" in line
            else ""
        )
        yield place.find(
            CELERY, f"container {name}: celery inspect ping costs about a second of CPU each time;{named}".rstrip(";")
        )
    if _NEVER_FAILS.search(line):
        yield place.find(ALWAYS, f"container {name}: the check always succeeds")
    asked = _LOCAL.search(line)
    if asked is not None and ports and int(asked["port"]) not in ports:
        known = ", ".join(map(str, sorted(ports)))
        yield place.find(PORT, f"container {name}: it asks port {asked['port']}, the task has {known}")
