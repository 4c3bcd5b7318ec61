"""The services, one-off tasks and scheduled tasks of a project, each with its definitions and an environment's overrides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.definition import check_service, check_task_definition, read_json
from fairway.project.manage import chosen_manage
from fairway.project.model import ImageSource, ScheduledSpec, ServiceSpec, TaskSpec
from fairway.project.overlay import merge, substitute
from fairway.project.read_checks import CHECK_KEYS, ChecksReader
from fairway.project.scaling import check_scaling
from fairway.project.tables import check_keys, table_of
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SERVICE_KEYS: Final = {"definition", "service", "scaling", "image", "after", "paths", "manage", *CHECK_KEYS}
_TASK_KEYS: Final = {"definition", "image", "before", "after", "run", "one_way", "revisions"}
_SCHEDULED_KEYS: Final = {"definition", "image", "rule", "schedule", "after"}
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")
_IMAGE_KEYS: Final = {"repository", "definition", "dockerfile"}
_OVERRIDES: Final = {"definition", "service", "scaling"}


class Entries:
    """Reads services, one-off and scheduled tasks with what an environment changes about them."""

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
        self._own = frozenset(table_of(overlay, "variables", overlay_path))

    def optional(self, name: str | None, kind: str) -> dict[str, Any] | None:
        if name is None:
            return None
        path = self._root / name
        overrides = table_of(table_of(self._overlay, "definitions", self._overlay_path), kind, self._overlay_path)
        document = self._merged(read_json(path), overrides, kind)
        filled: dict[str, Any] = self._filled(document, (path, self._overlay_path))
        return filled

    def service(self, key: str, table: Mapping[str, Any]) -> ServiceSpec:
        check_keys(table, _SERVICE_KEYS, self._path, "services", key)
        overrides = self._overrides("services", key)
        definition, definition_path = self._definition(table, overrides, "services", key)
        service = service_path = None
        if "service" in table:
            service_path = self._root / str(table["service"])
            document = self._merged(read_json(service_path), overrides.get("service", {}), key)
            service = self._filled(document, (service_path, self._overlay_path))
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
        filled: dict[str, Any] = self._filled(merged, (path, self._overlay_path))
        check_scaling(filled, path)
        return filled

    def task(self, key: str, table: Mapping[str, Any]) -> TaskSpec:
        check_keys(table, _TASK_KEYS, self._path, "tasks", key)
        overrides = self._overrides("tasks", key)
        definition, definition_path = self._definition(table, overrides, "tasks", key)
        run = run_path = None
        if "run" in table:
            run_path = self._root / str(table["run"])
            run = self._filled(read_json(run_path), (run_path,))
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
        check_keys(table, _SCHEDULED_KEYS, self._path, "scheduled", key)
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
        filled: Any = self._filled(names, (self._path, self._overlay_path))
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
        check_keys(over, {"overrides", *CHECK_KEYS}, self._overlay_path, "services", key)
        return ChecksReader(
            root=self._root,
            key=key,
            said=((self._path, table), (self._overlay_path, over)),
            variables=self._overlay.get("variables", {}),
            values=self._values,
        )

    def _overrides(self, kind: str, key: str) -> Mapping[str, Any]:
        path = self._overlay_path
        over = table_of(table_of(self._overlay, kind, path), key, path)
        if kind != "services":
            check_keys(over, {"overrides"}, path, kind, key)
        table = table_of(over, "overrides", path)
        check_keys(table, _OVERRIDES, self._overlay_path, kind, key, "overrides")
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
        filled: dict[str, Any] = self._filled(merged, (path, self._overlay_path))
        check_task_definition(filled, path)
        return filled, path

    def _filled(self, document: Any, files: tuple[Path, ...]) -> Any:
        return substitute(document, self._values, files, own=self._own)

    def _image(self, table: Mapping[str, Any], kind: str, key: str) -> ImageSource | None:
        image = table.get("image")
        if image is None:
            return None
        check_keys(image, _IMAGE_KEYS, self._path, kind, key, "image")
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


def check_names(names: Iterable[str], services: Mapping[str, ServiceSpec], path: Path, *keys: str) -> None:
    """Refuse a name that no service has.

    Raises:
        UsageError: names it, and what may have been meant.
    """
    for name in names:
        if name not in services:
            raise UsageError(
                f"{place(path, *keys)}: {keys[-1]} names no service: {name!r}", hint=did_you_mean(name, services)
            )
