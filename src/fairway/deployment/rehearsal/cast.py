"""The project that a rehearsal deploys: production's definitions with their stand-ins, in a folder of its own."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import ACCOUNT
from fairway.deployment.rehearsal.acts import Stage
from fairway.deployment.rehearsal.stand_ins import (
    Differing,
    definition_at_speed,
    differing,
    in_account,
    service_at_speed,
    stand_in_definition,
    stand_in_service,
    with_fault,
)
from fairway.deployment.rehearsal.toml_text import toml
from fairway.errors import UsageError
from fairway.project.load import ENVIRONMENTS, FILE
from fairway.project.model import LOCAL
from fairway.project.references import SSM, is_reference, named, references, replaced
from fairway.project.toml_file import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fairway.deployment.rehearsal.acts import Act
    from fairway.project.model import Project, ScheduledSpec, ServiceSpec, TaskSpec

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_QUICK_MINUTES: Final = 5
_NO_FAILURE_SHOWS: Final = 3.0
"""n requests without a failure show with 95 % that fewer than 3 / n fail (the rule of three)."""
_OF_REQUESTS: Final = ("error_rate", "p95_seconds")


@dataclass(frozen=True, slots=True)
class Cast:
    """A project to be written."""

    document: Mapping[str, Any]
    """fairway.toml."""
    environment: Mapping[str, Any]
    """deploy/environments/local.toml, without the endpoint."""
    definitions: Mapping[str, Mapping[str, Any]]
    """By the key of a service, one-off task or scheduled task."""
    files: Mapping[str, Mapping[str, Any]]
    """Further JSON below deploy/, by its name."""
    differing: tuple[Differing, ...]
    notes: tuple[str, ...]
    """What is not played as production has it, in sentences."""
    variable: str | None
    """`fault_switches` of the project."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the definitions take values from (`ssm:NAME`)."""
        documents = [*self.definitions.values(), *self.files.values()]
        return tuple(sorted({name for document in documents for name in named(document, SSM)}))


def quick_minutes(minutes: int, *, error_rate: float | None, requests_per_minute: float) -> int:
    """How long `--quick` monitors, in engine minutes: as short as it may be, and no shorter than a verdict needs.

    15 minutes, no error rate -> 5     15, 0.1 %, 600 a minute -> 6 (3000 requests are needed, and the first minute is not whole)
    """
    needed = _QUICK_MINUTES
    if error_rate and requests_per_minute > 0:
        needed = max(needed, math.ceil(_NO_FAILURE_SHOWS / error_rate / requests_per_minute) + 1)
    return min(minutes, needed)


def read_said(root: Path, environment: str) -> dict[str, dict[str, Any]]:
    """`verify` and `monitor` of each service as the files say them: the environment has the last word."""
    document = read_toml(root / FILE)
    overlay = read_toml(root / ENVIRONMENTS / f"{environment}.toml")
    said: dict[str, dict[str, Any]] = {}
    for key, table in document.get("services", {}).items():
        over = overlay.get("services", {}).get(key, {})
        monitor = {**table.get("monitor", {}), **over.get("monitor", {})}
        verify = over.get("verify", table.get("verify", []))
        said[key] = {"verify": verify, "monitor": monitor}
    return said


def check_can_be_played(production: Project, local: Project) -> None:
    """Refuse what a private engine cannot be given.

    Raises:
        UsageError: there is nothing to create a service from.
    """
    for key, spec in production.services.items():
        if spec.service is None:
            raise UsageError(
                f"{key} has no service definition, so nothing says how ECS runs it",
                hint=f'add service = "…" under [services.{key}]: what create-service takes',
            )
    if set(local.services) != set(production.services):
        raise UsageError("the environments have different services", hint="fairway.toml names them for all alike")


class Casting:
    """Makes the cast of a stage."""

    def __init__(
        self,
        production: Project,
        local: Project,
        said: Mapping[str, Mapping[str, Any]],
        *,
        stage: Stage,
        tasks: int,
        quick: bool,
        has_metrics: bool,
        speed: float,
        rate: float,
    ) -> None:
        """`rate`: requests per real second."""
        self._production = production
        self._local = local
        self._said = said
        self._stage = stage
        self._tasks = tasks
        self._quick = quick
        self._speed = speed
        self._rate = rate
        self._has_metrics = has_metrics and stage is Stage.TRUTH
        self._differing: list[Differing] = []
        self._notes: list[str] = []

    def make(self) -> Cast:
        production, local = self._production, self._local
        definitions: dict[str, Mapping[str, Any]] = {}
        files: dict[str, Mapping[str, Any]] = {}
        services, tasks = {}, {}
        for key, spec in production.services.items():
            definitions[key] = self._definition(spec, local.services[key])
            files[f"{key}.service"] = self._service(spec, local.services[key])
            services[key] = self._service_table(spec)
        for key, task in production.tasks.items():
            if self._stage is Stage.SCALE and not task.before:
                continue  # it verifies, and models cannot be verified by a task
            definitions[key] = self._definition(task, local.tasks[key])
            tasks[key] = self._task_table(task)
            if task.run is not None:
                files[f"{key}.run"] = self._run(key, task.run, local.tasks[key].run)
        scheduled = {}
        for key, item in production.scheduled.items():
            if self._stage is Stage.TRUTH and (item.image is None or item.image.definition is None):
                self._notes.append(f"the scheduled task {key} is not played: it has no image definition")
                continue
            definitions[key] = self._definition(item, local.scheduled[key])
            scheduled[key] = self._scheduled_table(item)
        head: dict[str, Any] = {
            "name": production.name,
            "default_environment": LOCAL,
            "on_failure": production.on_failure,
        }
        for name, document in (("cluster", production.cluster_definition), ("balancer", local.balancer_definition)):
            if document is not None:
                head[name] = f"deploy/{name}.json"
                files[name] = _without_references(document) if name == "cluster" else document
        self._say_what_is_not_played()
        return Cast(
            document={"project": head, "services": services, "tasks": tasks, "scheduled": scheduled},
            environment=self._environment(),
            definitions={key: _as_parameters(document) for key, document in definitions.items()},
            files={key: _as_parameters(document) for key, document in files.items()},
            differing=tuple(self._differing),
            notes=tuple(self._notes),
            variable=production.fault_switches,
        )

    def _environment(self) -> dict[str, Any]:
        root, chosen = self._production.root, self._production.environment
        variables: dict[str, str] = {}
        for name in (LOCAL, chosen.name):
            variables |= read_toml(root / ENVIRONMENTS / f"{name}.toml").get("variables", {})
        return {"account": ACCOUNT, "region": chosen.region, "cluster": chosen.cluster, "variables": variables}

    def _definition(
        self, spec: ServiceSpec | TaskSpec | ScheduledSpec, local: ServiceSpec | TaskSpec | ScheduledSpec
    ) -> Mapping[str, Any]:
        definition = in_account(spec.definition, self._production.environment.account)
        if self._stage is Stage.TRUTH:
            definition = stand_in_definition(definition, in_account(local.definition, self._local.environment.account))
        else:
            definition = definition_at_speed(definition, self._speed)
        self._differing += differing(spec.key, spec.definition, definition)
        return definition

    def _service(self, spec: ServiceSpec, local: ServiceSpec) -> Mapping[str, Any]:
        assert spec.service is not None
        service = stand_in_service(
            in_account(spec.service, self._production.environment.account),
            local.service,
            key=spec.key,
            tasks=self._tasks if self._stage is Stage.TRUTH else None,
        )
        if self._stage is Stage.SCALE:
            service = service_at_speed(service, self._speed)
        self._differing += differing(spec.key, spec.service, service)
        return service

    def _run(self, key: str, run: Mapping[str, Any], local: Mapping[str, Any] | None) -> Mapping[str, Any]:
        network = "networkConfiguration"
        played = {**run, network: local[network]} if local is not None and network in local else dict(run)
        self._differing += differing(key, run, played)
        return played

    # -- fairway.toml ------------------------------------------------------------------------------------------------

    def _service_table(self, spec: ServiceSpec) -> dict[str, Any]:
        said = self._said.get(spec.key, {})
        table: dict[str, Any] = {
            "definition": f"deploy/{spec.key}.task.json",
            "service": f"deploy/{spec.key}.service.json",
            "after": list(spec.after),
            "manage": "service",
        } | self._image(spec)
        if said.get("verify") and self._stage is Stage.TRUTH:
            table["verify"] = [self._check(check) for check in said["verify"]]
        monitor = self._monitor(spec.key, said.get("monitor") or {})
        return table | ({"monitor": monitor} if monitor else {})

    def _check(self, check: Mapping[str, Any]) -> dict[str, Any]:
        found = {name: value for name, value in check.items() if name != "url"}
        if "journey" in found:
            found["journey"] = str(self._production.root / found["journey"])
        return found

    def _monitor(self, key: str, said: Mapping[str, Any]) -> dict[str, Any]:
        monitor = dict(said)
        left = [name for name in _OF_REQUESTS if name in monitor and not self._has_metrics]
        for name in left:
            del monitor[name]
        if left and self._stage is Stage.TRUTH:
            self._notes.append(f"{key}: {' and '.join(left)} are not judged: this engine measures no requests")
        minutes = monitor.get("minutes", 0)
        if self._quick and minutes:
            per_minute = self._rate * 60 / self._speed
            monitor["minutes"] = quick_minutes(
                minutes, error_rate=monitor.get("error_rate"), requests_per_minute=per_minute
            )
            if monitor["minutes"] != minutes:
                self._notes.append(f"{key}: monitored for {monitor['minutes']} of {minutes} minutes (--quick)")
        return monitor

    def _task_table(self, task: TaskSpec) -> dict[str, Any]:
        if task.one_way is True:
            self._notes.append(
                f"{task.key} cannot be undone (one_way): a failing release is held in production (exit code 6); here the way back is played all the same"
            )
        table: dict[str, Any] = {
            "definition": f"deploy/{task.key}.task.json",
            "before": list(task.before),
            "after": list(task.after),
            "one_way": False,
        } | self._image(task)
        return table | ({"run": f"deploy/{task.key}.run.json"} if task.run is not None else {})

    def _scheduled_table(self, item: ScheduledSpec) -> dict[str, Any]:
        # a bus or a group of one's own starts nothing else: the private engine's default does
        kind, name = ("rule", item.rule) if item.rule else ("schedule", item.schedule)
        assert name is not None
        return {
            "definition": f"deploy/{item.key}.task.json",
            "after": list(item.after),
            kind: name.rpartition("/")[2],
        } | self._image(item)

    def _image(self, spec: ServiceSpec | TaskSpec | ScheduledSpec) -> dict[str, Any]:
        if spec.image is None:
            return {}
        image = {"repository": spec.image.repository}
        if spec.image.definition is not None:
            image["definition"] = str(spec.image.definition.absolute())
        return {"image": image}

    def _say_what_is_not_played(self) -> None:
        if self._stage is Stage.SCALE:
            self._notes.append(
                "tasks are models: no request is sent, and a release is verified by its tasks and targets alone"
            )
        if self._local.balancer_definition:
            self._notes.append(
                "the target groups' own settings (health checks, delays) are those of the local environment"
            )
        self._notes.append("lint and check are not part of a rehearsal: fairway lint, fairway deploy")


def _without_references(document: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster's key for ECS Exec is production's; the private engine makes no use of one."""
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/rehearsal"
    made: dict[str, Any] = replaced(document, {text: key for _, text in references(document)})
    return made


def _as_parameters(document: Mapping[str, Any]) -> dict[str, Any]:
    """A private engine has neither stacks nor states: what names one of theirs names a parameter instead."""
    values = {text: text if text.startswith(SSM) else parameter_for(text) for _, text in references(document)}
    made: dict[str, Any] = replaced(document, values)
    return made


def parameter_for(reference: str) -> str:
    """A parameter in its stead: `cfn:network/Vpc` -> `ssm:/rehearsal/cfn/network/Vpc`."""
    assert is_reference(reference)
    return f"{SSM}/rehearsal/{_NO_NAME.sub('/', reference).strip('/')}"


def write_cast(cast: Cast, folder: Path, endpoint: str) -> None:
    """Write the project; `folder` exists."""
    environments = folder / ENVIRONMENTS
    environments.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(toml(dict(cast.document)), encoding="utf-8")
    environment = {**cast.environment, "endpoint_url": endpoint}
    (environments / f"{LOCAL}.toml").write_text(toml(environment), encoding="utf-8")
    for name, document in cast.files.items():
        _write(folder / "deploy" / f"{name}.json", document)
    write_definitions(cast, folder)


def write_definitions(cast: Cast, folder: Path, act: Act | None = None) -> None:
    """Write the task definitions of the next release: good, or with the fault of an act."""
    for key, definition in cast.definitions.items():
        written = definition
        if act is not None and act.service == key:
            written = with_fault(definition, labels=act.labels, variable=cast.variable or "", switch=act.switch)
        _write(folder / "deploy" / f"{key}.task.json", written)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def with_one_off_models(cast: Cast) -> Cast:
    """On models a one-off task ends by itself, and well: nothing else would end it."""
    tasks = set(cast.document["tasks"])
    definitions = {
        key: with_fault(definition, labels={"exit_after": "2"}, variable="", switch="") if key in tasks else definition
        for key, definition in cast.definitions.items()
    }
    return replace(cast, definitions=definitions)
