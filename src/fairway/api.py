"""Fairway as a library: the same steps and states as the command line, for programs that deploy.

    import fairway

    project = fairway.load_project(Path("."), "production")
    ended = fairway.deploy(project, fairway.Choices(tag="v2"))
    if ended.exit_code:
        print(ended.result.services.followed["api"].outcome)

Nothing is asked and nothing is printed: a `Listener` hears of each `Change`. Whoever calls this has decided.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fairway.aws.observe import Observer
from fairway.aws.pace import Pace
from fairway.aws.session import connect
from fairway.aws.survey import survey
from fairway.checks.checklist import go_through, read_confirmations, refuse_open
from fairway.checks.finding import State
from fairway.clock import monotonic
from fairway.deployment.check import PEAK_HOURS, check
from fairway.deployment.context import Context
from fairway.deployment.follow import Watcher
from fairway.deployment.pin import settle
from fairway.deployment.pipeline import Options, Pipeline, Result, begin_journal, check_release
from fairway.deployment.prepare import prepare
from fairway.deployment.progress import Silent
from fairway.deployment.recorder import Recorder
from fairway.deployment.release import make_release
from fairway.deployment.report import make_report
from fairway.deployment.rollback import Unchanged, go_back, overriding_locks, plan_rollback
from fairway.deployment.steps import Step
from fairway.errors import UsageError
from fairway.lint.project import errors_of
from fairway.planning.plan import plan as make_plan
from fairway.project.prices import load_prices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.aws.session import Aws
    from fairway.checks.finding import Finding
    from fairway.deployment.outcome import Outcome
    from fairway.deployment.progress import Listener
    from fairway.deployment.release import Choices
    from fairway.planning.plan import Plan
    from fairway.planning.release import Release
    from fairway.project.model import Project


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that has ended."""

    result: Result
    report: dict[str, Any]
    """What `.fairway/reports/RUN.json` holds."""
    unchanged: tuple[str, ...] = ()
    """Services that serve exactly this already, and were not deployed; whose revision nobody had verified, that was verified."""

    @property
    def exit_code(self) -> int:
        """As the command line has it: 0, 4, 5, 6 or 7."""
        return self.result.exit_code


@dataclass(frozen=True, slots=True)
class WentBack:
    """A rollback that has ended."""

    service: str
    exit_code: int
    outcome: Outcome | None
    """None: the known good revision serves already."""
    reason: str


def deploy(
    project: Project,
    choices: Choices,
    *,
    options: Options | None = None,
    timeout_seconds: float | None = None,
    force: bool = False,
    urgent: str | None = None,
    confirm: Mapping[str, str] | None = None,
    ci: str | None = None,
    listener: Listener | None = None,
) -> Deployed:
    """Deploy what the choices name, and follow it to its end: seconds to half an hour.

    `urgent` says why peak hours and alarms that are red already are no reason to wait. `confirm` names the points of the
    [checklist] that whoever calls this knows to be so, each with a text (who says so, or ""); as on the command line a variable
    `FAIRWAY_CONFIRM_NAME` says so, too. All of it is in the report.

    Raises:
        DeploymentHeld: everything serves already, and the run that is to prove it has not ended.
        UsageError: lint finds errors, a check fails, a point of the checklist is open, a definition is wrong, the account is
            another one; nothing was changed.
        Locked: somebody else deploys one of the services.
        AwsError: AWS refused before any service was changed, or cannot be reached.
    """
    options = options or Options()
    selection = options.selection
    aws = connect(project.environment)
    observer, pace = Observer(aws, project.environment.cluster), Pace(is_local=project.environment.is_local)
    release = settle(aws, project, make_release(project, choices))
    prepared = prepare(project, observer, release, selection, force=force, ci=ci)
    release, origin = prepared.release, prepared.origin
    if prepared.deploys_nothing:
        selection = selection.only_looking()
    errors = errors_of(project) if Step.LINT in selection else ()
    if errors:
        raise UsageError(f"lint finds {errors[0].place}: {errors[0].message}", hint=errors[0].remedy)
    confirmed: tuple[dict[str, Any], ...] = ()
    if not prepared.deploys_nothing:
        codes = None if Step.CHECK in selection else PEAK_HOURS
        found = check(project, observer, release, prepared.living, urgent=urgent, codes=codes).findings
        failed = [item for item in found if item.state is State.FAILED]
        if failed:
            said = "; ".join(f"{item.subject}: {item.text}" for item in failed)
            raise UsageError(f"{failed[0].code}: {said}", hint=failed[0].remedy)
        if Step.CHECK in selection:
            confirmed = _go_through(project, aws, found, confirm or {})
    options = replace(options, selection=selection, one_way=origin.one_way)
    recorder = Recorder(listener or Silent(), aws)
    context = Context(observer, pace, recorder, origin, timeout_seconds=timeout_seconds)
    began, since = aws.now(), monotonic()
    result = Result()
    if release.services:
        journal = replace(
            begin_journal(context, project, release, choices, options, prepared.living, prepared.proves),
            urgent=urgent,
            confirmed=confirmed,
        )
        result = Pipeline(context, project, release, journal, options).go()
    where = {
        "name": project.environment.name,
        "account": aws.caller()["Account"],
        "region": project.environment.region,
        "cluster": project.environment.cluster,
    }
    report = make_report(
        result,
        origin,
        project=project.name,
        environment=where,
        began=began,
        ended=aws.now(),
        seconds=monotonic() - since,
        timeline=recorder.entries,
        confirmed=confirmed,
        urgent=urgent,
    )
    return Deployed(result, report, tuple(prepared.unchanged))


def _go_through(
    project: Project, aws: Aws, findings: Sequence[Finding], confirm: Mapping[str, str]
) -> tuple[dict[str, Any], ...]:
    """The points of the checklist as the report takes them.

    Raises:
        UsageError: one is open, or is not in the checklist.
    """
    items = project.before.checklist
    given = read_confirmations((f"{name}={text}" for name, text in confirm.items()), items)
    checklist = go_through(items, findings, given=given, variables=os.environ, by=aws.caller_arn(), at=aws.now())
    if checklist.open:
        refuse_open(checklist.open, "nobody has confirmed")
    return tuple(item.document() for item in checklist.confirmed)


def plan(project: Project, choices: Choices) -> Plan:
    """What a deployment would change, restart and cost. Reads only.

    Raises:
        UsageError: a definition is wrong, or the account is another one.
        AwsError: AWS refuses, or cannot be reached.
    """
    aws = connect(project.environment)
    observer = Observer(aws, project.environment.cluster)
    release: Release = settle(aws, project, make_release(project, choices))
    check_release(observer, release)
    families = [str(task.definition["family"]) for task in release.before]
    living = survey(observer, [item.name for item in release.services], families)
    return make_plan(release, living, load_prices(project.prices_path))


def rollback(
    project: Project,
    service: str,
    *,
    to: str | None = None,
    further: bool = False,
    over_one_way: bool = False,
    old_secrets: bool = False,
    timeout_seconds: float | None = None,
    listener: Listener | None = None,
) -> WentBack:
    """Take one service (its key in the project) back to its last known good revision, at once.

    Raises:
        UsageError: there is nothing to go back to, a migration between cannot be undone, or pinned secrets are old.
        AwsError: AWS refuses, or cannot be reached.
    """
    if service not in project.services:
        raise UsageError(
            f"there is no service {service!r} in fairway.toml", hint=f"one of {', '.join(project.services)}"
        )
    aws = connect(project.environment)
    observer, pace = Observer(aws, project.environment.cluster), Pace(is_local=project.environment.is_local)
    name = project.services[service].service_name
    planned = plan_rollback(observer, name, to, further=further, over_one_way=over_one_way, old_secrets=old_secrets)
    if isinstance(planned, Unchanged):
        return WentBack(service, 0, None, planned.reason)
    watcher = Watcher(observer, pace, listener or Silent(), timeout_seconds=timeout_seconds)
    with overriding_locks(observer, [name]):
        code, followed = go_back(observer, pace, watcher, planned)
    assert followed.outcome is not None
    return WentBack(service, code, followed.outcome, followed.outcome.text)
