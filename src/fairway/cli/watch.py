"""`fairway watch`: follow a deployment that is under way, whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.cli.choices import read_duration
from fairway.cli.command import command
from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.follow import Followed

EXAMPLES: Final = """  fairway watch api                                exit codes as `deploy` has them
  fairway watch taskmanager-prod/taskmanager-api   without a project file, whoever deployed
  fairway watch --pending --env production         go on with every watch that nobody goes on with (a scheduled CI job)
  fairway watch --accept RUN --why "load is low"   what a run has deployed is good, though its watch could not tell

A watch that ended inconclusive is held: --pending watches another window each time, until it is sure; --accept and
`fairway rollback` are the two ways to decide before. The decision, by whom and why, stands on the revisions and in the report.
"""
INTERRUPTED: Final = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairway.cli.where import TARGET_HELP  # noqa: PLC0415 - only what a verb needs is imported

    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"{TARGET_HELP} (default: all of the project)")
    parser.add_argument("--timeout", metavar="TIME", help="stop watching after this time (15m), exit code 6")
    parser.add_argument(
        "--pending",
        action="store_true",
        help="verify and watch to the end what `deploy --until` left, or a killed deployment: it may roll back",
    )
    parser.add_argument(
        "--accept",
        nargs="?",
        const="",
        metavar="RUN",
        help="decide that what a held run has deployed is good: marked so, and the run ends (default: the only one)",
    )
    parser.add_argument("--why", metavar="TEXT", help="with --accept: why it is good")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.where import find_place  # noqa: PLC0415 - only what a verb needs is imported

    timeout = None if arguments.timeout is None else read_duration(arguments.timeout, "--timeout")
    if arguments.why is not None and arguments.accept is None:
        raise UsageError(
            "--why goes with --accept", hint=f"say which run: {command('watch --accept RUN', arguments.env)}"
        )
    if arguments.pending and arguments.accept is not None:
        raise UsageError("--pending and --accept do not go together", hint="decide one run at a time")
    if arguments.accept is not None:
        from fairway.cli.pending import accept_watch  # noqa: PLC0415 - only for this option

        return accept_watch(arguments, out)
    if arguments.pending:
        from fairway.cli.pending import adopt_watches  # noqa: PLC0415 - only for this option

        return adopt_watches(arguments, out)
    place = find_place(arguments, arguments.services)
    followed = newest_deployments(place)
    if not followed:
        raise UsageError(
            f"ECS has no record of a deployment of {', '.join(named.name for named in place.services)}",
            hint=f"{command('status', arguments.env)} shows what runs",
        )
    try:
        return watch(place, out, followed, timeout=timeout, environment=arguments.env)
    except KeyboardInterrupt:
        out.event("interrupted", exit_code=INTERRUPTED, services=[named.name for named in place.services])
        out.note("\nno longer watching; the deployment goes on at ECS")
        return INTERRUPTED


def newest_deployments(place: Place) -> list[Followed]:
    """The newest service deployment of each service, under way or over."""
    from fairway.deployment.follow import Followed  # noqa: PLC0415 - only what a verb needs is imported

    found = []
    for named in place.services:
        place.observer.service(named.name)
        records = place.observer.service_deployments(named.name, most=1)
        for record in records:
            of = place.observer.revision_definitions([record.target_revision.arn])
            definition = place.observer.task_definition(of[record.target_revision.arn], fresh=True)
            found.append(Followed(named.name, record.arn, definition))
    return found


def watch(
    place: Place, out: Output, followed: list[Followed], *, timeout: float | None, environment: str | None
) -> int:
    """Follow to the end; the exit code is the gravest of theirs."""
    from fairway.cli.failure import explain  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.progress import telling  # noqa: PLC0415
    from fairway.cli.where import addresses_by_name  # noqa: PLC0415
    from fairway.deployment.follow import Watcher  # noqa: PLC0415
    from fairway.deployment.outcome import overall  # noqa: PLC0415

    title = f"{', '.join(item.service for item in followed)} in {place.observer.cluster} ({place.environment.name})"
    with telling(out, place.aws, title=title) as listener:
        watcher = Watcher(place.observer, place.pace, listener, timeout_seconds=timeout)
        watcher.look(followed)
        while any(item.outcome is None for item in followed):
            watcher.wait()
            watcher.look(followed)
    address = addresses_by_name(place)
    endings = []
    for item in followed:
        assert item.outcome is not None
        endings.append(item.outcome.ending)
        if item.outcome.exit_code in {4, 5} and item.picture is not None:
            explain(out, place.observer, item.picture, address[item.service], environment)
    out.text()
    for item in followed:
        assert item.outcome is not None
        fields = {"reason": item.outcome.text, "task_definition": item.target.arn, "exit_code": item.outcome.exit_code}
        out.event("outcome", service=item.service, outcome=str(item.outcome.ending), **fields)
        out.text(f"{address[item.service]}: {item.target.label()}: {item.outcome.text}")
    code = overall(endings)
    out.event("finished", at=place.aws.now(), exit_code=code)
    return code
