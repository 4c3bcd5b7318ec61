"""What is said at the end of a deployment: the reason first; then its report goes where it belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fairway.cli.checked import Given
from fairway.cli.command import command
from fairway.cli.interrupted import resume_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.pipeline import Result
    from fairway.deployment.register import Origin
    from fairway.deployment.subject import Finding
    from fairway.project.model import Project

_HELD, _NOT_BACK, _SUPERSEDED = 6, 5, 7


@dataclass(frozen=True, slots=True)
class Ended:
    """A deployment that has ended."""

    project: Project
    place: Place
    origin: Origin
    result: Result
    began: datetime
    seconds: float
    timeline: Sequence[Mapping[str, Any]]
    given: Given = field(default_factory=Given)


def conclude(out: Output, ended: Ended, *, created: Mapping[str, bool], environment: str | None) -> None:
    """Say how it ended, and publish the report. `created`: by key, True: this run creates the service."""
    diagnoses = _say(out, ended, created, environment)
    _publish(out, ended, diagnoses)
    services, result = ended.result.services, ended.result
    out.event(
        "finished",
        at=ended.place.aws.now(),
        exit_code=result.exit_code,
        seconds=round(ended.seconds, 1),
        services={key: str(item.outcome.ending) for key, item in services.followed.items() if item.outcome},
        refused={key: error.message for key, error in services.refused.items()},
        taken_back={key: str(outcome.ending) for key, outcome in services.went_back.items()},
        kept=dict(services.kept),
        not_started=list(services.not_started),
        verified={key: str(found.health) for key, found in result.verified.items()},
        watched={key: str(found.health) for key, found in result.watched.items()},
        pending=[str(step) for step in result.pending],
    )


def _say(
    out: Output, ended: Ended, created: Mapping[str, bool], environment: str | None
) -> dict[str, Mapping[str, Any]]:
    """The lines for people; why each service failed, for the report."""
    from fairway.cli.failure import explain  # noqa: PLC0415 - only what a verb needs is imported

    result, services = ended.result, ended.result.services
    diagnoses: dict[str, Mapping[str, Any]] = {}
    _say_one_off(out, result)
    for key, item in services.followed.items():
        if item.outcome is not None and item.outcome.exit_code in {4, 5, 6} and item.picture is not None:
            diagnosis = explain(out, ended.place.observer, item.picture, key, environment)
            if diagnosis is not None:
                diagnoses[key] = diagnosis.document()
    for key, error in services.refused.items():
        out.text(out.paint(f"{key}: {error.message}", "red"))
    _say_findings(out, result.verified)
    _say_findings(out, result.watched)
    out.text()
    for key, item in services.followed.items():
        if item.outcome is None:
            continue
        out.text(f"{key}: {item.target.label()}: {item.outcome.text}")
        _advise(out, key, item.outcome.exit_code, is_new=bool(created.get(key)), environment=environment)
    for key, outcome in services.went_back.items():
        out.text(f"{key}: taken back: {outcome.text}")
    for key, why in services.kept.items():
        out.text(f"{key}: stays as deployed: {why}")
    for key in services.not_started:
        out.text(f"{key}: was not started, and is unchanged")
    _say_rest(out, ended, environment)
    word, colour = in_a_word(result)
    out.text(out.paint(f"{word} in {ended.seconds:.0f} s", colour))
    return diagnoses


def in_a_word(result: Result) -> tuple[str, str]:
    """(how it ended, its colour). Pure."""
    if result.exit_code == 0:
        # of a whole release that serves already, nothing is deployed
        return "verified" if result.proved and not result.services.followed else "deployed", "green"
    if result.is_undecided:
        return "deployed, not decided", "yellow"
    if result.exit_code == _SUPERSEDED and result.has_looked:
        return "deployed, and superseded since", "yellow"
    return "not deployed", "red"


def _say_rest(out: Output, ended: Ended, environment: str | None) -> None:
    result = ended.result
    if result.is_undecided:
        _say_choices(out, ended, environment)
    elif result.exit_code == _HELD and not result.held and not result.pending:
        out.text(f"  {resume_line(ended.origin.run, environment)}")
    if result.held:
        names = ", ".join(result.held)
        out.text(out.paint(f"held: {names} cannot be undone, so nothing goes back by itself", "red"))
        out.text(f"  → correct it and deploy again, or: {command('rollback --over-one-way', environment)}")
    if result.pending:
        steps = " and ".join(str(step) for step in result.pending)
        out.text(f"{steps}: left for {command('watch --pending', environment)}")


def _say_choices(out: Output, ended: Ended, environment: str | None) -> None:
    """What somebody can do who has to decide."""
    what = "watch another window" if ended.result.watches_anew else "go on watching"
    accept = command(f'watch --accept {ended.origin.run} --why "…"', environment)
    out.text("whether it is good is not known:")
    out.text(f"  → {what}: {command('watch --pending', environment)}")
    out.text(f"  → it is good: {accept}")
    out.text(f"  → it is not: {command('rollback', environment)}")


def _say_findings(out: Output, findings: Mapping[str, Finding]) -> None:
    from fairway.deployment.subject import Health  # noqa: PLC0415 - only what a verb needs is imported

    colours = {Health.HEALTHY: "green", Health.UNHEALTHY: "red"}
    for key, found in findings.items():
        out.text(out.paint(f"{key}: {found.health}: {found.text}", colours.get(found.health, "yellow")))


def _say_one_off(out: Output, result: Result) -> None:
    failed = result.one_off
    if failed is None:
        return
    from fairway.deployment.one_off import where_lines_are  # noqa: PLC0415 - only for this failure

    out.text()
    how = "has not ended" if failed.still_runs else "failed"
    out.text(out.paint(f"{failed.key} {how}: {failed.text}; no service was changed", "red"))
    if failed.lines:
        out.text(f"  last lines of {failed.key}:")
        for line in failed.lines:
            out.text(f"    | {line}")
    elif not failed.still_runs:
        out.text(f"  no log lines: {where_lines_are(failed.definition, failed.task)}")


def _advise(out: Output, key: str, exit_code: int, *, is_new: bool, environment: str | None) -> None:
    back = command(f"rollback {key}", environment)
    if exit_code == _HELD:
        out.text(f"  → only watch: {command(f'watch {key}', environment)}; go back: {back}")
    elif exit_code == _NOT_BACK and is_new:
        out.text("  → it is new, so there is nothing to go back to: correct it, and deploy again")
    elif exit_code == _NOT_BACK:
        out.text(f"  → go back to the last known good: {back}")


def _publish(out: Output, ended: Ended, diagnoses: Mapping[str, Mapping[str, Any]]) -> None:
    from fairway.cli.ci import tell_ci  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.publish import post_summary, upload_report, write_report  # noqa: PLC0415 - as above
    from fairway.deployment.report import make_report  # noqa: PLC0415

    project, aws = ended.project, ended.place.aws
    where = {
        "name": project.environment.name,
        "account": aws.caller().get("Account"),
        "region": project.environment.region,
        "cluster": project.environment.cluster,
    }
    report = make_report(
        ended.result,
        ended.origin,
        project=project.name,
        environment=where,
        began=ended.began,
        ended=aws.now(),
        seconds=ended.seconds,
        timeline=ended.timeline,
        diagnoses=diagnoses,
        confirmed=[item.document() for item in ended.given.confirmed],
        urgent=ended.given.urgent,
    )
    tell_ci(out, report)
    problems = []
    try:
        page = write_report(report, project.root)
    except OSError as error:
        problems.append(f"the report could not be written: {error}")
    else:
        out.text(f"report: {_shown(page, project)}")
        out.event("report", path=str(page))
    if project.reports is not None:
        refused = upload_report(aws, report, project.reports)
        problems += [f"the report could not be written to {project.reports}: {refused}"] if refused else []
    if project.webhook is not None:
        refused = post_summary(report, project.webhook)
        problems += [f"the webhook was not told: {refused}"] if refused else []
    for problem in problems:
        out.note(problem)
        out.event("warning", service="", at=aws.now(), message=problem)


def _shown(page: Any, project: Project) -> str:
    return str(page.relative_to(project.root)) if page.is_relative_to(project.root) else str(page)
