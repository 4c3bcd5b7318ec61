"""The step `check` of a deployment: refuses what would fail, asks for what only people know, and keeps who said so."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairway.cli.command import command
from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from fairway.checks.checklist import Checklist, Confirmed
    from fairway.checks.finding import Finding
    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.steps import Selection
    from fairway.observed import Service
    from fairway.planning.release import Release
    from fairway.project.before import Item
    from fairway.project.model import Project


@dataclass(frozen=True, slots=True)
class Given:
    """What people said before a deployment began: it goes into the report."""

    confirmed: tuple[Confirmed, ...] = ()
    urgent: str | None = None


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what people say: --confirm and --urgent."""
    parser.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="NAME[=TEXT]",
        help="a point of the [checklist] is so; a CI job sets FAIRWAY_CONFIRM_NAME instead. Recorded",
    )
    parser.add_argument(
        "--urgent", metavar="WHY", help="deploy in peak hours, or although an alarm is red already. Recorded"
    )


def read_urgent(arguments: argparse.Namespace) -> str | None:
    """Why it is urgent.

    Raises:
        UsageError: no reason is given.
    """
    why: str | None = arguments.urgent
    if why is not None and not why.strip():
        raise UsageError("--urgent needs a reason", hint='--urgent "customers cannot pay"')
    return why


def check_before(
    arguments: argparse.Namespace,
    out: Output,
    project: Project,
    place: Place,
    release: Release,
    living: Mapping[str, Service],
    selection: Selection,
) -> Given:
    """Do the step, if it is chosen. Peak hours count in any case, where something is changed.

    Raises:
        UsageError: a check fails, or a point of the checklist is open; nothing was changed.
    """
    from fairway.deployment.check import PEAK_HOURS, check  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.steps import Step  # noqa: PLC0415

    urgent, before = read_urgent(arguments), project.before
    is_chosen = Step.CHECK in selection
    changes = bool({Step.MIGRATE, Step.REGISTER, Step.SERVICES} & selection.steps)
    if not is_chosen:
        if arguments.confirm:
            raise UsageError("--confirm is for the step check, which is left out", hint="leave --confirm out as well")
        if not changes or not before.peak_hours:
            return Given((), urgent)
    checked = check(project, place.observer, release, living, urgent=urgent, codes=None if is_chosen else PEAK_HOURS)
    _tell(out, checked.findings)
    refuse_failures(checked.findings, project.environment.name)
    if not is_chosen:
        return Given((), urgent)
    checklist = answer_checklist(arguments, project, place, checked.findings)
    return Given((*checklist.confirmed, *_asked(arguments, out, place, checklist.open)), urgent)


def answer_checklist(
    arguments: argparse.Namespace, project: Project, place: Place, findings: Sequence[Finding]
) -> Checklist:
    """Where the checklist stands, before anybody is asked on a terminal."""
    from fairway.checks.checklist import go_through, read_confirmations  # noqa: PLC0415 - what a verb needs

    items = project.before.checklist
    return go_through(
        items,
        findings,
        given=read_confirmations(arguments.confirm, items),
        variables=os.environ,
        by=place.aws.caller_arn(),
        at=place.aws.now(),
    )


def _tell(out: Output, findings: Sequence[Finding]) -> None:
    """What is not well, and how many are."""
    from fairway.checks.finding import State  # noqa: PLC0415 - only what a verb needs is imported

    for item in findings:
        if item.state is not State.OK:
            out.event("check", **document_of(item))
        if item.state is State.WARNING:
            out.text(f"check: {item.subject}: {item.text} ({item.code})")
            out.text(f"  → {item.remedy}")
    unknown = [item for item in findings if item.state is State.NOT_CHECKED and "not allowed" in item.text]
    for reason in dict.fromkeys(item.text for item in unknown):
        codes = ", ".join(dict.fromkeys(item.code for item in unknown if item.text == reason))
        out.text(f"check: not checked: {codes}: {reason}")
    out.event("checked", **counts_of(findings))


def document_of(item: Finding) -> dict[str, str]:
    """As JSON."""
    return {
        "code": item.code,
        "state": str(item.state),
        "subject": item.subject,
        "text": item.text,
        "remedy": item.remedy,
    }


def counts_of(findings: Sequence[Finding]) -> dict[str, int]:
    """How many there are of each state."""
    from fairway.checks.finding import State  # noqa: PLC0415 - only what a verb needs is imported

    return {str(state): sum(item.state is state for item in findings) for state in State}


def refuse_failures(findings: Sequence[Finding], environment: str) -> None:
    """Refuse when a check has failed.

    Raises:
        UsageError: names each of them.
    """
    from fairway.checks.finding import State  # noqa: PLC0415 - only what a verb needs is imported

    failures = [item for item in findings if item.state is State.FAILED]
    if not failures:
        return
    count = "1 check fails" if len(failures) == 1 else f"{len(failures)} checks fail"
    lines = "".join(f"\n  {item.code}: {item.subject}: {item.text}\n    → {item.remedy}" for item in failures)
    raise UsageError(
        f"{count} in {environment}, and nothing was changed:{lines}",
        hint=f"mend what fails; {command('check', environment)} tells more; --skip check goes without, and is recorded",
    )


def _asked(arguments: argparse.Namespace, out: Output, place: Place, items: Sequence[Item]) -> tuple[Confirmed, ...]:
    """What a person at a terminal confirms.

    Raises:
        UsageError: something is not confirmed, or nobody can answer here.
    """
    from fairway.checks.checklist import Confirmed, How, refuse_open  # noqa: PLC0415 - only what a verb needs is imported

    if not items:
        return ()
    if arguments.yes or out.as_json or not sys.stdin.isatty():
        refuse_open(items, "nobody has confirmed")
    found: list[Confirmed] = []
    refused: list[Item] = []
    for item in items:
        try:
            answer = input(f"{item.title} ({item.name})? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() in {"y", "yes"}:
            found.append(Confirmed(item.name, item.title, How.TERMINAL, place.aws.caller_arn(), place.aws.now()))
        else:
            refused.append(item)
    if refused:
        refuse_open(refused, "not confirmed")
    return tuple(found)
