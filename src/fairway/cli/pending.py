"""`fairway watch --pending`: goes on with every watch that is open and that nobody goes on with; `--accept` decides one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.cli.command import command
from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

_GRAVEST_FIRST: Final = (130, 143, 5, 4, 1, 7, 6, 2, 0)


def adopt_watches(arguments: argparse.Namespace, out: Output) -> int:
    """One after the other, each to its end; the exit code is the gravest of theirs, 0 when there is nothing to do.

    Raises:
        UsageError: services are named, or there is no project here.
    """
    from fairway.cli.deploy import resume  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.where import connect_to  # noqa: PLC0415
    from fairway.deployment.journal import Journals  # noqa: PLC0415
    from fairway.deployment.lock import Locked  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    if arguments.services:
        raise UsageError("--pending goes on with every open watch", hint="leave the services out")
    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    place = connect_to(project.environment, (), project=project)
    codes = []
    for journal in Journals(place.aws, project.environment.cluster).all():
        if not journal.is_deployed:
            out.text(
                f"run {journal.run} has not deployed to its end: {command(f'deploy --resume {journal.run}', arguments.env)}"
            )
            out.event("unfinished", service="", at=place.aws.now(), run=journal.run, state=str(journal.state))
            continue
        try:
            codes.append(resume(journal.run, arguments, out))
        except Locked as locked:
            out.text(f"run {journal.run} is gone on with by somebody: {locked.message}")
    if not codes:
        out.text("no watch is pending")
    return next((code for code in _GRAVEST_FIRST if code in codes), 0)


def accept_watch(arguments: argparse.Namespace, out: Output) -> int:
    """Mark what an undecided run has deployed as good, because somebody says so, and end the run.

    Raises:
        UsageError: services are named, there is no such run, or it has not deployed to its end.
        DeploymentSuperseded: a service serves something else by now, or somebody deploys it.
    """
    from fairway.cli.deploy import resume  # noqa: PLC0415 - only what a verb needs is imported

    if arguments.services:
        raise UsageError("--accept is for all services of a run", hint="leave the services out")
    return resume(arguments.accept, arguments, out, accepts=arguments.why or "")
