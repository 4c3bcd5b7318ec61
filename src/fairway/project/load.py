"""Loads fairway.toml, the definitions that it names, and the environment's overlay, into a Project."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.before import ENVIRONMENT_KEYS, PROJECT_KEYS, read_before
from fairway.project.definition import check_service, check_task_definition, read_json
from fairway.project.head import fault_switches, read_on_failure, read_pin_secrets, read_retention, read_webhook
from fairway.project.manage import chosen_manage
from fairway.project.model import (
    LOCAL,
    Environment,
    ImageSource,
    Project,
    ScheduledSpec,
    ServiceSpec,
    TaskSpec,
)
from fairway.project.overlay import merge, substitute
from fairway.project.read_checks import CHECK_KEYS, ChecksReader, check_url, with_tasks
from fairway.project.scaling import check_scaling
from fairway.project.tables import check_keys as _check_keys
from fairway.project.tables import check_lint
from fairway.project.tables import table_of as _table
from fairway.project.text import did_you_mean, line_of, place
from fairway.project.toml_file import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE: Final = "fairway.toml"
ENVIRONMENTS: Final = "deploy/environments"
"""The folder of the environments, from the project file's."""
DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4566"
_PROJECT_KEYS: Final = {"name", "default_environment", "cluster", "balancer", "on_failure", "reports", "webhook"} | {
    "manage",
    "prices",
    "fault_switches",
    "pin_secrets",
    "log_retention_days",
}
_SERVICE_KEYS: Final = {"definition", "service", "scaling", "image", "after", "paths", "manage", *CHECK_KEYS}
_TASK_KEYS: Final = {"definition", "image", "before", "after", "run", "one_way", "revisions"}
_SCHEDULED_KEYS: Final = {"definition", "image", "rule", "schedule", "after"}
_ENVIRONMENT_KEYS: Final = {
    *ENVIRONMENT_KEYS,
    "account",
    "region",
    "cluster",
    "endpoint_url",
    "url",
    "manage",
    "variables",
    "services",
    "tasks",
    "scheduled",
    "definitions",
}
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_IMAGE_KEYS: Final = {"repository", "definition", "dockerfile"}
_OVERRIDES: Final = {"definition", "service", "scaling"}
_ACCOUNT: Final = re.compile(r"\d{12}")


def find_project_file(start: Path, *, is_needed: bool = False) -> Path:
    """The file that FAIRWAY_FILE names, else the nearest fairway.toml in `start` or above.

    `is_needed`: the verb has no other way to name services. Several project files in one repository lie in folders of their
    own, each with its own deploy/environments.

    Raises:
        UsageError: there is none.
    """
    named = os.environ.get("FAIRWAY_FILE")
    if named:
        path = (start / named).absolute()
        path = path / FILE if path.is_dir() else path
        if path.name == FILE and path.is_file():
            return path
        raise UsageError(
            f"there is no project file {path}", hint=f"--file (or FAIRWAY_FILE) names a {FILE}, or its folder"
        )
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise UsageError(
        f"no {FILE} in {start.absolute()} or above",
        hint=f"go to the project's folder, where {FILE} is"
        if is_needed
        else "go to the project's folder; status, watch, why, history and rollback also take CLUSTER/SERVICE",
    )


def load_project(
    start: Path,
    environment: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    is_needed: bool = False,
) -> Project:
    """The project around `start`, in one environment (default: the project's own default).

    `variables` are added to the process's environment for `${NAME}`.

    Raises:
        UsageError: names file, line, field and remedy.
    """
    path = find_project_file(start, is_needed=is_needed)
    document = read_toml(path)
    _check_keys(document, {"project", "services", "tasks", "scheduled", "lint", *PROJECT_KEYS}, path)
    check_lint(document, path)
    head = _head(document, path)
    chosen = _choose(head, environment, path)
    overlay, overlay_path = _read_environment(path, chosen)
    made = _environment(chosen, overlay, overlay_path)
    values = {**os.environ, **_strings(overlay.get("variables", {}), overlay_path), **(variables or {})}
    loader = _Loader(path, overlay, overlay_path, values, head)
    services = {key: loader.service(key, table) for key, table in _tables(document, "services", path).items()}
    tasks = {key: loader.task(key, table) for key, table in _tables(document, "tasks", path).items()}
    scheduled = {key: loader.scheduled(key, table) for key, table in _tables(document, "scheduled", path).items()}
    for kind, known in (("services", services), ("tasks", tasks), ("scheduled", scheduled)):
        _check_keys(_table(overlay, kind, overlay_path), set(known), overlay_path, kind)
    _check_references(services, tasks, path)
    for spec in scheduled.values():
        _check_names(spec.after, services, path, "scheduled", spec.key, "after")
    services = with_tasks(services, tasks, path)
    return Project(
        root=path.parent,
        name=str(head.get("name", path.parent.name)),
        environment=made,
        services=services,
        tasks=tasks,
        scheduled=scheduled,
        cluster_definition=loader.optional(head.get("cluster"), "cluster"),
        balancer_definition=loader.optional(head.get("balancer"), "balancer") if made.is_local else None,
        on_failure=read_on_failure(head, path),
        reports=head.get("reports"),
        webhook=read_webhook(head, values, path),
        fault_switches=fault_switches(head, path),
        pin_secrets=read_pin_secrets(head, path),
        prices_path=path.parent / str(head["prices"]) if "prices" in head else None,
        before=read_before((document, path), (overlay, overlay_path), chosen, _environments(path)),
        log_retention_days=read_retention(head, path),
    )


def _environments(path: Path) -> list[str]:
    return sorted(file.stem for file in (path.parent / ENVIRONMENTS).glob("*.toml"))


def load_environment(path: Path, environment: str | None = None) -> Environment:
    """An environment of the project file at `path`, without its services: whatever they need may be missing.

    Raises:
        UsageError: names file, line, field and remedy.
    """
    chosen = _choose(_head(read_toml(path), path), environment, path)
    return _environment(chosen, *_read_environment(path, chosen))


def _head(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    head = _table(document, "project", path)
    _check_keys(head, _PROJECT_KEYS, path, "project")
    return head


def _choose(head: Mapping[str, Any], environment: str | None, path: Path) -> str:
    """The name of the environment that is meant; only `local` may be meant by nobody saying so."""
    default = head.get("default_environment")
    if default not in {None, LOCAL}:
        raise UsageError(
            f'{place(path, "project", "default_environment")}: only "{LOCAL}" may be the default environment',
            hint="name another one each time: --env NAME",
        )
    chosen = environment or default
    if chosen is None:
        raise UsageError("no environment is chosen", hint="add --env NAME")
    return str(chosen)


class _Loader:
    def __init__(
        self,
        path: Path,
        overlay: Mapping[str, Any],
        overlay_path: Path,
        values: Mapping[str, str],
        head: Mapping[str, Any],
    ) -> None:
        self._head = head
        self._path = path
        self._root = path.parent
        self._overlay = overlay
        self._overlay_path = overlay_path
        self._values = values

    def optional(self, name: str | None, kind: str) -> dict[str, Any] | None:
        if name is None:
            return None
        path = self._root / name
        overrides = _table(_table(self._overlay, "definitions", self._overlay_path), kind, self._overlay_path)
        document = self._merged(read_json(path), overrides, kind)
        filled: dict[str, Any] = substitute(document, self._values, (path, self._overlay_path))
        return filled

    def service(self, key: str, table: Mapping[str, Any]) -> ServiceSpec:
        _check_keys(table, _SERVICE_KEYS, self._path, "services", key)
        overrides = self._overrides("services", key)
        definition, definition_path = self._definition(table, overrides, "services", key)
        service = service_path = None
        if "service" in table:
            service_path = self._root / str(table["service"])
            document = self._merged(read_json(service_path), overrides.get("service", {}), key)
            service = substitute(document, self._values, (service_path, self._overlay_path))
            check_service(service, definition, service_path)
        scaling_path = self._root / str(table["scaling"]) if "scaling" in table else None
        checks = self._checks(key, table)
        said = [
            (self._overlay, self._overlay_path, ()),
            (table, self._path, ("services", key)),
            (self._head, self._path, ("project",)),
        ]
        return ServiceSpec(
            key=key,
            definition=definition,
            definition_path=definition_path,
            service=service,
            service_path=service_path,
            scaling=None if scaling_path is None else self._scaling(scaling_path, overrides, key),
            scaling_path=scaling_path,
            image=self._image(table, "services", key),
            after=tuple(table.get("after", ())),
            paths=tuple(table.get("paths", ())),
            verify=checks.verify(),
            monitor=checks.monitor(),
            url=checks.url,
            manage=chosen_manage(said, has_service=service is not None),
        )

    def _scaling(self, path: Path, overrides: Mapping[str, Any], key: str) -> dict[str, Any]:
        merged = self._merged(read_json(path), overrides.get("scaling", {}), key)
        filled: dict[str, Any] = substitute(merged, self._values, (path, self._overlay_path))
        check_scaling(filled, path)
        return filled

    def task(self, key: str, table: Mapping[str, Any]) -> TaskSpec:
        _check_keys(table, _TASK_KEYS, self._path, "tasks", key)
        overrides = self._overrides("tasks", key)
        definition, definition_path = self._definition(table, overrides, "tasks", key)
        run = run_path = None
        if "run" in table:
            run_path = self._root / str(table["run"])
            run = substitute(read_json(run_path), self._values, (run_path,))
        return TaskSpec(
            key=key,
            definition=definition,
            definition_path=definition_path,
            image=self._image(table, "tasks", key),
            before=tuple(table.get("before", ())),
            after=tuple(table.get("after", ())),
            run=run,
            run_path=run_path,
            one_way=self._one_way(table, key),
            revisions=self._root / str(table["revisions"]) if "revisions" in table else None,
        )

    def scheduled(self, key: str, table: Mapping[str, Any]) -> ScheduledSpec:
        _check_keys(table, _SCHEDULED_KEYS, self._path, "scheduled", key)
        definition, path = self._definition(table, self._overrides("scheduled", key), "scheduled", key)
        rule, schedule = table.get("rule"), table.get("schedule")
        if (rule is None) is (schedule is None):
            raise UsageError(
                f"{place(self._path, 'scheduled', key)}: scheduled.{key} names {'both' if rule else 'neither'} a rule and a schedule",
                hint='rule = "[BUS/]NAME" of EventBridge, or schedule = "[GROUP/]NAME" of EventBridge Scheduler',
            )
        names = {
            name: None if value is None else str(value) for name, value in (("rule", rule), ("schedule", schedule))
        }
        filled: Any = substitute(names, self._values, (self._path, self._overlay_path))
        return ScheduledSpec(
            key=key,
            definition=definition,
            definition_path=path,
            rule=filled["rule"],
            schedule=filled["schedule"],
            image=self._image(table, "scheduled", key),
            after=tuple(table.get("after", ())),
        )

    def _one_way(self, table: Mapping[str, Any], key: str) -> bool | str:
        value = table.get("one_way", "auto")
        if isinstance(value, bool):
            return value
        if value == "auto":
            return "auto"
        raise UsageError(
            f"{place(self._path, 'tasks', key, 'one_way')}: one_way is {value!r}", hint='true, false or "auto"'
        )

    def _checks(self, key: str, table: Mapping[str, Any]) -> ChecksReader:
        over: Mapping[str, Any] = self._overlay.get("services", {}).get(key, {})
        _check_keys(over, {"overrides", *CHECK_KEYS}, self._overlay_path, "services", key)
        return ChecksReader(
            root=self._root,
            key=key,
            said=((self._path, table), (self._overlay_path, over)),
            variables=self._overlay.get("variables", {}),
            values=self._values,
        )

    def _overrides(self, kind: str, key: str) -> Mapping[str, Any]:
        path = self._overlay_path
        over = _table(_table(self._overlay, kind, path), key, path)
        if kind != "services":
            _check_keys(over, {"overrides"}, path, kind, key)
        table = _table(over, "overrides", path)
        _check_keys(table, _OVERRIDES, self._overlay_path, kind, key, "overrides")
        return table

    def _merged(self, document: dict[str, Any], overrides: Any, key: str) -> dict[str, Any]:
        if not isinstance(overrides, dict):
            raise UsageError(f"{place(self._overlay_path, key)}: overrides of {key} must be tables")
        try:
            merged: dict[str, Any] = merge(document, overrides)
        except UsageError as error:
            raise UsageError(f"{place(self._overlay_path, key)}: {error.message}", hint=error.hint) from None
        return merged

    def _definition(
        self, table: Mapping[str, Any], overrides: Mapping[str, Any], kind: str, key: str
    ) -> tuple[dict[str, Any], Path]:
        if "definition" not in table:
            raise UsageError(
                f"{place(self._path, f'{kind}.{key}')}: {kind}.{key}.definition is missing",
                hint="name the file with what register-task-definition takes",
            )
        path = self._root / str(table["definition"])
        document = read_json(path)
        check_task_definition(document, path)
        merged = self._merged(document, overrides.get("definition", {}), key)
        filled: dict[str, Any] = substitute(merged, self._values, (path, self._overlay_path))
        check_task_definition(filled, path)
        return filled, path

    def _image(self, table: Mapping[str, Any], kind: str, key: str) -> ImageSource | None:
        image = table.get("image")
        if image is None:
            return None
        _check_keys(image, _IMAGE_KEYS, self._path, kind, key, "image")
        if "repository" not in image:
            raise UsageError(f"{place(self._path, kind, key, 'image')}: image.repository is missing")
        repository = image["repository"]
        if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository) or not 2 <= len(repository) <= 256:  # noqa: PLR2004 - ECR's
            raise UsageError(
                f"{place(self._path, kind, key, 'repository')}: {repository!r} cannot be the name of an ECR repository",
                hint="2 to 256 lower-case letters, digits, and . _ - / between them; without registry and tag",
            )
        return ImageSource(
            repository=repository,
            definition=self._root / image["definition"] if "definition" in image else None,
            dockerfile=self._root / image["dockerfile"] if "dockerfile" in image else None,
        )


def _read_environment(path: Path, name: str) -> tuple[dict[str, Any], Path]:
    folder = path.parent / ENVIRONMENTS
    file = folder / f"{name}.toml"
    if not file.is_file():
        raise UsageError(
            f"there is no environment {name!r}: {file} does not exist", hint=did_you_mean(name, _environments(path))
        )
    overlay = read_toml(file)
    _check_keys(overlay, _ENVIRONMENT_KEYS, file)
    return overlay, file


def _environment(name: str, overlay: Mapping[str, Any], path: Path) -> Environment:
    for key in ("region", "cluster"):
        if not isinstance(overlay.get(key), str):
            raise UsageError(f"{path}:{line_of(path, key)}: {key} is missing or no string", hint=f'add {key} = "…"')
    account, endpoint = overlay.get("account"), overlay.get("endpoint_url")
    if name == LOCAL:
        endpoint = endpoint or os.environ.get("FAIRWAY_ENDPOINT") or DEFAULT_ENDPOINT
    else:
        if endpoint is not None:
            raise UsageError(
                f"{place(path, 'endpoint_url')}: only the environment {LOCAL} may have an endpoint_url",
                hint="remove it: every other environment speaks to AWS itself",
            )
        if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
            raise UsageError(
                f"{path}:{line_of(path, 'account')}: account must be a string of 12 digits",
                hint="it is compared with the account of your credentials before anything is written",
            )
    url = check_url(overlay["url"], path, "url") if "url" in overlay else None
    return Environment(name, overlay["cluster"], overlay["region"], account, endpoint, url)


def _tables(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    return dict(_table(document, key, path))


def _strings(table: Any, path: Path) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise UsageError(f"{place(path, 'variables')}: variables must be a table of strings")
    return table


def _check_references(services: Mapping[str, ServiceSpec], tasks: Mapping[str, TaskSpec], path: Path) -> None:
    for spec in services.values():
        _check_names(spec.after, services, path, "services", spec.key, "after")
    for task in tasks.values():
        _check_names(task.before, services, path, "tasks", task.key, "before")
        _check_names(task.after, services, path, "tasks", task.key, "after")


def _check_names(names: Iterable[str], services: Mapping[str, ServiceSpec], path: Path, *keys: str) -> None:
    for name in names:
        if name not in services:
            raise UsageError(
                f"{place(path, *keys)}: {keys[-1]} names no service: {name!r}", hint=did_you_mean(name, services)
            )
