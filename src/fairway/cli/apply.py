"""`fairway apply`: what a deployment leaves alone: settings and tags of services, log groups, scaling bounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import DeploymentSuperseded, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.apply_plan import ApplyPlan
    from fairway.project.model import Project

NOT_ALL: Final = 1
EXAMPLES: Final = """  fairway apply                                what differs is shown, and brought to what the files say
  fairway apply api --env production           asks first; --yes does not
  fairway apply --dry-run --json               what would be done, and nothing else

Never changed: how many tasks of a living service run, and what they run. Never taken away: tags, log groups and settings that no file
names. A setting that replaces tasks is told before, and its deployment is followed to its end. Run again, it does what is left.
"""


class Changed(DeploymentSuperseded):
    """What lives is not what the plan was made of."""

    code = "changed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="services of the project (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    parser.add_argument("--take-over", action="store_true", help="take the locks from whoever has them")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before another environment than local is changed"
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.confirm import confirm  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.where import Named, connect_to  # noqa: PLC0415
    from fairway.deployment.applying import items_of, make_plan  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    keys = _keys(project, arguments.services)
    specs = [project.services[key] for key in keys]
    place = connect_to(project.environment, [Named(spec.key, spec.service_name) for spec in specs], project=project)
    items = items_of(place.aws, specs)
    definitions = [] if arguments.services else _others(project)
    plan = make_plan(place.observer, project, items, definitions)
    environment = project.environment
    _show(out, project, plan)
    if not plan.calls or arguments.dry_run:
        return _end(out, plan, 0)
    question = f"Apply to {environment.name} (account {environment.account})?"
    # with --json the lines go with the refusal, since nobody reads events at a prompt
    lines = [line for call in plan.calls for line in call.lines] if out.as_json else []
    if not environment.is_local and not confirm(out, lines, question, yes=arguments.yes):
        out.text("nothing was changed")
        return 0
    return _apply(place, project, plan, lambda: make_plan(place.observer, project, items, definitions), arguments, out)


def _others(project: Project) -> list[Mapping[str, Any]]:
    """Definitions of one-off and scheduled tasks: they have log groups and roles too."""
    return [spec.definition for spec in project.tasks.values()] + [
        spec.definition for spec in project.scheduled.values()
    ]


def _keys(project: Project, words: Sequence[str]) -> list[str]:
    from fairway.project.text import did_you_mean  # noqa: PLC0415 - only for this error

    for word in words:
        if word not in project.services:
            raise UsageError(f"there is no service {word!r} in fairway.toml", hint=did_you_mean(word, project.services))
    return list(dict.fromkeys(words)) or list(project.services)


def _show(out: Output, project: Project, plan: ApplyPlan) -> None:
    environment = project.environment
    out.text(out.paint(f"{project.name} → {environment.cluster} ({environment.name})", "bold"))
    for call in plan.calls:
        for line in call.lines:
            out.text(f"  {line}")
        out.event(
            "planned_call", about=call.about, operation=f"{call.service}:{call.operation}", lines=list(call.lines)
        )
    for note in plan.notes:
        out.text(f"  stays: {note}")
        out.event("note", key="", text=note)
    for problem in plan.problems:
        out.text(out.paint(f"  ! {problem}", "red"))
        out.event("problem", text=problem)
    if not plan.calls:
        out.text("nothing to do: what lives is as the files say" if not plan.problems else "nothing else to do")


def _end(out: Output, plan: ApplyPlan, code: int) -> int:
    code = code or (NOT_ALL if plan.problems else 0)
    out.event("finished", exit_code=code)
    return code


def _apply(
    place: Place,
    project: Project,
    plan: ApplyPlan,
    look_again: Callable[[], ApplyPlan],
    arguments: argparse.Namespace,
    out: Output,
) -> int:
    from fairway.cli.progress import telling  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.deployment.applying import carry_out  # noqa: PLC0415
    from fairway.deployment.context import Context  # noqa: PLC0415
    from fairway.deployment.lock import Locks  # noqa: PLC0415
    from fairway.deployment.register import Origin, run_id  # noqa: PLC0415

    origin = Origin(f"apply-{run_id(place.aws.now())}", place.aws.caller_arn())
    names = [named.name for named in place.services]
    title = f"{project.name} → {project.environment.cluster} ({project.environment.name})"
    with (
        Locks(place.aws, place.observer.cluster, names, origin.run, take_over=arguments.take_over) as locks,
        telling(out, place.aws, title=title) as listener,
    ):
        if look_again() != plan:
            raise Changed(
                "what lives has changed since it was shown: nothing was changed", hint="look at it again: fairway apply"
            )
        context = Context(place.observer, place.pace, listener, origin, guard=locks.check)
        code = carry_out(context, plan)
    return _end(out, plan, code)
