"""The likely cause of a failure, and what to do next: one rule for each way in which tasks die. Pure.

A rule looks at what ECS says (stop code, reasons, exit code), at the task definition and at the last log lines; the first
rule that knows the failure speaks.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fairway.observed import TAIL_LINES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fairway.deployment.failures import Failure
    from fairway.observed import HealthCheck, Picture, TaskDefinition

_OOM_CODE: Final = 137
_SECRET: Final = re.compile(r"(arn:aws[\w-]*:(?:secretsmanager|ssm):[\w\-:/+=.@]+)")
_EXCEPTION: Final = re.compile(r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Fault|NotFound|Refused)\b.*")
_TROUBLE: Final = re.compile(r"\b(?:error|fatal|panic|exception|failed|cannot|denied|refused)\b", re.IGNORECASE)
_LISTENS: Final = re.compile(r"(?:listen|running|serving|started|bound)\b.*?[:\s](?P<port>\d{2,5})\b", re.IGNORECASE)
_LOOPBACK: Final = re.compile(r"127\.0\.0\.1|localhost|\[::1\]")
_CODES: Final = re.compile(r"codes: \[(?P<codes>[\d, ]+)\]")
_SUBNET: Final = re.compile(r"\bsubnet-[0-9a-f]+")
_NOT_FOUND: Final = 404
_SIGNALS: Final = {134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 139: "SIGSEGV", 143: "SIGTERM"}


class Likely(NamedTuple):
    """A likely cause."""

    kind: str
    """Stable, for programs."""
    text: str
    remedy: str


class _Case(NamedTuple):
    failure: Failure
    picture: Picture
    definition: TaskDefinition | None
    lines: Sequence[str]

    @property
    def container(self) -> Mapping[str, Any]:
        return {} if self.definition is None else self.definition.container(self.failure.container)

    @property
    def said(self) -> str:
        return f"{self.failure.reason} {self.failure.container_reason}"


def likely_cause(failure: Failure, picture: Picture, lines: Sequence[str]) -> Likely:
    """The most likely cause of a group of stopped tasks, whose last log lines are `lines`."""
    case = _Case(failure, picture, picture.definitions.get(failure.task_definition), lines)
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return found
    return Likely("unknown", "ECS says no more than that", "look at the service's events")


# -- before it ran -----------------------------------------------------------------------------------------------------


def _image(case: _Case) -> Likely | None:
    if "CannotPullContainer" not in case.said and "pull image manifest" not in case.said:
        return None
    images = [str(case.container.get("image"))] if case.container.get("image") else []
    if not images and case.definition is not None:
        images = [str(container.get("image")) for container in case.definition.containers]
    image = ", ".join(images) or "the image"
    lowered = case.said.lower()
    if "toomanyrequests" in lowered or "rate limit" in lowered:
        return Likely("image-rate-limit", f"the registry limits pulls of {image}", "copy the image into ECR, or log in")
    if "denied" in lowered or "permissions" in lowered:
        return Likely(
            "image-denied",
            f"the execution role may not pull {image}",
            "give executionRoleArn ecr:BatchGetImage and its kin",
        )
    if "timeout" in lowered or "connection" in lowered:
        return Likely(
            "image-unreachable", f"the registry of {image} cannot be reached", "look at routes and VPC endpoints"
        )
    return Likely("image-not-found", f"the image {image} does not exist", _image_remedy(images, case.picture))


def _image_remedy(images: Sequence[str], picture: Picture) -> str:
    if images and ".dkr.ecr." in images[0]:
        repository, _, tag = images[0].partition("/")[2].partition(":")
        if repository in picture.missing_repositories:
            return f"ECR has no repository {repository}: correct its name, or make it and push the image"
        return (
            f"push it, or choose a tag of: aws ecr list-images --repository-name {repository} (not {tag or 'latest'})"
        )
    return "push the image, or correct its name and tag"


def _secret(case: _Case) -> Likely | None:
    lowered = case.said.lower()
    if "resourceinitializationerror" not in lowered:
        return None
    match = _SECRET.search(case.said)
    if match is not None or "secret" in lowered or "parameter" in lowered:
        name = match[1].rstrip(".") if match is not None else "a secret"
        users = _users_of(case, name)
        return Likely(
            "secret-missing",
            f"{name}{users} does not exist, or the execution role may not read it",
            "create it, or correct valueFrom under secrets",
        )
    if "log" in lowered:
        return Likely(
            "log-group-missing", "the log group of the task cannot be used", "create it, or correct awslogs-group"
        )
    return Likely("initialization", "the task could not be made ready", "look at the network and the execution role")


def _users_of(case: _Case, name: str) -> str:
    if case.definition is None:
        return ""
    users = [
        f"{item['name']} of {container['name']}"
        for container in case.definition.containers
        for item in container.get("secrets", ())
        if item["valueFrom"].startswith(name) or name.startswith(item["valueFrom"])
    ]
    return f" ({', '.join(users)})" if users else ""


def _start(case: _Case) -> Likely | None:
    if "CannotStartContainer" in case.said or "ContainerRuntimeError" in case.said:
        return Likely(
            "cannot-start", "the container's command cannot be started", "look at command, entryPoint and user"
        )
    return None


def _capacity(case: _Case) -> Likely | None:
    lowered = case.said.lower()
    if case.failure.stop_code == "SpotInterruption":
        return Likely("spot", "AWS took the Spot capacity back", "nothing: ECS starts another; or give FARGATE a base")
    if "capacity is unavailable" in lowered:
        return Likely("capacity", "AWS has no capacity in this zone now", "try again, or add subnets in other zones")
    if "insufficientfreeaddresses" in lowered:
        subnet = _SUBNET.search(case.said)
        where = subnet[0] if subnet is not None else "the subnet"
        return Likely("network", f"{where} has no free address", "add subnets, or end tasks that hold addresses")
    if "network interface" in lowered:
        return Likely("network", "the task got no network interface", "look at free addresses in the subnets")
    return None


# -- while it ran ------------------------------------------------------------------------------------------------------


def _memory(case: _Case) -> Likely | None:
    if "OutOfMemory" not in case.said:
        return None
    limit = case.container.get("memory") or (case.definition.document.get("memory") if case.definition else None)
    of = f" of {limit} MiB" if limit else ""
    return Likely("out-of-memory", f"it used more memory than its limit{of}", "raise memory, or look for a leak")


def _target(case: _Case) -> Likely | None:
    failure = case.failure
    if not failure.reason.startswith("Task failed ELB health checks"):
        return None
    check = next((c for c in case.picture.checks if c.target_group in failure.reason), None) or next(
        iter(case.picture.checks), None
    )
    path = check.path if check is not None else "the health check's path"
    codes = _CODES.search(failure.target_reason)
    if codes is not None:
        first = int(codes["codes"].split(",")[0])
        wanted = f", where {check.matcher} is wanted" if check is not None else ""
        if first == _NOT_FOUND:
            return Likely(
                "health-check-path", f"{path} answers 404{wanted}", "correct the target group's path, or add the route"
            )
        return Likely(
            "health-check-status", f"{path} answers {codes['codes']}{wanted}", "the log says why it is not well"
        )
    return _silent(case, check, path)


def _silent(case: _Case, check: HealthCheck | None, path: str) -> Likely:
    """The load balancer got no answer: did the program listen at all, and where?"""
    port, listens = _balanced_port(case), _listening(case.lines)
    if listens is not None and port is not None and listens.is_reachable and listens.port != port:
        return Likely(
            "health-check-port",
            f"the program listens on {listens.port}, but the load balancer asks port {port}",
            "make PORT, containerPort and the program agree",
        )
    if "timed out" in case.failure.target_reason.lower():
        limit = "" if check is None else f" within {check.timeout_seconds} s"
        return Likely(
            "health-check-timeout",
            f"{path} was not answered{limit}: the program is busy or stuck",
            "look at what it waits for; answer the health check without other services",
        )
    if case.failure.newest.health == "HEALTHY":
        return Likely(
            "health-check-unreachable",
            f"the container's own health check passes, but the load balancer gets no answer on port {port or '?'}",
            "look at the security groups, and at the address that the program listens on",
        )
    return _slow(case, check, port, listens)


def _slow(case: _Case, check: HealthCheck | None, port: int | None, listens: _Listening | None) -> Likely:
    grace = case.picture.service.grace_seconds
    limit = (
        "" if check is None else f", then {check.unhealthy_threshold} failed checks {check.interval_seconds} s apart"
    )
    where = f"port {port}" if port is not None else "its port"
    why = "it began to listen too late: it" if listens is not None else "it listens elsewhere, or"
    return Likely(
        "slow-start",
        f"nothing answered on {where} in time: {why} starts slower than the grace period of {grace} s{limit}",
        "compare the time that it needs to start with healthCheckGracePeriodSeconds",
    )


def _balanced_port(case: _Case) -> int | None:
    for balancer in case.picture.service.document.get("loadBalancers", ()):
        if "containerPort" in balancer:
            return int(balancer["containerPort"])
    return None


class _Listening(NamedTuple):
    """Where a program said that it listens."""

    port: int
    is_reachable: bool
    """Not on the loopback address alone, on which a local engine's tasks listen, each on a port of its own."""


def _listening(lines: Sequence[str]) -> _Listening | None:
    for line in reversed(lines):
        match = _LISTENS.search(line)
        if match is not None:
            return _Listening(int(match["port"]), _LOOPBACK.search(line) is None)
    return None


def _container_check(case: _Case) -> Likely | None:
    if not case.failure.reason.startswith("Task failed container health checks"):
        return None
    unhealthy = [c.name for c in case.failure.newest.containers if c.health == "UNHEALTHY"]
    container = case.container
    if case.definition is not None and "healthCheck" not in container:
        checked = [c for c in case.definition.containers if "healthCheck" in c]
        container = next((c for c in checked if c["name"] in unhealthy), checked[0] if checked else {})
    check = container.get("healthCheck", {})
    command = " ".join(word for word in check.get("command", ()) if word not in {"CMD", "CMD-SHELL"})
    start, retries, interval = check.get("startPeriod", 0), check.get("retries", 3), check.get("interval", 30)
    failed = f"`{command or 'its health check'}` failed {retries} times, {interval} s apart, after a start period of {start} s"
    ports = [str(mapping.get("containerPort")) for mapping in container.get("portMappings", ())]
    if not ports or not any(word in command for word in ("http", "localhost", *ports)):
        return Likely("container-health-check", failed, _check_remedy(command))
    if _listening(case.lines) is not None:
        return Likely(
            "container-health-check",
            f"the program listens, but its health check is not well: {failed}",
            "the log says why, or what the check asks does; "
            "if it is well at first, look at what changes with time (connections, memory, queues)",
        )
    # of a longer log the beginning, where it may say that it listens, is not known
    if "logConfiguration" not in container or len(case.lines) >= TAIL_LINES:
        return Likely("container-health-check", failed, _check_remedy(command))
    lived = case.failure.lived_seconds
    ran = "" if lived is None else f" in the {lived:.0f} s that it ran"
    return Likely(
        "slow-start",
        f"the program's log never says that it listens{ran}: it starts slower than its checks allow ({failed})",
        "make it start faster, or raise startPeriod (at most 300) above the time that it needs",
    )


def _check_remedy(command: str) -> str:
    """What to do about a check of which nothing more is known."""
    remedy = (
        "compare what the command asks with what the program does, and startPeriod with the time that it needs to start"
    )
    tool = next((word for word in ("curl", "wget") if word in command), None)
    return remedy if tool is None else f"{remedy}; is {tool} in the image?"


def _exit(case: _Case) -> Likely | None:
    code = case.failure.exit_code
    if code is None:
        return None
    line = telling_line(case.lines)
    says = f": {line}" if line else ""
    lived = case.failure.lived_seconds
    when = "" if lived is None else f" after {lived:.0f} s"
    if code == 0:
        return Likely(
            "ended",
            f"the program ended by itself{when}, without an error",
            "a service's command must not end: is it a one-off?",
        )
    if code in {126, 127}:
        what = "does not exist" if code == 127 else "cannot be executed"  # noqa: PLR2004 - the shell's exit codes
        return Likely(
            "command", f"the container's command {what}{says}", "look at command and entryPoint, and at the image"
        )
    if code == _OOM_CODE:
        return Likely(
            "killed", f"it was killed (SIGKILL){when}{says}", "memory limit, or it did not end within stopTimeout?"
        )
    if code in _SIGNALS:
        return Likely("signal", f"it died of {_SIGNALS[code]}{when}{says}", "look at the last lines")
    return Likely("crash", f"the program ended with exit code {code}{when}{says}", "correct it, and deploy again")


def telling_line(lines: Sequence[str]) -> str:
    """The line that says most about the end: the last exception, else the last that speaks of trouble."""
    plain = [_unwrapped(line) for line in lines if line.strip()]
    for pattern in (_EXCEPTION, _TROUBLE):
        for line in reversed(plain):
            if pattern.search(line):
                return line.strip()[:200]
    return ""


def _unwrapped(line: str) -> str:
    """The message inside a line of JSON; any other line as it is."""
    if not line.lstrip().startswith("{"):
        return line
    try:
        document = json.loads(line)
    except ValueError:
        return line
    exception = str(document.get("exception") or document.get("exc_info") or "").strip().splitlines()
    if exception:
        # some go on after their first line: SQLAlchemy's with the statement and a link
        return next((line for line in reversed(exception) if _EXCEPTION.search(line)), exception[-1])
    for key in ("error", "event", "message", "msg"):
        if isinstance(document.get(key), str):
            return str(document[key])
    return line


_RULES: Final[tuple[Callable[[_Case], Likely | None], ...]] = (
    _image,
    _secret,
    _start,
    _capacity,
    _memory,
    _target,
    _container_check,
    _exit,
)
