"""What AWS's model of its API refuses: members that are not there, words that a member is not, names that are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.document import is_placeholder
from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import NAME, fargate, object_, task
from fairway.lint.shapes import service_members, shapes
from fairway.project.definition import READ_ONLY, SERVICE_READ_ONLY
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.lint.document import Node
    from fairway.lint.entity import Entity, View
    from fairway.lint.finding import Finding

_REFERENCE: Final = "Amazon ECS API Reference, "
_REQUESTS: Final = _REFERENCE + "RegisterTaskDefinition, CreateService and UpdateService (Request Parameters)"
_LEAST_MEMORY_MIB: Final = 6

UNKNOWN_MEMBER: Final = Rule(
    "unknown-member",
    Severity.ERROR,
    "A member that AWS does not have",
    "The AWS CLI and every SDK refuse it before they send it ('Unknown parameter in input'). Mostly it is a typing error, and what "
    "was meant is missing.",
    "correct it, or remove it",
    _REQUESTS,
    object_(**NAME, containerDefinitions=[{"name": "app", "image": "shop:1.4.2", "enviroment": []}]),
    object_(**NAME, containerDefinitions=[{"name": "app", "image": "shop:1.4.2", "environment": []}]),
)
UNKNOWN_VALUE: Final = Rule(
    "unknown-value",
    Severity.ERROR,
    "A word that a member cannot be",
    "Where the API has a fixed set of words, ECS refuses every other one, and small and large letters differ.",
    "take one of the words that it has",
    _REQUESTS + " (Valid Values)",
    fargate(runtimePlatform={"cpuArchitecture": "ARM"}),
    fargate(runtimePlatform={"cpuArchitecture": "ARM64"}),
)
ILLEGAL_NAME: Final = Rule(
    "illegal-name",
    Severity.ERROR,
    "A name with characters that ECS does not take",
    "The names of families, containers, volumes and services have up to 255 letters, digits, hyphens and underscores: no dots, no "
    "spaces, no slashes. ECS refuses every other one.",
    "use letters, digits, - and _, at most 255 of them",
    _REFERENCE
    + "RegisterTaskDefinition (family), ContainerDefinition (name), Volume (name), CreateService (serviceName)",
    task({"name": "shop.web"}),
    task({"name": "shop-web"}),
)
SMALL_MEMORY: Final = Rule(
    "memory-too-small",
    Severity.ERROR,
    "A container with less memory than Docker gives",
    "Docker reserves at least 6 MiB for a container: with less it is refused, or never starts.",
    "give it 6 MiB or more; memory is in MiB, not in GB",
    _REFERENCE + "ContainerDefinition (memory, memoryReservation)",
    task({"memory": 2}),
    task({"memory": 6}),
)
RULES: Final = (UNKNOWN_MEMBER, UNKNOWN_VALUE, ILLEGAL_NAME, SMALL_MEMORY)
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_SHOWN: Final = 60
_MOST_WORDS: Final = 10
"""More words than these are told by the nearest one alone."""


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.TASK_DEFINITION):
        members = shapes().structures["RegisterTaskDefinition"]
        yield from _structure(entity.node, members, () if entity.is_answer else READ_ONLY, is_answer=entity.is_answer)
        yield from _task_names(entity)
        for container in entity.node["containerDefinitions"].objects():
            yield from _memory(container)
    for entity in view.of(Kind.SERVICE):
        # what only a describe call gives is told by another rule
        yield from _structure(entity.node, service_members(), SERVICE_READ_ONLY, is_answer=entity.is_answer)
        yield from _name(entity.node["serviceName"], "service")


def _structure(node: Node, members: Mapping[str, str], told: tuple[str, ...], *, is_answer: bool) -> Iterator[Finding]:
    """An object's members: those that there are not, and the words of the others."""
    for name, member in node.members():
        holds = members.get(name)
        if holds is not None:
            for item in member if member.is_list else (member,):
                yield from _held(item, holds, is_answer=is_answer)
        elif not (is_answer or name in told or is_placeholder(name)):
            yield member.find(UNKNOWN_MEMBER, f"there is no member {name[:_SHOWN]}", remedy=_meant(name, members))


def _held(node: Node, holds: str, *, is_answer: bool) -> Iterator[Finding]:
    known = shapes()
    if holds in known.structures:
        yield from _structure(node, known.structures[holds], (), is_answer=is_answer)
    elif holds in known.values and node.literal is not None and node.literal not in known.values[holds]:
        words = known.values[holds]
        name = next(key for key in reversed(node.path) if isinstance(key, str))
        yield node.find(UNKNOWN_VALUE, f"{name} is {node.literal[:_SHOWN]!r}", remedy=_word(node.literal, words))


def _meant(name: str, members: Mapping[str, str]) -> str:
    hint = did_you_mean(name, members)
    return f"{hint} Else remove it" if hint.startswith("did you mean") else "remove it, or correct where it stands"


def _word(word: str, words: tuple[str, ...]) -> str:
    near = did_you_mean(word.upper() if words[0].isupper() else word.lower(), words)
    return near if near.startswith("did you mean") or len(words) > _MOST_WORDS else f"one of {', '.join(words)}"


def _task_names(entity: Entity) -> Iterator[Finding]:
    yield from _name(entity.node["family"], "family")
    for container in entity.node["containerDefinitions"].objects():
        yield from _name(container["name"], "container")
    for volume in entity.node["volumes"].objects():
        yield from _name(volume["name"], "volume")


def _name(node: Node, what: str) -> Iterator[Finding]:
    name = node.literal
    if name is not None and _NAME.fullmatch(name) is None:
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}… ({len(name)} characters)"
        yield node.find(ILLEGAL_NAME, f"the name {shown!r} of the {what}")


def _memory(container: Node) -> Iterator[Finding]:
    for member in ("memory", "memoryReservation"):
        memory = container[member].integer
        if memory is not None and memory < _LEAST_MEMORY_MIB:
            yield container[member].find(SMALL_MEMORY, f"container {container['name'].text}: {member} {memory} MiB")
