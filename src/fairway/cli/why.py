"""`fairway why`: why a deployment failed, or tasks keep stopping; whoever deployed, at any time later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

EXAMPLES: Final = """  fairway why api
  fairway why taskmanager-prod/taskmanager-api     without a project file, whoever deployed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairway.cli.where import TARGET_HELP  # noqa: PLC0415 - only what a verb needs is imported

    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"{TARGET_HELP} (default: all of the project)")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.cli.failure import show  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.cli.where import find_place  # noqa: PLC0415
    from fairway.deployment.diagnosis import diagnose, serves_nobody  # noqa: PLC0415
    from fairway.deployment.evidence import observe_service, with_evidence  # noqa: PLC0415
    from fairway.deployment.known_good import last_known_good  # noqa: PLC0415

    place = find_place(arguments, arguments.services)
    for named in place.services:
        picture = with_evidence(place.observer, observe_service(place.observer, named.name))
        current = picture.service.task_definition
        can_go_back = serves_nobody(picture) and last_known_good(place.observer, picture.service, current) is not None
        show(out, diagnose(picture, address=named.address, can_go_back=can_go_back), arguments.env)
    return 0
