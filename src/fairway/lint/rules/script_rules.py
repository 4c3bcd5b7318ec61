"""Shell scripts and CI steps that deploy with the AWS CLI. Each pattern that is looked for is said in the rule's `why`."""

from __future__ import annotations

import bisect
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind, family_of
from fairway.lint.finding import Rule, Severity, find
from fairway.lint.rules.container_rules import moving
from fairway.lint.rules.examples import blocks, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.entity import View
    from fairway.lint.finding import Finding
    from fairway.lint.script import Command, Script

_WAITERS: Final = (
    "botocore, waiters of ECS (waiters-2.json: services_stable, tasks_stopped); strategy document, Deployment Process"
)
_RUN: Final = "aws ecs run-task --cluster prod --task-definition migrations:5 --launch-type FARGATE"
_NET: Final = " --network-configuration 'awsvpcConfiguration={subnets=[subnet-1],securityGroups=[sg-1]}'"
_UPDATE: Final = "aws ecs update-service --cluster prod --service api --task-definition api:43"
_WAIT: Final = "aws ecs wait services-stable --cluster prod --services api"
_TWICE: Final = "for attempt in 1 2 3; do\n  {} && break\ndone"
_REGISTER: Final = "aws ecs register-task-definition --cli-input-json file://api.json"
_STATE: Final = (
    "aws ecs describe-services --cluster prod --services api --query 'services[0].deployments[0].rolloutState'"
)
_COPY: Final = "TD=$(aws ecs describe-task-definition --task-definition api --query 'taskDefinition')\n"
_PUT: Final = 'aws ecs register-task-definition --cli-input-json "$NEW"'

NO_NETWORK: Final = Rule(
    "run-task-network",
    Severity.ERROR,
    "run-task without a network configuration",
    "A task on Fargate, or with the network mode awsvpc, needs subnets: RunTask refuses it without. Looked for: `aws ecs run-task` "
    "with Fargate (or a task definition among the files that has awsvpc) and without --network-configuration or --cli-input-json; "
    "in Python, the same of `run_task`.",
    "add --network-configuration 'awsvpcConfiguration={subnets=[…],securityGroups=[…],assignPublicIp=DISABLED}'",
    "Amazon ECS API Reference, RunTask (networkConfiguration)",
    blocks(_RUN),
    blocks(_RUN + _NET),
)
NO_DEFINITION: Final = Rule(
    "task-definition-not-found",
    Severity.INFO,
    "A command that runs a task definition which is not among the files",
    "Among the files are task definitions, but not this one: nobody who has only these files can run the step. Looked for: "
    "run-task and update-service with a literal --task-definition.",
    "add the task definition, or correct the name",
    "strategy document, Deployment Steps",
    blocks('{"family": "api", "containerDefinitions": [{"name": "api", "image": "api:1.4.2"}]}', _RUN + _NET),
    blocks('{"family": "migrations", "containerDefinitions": [{"name": "m", "image": "m:1.4.2"}]}', _RUN + _NET),
)
COPIED: Final = Rule(
    "register-copied",
    Severity.ERROR,
    "A described task definition that is registered again whole",
    "describe-task-definition gives members that register-task-definition refuses (taskDefinitionArn, revision, status, "
    "requiresAttributes, compatibilities, registeredAt, registeredBy). Looked for: both commands in one script, the first with "
    "--query taskDefinition, and nothing that takes members out (jq's del, pick, with_entries or an object of its own).",
    "take them out: jq 'del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, "
    ".registeredBy)'",
    "Amazon ECS API Reference, RegisterTaskDefinition (Request Parameters)",
    blocks(_COPY + "NEW=$(echo $TD | jq '.containerDefinitions[0].image = \"api:2\"')\n" + _PUT),
    blocks(_COPY + "NEW=$(echo $TD | jq 'del(.taskDefinitionArn, .revision, .status)')\n" + _PUT),
)
STABLE: Final = Rule(
    "stable-is-not-deployed",
    Severity.WARNING,
    "services-stable taken for success",
    "`aws ecs wait services-stable` succeeds after the circuit breaker has rolled back: the service is stable, on the old version, "
    "and the script reports success for a failed deployment. Looked for: the waiter (in Python: get_waiter), without anything "
    "behind it that reads rolloutState, a service deployment or the service's task definition.",
    "afterwards compare the service's task definition (or its service deployment's status) with what was deployed, or use "
    "`fairway deploy`",
    _WAITERS,
    blocks(_UPDATE + "\n" + _TWICE.format(_WAIT)),
    blocks(_UPDATE + "\n" + _TWICE.format(_WAIT) + "\n" + _STATE),
)
TIMEOUT: Final = Rule(
    "waiter-gives-up",
    Severity.WARNING,
    "A waiter that gives up before the deployment is over",
    "services-stable and tasks-stopped ask 40 times in 15 s or 100 times in 6 s: after 600 s they fail, while a rolling deployment "
    "with draining lasts 10 to 15 minutes. Looked for: the waiter outside of a loop or a second try; in Python, `wait` without "
    "WaiterConfig.",
    "try again in a loop, or ask describe-services yourself for as long as a deployment may last",
    _WAITERS,
    blocks(_UPDATE + "\n" + _WAIT + "\n" + _STATE),
    blocks(_UPDATE + "\n" + _TWICE.format(_WAIT) + "\n" + _STATE),
)
PREVIOUS: Final = Rule(
    "rollback-to-previous",
    Severity.WARNING,
    "A rollback to the revision before",
    "The second newest revision may be one that never worked, such as yesterday's failed deployment. Looked for: "
    "`list-task-definitions` whose query takes taskDefinitionArns[1] (or [-2]), and REVISION - 1.",
    "go back to the last revision that is known to be good: tag it after each verified deployment; `fairway rollback` does",
    "strategy document, Rollback Procedures",
    blocks("aws ecs list-task-definitions --family-prefix api --sort DESC --query 'taskDefinitionArns[1]'"),
    blocks("aws ecs list-task-definitions --family-prefix api --sort DESC --query 'taskDefinitionArns[0]'"),
)
LATEST: Final = Rule(
    "deploys-latest",
    Severity.WARNING,
    "A script that deploys latest",
    "Whoever leaves the argument out deploys what was pushed last, and nobody can say later what that was. Looked for: a default "
    "of latest (${1:-latest}) or an image of ECR with the tag latest.",
    "demand the tag: TAG=${1:?tag missing}",
    "strategy document, Best Practices",
    blocks("IMAGE_TAG=${1:-latest}\n" + _UPDATE),
    blocks("IMAGE_TAG=${1:?tag}\n" + _UPDATE),
    practice="DON'T 6",
)
FORGOTTEN: Final = Rule(
    "services-forgotten",
    Severity.WARNING,
    "A release that leaves services behind",
    "The files have more services than the script updates: an old worker drops for good a job that the new API sends. Looked for: a "
    "script that registers a task definition and updates services, all of whose names are known, and other services among the files.",
    "update every service in its order (worker first), or deploy with `fairway deploy`",
    "strategy document, Best Practices",
    blocks(service(desiredCount=1), '{"serviceName": "api", "desiredCount": 1}', _REGISTER + "\n" + _UPDATE),
    blocks('{"serviceName": "api", "desiredCount": 1}', _REGISTER + "\n" + _UPDATE),
    practice="DON'T 7",
)
UNWATCHED: Final = Rule(
    "release-unwatched",
    Severity.WARNING,
    "A release that nobody watches",
    "A version that starts and then fails (errors, latency, a leak) is a success for ECS. Looked for: a script that registers a "
    "task definition and updates a service, and behind that neither asks CloudWatch (get-metric, describe-alarms), nor follows "
    "logs, nor calls `fairway`.",
    "watch error rate and latency for 15 minutes and roll back on alarms; `fairway deploy` does, by `monitor`",
    "strategy document, Deployment Steps (Monitor for 15 Minutes)",
    blocks(_REGISTER + "\n" + _UPDATE),
    blocks(_REGISTER + "\n" + _UPDATE + "\naws cloudwatch describe-alarms --state-value ALARM"),
    practice="DO 8",
)
ORDER: Final = Rule(
    "migrations-after-services",
    Severity.WARNING,
    "Migrations that run after the new version",
    "The new version meets the old schema until the migrations are through. Looked for: `run-task` behind `update-service` in one "
    "script.",
    "run the migrations first, and stop if they fail",
    "strategy document, Best Practices",
    blocks(_UPDATE + "\n" + _RUN + _NET),
    blocks(_RUN + _NET + "\n" + _UPDATE),
    practice="DO 6",
)
LINE_ENDS: Final = Rule(
    "windows-line-ends",
    Severity.ERROR,
    "A shell script with Windows line ends",
    "The shell takes the carriage return for a part of the last word: `set -euo pipefail\\r` is an error, and so is `#!/bin/bash\\r`.",
    "save it with Unix line ends; in .gitattributes: *.sh text eol=lf",
    "POSIX, Shell Command Language (Token Recognition)",
    "```bash\n#!/bin/sh\r\nset -e\r\n```",
    "```bash\n#!/bin/sh\nset -e\n```",
)
RULES: Final = (
    NO_NETWORK, NO_DEFINITION, COPIED, STABLE, TIMEOUT, PREVIOUS, LATEST, FORGOTTEN, UNWATCHED, ORDER, LINE_ENDS,
)  # fmt: skip
_STRIPPED: Final = re.compile(r"\bdel\(|\bwith_entries\b|\bpick\(|jq[^\n]*\{\s*\"?family|requiresAttributes")
_TRUTH: Final = re.compile(
    r"rolloutState|service-deployment|services\[0\]\.(taskDefinition|deployments\[0\]\.taskDefinition)|\bfairway\s+(why|watch|status)"
)
_WATCHES: Final = re.compile(
    r"aws\s+cloudwatch|get-metric|describe-alarms|aws\s+logs\s+(tail|filter)|\bfairway\s+(watch|deploy)|api/v1/query"
)
_DEFAULT: Final = re.compile(r"\$\{\w+:?[-=]latest\}")
_ECR: Final = re.compile(r"[\w./-]*\.dkr\.ecr\.[\w.-]+/[\w./-]+:latest\b")
_PREVIOUS: Final = re.compile(r"taskDefinitionArns\[(1|-2)\]")
_MINUS_ONE: Final = re.compile(r"\$\(\(\s*\$?\{?(?P<name>\w*rev\w*)\}?\s*-\s*1\s*\)\)", re.IGNORECASE)
_LOOP: Final = re.compile(r"(?:^|[;&|(]|\bdo|\bthen)[ \t]*(?:until|while|for)\b", re.MULTILINE)
_DONE: Final = re.compile(r"(?:^|;)[ \t]*done\b", re.MULTILINE)


def check(view: View) -> Iterator[Finding]:
    for script in view.scripts:
        yield from _runs(view, script)
        yield from _copied(script)
        yield from _waits(script)
        yield from _previous(script)
        yield from _latest(script)
        yield from _release(view, script)
        if "\r\n" in script.text:
            yield find(
                LINE_ENDS, script.place(script.text.index("\r\n")), "the lines end with carriage return and line feed"
            )


def _runs(view: View, script: Script) -> Iterator[Finding]:
    definitions = {entity.node["family"].literal: entity.node for entity in view.of(Kind.TASK_DEFINITION)}
    for command in script.called("ecs run-task", "ecs update-service"):
        family = family_of(command.options.get("--task-definition", ""))
        known = definitions.get(family)
        if command.operation == "run-task" and not {"--network-configuration", "--cli-input-json"} & set(
            command.options
        ):
            fargate = "FARGATE" in command.options.get("--launch-type", "") + command.options.get(
                "--capacity-provider-strategy", ""
            )
            if fargate or (known is not None and known["networkMode"].text == "awsvpc"):
                text = f"run-task of {family or 'a task'} has no --network-configuration, and awsvpc needs one"
                yield find(NO_NETWORK, command.place, text)
        if family and "$" not in family and "<" not in family and definitions and known is None:
            yield find(NO_DEFINITION, command.place, f"no task definition of the family {family} is among the files")


def _copied(script: Script) -> Iterator[Finding]:
    described = [
        command
        for command in script.called("ecs describe-task-definition")
        if command.options.get("--query", "").strip() in {"taskDefinition", ""}
        or "jq" in script.text[command.end : command.end + 20]
    ]
    for command in script.called("ecs register-task-definition"):
        before = [other for other in described if other.start < command.start]
        if (
            before
            and "file://" not in command.text
            and not _STRIPPED.search(script.text[before[-1].start : command.end])
        ):
            yield find(
                COPIED, command.place, "what describe-task-definition answered is registered with its read-only members"
            )


def _waits(script: Script) -> Iterator[Finding]:
    last_truth, loops = script.last(_TRUTH), _loops(script.code)
    for command in script.called("ecs wait"):
        waiter = re.search(r"\bwait\s+(services-stable|tasks-stopped)\b", command.text)
        if waiter is None:
            continue
        if waiter[1] == "services-stable" and last_truth < command.end:
            yield find(
                STABLE,
                command.place,
                "services-stable also succeeds after a rollback, and nothing asks which version runs",
            )
        if not _is_repeated(script, command, loops):
            yield find(TIMEOUT, command.place, f"{waiter[1]} gives up after 600 s")


def _loops(code: str) -> list[tuple[int, int]]:
    """(position, how many loops are open from there on), in their order."""
    marks = sorted(
        [(match.end(), 1) for match in _LOOP.finditer(code)] + [(match.start(), -1) for match in _DONE.finditer(code)]
    )
    return list(zip((position for position, _ in marks), accumulate(change for _, change in marks), strict=True))


def _is_repeated(script: Script, command: Command, loops: list[tuple[int, int]]) -> bool:
    """It stands in a loop, or another command is behind `||`."""
    index = bisect.bisect_right(loops, command.start, key=lambda item: item[0])
    return bool(index and loops[index - 1][1] > 0) or script.text[command.end : command.end + 2] == "||"


def _previous(script: Script) -> Iterator[Finding]:
    for command in script.called("ecs list-task-definitions"):
        if _PREVIOUS.search(command.options.get("--query", "")):
            yield find(PREVIOUS, command.place, "the second newest revision, whether it ever worked or not")
    for match in _MINUS_ONE.finditer(script.text):
        if script.commands:
            yield find(
                PREVIOUS,
                script.place(match.start()),
                f"{match['name']} - 1: the revision before, whether it ever worked or not",
            )


def _latest(script: Script) -> Iterator[Finding]:
    if not any(command.service in {"ecs", "ecr"} for command in script.commands):
        return
    for pattern in (_DEFAULT, _ECR):
        for match in pattern.finditer(script.text):
            line = script.text[script.text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if "#" not in line and (pattern is _DEFAULT or moving(match.group())):
                yield find(LATEST, script.place(match.start()), f"{match.group()}: what was pushed last")


def _release(view: View, script: Script) -> Iterator[Finding]:
    updates = list(script.called("ecs update-service"))
    if not updates:
        return
    late = [command for command in script.called("ecs run-task") if command.start > updates[0].start]
    if late:
        yield find(ORDER, late[0].place, "a task is run after a service was updated")
    if not any(True for _ in script.called("ecs register-task-definition")):
        return
    if script.last(_WATCHES) < updates[0].end:
        yield find(UNWATCHED, updates[0].place, "after the update nothing looks at errors or latency")
    names = {command.options.get("--service", "").rpartition("/")[2] for command in updates}
    known = {name for entity in view.of(Kind.SERVICE) if (name := entity.node["serviceName"].literal)}
    forgotten = known - names
    if not any("$" in name or not name for name in names) and names & known and forgotten:
        text = f"{', '.join(sorted(names))} is updated, {', '.join(sorted(forgotten))} is not"
        yield find(FORGOTTEN, updates[0].place, text)
