"""`fairway status`: what runs, what is wrong first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fairway.cli.command import command
from fairway.cli.engine_health import engine_health, store_troubles
from fairway.cli.unfinished import say_unfinished
from fairway.errors import FairwayError
from fairway.observed import BAD, ROLLBACK_SUCCESSFUL, SUCCESSFUL

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output
    from fairway.cli.where import Named, Place
    from fairway.deployment.diagnosis import Diagnosis
    from fairway.observed import Picture

EXAMPLES: Final = """  fairway status                                  every service of the project
  fairway status api
  fairway status taskmanager-prod/taskmanager-api without a project file
"""
_RECENT: Final = timedelta(minutes=10)
_CALM: Final = timedelta(seconds=15)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairway.cli.where import TARGET_HELP  # noqa: PLC0415 - only what a verb needs is imported

    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"{TARGET_HELP} (default: all of the project)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.aws.observe import ServiceNotFound  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.where import find_place  # noqa: PLC0415

    place = find_place(arguments, arguments.services)
    living = place.observer.services([named.name for named in place.services])
    missing = [named for named in place.services if named.name not in living]
    if missing and len(missing) == len(place.services):
        names = ", ".join(named.name for named in missing)
        raise ServiceNotFound(
            f"cluster {place.observer.cluster} has no service {names}",
            hint=f"{command('deploy', arguments.env)} creates it from its definition"
            if place.project is not None
            else f"aws ecs list-services --cluster {place.observer.cluster} shows which there are",
        )
    looked = [_look(place, named) for named in place.services if named.name in living]
    # what is wrong comes first
    looked.sort(key=lambda entry: (not is_wrong(entry[1], entry[2]), not _is_busy(entry[1])))
    for named, picture, diagnosis in looked:
        found = _addresses(place, picture)
        out.document(_document(picture, diagnosis, found))
        _show(out, named, picture, diagnosis, found, arguments.env)
    say_unfinished(place, out, arguments.env)
    port = urlsplit(str(place.aws.environment.endpoint_url)).port if place.aws.is_local else None
    for trouble in store_troubles(engine_health(port)).values() if place.aws.is_local else ():
        out.document({"trouble": trouble})
        out.text(out.paint(f"{trouble}: work waits (fairway engine logs says more)", "red"))
    for named in missing:
        out.document({"service": named.name, "cluster": place.observer.cluster, "status": "MISSING"})
        out.text(f"{named.name}: is not in cluster {place.observer.cluster} yet")
    return 0


def _look(place: Place, named: Named) -> tuple[Named, Picture, Diagnosis]:
    from fairway.deployment.diagnosis import diagnose  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.evidence import observe_service  # noqa: PLC0415

    picture = observe_service(place.observer, named.name)
    recent = now_only(picture)
    if is_recovered(recent):
        recent = replace(recent, stopped=())
    return named, picture, diagnose(recent, address=named.address)


def now_only(picture: Picture) -> Picture:
    """The picture without troubles that are over.

    After a deployment ended well, or ECS took it back and the known good revision serves, what failed during it is no news.
    """
    record = picture.deployment
    if record is None or record.finished_at is None or not (record.status == SUCCESSFUL or was_taken_back(picture)):
        return picture
    since = max(record.finished_at, picture.at - _RECENT)
    stopped = tuple(task for task in picture.stopped if task.stopped_at is not None and task.stopped_at > since)
    events = tuple(event for event in picture.service.events if event.at > since)
    return replace(picture, stopped=stopped, service=replace(picture.service, events=events))


def is_recovered(picture: Picture) -> bool:
    """Tasks failed, and were replaced: the service is whole and healthy again, and has been for a while.

    At most as many failures as it has tasks: what dies again and again has not recovered, though at times all run.
    """
    from fairway.deployment.changes import is_failure  # noqa: PLC0415 - only what a verb needs is imported

    service, record = picture.service, picture.deployment
    ended = [task.stopped_at for task in picture.stopped if is_failure(task) and task.stopped_at is not None]
    if not ended or len(ended) > service.desired or picture.at - max(ended) < _CALM:
        return False
    if record is not None and not (record.status == SUCCESSFUL or was_taken_back(picture)):
        return False
    serving = [target for target in picture.targets if target.state != "draining"]
    return (
        service.running == service.desired
        and not service.pending
        and all(task.health != "UNHEALTHY" for task in picture.tasks)
        and all(target.state == "healthy" for target in serving)
        and (not service.target_groups or len(serving) >= service.desired)
    )


def replaced(picture: Picture) -> str:
    """What failed and was replaced, in one line; empty: nothing, or it goes on."""
    from fairway.deployment.failures import failures  # noqa: PLC0415 - only what a verb needs is imported

    recent = now_only(picture)
    if not is_recovered(recent):
        return ""
    groups = failures(recent)
    count = sum(len(failure.tasks) for failure in groups)
    newest = groups[0]
    code = "" if newest.exit_code is None else f" (exit code {newest.exit_code})"
    return f"{count} task{'s' if count > 1 else ''} stopped and {'were' if count > 1 else 'was'} replaced: {newest.reason}{code}"


def was_taken_back(picture: Picture) -> bool:
    """ECS has rolled the newest deployment back, and the service is whole: all its tasks run a revision not known to be bad."""
    record, service = picture.deployment, picture.service
    if record is None or record.status != ROLLBACK_SUCCESSFUL or service.running < service.desired:
        return False
    current = picture.definitions.get(service.task_definition)
    others = any(rollout.running for rollout in service.rollouts if rollout.task_definition != service.task_definition)
    return not others and current is not None and current.verdict != BAD


def _is_busy(picture: Picture) -> bool:
    return picture.deployment is not None and not picture.deployment.is_over


def is_wrong(picture: Picture, diagnosis: Diagnosis) -> bool:
    """Something is wrong now: tasks are missing, a deployment fails, targets are unwell. Old failures alone are not."""
    record, service = picture.deployment, picture.service
    if record is not None and record.is_over and record.status != SUCCESSFUL and not was_taken_back(picture):
        return True
    if service.running < service.desired and (record is None or record.is_over):
        return True
    return not diagnosis.is_well


def _addresses(place: Place, picture: Picture) -> list[str]:
    from fairway.aws.addresses import addresses  # noqa: PLC0415 - only what a verb needs is imported

    try:
        return addresses(place.aws, picture.service.target_groups)
    except FairwayError:
        return []


def _document(picture: Picture, diagnosis: Diagnosis, found: list[str]) -> dict[str, Any]:
    service, record = picture.service, picture.deployment
    current = picture.definitions.get(service.task_definition)
    return {
        "service": service.name,
        "cluster": service.cluster,
        "status": service.status,
        "wrong": is_wrong(picture, diagnosis),
        "desired": service.desired,
        "running": service.running,
        "pending": service.pending,
        "task_definition": service.task_definition,
        "version": None if current is None else current.version,
        "verdict": None if current is None else current.verdict,
        "service_deployment": None if record is None else record.arn,
        "deployment_status": None if record is None else record.status,
        "addresses": found,
        "targets": dict(Counter(target.state for target in picture.targets)),
        "causes": diagnosis.document()["causes"],
        "replaced": replaced(picture),
    }


def _target(picture: Picture) -> str:
    return "its revision was deleted" if picture.target is None else picture.target.label()


def _show(
    out: Output, named: Named, picture: Picture, diagnosis: Diagnosis, found: list[str], environment: str | None
) -> None:
    from fairway.deployment.changes import label  # noqa: PLC0415 - only what a verb needs is imported

    service, record = picture.service, picture.deployment
    wrong = is_wrong(picture, diagnosis)
    mark = out.paint("✗", "red") if wrong else out.paint("✓", "green")
    current = picture.definitions.get(service.task_definition)
    verdict = "" if current is None or current.verdict is None else f", {current.verdict}"
    counts = f"{service.running} of {service.desired} running" + (
        f", {service.pending} pending" if service.pending else ""
    )
    out.text(f"{mark} {service.name}  {label(picture, service.task_definition)}{verdict}  {counts}")
    for cause in diagnosis.causes:
        out.text(f"    {out.paint(cause.title, 'red')}")
        if cause.likely:
            out.text(f"      likely cause: {cause.likely}")
    note = replaced(picture)
    if note:
        out.text(f"    note: {note}")
    if was_taken_back(picture):
        out.text(f"    note: the last deployment ({_target(picture)}) failed and was rolled back")
    elif record is not None and record.status != SUCCESSFUL:
        reason = record.rollback_reason or record.reason
        out.text(f"    deployment {record.id} {record.status}" + (f": {reason}" if reason else ""))
    if _is_busy(picture):
        for rollout in service.rollouts:
            revision = label(picture, rollout.task_definition)
            out.text(
                f"    {rollout.status:<8}{revision}: {rollout.running} of {rollout.desired} running, {rollout.failed} failed"
            )
    if picture.targets:
        states = Counter(target.state for target in picture.targets)
        out.text("    targets: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    for address in found:
        out.text(f"    {address}")
    if wrong or note or was_taken_back(picture):
        out.text(f"    → {command(f'why {named.address}', environment)}")
    elif _is_busy(picture):
        out.text(f"    → {command(f'watch {named.address}', environment)}")
