"""`fairway plan`: what a deployment would change. Reads AWS, writes nothing but --out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.cli.choices import add_release_arguments, read_choices

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output
    from fairway.cli.where import Place
    from fairway.deployment.release import Choices
    from fairway.observed import Surroundings
    from fairway.planning.plan import Plan
    from fairway.planning.release import Release
    from fairway.project.model import Project

CHANGES: Final = 3
EXAMPLES: Final = """  fairway plan --tag v2                              every service, against what lives now
  fairway plan api --tag v2 --env production
  fairway plan --tag v2 --exit-code                  3 when something differs, 0 when nothing does
  fairway plan --tag v2 --out release.plan           and then: fairway deploy --plan release.plan

What ECS fills in by itself, the order of lists, and how many tasks run are no difference. `changed by hand` is what somebody
did beside Fairway since its last deployment. Values that may be secrets are hidden.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_release_arguments(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit code 3 when something differs")
    parser.add_argument("--out", metavar="FILE", help="keep the plan, for `fairway deploy --plan FILE`")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.aws.survey import survey  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.changed import narrow  # noqa: PLC0415
    from fairway.cli.where import Named, connect_to  # noqa: PLC0415
    from fairway.deployment.pin import settle  # noqa: PLC0415
    from fairway.deployment.pipeline import check_release  # noqa: PLC0415
    from fairway.deployment.release import make_release  # noqa: PLC0415
    from fairway.planning.plan import plan  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415
    from fairway.project.prices import load_prices  # noqa: PLC0415

    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    choices = narrow(read_choices(arguments), arguments.changed_since, project)
    if choices is None:
        out.text(f"nothing that a service is made of has changed since {arguments.changed_since}")
        return 0
    prices = load_prices(project.prices_path)
    release = make_release(project, choices)
    named = [Named(item.key, item.name) for item in release.services]
    place = connect_to(project.environment, named, project=project)
    release = settle(place.aws, project, release)
    check_release(place.observer, release)  # a plan that `deploy` would not begin is no plan
    families = [str(task.definition["family"]) for task in release.before]
    surroundings = survey(place.observer, [item.name for item in release.services], families)
    made = plan(release, surroundings, prices)
    _show(out, project, made, surroundings)
    if arguments.out is not None:
        _keep(Path(arguments.out), place, release, surroundings, choices)
        out.text(f"kept in {arguments.out}: fairway deploy --plan {arguments.out}")
    return CHANGES if arguments.exit_code and made.differs else 0


def _show(out: Output, project: Project, made: Plan, surroundings: Surroundings) -> None:
    from fairway.planning.show import lines, service_document, task_document  # noqa: PLC0415 - what a verb needs

    environment = project.environment
    where = f"{environment.name}, account {surroundings.account}, {surroundings.region}"
    version = f" {made.version}" if made.version else ""
    out.text(out.paint(f"{project.name}{version} → {surroundings.cluster} ({where})", "bold"))
    out.text()
    for line in lines(made):
        out.text(_painted(out, line))
    for task in made.tasks:
        out.event("planned_task", **task_document(task), runs=made.deploys)
    for service in made.services:
        out.event("planned_service", **service_document(service))
    out.event(
        "plan",
        environment=environment.name,
        account=surroundings.account,
        region=surroundings.region,
        cluster=surroundings.cluster,
        version=made.version,
        differs=made.differs,
        left_out=list(made.left_out),
    )


_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow", "!": "red"}


def _painted(out: Output, line: str) -> str:
    colour = _COLOURS.get(line.lstrip()[:1])
    return line if colour is None else out.paint(line, colour)


def _keep(path: Path, place: Place, release: Release, surroundings: Surroundings, choices: Choices) -> None:
    from fairway.deployment.plan_file import write_plan_file  # noqa: PLC0415 - only for --out
    from fairway.planning.planfile import Wanted, plan_document  # noqa: PLC0415

    sets = tuple(
        f"{service}{f'/{container}' if container else ''}:{name}" for service, container, name, _ in choices.sets
    )
    wanted = Wanted(choices.services, choices.tag, choices.tags, choices.images, sets)
    document = plan_document(
        release, surroundings, environment=place.environment.name, wanted=wanted, at=place.aws.now()
    )
    write_plan_file(path, document)
