"""Loads fairway.toml, the definitions that it names, and the environment's overlay, into a Project."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.after_up import KEY as AFTER_UP
from fairway.project.after_up import read_after_up
from fairway.project.before import ENVIRONMENT_KEYS, PROJECT_KEYS, read_before
from fairway.project.entries import Entries, check_names
from fairway.project.head import fault_switches, read_on_failure, read_pin_secrets, read_retention, read_webhook
from fairway.project.model import LOCAL, Environment, Project
from fairway.project.order import check_order
from fairway.project.read_checks import check_url, with_tasks
from fairway.project.tables import check_keys, check_lint, table_of
from fairway.project.text import did_you_mean, line_of, place
from fairway.project.toml_file import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.project.model import ServiceSpec, TaskSpec

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
_ENVIRONMENT_KEYS: Final = {
    *ENVIRONMENT_KEYS,
    AFTER_UP,
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
    check_keys(document, {"project", "services", "tasks", "scheduled", "lint", *PROJECT_KEYS}, path)
    check_lint(document, path)
    head = _head(document, path)
    chosen = _choose(head, environment, path)
    overlay, overlay_path = _read_environment(path, chosen)
    made = _environment(chosen, overlay, overlay_path)
    values = {**os.environ, **_strings(overlay.get("variables", {}), overlay_path), **(variables or {})}
    loader = Entries(path, overlay, overlay_path, values, head)
    services = {key: loader.service(key, table) for key, table in _tables(document, "services", path).items()}
    tasks = {key: loader.task(key, table) for key, table in _tables(document, "tasks", path).items()}
    scheduled = {key: loader.scheduled(key, table) for key, table in _tables(document, "scheduled", path).items()}
    for kind, known in (("services", services), ("tasks", tasks), ("scheduled", scheduled)):
        check_keys(table_of(overlay, kind, overlay_path), set(known), overlay_path, kind)
    _check_references(services, tasks, path)
    for spec in scheduled.values():
        check_names(spec.after, services, path, "scheduled", spec.key, "after")
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
        after_up=read_after_up(overlay, overlay_path, path.parent, is_local=made.is_local),
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
    head = table_of(document, "project", path)
    check_keys(head, _PROJECT_KEYS, path, "project")
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


def _read_environment(path: Path, name: str) -> tuple[dict[str, Any], Path]:
    folder = path.parent / ENVIRONMENTS
    file = folder / f"{name}.toml"
    if not file.is_file():
        raise UsageError(
            f"there is no environment {name!r}: {file} does not exist", hint=did_you_mean(name, _environments(path))
        )
    overlay = read_toml(file)
    check_keys(overlay, _ENVIRONMENT_KEYS, file)
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
    return dict(table_of(document, key, path))


def _strings(table: Any, path: Path) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise UsageError(f"{place(path, 'variables')}: variables must be a table of strings")
    return table


def _check_references(services: Mapping[str, ServiceSpec], tasks: Mapping[str, TaskSpec], path: Path) -> None:
    for spec in services.values():
        check_names(spec.after, services, path, "services", spec.key, "after")
    check_order({key: spec.after for key, spec in services.items()}, path)
    for task in tasks.values():
        check_names(task.before, services, path, "tasks", task.key, "before")
        check_names(task.after, services, path, "tasks", task.key, "after")
