"""Reads `verify`, `monitor`, `metrics` and `url` of a service, with what the environment says instead.

`monitor` of an environment is merged over the project's by key; `verify` and `metrics` are replaced as wholes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fairway.errors import UsageError
from fairway.project.checks import (
    HOLD,
    KEEP,
    JourneyCheck,
    MetricLimit,
    Monitoring,
    RequestCheck,
    TaskCheck,
    Verification,
)
from fairway.project.journey import put_known, read_journey, read_path
from fairway.project.keys import Keys
from fairway.project.overlay import substitute
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.project.model import ServiceSpec, TaskSpec

CHECK_KEYS: Final = frozenset({"verify", "monitor", "metrics", "url"})
_REQUEST: Final = {"path", "status", "json", "headers", "p95_seconds", "requests", "required", "url"}
_JOURNEY: Final = {"journey", "required", "url"}
_TASK: Final = {"via", "task"}
_MONITOR: Final = {"minutes", "error_rate", "p95_seconds", "task_failures", "on_inconclusive", "alarms"}
_METRIC: Final = {"namespace", "name", "dimensions", "statistic", "max", "min"}
_STATISTIC: Final = re.compile(r"Average|Sum|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,10})?|p100")
_LONGEST_MINUTES: Final = 24 * 60
_MOST_REQUESTS: Final = 1000
_MANY: Final = 50
"""Of five tasks one that is old answers one request of fifty with near certainty: 1 - 0.8^50."""
_FEWEST_FOR_P95: Final = 20
"""Of fewer than twenty requests the 95th percentile is the slowest one."""
_LARGEST: Final = 1e15
_SECONDS: Final = 3600.0
_TAG: Final = re.compile(r"\{\{\s*tag\s*\}\}")


class ChecksReader:
    """What the project's file and the environment's say about one service."""

    def __init__(
        self,
        *,
        root: Path,
        key: str,
        said: tuple[tuple[Path, Mapping[str, Any]], tuple[Path, Mapping[str, Any]]],
        variables: Mapping[str, str],
        values: Mapping[str, str],
    ) -> None:
        self._root = root
        self._key = key
        self._said = said
        self._variables = variables
        self._values = values

    @property
    def url(self) -> str | None:
        """Where the service is reached, if it is said for this service."""
        for path, table in reversed(self._said):
            if "url" in table:
                url = substitute(table["url"], self._values, (path,))
                return check_url(url, path, "services", self._key, "url")
        return None

    def verify(self) -> tuple[Verification, ...]:
        path, table = self._from("verify")
        items = Keys(table, path, "services", self._key, known=table).tables("verify")
        return tuple(self._check(item, path) for item in items)

    def monitor(self) -> Monitoring | None:
        """None: nothing is said of it, or `minutes = 0`: an environment is not watched."""
        found: dict[str, Any] = {}
        for path, table in self._said:
            if "monitor" in table:
                found |= self._monitor(table["monitor"], path)
        path, table = self._from("metrics")
        metrics = tuple(
            self._metric(item, path) for item in Keys(table, path, "services", self._key, known=table).tables("metrics")
        )
        if not found and not metrics:
            return None
        if "minutes" not in found:
            what = "monitor" if found else "metrics"
            raise UsageError(
                f"{place(path, 'services', self._key, what)}: services.{self._key}.monitor.minutes is missing",
                hint="say how long it is watched: monitor = { minutes = 15 }",
            )
        return Monitoring(**found, metrics=metrics) if found["minutes"] else None

    def _from(self, key: str) -> tuple[Path, Mapping[str, Any]]:
        """Who has the last word: the environment if it speaks of it."""
        first, last = self._said
        return last if key in last[1] else first

    # -- one item ----------------------------------------------------------------------------------------------------

    def _check(self, item: Any, path: Path) -> Verification:
        where = ("services", self._key, "verify")
        if isinstance(item, dict) and ("via" in item or "task" in item):
            return _task(Keys(item, path, *where, known=_TASK))
        if isinstance(item, dict) and "journey" in item:
            return self._journey(Keys(item, path, *where, known=_JOURNEY))
        return self._request(Keys(item, path, *where, known=_REQUEST | _JOURNEY | _TASK))

    def _request(self, keys: Keys) -> RequestCheck:
        if "path" not in keys:
            raise keys.wrong(
                "", f"a check of services.{self._key}.verify has no path", 'add path = "/…", or journey = "…"'
            )
        path = read_path(keys)
        p95 = keys.number("p95_seconds", low=0.001, high=_SECONDS)
        requests = keys.whole("requests", low=1, high=_MOST_REQUESTS)
        expected = keys.any("json")
        if requests is None:
            requests = _MANY if p95 is not None or _TAG.search(repr(expected)) else 1
        if p95 is not None and requests < _FEWEST_FOR_P95:
            raise keys.wrong(
                "requests",
                f"p95_seconds needs at least {_FEWEST_FOR_P95} requests, not {requests}",
                f"write requests = {_MANY}, or leave it out",
            )
        return RequestCheck(
            path=path,
            status=keys.numbers("status", low=100, high=599, default=(200,)),
            json=self._known(expected),
            headers=self._known(keys.strings("headers")),
            p95_seconds=p95,
            requests=requests,
            required=keys.flag("required"),
            url=self._url(keys),
        )

    def _journey(self, keys: Keys) -> JourneyCheck:
        path = self._root / keys.text("journey")
        return JourneyCheck(path, read_journey(path, self._variables), keys.flag("required"), self._url(keys))

    def _url(self, keys: Keys) -> str | None:
        if "url" not in keys:
            return self.url
        return check_url(substitute(keys.text("url"), self._values, (keys.path,)), keys.path, *keys.keys, "url")

    def _known(self, document: Any) -> Any:
        return put_known(document, self._variables)

    def _monitor(self, table: Any, path: Path) -> dict[str, Any]:
        keys = Keys(table, path, "services", self._key, "monitor", known=_MONITOR)
        read = {
            "minutes": keys.whole("minutes", low=0, high=_LONGEST_MINUTES),
            "error_rate": keys.number("error_rate", low=1e-6, high=1.0),
            "p95_seconds": keys.number("p95_seconds", low=0.001, high=_SECONDS),
            "task_failures": keys.whole("task_failures", low=0, high=100_000),
            "on_inconclusive": keys.choice("on_inconclusive", {HOLD, KEEP}, HOLD),
            "alarms": keys.flag("alarms"),
        }
        return {key: value for key, value in read.items() if key in keys}

    def _metric(self, item: Any, path: Path) -> MetricLimit:
        keys = Keys(item, path, "services", self._key, "metrics", known=_METRIC)
        for key in ("namespace", "name"):
            if key not in keys:
                raise keys.wrong("", f"a metric of services.{self._key}.metrics has no {key}", f'add {key} = "…"')
        most = keys.number("max", low=-_LARGEST, high=_LARGEST)
        least = keys.number("min", low=-_LARGEST, high=_LARGEST)
        name = keys.text("name")
        if most is None and least is None:
            raise keys.wrong("name", f"the metric {name} has neither max nor min", "add max = …, or min = …")
        statistic = keys.text("statistic", "Average")
        if not _STATISTIC.fullmatch(statistic):
            raise keys.wrong(
                "statistic",
                f"services.{self._key}.metrics.statistic is {statistic!r}",
                "CloudWatch has Average, Sum, Minimum, Maximum, SampleCount, p95 and other percentiles",
            )
        dimensions = substitute(keys.strings("dimensions"), self._values, (path,))
        return MetricLimit(keys.text("namespace"), name, statistic, dimensions, most, least)


def _task(keys: Keys) -> TaskCheck:
    if keys.text("via") != "task":
        raise keys.wrong("via", 'only via = "task" is known', 'write { via = "task", task = "NAME" }')
    if "task" not in keys:
        raise keys.wrong("via", 'via = "task" names no task', 'add task = "NAME", which is [tasks.NAME]')
    return TaskCheck(keys.text("task"))


def check_url(url: Any, path: Path, *keys: str) -> str:
    """An address that requests can be sent to, without the slash at its end.

    Raises:
        UsageError: it is none; names file, line and key.
    """
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    try:
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if right and not parts.username and not parts.query and not parts.fragment:
        return str(url).rstrip("/")
    raise UsageError(
        f"{place(path, *keys)}: {'.'.join(keys)} is no address that requests can be sent to",
        hint='write url = "https://api.example.com", without user, password and query',
    )


def with_tasks(
    services: Mapping[str, ServiceSpec], tasks: Mapping[str, TaskSpec], path: Path
) -> dict[str, ServiceSpec]:
    """The services, with the task that each `via = "task"` names put in.

    Raises:
        UsageError: there is no such task, it does not come `after` the service, or no service names it.
    """
    named: set[tuple[str, str]] = set()
    found: dict[str, ServiceSpec] = {}
    for key, spec in services.items():
        checks = tuple(
            replace(check, spec=_task_of(check, key, tasks, path)) if isinstance(check, TaskCheck) else check
            for check in spec.verify
        )
        named |= {(check.task, key) for check in checks if isinstance(check, TaskCheck)}
        found[key] = replace(spec, verify=checks)
    for task in tasks.values():
        for key in task.after:
            if task.before:
                raise UsageError(
                    f"{place(path, 'tasks', task.key, 'after')}: tasks.{task.key} has both before and after",
                    hint="make two tasks of it: one runs first, the other verifies",
                )
            if (task.key, key) not in named:
                raise UsageError(
                    f"{place(path, 'tasks', task.key, 'after')}: {task.key} comes after {key}, which does not run it",
                    hint=f'add {{ via = "task", task = "{task.key}" }} to verify of services.{key}',
                )
    return found


def _task_of(check: TaskCheck, key: str, tasks: Mapping[str, TaskSpec], path: Path) -> TaskSpec:
    if check.task not in tasks:
        raise UsageError(
            f"{place(path, 'services', key, 'verify', check.task)}: there is no task {check.task!r}",
            hint=did_you_mean(check.task, tasks) if tasks else f"add [tasks.{check.task}]",
        )
    if key not in tasks[check.task].after:
        raise UsageError(
            f"{place(path, 'tasks', check.task)}: verify of {key} runs {check.task}, which does not come after {key}",
            hint=f'add after = ["{key}"] under [tasks.{check.task}]',
        )
    return tasks[check.task]
