"""Runs a one-off task of the project inside the VPC, where the service runs: its exit code says whether the service is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.aws.values import resolve_values
from fairway.deployment.one_off import run_like, run_one_off
from fairway.deployment.register import Origin, register
from fairway.endpoint.result import CheckResult, State
from fairway.errors import FairwayError
from fairway.observed import BY_TAG, COMMIT_TAG, DEPLOYMENT_TAG
from fairway.project.overlay import has_tag
from fairway.project.render import render_definition

if TYPE_CHECKING:
    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.begun import Begun
    from fairway.deployment.progress import Listener
    from fairway.observed import Service, TaskDefinition
    from fairway.project.checks import TaskCheck


def check_task(
    observer: Observer,
    pace: Pace,
    listener: Listener,
    check: TaskCheck,
    *,
    target: TaskDefinition,
    service: Service,
    version: str | None,
    begun: Begun,
    deadline: float | None,
) -> CheckResult:
    """Run the task to its end. It belongs to the run that registered `target`, and is tagged so."""
    spec = check.spec
    assert spec is not None, "a project that was read has the task of each check"
    tags = target.tags
    origin = Origin(tags.get(DEPLOYMENT_TAG, "unknown"), tags.get(BY_TAG, "unknown"), version, tags.get(COMMIT_TAG))
    tagged = any(has_tag(str(container.get("image", ""))) for container in spec.definition["containerDefinitions"])
    if tagged and version is None:
        return CheckResult(
            check.task, State.NOT_CHECKED, f"{check.task}: not checked: no version is known for its image"
        )
    try:
        rendered = render_definition(spec, tag=version if tagged else None)
        definition = register(observer.aws, resolve_values(observer.aws, rendered, spec.definition_path), origin)
        run = None if spec.run is None else resolve_values(observer.aws, spec.run, spec.run_path)
        result = run_one_off(
            observer,
            pace,
            listener,
            key=check.task,
            definition=definition,
            run=run_like(service.document, run),
            started_by=f"fairway/{origin.run}",
            begun=begun,
            deadline=deadline,
        )
    except FairwayError as error:
        return CheckResult(check.task, State.NOT_CHECKED, f"{check.task}: could not be run: {error.message}")
    figures = {"task": None if result.task is None else result.task.arn, "task_definition": definition.arn}
    text = f"{check.task}: {result.text}"
    if result.still_runs:
        return CheckResult(check.task, State.NOT_CHECKED, text, figures)
    return CheckResult(check.task, State.PASSED if result.succeeded else State.FAILED, text, figures)
