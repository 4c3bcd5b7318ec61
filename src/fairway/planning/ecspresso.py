"""The files of ecspresso, as those of a project. Pure: texts in, documents out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.planning.adoption import TAG, Adopted, key_of
from fairway.planning.canonical import NOT_REGISTERED
from fairway.planning.defaults import TASK_DEFINITION, service_defaults
from fairway.planning.pruned import pruned, without_host_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fairway.planning.go_templates import Converted
    from fairway.planning.plain_secrets import PlainSecrets

_TAG_VARIABLE: Final = re.compile(r":(?P<variable>\$\{(?P<name>\w+)\})$")
_ACCOUNT: Final = re.compile(r"^arn:[\w-]+:\w+:[\w-]*:(\d{12}):|^(\d{12})\.dkr\.ecr\.")
_NOT_CREATED: Final = frozenset(
    {"taskDefinition", "cluster", "clusterArn", "serviceArn", "status", "runningCount", "pendingCount", "createdAt"}
    | {"createdBy", "deployments", "events", "taskSets", "roleArn", "platformFamily", "currentServiceDeployment"}
    | {"currentServiceRevisions", "resourceManagementType"}
)
"""Members of a service definition that are said elsewhere, or that only AWS says."""
_NOTES: Final = {
    "plugins": "plugins are ecspresso's own: their values are the variables that are left to do",
    "codedeploy": "CodeDeploy is another controller, which Fairway does not drive",
    "appspec": "CodeDeploy is another controller, which Fairway does not drive",
    "timeout": "fairway deploy --timeout says how long to wait",
    "filter_command": "it chooses tasks on a terminal: there is nothing like it here",
    "ignore": "tags that AWS and Fairway write are ignored anyway; others are compared",
    "required_version": "it is ecspresso's",
    "cli_options": "they are ecspresso's",
    "wait": "fairway deploy --until says how far to wait",
}
_KNOWN: Final = {"region", "cluster", "service", "service_definition", "task_definition", *_NOTES}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What ecspresso.yml says."""

    region: str | None
    cluster: str
    service: str
    task_definition: str
    service_definition: str | None
    notes: tuple[str, ...] = field(default=())


def read_configuration(document: Any, values: Mapping[str, str], path: Path) -> Configuration:
    """The configuration; `values` are put in for `${NAME}`, which an environment's own file does not have.

    Raises:
        UsageError: it is no configuration of ecspresso, or a variable of it is not set.
    """
    if not isinstance(document, dict) or not isinstance(document.get("task_definition"), str):
        raise UsageError(
            f"{path}: no configuration of ecspresso: task_definition is missing",
            hint="name ecspresso.yml; a single definition goes into a project as it is",
        )
    said = {name: _filled(document.get(name), values, path) for name in ("region", "cluster", "service")}
    if said["service"] is None:
        raise UsageError(
            f"{path}: service is missing: a task alone is no service",
            hint="put its definition under [tasks.NAME] of a fairway.toml",
        )
    notes = [
        f"{name}: {_NOTES.get(name, 'it is not known here')}"
        for name in document
        if name not in _KNOWN or name in _NOTES
    ]
    return Configuration(
        region=said["region"],
        cluster=(said["cluster"] or "default").rsplit("/", 1)[-1],
        service=said["service"],
        task_definition=document["task_definition"],
        service_definition=document.get("service_definition"),
        notes=tuple(notes),
    )


def _filled(value: Any, values: Mapping[str, str], path: Path) -> str | None:
    def put(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise UsageError(f"{path}: ${{{match[1]}}} is not set", hint=f"export {match[1]}=… , for this once")
        return values[match[1]]

    return None if value is None else re.sub(r"\$\{(\w+)\}", put, str(value))


def refuse_jsonnet(path: Path, kind: str) -> None:
    """Jsonnet is a program: it has to be run first.

    Raises:
        UsageError: the file is one.
    """
    if path.suffix in {".jsonnet", ".libsonnet"}:
        raise UsageError(
            f"{path}: Jsonnet has to be rendered first",
            hint=f"ecspresso render {kind} > {path.with_suffix('.json').name}, and name that file in the configuration",
        )


def converted_service(
    configuration: Configuration,
    definition: Any,
    service: Any,
    secrets: PlainSecrets,
    place: Path,
) -> Adopted:
    """The service of a configuration, from its definitions, in which templates are converted.

    Raises:
        UsageError: a definition is none.
    """
    inner = definition.get("taskDefinition", definition) if isinstance(definition, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("containerDefinitions"), list):
        raise UsageError(
            f"{place}: no task definition: containerDefinitions is missing",
            hint="look at task_definition in the configuration",
        )
    key = key_of(configuration.service)
    tags = inner.get("tags")
    made = pruned({name: value for name, value in inner.items() if name not in NOT_REGISTERED}, TASK_DEFINITION)
    made = secrets.without(without_host_ports({**made, **({"tags": tags} if tags else {})}), key)
    made, notes = _with_tag(made)
    kept = None
    if isinstance(service, dict):
        shown = {name: value for name, value in service.items() if name not in _NOT_CREATED}
        kept = {
            "serviceName": configuration.service,
            **pruned(shown, service_defaults(str(shown.get("schedulingStrategy")))),
        }
        kept["serviceName"] = configuration.service
    return Adopted(key, made, kept, notes=(*configuration.notes, *notes))


def _with_tag(definition: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`{{ tag }}` for the variable that an image ends with."""
    containers, notes = [], []
    for container in definition["containerDefinitions"]:
        image = str(container.get("image", ""))
        match = _TAG_VARIABLE.search(image)
        if match is not None:
            notes.append(f"--tag takes the place of {match['name']} in the image of {container.get('name', '?')}")
            image = image[: match.start("variable")] + TAG
        containers.append({**container, "image": image} if image else dict(container))
    if not any(TAG in item.get("image", "") for item in containers):
        notes.append("no image has a variable as its tag: put {{ tag }} where --tag belongs")
    return {**definition, "containerDefinitions": containers}, notes


def accounts_in(documents: Sequence[Any]) -> list[str]:
    """Accounts that ARNs and images of the documents name."""
    found: set[str] = set()
    for document in documents:
        match document:
            case str():
                named = _ACCOUNT.match(document)
                found |= {named[1] or named[2]} if named is not None else set()
            case list() | tuple():
                found |= set(accounts_in(document))
            case dict():
                found |= set(accounts_in(list(document.values())))
            case _:
                continue
    return sorted(found)


def left_to_do(converted: Sequence[Converted]) -> list[str]:
    """Sentences: what a person has to say, because nothing here says it."""
    lines = []
    for name, template in sorted({k: v for one in converted for k, v in one.by_hand.items()}.items()):
        lines.append(
            f"by hand: ${{{name}}} stands for {{{{ {template} }}}}: set it under [variables], or write ssm:NAME"
        )
    for name, value in sorted({k: v for one in converted for k, v in one.defaults.items()}.items()):
        lines.append(f"${{{name}}} is {value!r} by [variables] of the environment, whatever the shell says")
    return lines
