"""What lives, as files of a project: the way back from an ECS service to the definitions that make it. Pure.

The round trip is the rule: a plan of the files that come out of here, with the tag that comes with them, finds no difference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.observed import DIGEST_TAG, VERSION_TAG
from fairway.planning.canonical import NOT_REGISTERED, own_tags, shown_members, with_compute
from fairway.planning.defaults import TASK_DEFINITION, service_defaults
from fairway.planning.pruned import pruned, without_host_ports
from fairway.project.overlay import has_tag
from fairway.project.references import is_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.observed import Living, TaskDefinition
    from fairway.planning.plain_secrets import PlainSecrets

TAG: Final = "{{ tag }}"
_ECR: Final = re.compile(r"\d{12}\.dkr\.ecr\..*")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPE: Final = re.compile(r"\$\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_IMAGE_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_NO_KEY: Final = re.compile(r"[^A-Za-z0-9_-]+")
_MOVING: Final = frozenset({"latest"})


@dataclass(frozen=True, slots=True)
class Adopted:
    """A service as it is written down."""

    key: str
    definition: Mapping[str, Any]
    service: Mapping[str, Any] | None
    tag: str | None = None
    """What `{{ tag }}` stands for now; None: no image has it."""
    literals: frozenset[str] = frozenset()
    """Names of `${NAME}` that are meant for a shell in the container."""
    notes: tuple[str, ...] = ()
    path: str | None = None
    """That its target group asks for."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where it is deployed to."""

    environment: str
    region: str
    cluster: str
    account: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment; no secrets."""


def adopt(key: str, living: Living, default_strategy: Sequence[Mapping[str, Any]], secrets: PlainSecrets) -> Adopted:
    """A living service in the form of files; what may be a secret is left to `secrets`.

    Raises:
        UsageError: a text of it would be taken for something else in a file.
    """
    assert living.service is not None
    assert living.serving is not None
    service = _service(living, default_strategy)
    definition, tag, notes = adopt_definition(key, living.serving, service, secrets)
    _refuse_texts(key, [service])
    literals = names_in([living.serving.document, service])
    path = next((check.path for check in living.checks if check.path), None)
    return Adopted(key, definition, _escaped(service), tag, literals, notes, path)


def adopt_definition(
    key: str, serving: TaskDefinition, service: Mapping[str, Any], secrets: PlainSecrets
) -> tuple[dict[str, Any], str | None, tuple[str, ...]]:
    """(task definition, tag, notes) of a revision.

    Raises:
        UsageError: as `adopt`.
    """
    shown = {name: value for name, value in serving.document.items() if name not in NOT_REGISTERED}
    definition = without_host_ports(pruned(shown, TASK_DEFINITION))
    tags = own_tags(serving.tags)
    if tags:
        definition["tags"] = _pairs(tags)
    _refuse_texts(key, [definition])
    return with_tag(_escaped(secrets.without(definition, key)), service, serving.tags)


def _service(living: Living, default_strategy: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    assert living.service is not None
    shown = shown_members(living)
    _, kept = with_compute({}, {"capacityProviderStrategy": _by_provider(shown)}, default_strategy)
    if "capacityProviderStrategy" not in kept:
        shown.pop("capacityProviderStrategy", None)
    if shown.get("capacityProviderStrategy"):
        # CreateService takes one of them; DescribeServices may show both
        shown.pop("launchType", None)
    defaults = service_defaults(str(shown.get("schedulingStrategy", "REPLICA")))
    made: dict[str, Any] = {"serviceName": living.service.name}
    if shown.get("schedulingStrategy") != "DAEMON":
        made["desiredCount"] = living.service.desired
    made |= pruned(shown, defaults)
    tags = own_tags(living.tags)
    return {**made, "tags": _pairs(tags)} if tags else made


def _by_provider(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {item["capacityProvider"]: item for item in shown.get("capacityProviderStrategy") or ()}


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


# -- texts ---------------------------------------------------------------------------------------------------------------


def _texts(document: Any) -> Iterable[str]:
    match document:
        case str():
            yield document
        case list() | tuple():
            for item in document:
                yield from _texts(item)
        case dict():
            for item in document.values():
                yield from _texts(item)
        case _:
            return


def _escaped(document: Any) -> Any:
    """With `$$${NAME}` for `$${NAME}`, which stands for `${NAME}` in a file."""
    match document:
        case str():
            return _ESCAPE.sub(r"$\g<0>", document)
        case list() | tuple():
            return [_escaped(item) for item in document]
        case dict():
            return {key: _escaped(item) for key, item in document.items()}
        case _:
            return document


def names_in(documents: Sequence[Any]) -> frozenset[str]:
    """Names of `${NAME}` in the documents' texts."""
    return frozenset(name for document in documents for text in _texts(document) for name in _VARIABLE.findall(text))


def _refuse_texts(key: str, documents: Sequence[Any]) -> None:
    for document in documents:
        for text in _texts(document):
            if has_tag(text) or is_reference(text):
                raise UsageError(
                    f"{key}: a value of it holds {TAG if has_tag(text) else text.partition(':')[0] + ':'}, which a project's file means otherwise",
                    hint="write the files by hand, or change that value first",
                )


# -- images --------------------------------------------------------------------------------------------------------------


def with_tag(
    definition: Mapping[str, Any], service: Mapping[str, Any] | None, tags: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], str | None, tuple[str, ...]]:
    """(definition, tag, notes): `{{ tag }}` in the image of the container that is released, and of those released with it.

    Released is the container behind the load balancer; else the only one, the only essential one, or the only one whose image
    is in ECR. With it go other images of ECR that have the same tag. `tags`: of the revision; Fairway's own say which version a
    digest is.
    """
    containers = [dict(item) for item in definition["containerDefinitions"]]
    main = _released(containers, service)
    if main is None:
        return {**definition}, None, ("which container is released cannot be told: put {{ tag }} into its image",)
    name, tag = split_image(str(main.get("image", "")))
    if tag is None:
        return _with_version(definition, containers, main, tags or {})
    if tag in _MOVING:
        why = f"the image of {main['name']} has the tag {tag}, which moves: it stays as it is"
        return {**definition}, None, (f"{why}; {_by_hand(name)}",)
    for container in containers:
        other, its_tag = split_image(str(container.get("image", "")))
        if container is main or (its_tag == tag and _ECR.match(other) and _ECR.match(name)):
            container["image"] = f"{other}:{TAG}"
    return {**definition, "containerDefinitions": containers}, tag, ()


def _with_version(
    definition: Mapping[str, Any], containers: list[dict[str, Any]], main: dict[str, Any], tags: Mapping[str, str]
) -> tuple[dict[str, Any], str | None, tuple[str, ...]]:
    """As `with_tag`, for an image without a tag: Fairway pins images, and writes down their version and digest."""
    image = str(main.get("image", ""))
    name, _, digest = image.partition("@")
    version = tags.get(VERSION_TAG, "")
    if not digest or digest != tags.get(DIGEST_TAG) or not _IMAGE_TAG.fullmatch(version):
        why = "is named by its digest, whose version no tag of the revision says" if digest else "has no tag"
        return {**definition}, None, (f"the image of {main['name']} {why}: it stays as it is; {_by_hand(name)}",)
    main["image"] = f"{name}:{TAG}"
    notes = [f"the image of {main['name']} was pinned by its digest; {TAG} stands for its version, {version}"]
    for container in containers:
        other, _, pinned = str(container.get("image", "")).partition("@")
        if container is not main and pinned and _ECR.match(other):
            notes.append(
                f"the image of {container['name']} is named by its digest: it stays as it is; if it is released together with "
                f"{main['name']}, {_by_hand(other)}"
            )
    return {**definition, "containerDefinitions": containers}, version, tuple(notes)


def _by_hand(name: str) -> str:
    return f'for releases by --tag write "image": "{split_image(name)[0]}:{TAG}"'


def _released(containers: Sequence[dict[str, Any]], service: Mapping[str, Any] | None) -> dict[str, Any] | None:
    behind = {item.get("containerName") for item in (service or {}).get("loadBalancers", ())}
    for chosen in (
        [item for item in containers if item["name"] in behind],
        containers,
        [item for item in containers if item.get("essential", True)],
        [item for item in containers if _ECR.match(str(item.get("image", "")))],
    ):
        if len(chosen) == 1:
            return chosen[0]
    return None


def split_image(image: str) -> tuple[str, str | None]:
    """`host:5000/name:tag@sha256:…` -> (`host:5000/name`, `tag`)."""
    name = image.partition("@")[0]
    head, separator, last = name.rpartition("/")
    last, found, tag = last.partition(":")
    return f"{head}{separator}{last}", tag if found else None


# -- files ---------------------------------------------------------------------------------------------------------------


def key_of(name: str) -> str:
    """A key of the project file, from ECS's name of a service."""
    return _NO_KEY.sub("-", name)


def project_files(name: str, where: Written, services: Sequence[Adopted], *, manage: str | None) -> dict[str, str]:
    """Path -> text, of a whole project."""
    files = {"fairway.toml": _project_file(name, where, services, manage)}
    for item in services:
        files[f"deploy/{item.key}.task.json"] = _json(item.definition)
        if item.service is not None:
            files[f"deploy/{item.key}.service.json"] = _json(item.service)
    files[f"deploy/environments/{where.environment}.toml"] = _environment_file(where, services)
    return files


def _project_file(name: str, where: Written, services: Sequence[Adopted], manage: str | None) -> str:
    lines = ["[project]", f"name = {toml_text(name)}"]
    if where.environment == "local":
        lines.append('default_environment = "local"')
    if manage is not None:
        lines += [
            f"manage = {toml_text(manage)}    # revisions alone: settings of the services belong to whoever made them.",
            "# Take the line out when deploy/*.service.json is where they are changed from now on",
        ]
    for item in services:
        lines += ["", f"[services.{item.key}]", f'definition = "deploy/{item.key}.task.json"']
        if item.service is not None:
            lines.append(f'service = "deploy/{item.key}.service.json"')
        if item.path is not None:
            lines.append(
                f"# verify = [{{ path = {toml_text(item.path)}, status = 200 }}]    # what its target group asks for"
            )
    return "\n".join(lines) + "\n"


def _environment_file(where: Written, services: Sequence[Adopted]) -> str:
    lines = [f"account = {toml_text(where.account)}"] if where.account is not None else []
    lines += [f"region = {toml_text(where.region)}", f"cluster = {toml_text(where.cluster)}"]
    literals = sorted({name for item in services for name in item.literals})
    if literals or where.variables:
        lines += ["", "[variables]"]
        lines += [f"{key} = {toml_text(value)}" for key, value in sorted(where.variables.items())]
        # what stands for a name is not looked at again: the text stays as it is
        lines += [f"{name} = {toml_text(f'${{{name}}}')}    # for a shell in the container" for name in literals]
    return "\n".join(lines) + "\n"


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"


def toml_text(text: str) -> str:
    """A basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
