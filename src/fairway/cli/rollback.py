"""`fairway rollback`: one word back to the last known good revision, from an empty checkout too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.cli.choices import read_duration
from fairway.cli.command import command
from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output
    from fairway.cli.where import Named, Place
    from fairway.deployment.progress import Listener
    from fairway.deployment.rollback import RollbackPlan as Plan
    from fairway.deployment.scheduled import ScheduledBack

EXAMPLES: Final = """  fairway rollback                                    what the last `deploy` deployed
  fairway rollback api                                to its last known good revision
  fairway rollback api --further                      from what a rollback brought back, back once more
  fairway rollback api --to v1.2.2                    to a version, a revision's number, or family:number
  fairway rollback taskmanager-prod/taskmanager-api   without a project file

Ctrl-C (exit code 130) and SIGTERM (143) end the command, not the rollback: what was begun is named, and goes on at ECS.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairway.cli.where import TARGET_HELP  # noqa: PLC0415 - only what a verb needs is imported

    parser.add_argument(
        "services", nargs="*", metavar="SERVICE", help=f"{TARGET_HELP} (default: those of the last deployment)"
    )
    parser.add_argument("--to", metavar="REVISION", help="another revision than the last known good")
    parser.add_argument(
        "--timeout", metavar="TIME", help="stop waiting after this time (15m); ECS goes on, exit code 6"
    )
    parser.add_argument("--further", action="store_true", help="from what a rollback has brought back, back once more")
    parser.add_argument("--over-one-way", action="store_true", help="even over a migration that cannot be undone")
    parser.add_argument(
        "--old-secrets", action="store_true", help="even to pinned versions of secrets that are no longer current"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.confirm import confirm  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.interrupted import say_interrupted, terminable  # noqa: PLC0415
    from fairway.cli.progress import telling  # noqa: PLC0415
    from fairway.cli.where import find_place  # noqa: PLC0415
    from fairway.deployment.rollback import overriding_locks  # noqa: PLC0415

    timeout = None if arguments.timeout is None else read_duration(arguments.timeout, "--timeout")
    place = find_place(arguments, arguments.services)
    services = _order(place, place.services if arguments.services else _last_release(place))
    if arguments.to is not None and len(services) > 1:
        raise UsageError(
            "--to is for one service", hint=f"name it: {command('rollback SERVICE --to REVISION', arguments.env)}"
        )
    plans = _plans(place, out, services, arguments)
    if not plans:
        return 0
    scheduled = _scheduled(place, plans) if not arguments.services else []
    lines = [line for _, plan in plans for line in plan.lines()] + [back.line() for back in scheduled]
    if not confirm(out, lines, f"Roll back in {place.observer.cluster} ({place.environment.name})?", yes=arguments.yes):
        out.text("nothing was changed")
        return 0
    title = f"rollback in {place.observer.cluster} ({place.environment.name})"
    begun: list[Named] = []
    names = [named.name for named, _ in plans]
    with terminable():
        try:
            with overriding_locks(place.observer, names), telling(out, place.aws, title=title) as listener:
                for back in scheduled:
                    # first: what is started from now on is no part of what is left
                    back.place.move(back.current.family, back.target.arn)
                    out.text(back.line())
                code = _Going(place, out, listener, timeout, arguments.env, begun).go(plans)
        except KeyboardInterrupt as error:
            return say_interrupted(out, error, [named.name for named in begun], _left(plans, begun, arguments.env))
    out.event("finished", at=place.aws.now(), exit_code=code)
    return code


def _scheduled(place: Place, plans: list[tuple[Named, Plan]]) -> list[ScheduledBack]:
    """Scheduled tasks that the same runs have moved go back with their services."""
    from fairway.deployment.scheduled import plan_scheduled_back  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.observed import DEPLOYMENT_TAG  # noqa: PLC0415

    if place.project is None:
        return []
    runs = {plan.current.tags[DEPLOYMENT_TAG] for _, plan in plans if DEPLOYMENT_TAG in plan.current.tags}
    found = [plan_scheduled_back(place.observer, spec, runs) for spec in place.project.scheduled.values()]
    return [back for back in found if back is not None]


def _left(plans: list[tuple[Named, Plan]], begun: list[Named], environment: str | None) -> list[str]:
    """What an interrupted rollback leaves behind."""
    if not begun:
        return ["no service was changed"]
    lines = []
    for named, plan in plans:
        if named in begun:
            watch = command(f"watch {named.address}", environment)
            lines.append(f"{named.address}: goes back to {plan.choice.definition.label()} at ECS  → {watch}")
        else:
            lines.append(f"{named.address}: is unchanged")
    return lines


def _plans(place: Place, out: Output, services: list[Named], arguments: argparse.Namespace) -> list[tuple[Named, Plan]]:
    """What changes for each service; of a whole release, a service that has nothing to go back to stays as it is."""
    from fairway.deployment.rollback import NothingToGoBackTo, RollbackPlan, plan_rollback  # noqa: PLC0415

    plans, stuck = [], []
    for named in services:
        try:
            plan = plan_rollback(
                place.observer,
                named.name,
                arguments.to,
                further=arguments.further,
                over_one_way=arguments.over_one_way,
                old_secrets=arguments.old_secrets,
            )
        except NothingToGoBackTo as error:
            if arguments.services:
                raise
            stuck.append(error)
            out.text(f"{error.message}: stays as it is")
            out.event("unchanged", service=named.name, task_definition=None, reason=error.message)
            continue
        if isinstance(plan, RollbackPlan):
            plans.append((named, plan))
            continue
        out.event("unchanged", service=named.name, task_definition=plan.definition.arn, reason=plan.reason)
        out.text(plan.reason if plan.reason.startswith(named.name) else f"{named.address}: {plan.reason}")
    if stuck and len(stuck) == len(services):
        raise stuck[0]
    return plans


def _last_release(place: Place) -> list[Named]:
    """Without names: the services that the newest run of Fairway deployed."""
    from fairway.deployment.rollback import newest_release  # noqa: PLC0415 - only what a verb needs is imported

    living = place.observer.services([named.name for named in place.services])
    if not living:
        raise UsageError(
            f"cluster {place.observer.cluster} has none of the project's services",
            hint="there is nothing to go back from",
        )
    definitions = {
        name: place.observer.task_definition(service.task_definition, fresh=True) for name, service in living.items()
    }
    chosen = newest_release(definitions)
    return [named for named in place.services if named.name in chosen]


def _order(place: Place, services: list[Named] | tuple[Named, ...]) -> list[Named]:
    from fairway.deployment.rollback import reversed_order  # noqa: PLC0415 - only what a verb needs is imported

    if place.project is None:
        return list(services)
    after = {key: spec.after for key, spec in place.project.services.items()}
    of = {named.address: named for named in services}
    return [of[key] for key in reversed_order(list(of), after)]


class _Going:
    """Takes services back, one after the other."""

    def __init__(
        self,
        place: Place,
        out: Output,
        listener: Listener,
        timeout: float | None,
        environment: str | None,
        begun: list[Named],
    ) -> None:
        from fairway.deployment.follow import Watcher  # noqa: PLC0415 - only what a verb needs is imported

        self._place = place
        self._out = out
        self._environment = environment
        self._begun = begun
        """Written down before ECS is asked: an interrupt may come before its answer."""
        self._watcher = Watcher(place.observer, place.pace, listener, timeout_seconds=timeout)

    def go(self, plans: list[tuple[Named, Plan]]) -> int:
        """In the reverse of the order in which they are released; stop at the first that fails."""
        for named, plan in plans:
            code = self._back(named, plan)
            if code != 0:
                return code
        return 0

    def _back(self, named: Named, plan: Plan) -> int:
        from fairway.cli.failure import explain  # noqa: PLC0415 - only what a verb needs is imported
        from fairway.deployment.rollback import go_back  # noqa: PLC0415

        place, out, target = self._place, self._out, plan.choice.definition
        code, followed = go_back(
            place.observer, place.pace, self._watcher, plan, on_begin=lambda: self._begun.append(named)
        )
        assert followed.outcome is not None
        out.event(
            "rolled_back",
            service=named.name,
            exit_code=code,
            task_definition=target.arn,
            from_task_definition=plan.current.arn,
            reason=followed.outcome.text,
        )
        if code != 0:
            if followed.picture is not None and code in {4, 5}:
                explain(out, place.observer, followed.picture, named.address, self._environment)
            out.text(f"{named.address}: not rolled back: {followed.outcome.text}")
            return code
        out.text(f"{named.address}: {target.label()} serves again")
        return 0
