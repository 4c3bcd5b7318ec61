"""Lints a project in an environment: its definitions as they are deployed, each finding where its value stands.

A value that an overlay brings is placed in the overlay's TOML file, every other one in the definition's JSON.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.lint.document import Document, Path, part
from fairway.lint.entity import Entity, Kind, ProjectFacts, View, recognise
from fairway.lint.finding import Finding, Place, Severity, find
from fairway.lint.ignores import Ignore, merge_environments, read_comments, read_table, sift
from fairway.lint.json_text import Malformed, read_json
from fairway.lint.registry import check
from fairway.lint.rules.file_rules import INVALID
from fairway.lint.sources import Result, display, read_project_file, relative_to
from fairway.project.load import ENVIRONMENTS, FILE, load_project
from fairway.project.overlay import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path as FilePath

    from fairway.project.model import Project, ServiceSpec, TaskSpec

_PLACE: Final = re.compile(r"(?P<path>[^\n]+?\.(?:toml|json)):(?P<line>\d+)(?::\d+)?: (?P<text>.*)", re.DOTALL)


def lint_project(project: Project) -> tuple[Finding, ...]:
    """What is found in a project's environment, less what it ignores; the worst of a line first."""
    findings = [replace(item, environments=(project.environment.name,)) for item in check(view_of(project))]
    names = sorted({item.place.path for item in findings})
    ignores = _ignores(project.root, [project.environment.name])
    sifted = sift(findings, ignores, relative=relative_to(project.root, names), with_unused=False)
    return sifted.findings


def errors_of(project: Project) -> tuple[Finding, ...]:
    """The findings that a deployment must not go on with."""
    return tuple(item for item in lint_project(project) if item.severity is Severity.ERROR)


def lint_environments(project_file: FilePath, environments: Iterable[str], *, is_all: bool) -> Result:
    """The project in each of the environments; one that cannot be loaded is a finding.

    `is_all`: these are all that the project has, so that an ignore which matches nothing is told.
    """
    root, names = project_file.parent, list(environments)
    findings: list[Finding] = []
    for name in names:
        try:
            project = load_project(root, name)
        except UsageError as error:
            findings.append(replace(_invalid(error, project_file), environments=(name,)))
            continue
        findings += [replace(item, environments=(name,)) for item in check(view_of(project))]
    has_failed = any(item.code == INVALID.code for item in findings)
    files = sorted({item.place.path for item in findings})
    ignores, relative = _ignores(root, names), relative_to(root, files)
    # an ignore may be for one environment alone, so they are taken away before equal findings become one
    of_one = [item for item in ignores if item.environment is not None]
    first = sift(findings, of_one, relative=relative, with_unused=is_all and not has_failed)
    merged = list(merge_environments(first.findings))
    rest = [item for item in ignores if item.environment is None]
    last = sift(merged, rest, relative=relative, with_unused=is_all and not has_failed)
    ignored = first.ignored + last.ignored
    found = [
        replace(item, environments=() if len(item.environments) == len(names) else item.environments)
        for item in last.findings
    ]
    return Result(tuple(found), ignored, files=len(project_files(root, names)))


def environments_of(root: FilePath) -> list[str]:
    """The names of a project's environments."""
    return sorted(file.stem for file in (root / ENVIRONMENTS).glob("*.toml"))


def project_files(root: FilePath, environments: Iterable[str]) -> set[FilePath]:
    """The files that make a project in some environments."""
    files = {root / FILE, *(root / ENVIRONMENTS / f"{name}.toml" for name in environments)}
    document = read_project_file(root / FILE)
    if document is not None:
        for kind in ("services", "tasks"):
            for _, table in document.root[kind].members():
                files |= {root / text for key in ("definition", "service", "run") if (text := table[key].text)}
        files |= {root / text for key in ("cluster", "balancer") if (text := document.root["project"][key].text)}
    return files


def _ignores(root: FilePath, environments: Iterable[str]) -> list[Ignore]:
    ignores: list[Ignore] = []
    for file in (root / FILE, *(root / ENVIRONMENTS / f"{name}.toml" for name in environments)):
        document = read_project_file(file)
        if document is None:
            continue
        ignores += read_comments(file.read_text(encoding="utf-8"), document.name)
        if file == root / FILE:
            ignores += read_table(document)
    return ignores


def _invalid(error: UsageError, project_file: FilePath) -> Finding:
    """The error of a project that cannot be loaded, at the place that it names."""
    from pathlib import Path as FilePath  # noqa: PLC0415 - the name is another one's here

    match = _PLACE.match(error.message)
    if match is None:
        return find(INVALID, Place(display(project_file), 1), error.message, remedy=error.hint)
    place = Place(display(FilePath(match["path"])), int(match["line"]))
    return find(INVALID, place, match["text"], remedy=error.hint)


def view_of(project: Project) -> View:
    """The project's entities, linked as the project links them."""
    overlay = read_project_file(project.root / ENVIRONMENTS / f"{project.environment.name}.toml")
    file = read_project_file(project.root / FILE)
    entities: list[Entity] = []
    for service in project.services.values():
        definition = _definition(service, overlay, "services")
        entities.append(definition)
        if service.service is not None and service.service_path is not None:
            document = _located(
                service.service, service.service_path, overlay, ("services", service.key, "overrides", "service")
            )
            entities.append(Entity(Kind.SERVICE, document.root, definition=definition))
    for task in project.tasks.values():
        definition = _definition(task, overlay, "tasks")
        if task.after and task.run is None:
            # it runs in the network of the service that it verifies
            entities.append(definition)
            continue
        run = Document({}, {(): _place_in(file, "tasks", task.key)})
        if task.run is not None and task.run_path is not None:
            run = _located(task.run, task.run_path, None, ())
        entities += [definition, Entity(Kind.RUN_TASK, run.root, definition=definition)]
    entities += _around(project, file, overlay)
    facts = ProjectFacts(
        services={key: spec.monitor is not None for key, spec in project.services.items()},
        place={key: _place_in(file, "services", key) for key in project.services},
    )
    return View(tuple(entities), project=facts)


def _place_in(file: Document | None, *path: str) -> Place:
    return Place(FILE, 1) if file is None else file.place(path)


def _definition(spec: ServiceSpec | TaskSpec, overlay: Document | None, kind: str) -> Entity:
    document = _located(spec.definition, spec.definition_path, overlay, (kind, spec.key, "overrides", "definition"))
    return Entity(Kind.TASK_DEFINITION, document.root)


def _around(project: Project, file: Document | None, overlay: Document | None) -> list[Entity]:
    """Cluster and load balancer."""
    entities: list[Entity] = []
    for key, value in (("cluster", project.cluster_definition), ("balancer", project.balancer_definition)):
        name = file.root["project"][key].text if file is not None else None
        if value is None or name is None:
            continue
        document = _located(value, project.root / name, overlay, ("definitions", key))
        found = recognise(document)[0]
        entities += [replace(entity, is_answer=False) for entity in found]
    return entities


def _located(value: Any, file: FilePath, overlay: Document | None, path: Path) -> Document:
    """A value of the project with the places of the files that it came from."""
    name = display(file)
    try:
        base = read_json(file.read_text(encoding="utf-8"), name)[0]
    except (OSError, UnicodeDecodeError, Malformed):
        return Document(value, {(): Place(name, 1)}, name)
    over = None
    if overlay is not None:
        node = overlay.root
        for key in path:
            node = node[key]
        over = part(overlay, path, node.value) if node.is_object else None
    return Document(value, merged_places(base, over), name)


def merged_places(base: Document, over: Document | None) -> dict[Path, Place]:
    """Where the members of `over` merged over `base` stand; the same rules as `fairway.project.overlay.merge`."""
    if over is None:
        return dict(base.places)
    places: dict[Path, Place] = {}

    def copy(document: Document, source: Path, target: Path) -> None:
        for path, place in document.places.items():
            if path[: len(source)] == source:
                places[target + path[len(source) :]] = place

    def walk(low: Any, high: Any, source: Path, above: Path, target: Path) -> None:
        if isinstance(low, dict) and isinstance(high, dict):
            places[target] = base.place(source)
            for key in low:
                if key not in high:
                    copy(base, (*source, key), (*target, key))
            for key, value in high.items():
                if key in low:
                    walk(low[key], value, (*source, key), (*above, key), (*target, key))
                else:
                    copy(over, (*above, key), (*target, key))
        elif target and target[-1] in BY_NAME and isinstance(low, list) and isinstance(high, list):
            places[target] = base.place(source)
            named = {item["name"]: index for index, item in enumerate(low)}
            for index in named.values():
                copy(base, (*source, index), (*target, index))
            for index, item in enumerate(high):
                at = named.setdefault(item["name"], len(named))
                if at < len(low):
                    walk(low[at], item, (*source, at), (*above, index), (*target, at))
                else:
                    copy(over, (*above, index), (*target, at))
        else:
            copy(over, above, target)

    walk(base.value, over.value, (), (), ())
    return places
