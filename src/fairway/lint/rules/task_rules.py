"""Task definitions as a whole: types, sizes, what Fargate has, roles, tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.document import is_placeholder
from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import IMAGE, NAME, fargate, object_, task
from fairway.project.definition import CONTAINER_TYPES, READ_ONLY, SERVICE_TYPES, TASK_TYPES, TYPE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.lint.document import Node
    from fairway.lint.entity import Entity, View
    from fairway.lint.finding import Finding

_GUIDE: Final = "Amazon ECS Developer Guide, "
_PARAMETERS: Final = _GUIDE + "Amazon ECS task definition parameters"
SIZES: Final = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}
"""Fargate's CPU units -> the MiB that go with them."""
LOG_DRIVERS: Final = ("awslogs", "splunk", "awsfirelens")
"""Those of Fargate."""
_VCPU: Final = re.compile(r"(?P<number>\d+|\d*\.\d+)\s*vcpu", re.IGNORECASE)
_GIGABYTES: Final = re.compile(r"(?P<number>\d+|\d*\.\d+)\s*gb", re.IGNORECASE)

READ_ONLY_MEMBERS: Final = Rule(
    "read-only-members",
    Severity.ERROR,
    "Members that only a describe call gives",
    "register-task-definition and create-service refuse members that AWS fills in itself. They get into a file when the answer "
    "of a describe call is pasted.",
    "remove them; of an answer, keep what is inside, without the members that AWS fills in",
    "Amazon ECS API Reference, RegisterTaskDefinition and CreateService (Request Parameters)",
    object_(**NAME, revision=42, status="ACTIVE", containerDefinitions=[IMAGE]),
    object_(**NAME, containerDefinitions=[IMAGE]),
)
WRONG_TYPE: Final = Rule(
    "wrong-type",
    Severity.ERROR,
    "A member of another type than AWS has",
    "The AWS CLI and every SDK refuse it before they send it: cpu and memory of a task are strings, those of a container numbers, "
    "and every value of a variable is a string.",
    "write it as the API has it",
    "Amazon ECS API Reference, RegisterTaskDefinition, ContainerDefinition and CreateService",
    task({"environment": [{"name": "PORT", "value": 8000}]}),
    task({"environment": [{"name": "PORT", "value": "8000"}]}),
)
FARGATE_SIZE: Final = Rule(
    "fargate-size",
    Severity.ERROR,
    "cpu and memory that Fargate does not have",
    "Fargate has a fixed set of pairs of CPU and memory; RegisterTaskDefinition answers every other one with "
    "'No Fargate configuration exists for given values'.",
    "take a pair of the table",
    _GUIDE + "Fargate task definition parameters: CPU and memory",
    fargate(cpu="256", memory="4096"),
    fargate(cpu="256", memory="2048"),
)
FARGATE_REFUSES: Final = Rule(
    "fargate-refuses",
    Severity.ERROR,
    "What Fargate does not have",
    "Fargate takes the network mode awsvpc and the log drivers awslogs, splunk and awsfirelens alone, no privileged containers, no "
    "links, no host or Docker volumes, no sharing of the host's namespaces: registration fails, or the task can never be placed.",
    "leave it out, or run this task on EC2",
    _GUIDE + "Differences in task definitions for Fargate; Amazon ECS API Reference, LogConfiguration (logDriver)",
    fargate({"privileged": True}, networkMode="awsvpc"),
    fargate({"privileged": False}, networkMode="awsvpc"),
)
EXECUTION_ROLE: Final = Rule(
    "execution-role-missing",
    Severity.ERROR,
    "No execution role, though ECS needs one",
    "ECS pulls from ECR, reads secrets and (on Fargate) writes to CloudWatch Logs with the execution role. Without one the "
    "registration is refused.",
    "add executionRoleArn",
    _GUIDE + "Amazon ECS task execution IAM role",
    fargate({"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1.4.2"}),
    fargate({"image": "public.ecr.aws/nginx/nginx:1.29.3"}),
)
STORAGE: Final = Rule(
    "ephemeral-storage",
    Severity.ERROR,
    "Ephemeral storage out of range",
    "sizeInGiB is 21 to 200; the 20 GiB that each task has anyway are not given.",
    "take 21 to 200, or leave it out",
    _GUIDE + "Fargate task ephemeral storage",
    fargate(ephemeralStorage={"sizeInGiB": 20}),
    fargate(ephemeralStorage={"sizeInGiB": 21}),
)
TAGS: Final = Rule(
    "empty-tags",
    Severity.ERROR,
    "An empty list of tags",
    "RegisterTaskDefinition and CreateService answer an empty list with 'Tags can not be empty'.",
    "leave tags out",
    "Amazon ECS API Reference, RegisterTaskDefinition (tags)",
    task(tags=[]),
    task(tags=[{"key": "Environment", "value": "production"}]),
)
NOT_FARGATE: Final = Rule(
    "not-fargate",
    Severity.INFO,
    "A task definition that is not for Fargate",
    "On EC2 the team runs, patches and scales the machines as well.",
    'add "FARGATE" to requiresCompatibilities, unless the task needs what Fargate does not have',
    "strategy document, Best Practices",
    task(requiresCompatibilities=["EC2"]),
    task(requiresCompatibilities=["EC2", "FARGATE"]),
    practice="DO 1",
)
VERSION_TAG: Final = Rule(
    "no-version-tag",
    Severity.INFO,
    "A task definition without tags for version and commit",
    "Whoever looks at a revision later sees from its tags what it was built from. `fairway deploy` writes such tags itself, so "
    "this is said only of files outside of a project.",
    'add tags such as {"key": "version", "value": "1.4.2"} and {"key": "commit", "value": "3f2a…"}',
    "strategy document, Best Practices",
    task(tags=[{"key": "Environment", "value": "production"}]),
    task(tags=[{"key": "version", "value": "1.4.2"}, {"key": "commit", "value": "3f2a9c1"}]),
    practice="DO 10",
)
RULES: Final = (
    READ_ONLY_MEMBERS, WRONG_TYPE, FARGATE_SIZE, FARGATE_REFUSES, EXECUTION_ROLE, STORAGE, TAGS, NOT_FARGATE, VERSION_TAG,
)  # fmt: skip
_OF_SERVICES: Final = (
    "serviceArn", "clusterArn", "status", "runningCount", "pendingCount", "deployments", "events", "createdAt", "createdBy",
    "roleArn", "taskSets", "currentServiceDeployment", "currentServiceRevisions",
)  # fmt: skip
_VERSION: Final = re.compile(r"version|release", re.IGNORECASE)
_COMMIT: Final = re.compile(r"commit|sha|revision", re.IGNORECASE)


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.TASK_DEFINITION):
        yield from _members(entity)
        yield from _sizes(entity.node)
        yield from _fargate(entity.node)
        yield from _roles(entity.node)
        yield from _storage(entity.node)
        if not entity.is_answer:
            yield from _types(entity.node)
        yield from _advice(entity, is_project=view.project is not None)
    for entity in view.of(Kind.SERVICE):
        if not entity.is_answer:
            yield from _pasted(entity.node, _OF_SERVICES)
            yield from _typed(entity.node, SERVICE_TYPES)
        yield from _tags(entity.node)


def containers_of(node: Node) -> list[Node]:
    return list(node["containerDefinitions"].objects())


def is_fargate(node: Node) -> bool:
    return any(item.text == "FARGATE" for item in node["requiresCompatibilities"])


def _members(entity: Entity) -> Iterator[Finding]:
    if not entity.is_answer:
        yield from _pasted(entity.node, READ_ONLY)
    yield from _tags(entity.node)


def _pasted(node: Node, names: tuple[str, ...]) -> Iterator[Finding]:
    found = [name for name in names if name in node]
    if found:
        yield node[found[0]].find(
            READ_ONLY_MEMBERS, f"{', '.join(found)}: only a describe call gives this, and AWS refuses it"
        )


def _tags(node: Node) -> Iterator[Finding]:
    if node["tags"].value == []:
        yield node["tags"].find(TAGS, "tags is empty")


def cpu_units(node: Node) -> int | None:
    """`"1024"`, `1024`, `"1 vCPU"` -> 1024."""
    match = _VCPU.fullmatch(node.text or "")
    return round(float(match["number"]) * 1024) if match is not None else node.integer


def memory_mib(node: Node) -> int | None:
    """`"2048"`, `2048`, `"2GB"` -> 2048."""
    match = _GIGABYTES.fullmatch((node.text or "").replace(" ", ""))
    return round(float(match["number"]) * 1024) if match is not None else node.integer


def _types(node: Node) -> Iterator[Finding]:
    yield from _typed(node, TASK_TYPES)
    for container in containers_of(node):
        yield from _typed(container, CONTAINER_TYPES)
        for member, value in (("environment", "value"), ("secrets", "valueFrom")):
            for variable in container[member].objects():
                yield from _typed(variable, {"name": (str,), value: (str,)})


def _typed(node: Node, types: Mapping[str, tuple[type, ...]]) -> Iterator[Finding]:
    for name, allowed in types.items():
        member = node[name]
        value = member.value
        right = isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed)
        if not (value is None or right or (member.text is not None and is_placeholder(member.text))):
            kind = TYPE_NAMES[allowed[0]]
            yield member.find(
                WRONG_TYPE, f"{name} is {TYPE_NAMES.get(type(value), 'a number')}", remedy=f"write {name} as {kind}"
            )


def _sizes(node: Node) -> Iterator[Finding]:
    if not is_fargate(node):
        return
    for name in ("cpu", "memory"):
        if name not in node:
            remedy = f"add {name} to the task definition itself, beside family"
            yield node[name].find(FARGATE_SIZE, f"Fargate requires {name} at the task level", remedy=remedy)
    cpu, memory = cpu_units(node["cpu"]), memory_mib(node["memory"])
    if cpu is None or memory is None:
        return
    if cpu not in SIZES:
        known = ", ".join(map(str, SIZES))
        yield node["cpu"].find(FARGATE_SIZE, f"Fargate has no cpu {cpu}", remedy=f"one of {known}")
    elif memory not in SIZES[cpu]:
        sizes = SIZES[cpu]
        step = "" if len(sizes) == len(SIZES[256]) else f" in steps of {sizes[1] - sizes[0]}"
        text = ", ".join(map(str, sizes)) if not step else f"{sizes[0]} to {sizes[-1]}{step}"
        yield node["memory"].find(
            FARGATE_SIZE, f"Fargate has no memory {memory} for cpu {cpu}", remedy=f"with cpu {cpu}: {text}"
        )


def _fargate(node: Node) -> Iterator[Finding]:
    if not is_fargate(node):
        return
    mode = node["networkMode"]
    if mode.literal not in {None, "awsvpc"}:
        yield mode.find(
            FARGATE_REFUSES,
            f"network mode {mode.literal}: Fargate only supports awsvpc",
            remedy='"networkMode": "awsvpc"',
        )
    for name in ("ipcMode", "inferenceAccelerators", "placementConstraints"):
        if node[name].value:
            yield node[name].find(FARGATE_REFUSES, f"{name} is not supported by Fargate")
    for volume in node["volumes"].objects():
        for member in (volume["host"]["sourcePath"], volume["dockerVolumeConfiguration"]):
            if member.exists:
                yield member.find(
                    FARGATE_REFUSES, f"{member.path[-1]}: Fargate has no volumes of the host or of Docker"
                )
    for container in containers_of(node):
        if container["privileged"].flag:
            yield container["privileged"].find(FARGATE_REFUSES, "Fargate runs no privileged container")
        driver = container["logConfiguration"]["logDriver"]
        if driver.literal is not None and driver.literal not in LOG_DRIVERS:
            text = f"the log driver {driver.literal} is not supported by Fargate"
            yield driver.find(FARGATE_REFUSES, text, remedy=f"one of {', '.join(LOG_DRIVERS)}")
        for name in ("dockerSecurityOptions", "extraHosts", "dnsServers", "dnsSearchDomains", "disableNetworking"):
            if container[name].value:
                yield container[name].find(FARGATE_REFUSES, f"{name} is not supported by Fargate")
        linux = container["linuxParameters"]
        for name in ("devices", "maxSwap", "swappiness"):
            if linux[name].value:
                yield linux[name].find(FARGATE_REFUSES, f"{name} is not supported by Fargate")
        for capability in linux["capabilities"]["add"]:
            if capability.literal not in {None, "SYS_PTRACE"}:
                yield capability.find(
                    FARGATE_REFUSES, f"Fargate adds no capability but SYS_PTRACE: {capability.literal}"
                )


def _roles(node: Node) -> Iterator[Finding]:
    if "executionRoleArn" in node:
        return
    for container in containers_of(node):
        uses = []
        if container["secrets"].value:
            uses.append("secrets")
        if is_fargate(node) and re.search(r"\.dkr\.ecr\.[\w-]+\.amazonaws\.com", container["image"].text or ""):
            uses.append("an image of ECR")
        if is_fargate(node) and container["logConfiguration"]["logDriver"].text == "awslogs":
            uses.append("the log driver awslogs")
        if uses:
            name = container["name"].text
            yield node["executionRoleArn"].find(
                EXECUTION_ROLE, f"container {name} has {' and '.join(uses)}, and there is no executionRoleArn"
            )
            return


def _storage(node: Node) -> Iterator[Finding]:
    size = node["ephemeralStorage"]["sizeInGiB"]
    if size.integer is not None and not 21 <= size.integer <= 200:  # noqa: PLR2004 - AWS's bounds
        yield size.find(STORAGE, f"{size.integer} GiB")


def _advice(entity: Entity, *, is_project: bool) -> Iterator[Finding]:
    node = entity.node
    compatible = node["requiresCompatibilities"]
    if compatible.value and not is_fargate(node):
        yield compatible.find(NOT_FARGATE, "it is not for Fargate")
    if is_project or entity.is_answer:
        return
    keys = [tag["key"].text or "" for tag in node["tags"].objects()]
    missing = [
        word
        for word, pattern in (("version", _VERSION), ("commit", _COMMIT))
        if not any(pattern.search(key) for key in keys)
    ]
    if missing:
        yield node["tags"].find(VERSION_TAG, f"no tag for {' and '.join(missing)}")
